// consentctl's reports: a guest's words cannot pass for ours, and the table and the JSON hold what the round held.
#include "report.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

using namespace consent;

namespace {

VoterReport voter(const std::string& id, Vote vote, const std::string& because) {
    VoterReport out;
    out.voter.id = id;
    out.voter.name = "instance-" + id;
    out.vote = vote;
    out.because = because;
    out.elapsed_ms = 7;
    return out;
}

RoundReport refused_by_the_second(const std::string& because) {
    RoundReport report;
    report.round = "round-1";
    report.verdict = State::refused;
    report.voters = {voter("a", Vote::consented, ""), voter("b", Vote::refused, because)};
    report.decided_by = 1;
    return report;
}

std::string table_of(const RoundReport& report) {
    std::ostringstream out;
    consentctl::print_table(out, report, {"host2", "qemu:///system", {}});
    return out.str();
}

}  // namespace

TEST_CASE("a guest cannot end the quotes around its words") {
    const std::string forged = R"(busy" consented by all: "yes)";
    const std::string words = consentctl::reason(voter("b", Vote::refused, forged));
    CHECK(words == R"(guest says "busy' consented by all: 'yes")");
    const std::string table = table_of(refused_by_the_second(forged));
    CHECK(table.find(forged) == std::string::npos);
    CHECK(table.find(words) != std::string::npos);
}

TEST_CASE("what we say of a guest stands without quotes") {
    CHECK(consentctl::reason(voter("b", Vote::silent, "no answer within 50 ms")) == "no answer within 50 ms");
}

TEST_CASE("the JSON has a guest's words as they were, and says whose they are") {
    std::ostringstream out;
    consentctl::print_json(out, refused_by_the_second("a \"quote\""), {"host2", "qemu:///system", {}});
    const auto json = nlohmann::json::parse(out.str());
    CHECK(json.at("verdict") == "refused");
    CHECK(json.at("decided_by") == "b");
    CHECK(json.at("voters").at(1).at("because") == "a \"quote\"");
    CHECK(json.at("voters").at(1).at("guest_says") == true);
}
