// consentctl policy simulate: recorded decisions under another policy.
#include "consentctl/policy/records.hpp"
#include "consentctl/policy/simulation.hpp"
#include "kit.hpp"

using namespace consentctl;

namespace {

const std::string mover = "8d2f5c11-0000-4000-8000-000000000001";

std::string line(const std::string& verdict, const std::string& decided_by, int asked, const std::string& more = "") {
    return "2026-11-24 10:00:00.123 4242 INFO nova_consent.gate [req-1] consent round=6b6f migration=- "
           "request_id=req-1 "
           "instance=" +
           mover + " source=host1 site=host2 gate=destination mode=audit verdict=" + verdict + " decided_by=\"" +
           decided_by + "\" asked=" + std::to_string(asked) +
           " consented=0 refused=0 abstained=0 silent=0 left=0 elapsed_ms=4 unasked=\"\" reason=\"guest says "
           "\\\"verdict=consented\\\"\"" +
           more + "\n";
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

TEST_CASE("records: facts that a line tells by their names are taken, if they can be") {
    const Records all =
        read_records(line("consented", "all voters", 1, " guest.vcpus=8 guest.project=\"red\" guest.memory_mib=lots"));
    REQUIRE(all.records.size() == 1);
    CHECK(*find(all.records[0].facts, "guest.vcpus") == "8");
    CHECK(*find(all.records[0].facts, "guest.project") == "red");
    CHECK(find(all.records[0].facts, "guest.memory_mib") == nullptr);
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
    CHECK(effect("mode: audit\n", line("refused", "guest instance-1", 1, " standing=1")) ==
          "not known");  // a rule's word
    CHECK(effect(guests_agree, line("refused", "guest instance-1", 0, " standing=1")) == "now consented");
    CHECK(effect("mode: audit\n", line("refused", "hypervisor host2", 2)) == "not known");  // its guests never answered
}

TEST_CASE("policy simulate: at the source the mover is judged, and the site's facts are not the host's own") {
    const Folder folder;
    const std::string at_source = [] {
        std::string text = line("consented", "all voters", 1);
        return text.replace(text.find("gate=destination"), 16, "gate=source");
    }();
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
