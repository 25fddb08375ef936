// consentctl policy check, test, explain, facts, schema: what they print, what they say about bad input, how they end.
#include <algorithm>
#include <catch2/generators/catch_generators.hpp>

#include "consent/facts.hpp"
#include "kit.hpp"

namespace {

const std::string host_rules = R"(mode: enforce
rules:
  - name: no-big-guests
    when: {guest.vcpus: ">= 8"}
    answer: refuse
    because: this rack is full
  - name: red-and-blue-apart
    when:
      me.kind: s== neighbour
      any:
        - {guest.project: s== red, me.project: s== blue}
        - {guest.project: s== blue, me.project: s== red}
    answer: refuse
)";

}  // namespace

TEST_CASE("policy: each subcommand explains itself, with examples and exit codes") {
    const std::string name = GENERATE("check", "test", "explain", "matrix", "simulate", "facts", "schema");
    CAPTURE(name);
    const Ran ran = run({name, "--help"});
    CHECK(ran.code == 0);
    CHECK(ran.says("consentctl policy " + name));
    CHECK(ran.says("Examples:"));
    CHECK(ran.says("Exit codes:"));
    CHECK(ran.says("--help"));
    CHECK(ran.err.empty());
    CHECK(run({"--help"}).says("  " + name + " "));
}

TEST_CASE("policy: a command line that cannot be meant ends with 2 and says what would help") {
    using Words = std::vector<std::string>;
    const auto [words, complaint] = GENERATE(table<Words, std::string>({
        {Words{}, "a subcommand is missing"},
        {{"chek"}, "no subcommand \"chek\""},
        {{"check"}, "name at least one file"},
        {{"check", "--kind", "guest", "x"}, "--kind must be host, agent"},
        {{"check", "--frobnicate", "x"}, "frobnicate"},
        {{"test"}, "name at least one examples file"},
        {{"explain"}, "--policy is missing"},
        {{"explain", "stray"}, "positional"},
        {{"matrix"}, "name one inventory"},
        {{"matrix", "a", "b"}, "name one inventory"},
        {{"simulate", "--records", "x"}, "--policy is missing"},
        {{"facts", "a", "b"}, "one TEXT"},
        {{"schema"}, "name one kind"},
        {{"schema", "hots"}, "there are host, agent"},
    }));
    const Ran ran = run(words);
    CAPTURE(ran.err);
    CHECK(ran.code == 2);
    CHECK(ran.complains(complaint));
    CHECK(ran.complains("--help"));
    CHECK(ran.out.empty());
}

TEST_CASE("policy check: a good file of each kind is told by what is in it") {
    const Folder folder;
    const std::string host = folder.write("host.yaml", host_rules);
    const std::string agent = folder.write("agent.yaml", "answer: consent\n");
    const std::string application = folder.write("app.yaml", "name: db\ncommand: [/bin/true]\n");
    const std::string examples =
        folder.write("e.yaml", "policy: host.yaml\nexamples: [{name: any, facts: {guest.vcpus: 9}, expect: refuse}]\n");
    const std::string inventory = folder.write("cloud.yaml", "hosts: [{name: h1}]\nmovers: [{name: m1}]\n");
    const Ran ran = run({"check", host, agent, application, examples, inventory});
    CAPTURE(ran.out, ran.err);
    CHECK(ran.code == 0);
    CHECK(ran.says(host + ": OK, kind host, 2 rules"));
    CHECK(ran.says(agent + ": OK, kind agent, 0 rules"));
    CHECK(ran.says(application + ": OK, kind application"));
    CHECK(ran.says(examples + ": OK, kind examples"));
    CHECK(ran.says(inventory + ": OK, kind inventory"));
    CHECK_FALSE(ran.says("warning"));
}

TEST_CASE("policy check: a bad file gets one line with place and remedy, and ends with 1") {
    const Folder folder;
    const auto [text, complaint] = GENERATE(table<std::string, std::string>({
        {"rules: [{name: a, when: {guest.vcpu: \"== 1\"}, answer: refuse}]", "guest.vcpus"},
        {"rules:\n  - {name: a, answer: refuze}\n", ":2:"},
        {"mode: enforced", "did you mean enforce?"},
        {"examples: []\npolicy: nowhere.yaml", "no such file"},
        {"examples: [{name: a, expect: refuse}]", "names no policy"},
        {"hosts: [{name: a}, {name: a}]", "there twice"},
        {"hosts: [{name: a, facts: {guest.vcpus: 1}}]", "no fact of a host"},
        {"hosts: [{name: a, facts: {site.vcpus: many}}]", "is not a number"},
        {"hosts: [{name: a, facts: {site.traits: HW_CPU}}]", "write a list"},
        {"hosts: [{name: a, facts: {site.vcpu: 1}}]", "did you mean site.vcpus?"},
        {"movers: [{name: a}]", "has no hosts"},
        {"\tmode: audit", "tab"},
    }));
    const std::string file = folder.write("bad.yaml", text);
    const Ran ran = run({"check", file});
    CAPTURE(text, ran.err);
    CHECK(ran.code == 1);
    CHECK(ran.out.empty());
    CHECK(ran.err.starts_with(folder / ""));
    CHECK(ran.complains(complaint));
    CHECK(ran.complains("; "));  // behind it stands the remedy
    CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
}

TEST_CASE("policy check: what is no file, too") {
    const Folder folder;
    CHECK(run({"check", folder / "none.yaml"}).complains("no such file"));
    CHECK(run({"check", folder / ""}).complains("is a directory"));
    const std::string large = folder.write("large.yaml", "mode: audit\n#" + std::string(100'000, 'x'));
    CHECK(run({"check", large}).complains("65536"));
}

TEST_CASE("policy check: one bad file does not hide the others") {
    const Folder folder;
    const std::string good = folder.write("good.yaml", "mode: audit\n");
    const std::string bad = folder.write("bad.yaml", "mode: odd\n");
    const Ran ran = run({"check", bad, good});
    CHECK(ran.code == 1);
    CHECK(ran.says(good + ": OK"));
    CHECK(ran.complains(bad + ":1:7: mode:"));
}

TEST_CASE("policy check: what is hardly meant is a warning") {
    const Folder folder;
    const auto [when, complaint] = GENERATE(table<std::string, std::string>({
        {"guest.vcpus: \"= 4\"", "= means >="},
        {"guest.vcpus: \"4\"", "compared as text"},
        {"guest.project: a b", "only the first word"},
        {"guest.tag: <in> web", "<all-in> web"},
        {"site.aggregates: <all-in> gpu", "not known on a host"},
        {"me.project: s== red", "hypervisor"},
        {"me.kind: s== neighbor", "never holds: me.kind is neighbour, mover or hypervisor"},
        {"me.kind: s!= hypervisr", "always holds"},
        {"time.hour: \">= 25\"", "never holds: time.hour is 0 to 23"},
        {"time.weekday: \">= 1\"", "always holds: time.weekday is 1 to 7"},
    }));
    const std::string file =
        folder.write("host.yaml", "rules:\n  - name: odd\n    when: {" + when + "}\n    answer: refuse\n");
    const Ran ran = run({"check", file});
    CAPTURE(when, ran.out, ran.err);
    CHECK(ran.code == 0);
    CHECK(ran.says("warning: rule \"odd\""));
    CHECK(ran.says(complaint));
    CHECK(run({"check", "--strict", file}).code == 1);
}

TEST_CASE("policy check: a rule that is never reached is a warning") {
    const Folder folder;
    const std::string file =
        folder.write("host.yaml", "rules:\n  - {name: all, answer: consent}\n  - {name: late, answer: refuse}\n");
    CHECK(run({"check", file}).says("rule \"late\": is never reached"));
}

TEST_CASE("policy check: what a file states is known") {
    const Folder folder;
    const std::string file =
        folder.write("host.yaml",
                     "facts: {site.aggregates: [gpu]}\nrules:\n  - name: gpu\n    when: {site.aggregates: "
                     "<all-in> gpu}\n    answer: ask\n");
    CHECK_FALSE(run({"check", file}).says("warning"));
}

TEST_CASE("policy check --json: errors in parts") {
    const Folder folder;
    const std::string bad = folder.write("bad.yaml", "mode: enforced\n");
    const auto file = run({"check", "--json", bad}).json()["files"][0];
    CHECK(file["ok"] == false);
    CHECK(file["kind"] == "host");
    CHECK(file["error"]["line"] == 1);
    CHECK(file["error"]["column"] == 7);
    CHECK(file["error"]["field"] == "mode");
    CHECK(file["error"]["remedy"].get<std::string>().find("enforce") != std::string::npos);
}

TEST_CASE("policy test: passes, fails, and says what was seen") {
    const Folder folder;
    folder.write("host.yaml", host_rules);
    const std::string file = folder.write("host.examples.yaml", R"(policy: host.yaml
examples:
  - name: a big guest is kept out
    facts: {guest.vcpus: 8}
    expect: refuse
    rule: no-big-guests
  - name: a big guest is let in
    facts: {guest.vcpus: 16}
    expect: consent
  - name: by another rule
    facts: {guest.vcpus: 16}
    expect: refuse
    rule: red-and-blue-apart
  - name: nothing known
    expect: ask
)");
    const Ran ran = run({"test", file});
    CAPTURE(ran.out, ran.err);
    CHECK(ran.code == 1);
    CHECK(ran.says("pass  a big guest is kept out  refuse by no-big-guests"));
    CHECK(ran.says("FAIL  a big guest is let in (" + file + ":7)"));
    CHECK(ran.says("expected consent"));
    CHECK(ran.says("got      refuse by no-big-guests: \"this rack is full\""));
    CHECK(ran.says("expected refuse by red-and-blue-apart"));
    CHECK(ran.says("no example is decided by red-and-blue-apart"));
    CHECK(ran.says("2 passed, 2 failed"));
    const auto json = run({"test", "--json", file}).json();
    CHECK(json["failed"] == 2);
    CHECK(json["files"][0]["examples"][1]["answer"] == "refuse");
    CHECK(json["files"][0]["untested"][0] == "red-and-blue-apart");
    const Ran quiet = run({"test", "--quiet", file});
    CHECK_FALSE(quiet.says("pass "));
    CHECK(quiet.says("FAIL"));
}

TEST_CASE("policy test: a file that cannot be taken ends with 2") {
    const Folder folder;
    folder.write("host.yaml", host_rules);
    const auto [text, complaint] = GENERATE(table<std::string, std::string>({
        {"policy: host.yaml\nexamples: [{name: a, expect: refuse, rule: nope}]", "no rule \"nope\""},
        {"policy: host.yaml\nexamples: [{name: a, expect: maybe}]", "one of consent, refuse, ask, abstain"},
        {"policy: host.yaml\nexamples: [{name: a}]", "expects nothing"},
        {"policy: host.yaml\nexamples: [{expect: ask}]", "has no name"},
        {"policy: host.yaml\nexamples: [{name: a, expect: ask, fact: {}}]", "did you mean facts?"},
        {"policy: host.yaml\nexamples: [{name: a, expect: ask, facts: {guest.vcpus: lots}}]", "is not a number"},
        {"policy: host.yaml\nexamples: []", "has no examples"},
    }));
    const Ran ran = run({"test", folder.write("e.yaml", text)});
    CAPTURE(text, ran.err);
    CHECK(ran.code == 2);
    CHECK(ran.complains("e.yaml"));
    CHECK(ran.complains(complaint));
}

TEST_CASE("policy explain: the rule, the conditions, the values seen") {
    const Folder folder;
    const std::string host = folder.write("host.yaml", host_rules);
    const Ran ran = run({"explain", "--policy", host, "--fact", "guest.vcpus=2", "--fact", "guest.project=red", "-f",
                         "me.kind=neighbour", "-f", "me.project=blue"});
    CAPTURE(ran.out, ran.err);
    CHECK(ran.code == 0);
    CHECK(ran.says("1. no-big-guests: does not hold"));
    CHECK(ran.says("2. red-and-blue-apart: holds and decides: refuse"));
    CHECK(ran.says("any:"));
    CHECK(ran.says("Answer: refuse, by rule red-and-blue-apart of " + host));
    CHECK(ran.says("guest.project  \"red\" -> "));
}

TEST_CASE("policy explain: the change that it names turns the refusal") {
    const Folder folder;
    const std::string host = folder.write("host.yaml", host_rules);
    const auto json = run({"explain", "--json", "-p", host, "-f", "guest.vcpus=12", "-f", "me.kind=hypervisor"}).json();
    CHECK(json["answer"] == "refuse");
    CHECK(json["rule"] == "no-big-guests");
    REQUIRE(json["changes"].size() == 1);
    CHECK(json["changes"][0]["fact"] == "guest.vcpus");
    CHECK(json["changes"][0]["to"] == "7");
    const auto turned =
        run({"explain", "--json", "-p", host, "-f", "guest.vcpus=7", "-f", "me.kind=hypervisor"}).json();
    CHECK(turned["answer"] == json["changes"][0]["answer"]);
    CHECK(turned["changes"].empty());
}

TEST_CASE("policy explain: what is unknown is said") {
    const Folder folder;
    const std::string host = folder.write("host.yaml", host_rules);
    const Ran ran = run({"explain", "-p", host});
    CHECK(ran.code == 0);
    CHECK(ran.says("1. no-big-guests: is unknown, so it answers ask"));
    CHECK(ran.says("guest.vcpus is unknown"));
}

TEST_CASE("policy explain: the host's file counts before the agent's, which binds with a veto alone") {
    const Folder folder;
    const std::string host = folder.write("host.yaml", host_rules);
    const std::string agent = folder.write(
        "agent.yaml", "answer: consent\nrules:\n  - {name: mine, when: {guest.vcpus: \">= 2\"}, answer: refuse}\n");
    const auto by_agent =
        run({"explain", "--json", "-p", agent, "-p", host, "-f", "guest.vcpus=4", "-f", "me.kind=mover"}).json();
    CHECK(by_agent["source"] == "agent");
    CHECK(by_agent["binding"] == true);
    CHECK(by_agent["policies"][0]["source"] == "host");
    const auto advice = run({"explain", "--json", "--no-veto", "-p", agent, "-f", "guest.vcpus=4"}).json();
    CHECK(advice["answer"] == "refuse");
    CHECK(advice["binding"] == false);
    const auto by_host = run({"explain", "--json", "-p", agent, "-p", host, "-f", "guest.vcpus=8"}).json();
    CHECK(by_host["source"] == "host");
}

TEST_CASE("policy explain: facts from a file, the command line over them, lists as people write them") {
    const Folder folder;
    const std::string host = folder.write(
        "host.yaml", "rules:\n  - {name: web, when: {guest.tag: <all-in> web, guest.vcpus: < 4}, answer: abstain}\n");
    const std::string facts = folder.write("case.yaml", "guest.tag: [web, db]\nguest.vcpus: 8\n");
    CHECK(run({"explain", "--json", "-p", host, "--facts", facts}).json()["answer"] == "ask");
    CHECK(run({"explain", "--json", "-p", host, "--facts", facts, "-f", "guest.vcpus=2"}).json()["answer"] ==
          "abstain");
    CHECK(run({"explain", "--json", "-p", host, "-f", "guest.tag=db,web", "-f", "guest.vcpus=2"}).json()["answer"] ==
          "abstain");
}

TEST_CASE("policy explain: bad facts and files end with 2") {
    const Folder folder;
    const std::string host = folder.write("host.yaml", host_rules);
    CHECK(run({"explain", "-p", host, "-f", "guest.vcpu=4"}).complains("did you mean guest.vcpus?"));
    CHECK(run({"explain", "-p", host, "-f", "guest.vcpus=four"}).complains("is not a number"));
    CHECK(run({"explain", "-p", host, "-f", "guest.vcpus"}).complains("FACT=VALUE"));
    CHECK(run({"explain", "-p", host, "-f", "guest.tag=[web"}).complains("is not a list"));
    CHECK(run({"explain", "-p", host, "-f", "guest.vcpus=four"}).code == 2);
    const Ran missing = run({"explain", "-p", folder / "none.yaml"});
    CHECK(missing.code == 2);
    CHECK(missing.complains("no such file"));
    const Ran other = run({"explain", "-p", folder.write("c.yaml", "hosts: [{name: a}]")});
    CHECK(other.code == 2);
    CHECK(other.complains("kind inventory"));
}

TEST_CASE("policy facts: all of the table, or what contains a word") {
    const auto all = run({"facts", "--json"}).json()["facts"];
    CHECK(all.size() == consent::fact_count);
    const Ran some = run({"facts", "memory"});
    CHECK(some.code == 0);
    CHECK(some.says("site.memory_free_mib"));
    CHECK_FALSE(some.says("guest.vcpus"));
    const Ran none = run({"facts", "qwertz"});
    CHECK(none.code == 1);
    CHECK(none.complains("qwertz"));
}

TEST_CASE("policy facts --markdown: the documentation has it as it is") {
    // If not: consentctl policy facts --markdown > docs/operators/rules-reference.md
    CHECK(run({"facts", "--markdown"}).out == text_of(CONSENT_DOCS "/rules-reference.md"));
}

TEST_CASE("policy: the rules in the guide are right, and meant as they are written") {
    const std::string guide = text_of(CONSENT_DOCS "/rules.md");
    const Folder folder;
    int blocks = 0;
    for (std::size_t at = 0; (at = guide.find("```yaml\n", at)) != std::string::npos; ++blocks) {
        at += 8;
        const Ran ran =
            run({"check", "--strict", folder.write("block.yaml", guide.substr(at, guide.find("```", at) - at))});
        CAPTURE(ran.out, ran.err);
        CHECK(ran.code == 0);
    }
    CHECK(blocks >= 2);
}

TEST_CASE("policy: the walk shows what is printed") {
    const std::string walk = text_of(CONSENT_DOCS "/first-policy.md");
    const std::string folder = CONSENT_DOCS "/cookbook/";
    CHECK(walk.find(run({"matrix", folder + "cloud.yaml"}).out) != std::string::npos);
    std::string tested = run({"test", folder + "tenants-apart.examples.yaml"}).out;
    tested.erase(0, tested.find('\n') + 1);  // the first line has the paths
    CHECK(walk.find(tested) != std::string::npos);
}

TEST_CASE("policy schema: JSON for each kind of file") {
    const std::string kind = GENERATE("host", "agent", "application", "examples");
    const Ran ran = run({"schema", kind});
    CHECK(ran.code == 0);
    CHECK(ran.json().is_object());
}
