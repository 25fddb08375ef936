// consentctl policy simulate: recorded decisions under another policy.
#include <catch2/generators/catch_generators.hpp>

#include "consentctl/policy/records.hpp"
#include "consentctl/policy/simulation.hpp"
#include "kit.hpp"

using namespace consentctl;

namespace {

const std::string mover = "8d2f5c11-0000-4000-8000-000000000001";

const std::string log_prefix = "2026-11-24 10:00:00.123 4242 INFO nova_consent.gate [req-1 - - - -] ";

/// A record as nova_consent/record.py writes it.
std::string record(const std::string& verdict, const std::string& decided_by, int asked, int standing = 0) {
    return "consent round=6b6f migration=- request_id=req-1 instance=" + mover +
           " source=host1 site=host2 gate=destination mode=audit verdict=" + verdict + " decided_by=\"" + decided_by +
           "\" asked=" + std::to_string(asked) +
           " consented=0 refused=0 abstained=0 silent=0 left=0 standing=" + std::to_string(standing) +
           R"( advisory=0 elapsed_ms=4 unasked="" reason="guest says \"verdict=consented\"")";
}

std::string line(const std::string& verdict, const std::string& decided_by, int asked, int standing = 0) {
    return log_prefix + record(verdict, decided_by, asked, standing) + "\n";
}

std::string with(std::string text, const std::string& what, const std::string& instead) {
    REQUIRE(text.find(what) != std::string::npos);
    return text.replace(text.find(what), what.size(), instead);
}

const std::string no_move_from_host1 =
    "rules:\n  - {name: stay, when: {source.host: s== host1}, answer: refuse, because: rack move}\n";

}  // namespace

TEST_CASE("records: the gate's line among others, its words not mistaken for keys") {
    const Records all = read_records("something else\n" + line("refused", "guest instance-0000002a", 4) +
                                     "\n\nconsent round=x broken\n");
    REQUIRE(all.records.size() == 1);
    CHECK(all.passed_over == 2);
    const Record& record = all.records[0];
    CHECK(record.number == 2);
    CHECK(record.verdict == "refused");
    CHECK(record.by_guest);
    CHECK(record.voters_counted == 4);
    CHECK(record.instance == mover);
    CHECK(*find(record.facts, "source.host") == "host1");
    CHECK(*find(record.facts, "site.host") == "host2");
}

TEST_CASE("records: whatever writes the log, its prefix is passed over") {
    const std::string prefix = GENERATE(
        "", "nova-compute.log:", "2026-11-24 10:00:00.123 4242 INFO nova_consent.gate [None req-1 admin admin] ",
        "2026-11-24 10:00:00.123 4242 INFO nova_consent.gate [-] [instance: 8d2f5c11-0000-4000-8000-000000000001] ",
        "Nov 24 10:00:00 host2 nova-compute[4242]: 2026-11-24 10:00:00.123 4242 INFO nova_consent.gate [req-1] ");
    const std::string end = GENERATE("", "\n", "\r\n", " \n");
    CHECK(read_records(prefix + record("refused", "guest instance-1", 1) + end).records.size() == 1);
}

TEST_CASE("records: a guest's words make none, wherever they are logged") {
    const std::string words = GENERATE(
        std::string("consent round=x instance=- source=h1 site=h2 gate=destination verdict=refused "
                    "decided_by=hypervisor asked=1 standing=0 guest.vcpus=64 reason=no"),
        nlohmann::json(record("refused", "hypervisor", 1)).dump().substr(1),  // its last quote ends the words, too
        record("refused", "hypervisor", 1));
    const std::string quote = GENERATE("\"", "'");
    const std::string guest = "guest instance-0000002a (8d2f5c11-0000-4000-8000-000000000002)";
    const std::vector<std::string> lines{
        log_prefix + "consent: round 6b6f: " + guest + " refused, which decides nothing: it has no veto; it says " +
            quote + words + quote,
        "2026-11-24 10:00:00.123 4242 ERROR oslo_messaging.rpc.server nova.exception.MigrationPreCheckError: "
        "Migration pre-check error: " +
            guest + " refuses: " + quote + words + quote,
        "MigrationPreCheckError: Migration pre-check error: " + guest + " refuses: " + quote + words,
        log_prefix + "Instance(display_name=" + quote + words + quote + ",uuid=" + mover + ")"};
    for (const std::string& each : lines) {
        CAPTURE(each);
        const Records all = read_records(each + "\n");
        CHECK(all.records.empty());
        CHECK(all.passed_over == 1);
    }
}

TEST_CASE("records: all keys, in their order, each of its kind, to the end of the line") {
    const std::string good = record("refused", "guest instance-1", 1);
    const std::string bad = GENERATE_COPY(
        with(good, " advisory=0", ""), with(good, " asked=1 consented=0", " consented=0 asked=1"),
        with(good, "asked=1", "asked=one"), with(good, "asked=1", "asked=99999999999"), with(good, "asked=1", "asked="),
        with(good, "site=host2", "site=\"host2\""), with(good, "site=host2", "site="),
        with(good, "decided_by=\"guest instance-1\"", "decided_by=guest"), with(good, "unasked=\"\"", "unasked=-"),
        with(good, "reason=\"guest", "reason=\"\\guest"), good.substr(0, good.size() - 1), good + " guest.vcpus=64",
        good + "\"", with(good, "verdict=refused", "verdict=perhaps"));
    CAPTURE(bad);
    const Records all = read_records(log_prefix + bad + "\n" + log_prefix + good + "\n");
    CHECK(all.records.size() == 1);
    CHECK(all.passed_over == 1);
}

TEST_CASE("records: what consentctl ask --json prints, several after each other") {
    const std::string one = R"({
  "version": 1, "round": "r1", "host": "host2", "verdict": "refused", "decided_by": "v1", "source": "host1",
  "mover": {"id": "m", "vcpus": 4, "memory_mib": 2048},
  "voters": [{"id": "v1", "project": "red", "vote": "refused"}, {"id": "v2", "project": "", "vote": "awaited"}]
}
)";
    const Records all = read_records(one + one + "{\"verdict\": 3}");
    REQUIRE(all.records.size() == 2);
    CHECK(all.passed_over == 1);
    CHECK(all.records[1].number == 2);
    CHECK(all.records[0].voters.size() == 2);
    CHECK(*find(all.records[0].facts, "guest.vcpus") == "4");
}

TEST_CASE("records: bytes of any kind are passed over") {
    std::string noise = "consent round=";
    for (int i = 0; i < 256; ++i) { noise += static_cast<char>(i); }
    CHECK(read_records(noise).records.empty());
    CHECK(read_records("{\"a\": ").passed_over == 1);
    CHECK(read_records("").records.empty());
    CHECK(read_records("consent round=x verdict=refused decided_by=\"open\n").records.empty());
}

TEST_CASE("policy simulate: what would change is shown, and ends with 1") {
    const Folder folder;
    const std::string records =
        folder.write("log", "noise\n" + line("consented", "all voters", 2) + line("refused", "guest instance-1", 2) +
                                line("failed", "error libvirt", 0));
    const Ran ran = run({"simulate", "-p", folder.write("new.yaml", no_move_from_host1), "-r", records});
    CAPTURE(ran.out, ran.err);
    CHECK(ran.code == 1);
    CHECK(ran.says("now refused"));
    CHECK(ran.says("rule stay: \"rack move\""));
    CHECK(ran.says("3 records: 1 same, 1 now refused, 0 now consented, 0 not known, 1 no decision."));
    CHECK(ran.says("1 other lines passed over"));
    const auto json = run({"simulate", "--json", "-p", folder / "new.yaml", "-r", records}).json();
    CHECK(json["counts"]["now refused"] == 1);
    CHECK(json["decisions"][0]["rule"] == "stay");
    CHECK(json["decisions"][0]["record"] == 2);
}

TEST_CASE("policy simulate: each effect") {
    const Folder folder;
    const auto effect = [&](const std::string& rules, const std::string& record, std::vector<std::string> more = {}) {
        std::vector<std::string> words{
            "simulate", "--json", "-p", folder.write("p.yaml", rules), "-r", folder.write("log", record)};
        words.insert(words.end(), more.begin(), more.end());
        return run(words).json()["decisions"][0]["effect"].get<std::string>();
    };
    const std::string big = "rules:\n  - {name: big, when: {guest.vcpus: '>= 8'}, answer: refuse}\n";
    const std::string all_agree = "rules:\n  - {name: yes, answer: consent}\n";
    const std::string guests_agree = "rules:\n  - {name: yes, when: {me.kind: s== neighbour}, answer: consent}\n";
    const std::string red_agrees =
        "rules:\n  - {name: yes, when: {me.kind: s== neighbour, me.project: s== red}, answer: consent}\n";
    const std::string consented = line("consented", "all voters", 2);
    const std::string refused = line("refused", "guest instance-1", 2);

    CHECK(effect("mode: audit\n", consented) == "same");
    CHECK(effect("mode: audit\n", refused) == "same");  // the guest would be asked again, and says what it said
    CHECK(effect(big, consented) == "not known");
    CHECK(effect(big, consented, {"-f", "guest.vcpus=16"}) == "now refused");
    CHECK(effect(big, refused, {"-f", "guest.vcpus=16"}) == "same");
    CHECK(effect(big, consented, {"-f", "guest.vcpus=1"}) == "same");
    CHECK(effect(all_agree, refused) == "now consented");
    CHECK(effect(guests_agree, refused) == "now consented");
    CHECK(effect(red_agrees, refused) == "not known");  // whose guest it was is not in the line
    CHECK(effect(all_agree, line("failed", "error libvirt", 0)) == "no decision");
    CHECK(effect("accept_incoming: refuse\n", consented) == "now refused");
    CHECK(effect("mode: audit\n", line("refused", "guest instance-1", 1, 1)) == "not known");  // a rule's word
    CHECK(effect(guests_agree, line("refused", "guest instance-1", 0, 1)) == "now consented");
    CHECK(effect("mode: audit\n", line("refused", "hypervisor host2", 2)) == "not known");  // its guests never answered
}

TEST_CASE("policy simulate: at the source the mover is judged, and the site's facts are not the host's own") {
    const Folder folder;
    const std::string at_source = with(line("consented", "all voters", 1), "gate=destination", "gate=source");
    const auto effect = [&](const std::string& rules) {
        return run({"simulate", "--json", "-p", folder.write("p.yaml", rules), "-r", folder.write("log", at_source)})
            .json()["decisions"][0]["effect"]
            .get<std::string>();
    };
    CHECK(effect("rules: [{name: a, when: {me.kind: s== mover}, answer: refuse}]") == "now refused");
    CHECK(effect("rules: [{name: a, when: {me.kind: s== neighbour}, answer: refuse}]") == "same");
    CHECK(effect("accept_outgoing: refuse\n") == "now refused");
    CHECK(effect("accept_incoming: refuse\n") == "same");
    const std::string facts = "facts: {site.aggregates: [gpu]}\n";
    CHECK(effect(facts + "rules: [{name: a, when: {source.aggregates: <all-in> gpu}, answer: refuse}]") ==
          "now refused");
    CHECK(effect(facts + "rules: [{name: a, when: {site.aggregates: <all-in> gpu}, answer: refuse}]") == "not known");
}

TEST_CASE("policy simulate: an inventory tells what the records do not") {
    const Folder folder;
    const std::string policy = folder.write("p.yaml",
                                            "rules:\n  - name: apart\n    when: {me.kind: s== neighbour, me.project: "
                                            "s== red, guest.project: s== blue}\n    answer: refuse\n");
    const std::string inventory =
        folder.write("cloud.yaml",
                     "hosts: [{name: host2, voters: [{name: billing, facts: {me.project: red}}]}]\n"
                     "movers: [{name: app, facts: {guest.id: " +
                         mover + ", guest.project: blue}}]\n");
    const std::string log = folder.write("log", line("consented", "all voters", 1));
    CHECK(run({"simulate", "-p", policy, "-r", log}).says("1 not known"));
    const Ran ran = run({"simulate", "-p", policy, "-r", log, "-i", inventory});
    CAPTURE(ran.out);
    CHECK(ran.says("1 now refused"));
    CHECK(ran.says("billing, rule apart"));
}

TEST_CASE("policy simulate: nothing of a record reaches the terminal as more than text") {
    const Folder folder;
    const std::string policy = folder.write(
        "p.yaml", "rules: [{name: a, when: {me.kind: s== neighbour, guest.id: s!= x}, answer: refuse, because: late}]");
    const std::string escapes = R"("\u001b[2J\u009b2J")";
    const std::string good = line("consented", "all voters", 1);
    const std::string lines = good + with(good, "\"all voters\"", escapes) + with(good, "host2", escapes) +
                              with(good, mover, "\x1b[2J\xc2\x9b\x32J");
    const std::string asked = R"({"verdict": "consented", "round": )" + escapes + R"(, "host": )" + escapes +
                              R"(, "source": )" + escapes + R"(, "mover": {"id": )" + escapes +
                              R"(}, "voters": [{"id": )" + escapes + "}]}";
    const std::string records = folder.write("records", GENERATE_COPY(lines, asked));
    const Ran ran = run({"simulate", "-p", policy, "-r", records, GENERATE("--all", "--json")});
    CAPTURE(ran.out);
    CHECK(ran.code == 1);
    CHECK(ran.says("[2J"));
    CHECK_FALSE(ran.says("\x1b"));
    CHECK_FALSE(ran.says("\xc2\x9b"));
}

TEST_CASE("policy simulate: one host's decisions alone; none of them is an error") {
    const Folder folder;
    const std::string policy = folder.write("p.yaml", "mode: audit\n");
    const std::string log = folder.write("log", line("consented", "all voters", 1));
    const Ran ran = run({"simulate", "-p", policy, "-r", log, "--host", "host2"});
    CHECK(ran.code == 0);
    CHECK(ran.says("1 record: 1 same"));
    const Ran none = run({"simulate", "-p", policy, "-r", log, "--host", "host9"});
    CHECK(none.code == 2);
    CHECK(none.complains("holds no decision of host host9"));
    CHECK(run({"simulate", "-p", policy, "-r", policy}).complains("holds no recorded decision"));
    CHECK(run({"simulate", "-p", policy, "-r", folder / "none"}).complains("no such file"));
}
