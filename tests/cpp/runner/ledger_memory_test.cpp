// Grants in memory: numbers upwards, one live grant a mover and site, claimed once, expired by the time given, bounded.
#include <catch2/catch_test_macros.hpp>
#include <stdexcept>

#include "consent/runner.hpp"

namespace {

using namespace consent;

TimePoint at(long ms) { return TimePoint(milliseconds(ms)); }

Grant grant(const std::string& mover, const std::string& site, long expires, const std::string& source = "host1") {
    return {.id = 77, .round = "r", .mover = mover, .source = source, .site = site, .expires = at(expires)};
}

TEST_CASE("ledger: numbers go upwards from 1, also past grants that are gone") {
    const auto ledger = make_memory_ledger();
    CHECK(ledger->grant(grant("a", "s", 10)).id == 1);
    CHECK(ledger->grant(grant("b", "s", 10)).id == 2);
    CHECK(ledger->claim("b", "host1", "s", at(0)));
    CHECK(ledger->grant(grant("b", "s", 10)).id == 3);
}

TEST_CASE("ledger: a grant is claimed once, whole, by exactly who it is for") {
    const auto ledger = make_memory_ledger();
    (void)ledger->grant(grant("a", "s", 100));
    CHECK_FALSE(ledger->claim("b", "host1", "s", at(0)));
    CHECK_FALSE(ledger->claim("a", "host2", "s", at(0)));
    CHECK_FALSE(ledger->claim("a", "host1", "t", at(0)));
    const auto claimed = ledger->claim("a", "host1", "s", at(0));
    REQUIRE(claimed);
    CHECK(claimed->id == 1);
    CHECK(claimed->mover == "a");
    CHECK(claimed->source == "host1");
    CHECK(claimed->site == "s");
    CHECK(claimed->round == "r");
    CHECK(claimed->expires == at(100));
    CHECK_FALSE(ledger->claim("a", "host1", "s", at(0)));
}

TEST_CASE("ledger: a grant lives until the moment it expires, by the time given") {
    const auto ledger = make_memory_ledger();
    (void)ledger->grant(grant("a", "s", 100));
    (void)ledger->grant(grant("b", "s", 200));
    CHECK(ledger->live(at(99)) == 2);
    CHECK(ledger->live(at(100)) == 1);
    CHECK_FALSE(ledger->claim("a", "host1", "s", at(100)));
    CHECK(ledger->claim("b", "host1", "s", at(199)));
    CHECK(ledger->live(at(0)) == 0);
}

TEST_CASE("ledger: a later grant for a mover and site takes the earlier one's place") {
    const auto ledger = make_memory_ledger();
    (void)ledger->grant(grant("a", "s", 100, "host1"));
    (void)ledger->grant(grant("a", "s", 200, "host3"));
    CHECK(ledger->live(at(0)) == 1);
    CHECK_FALSE(ledger->claim("a", "host1", "s", at(0)));
    const auto claimed = ledger->claim("a", "host3", "s", at(0));
    REQUIRE(claimed);
    CHECK(claimed->id == 2);
}

TEST_CASE("ledger: bounded; the one that would expire first goes, never the new one") {
    const auto ledger = make_memory_ledger(2);
    (void)ledger->grant(grant("a", "s", 300));
    (void)ledger->grant(grant("b", "s", 200));
    (void)ledger->grant(grant("c", "s", 100));
    CHECK(ledger->live(at(0)) == 2);
    CHECK_FALSE(ledger->claim("b", "host1", "s", at(0)));
    CHECK(ledger->claim("c", "host1", "s", at(0)));
    CHECK(ledger->claim("a", "host1", "s", at(0)));
    (void)ledger->grant(grant("d", "s", 100));
    (void)ledger->grant(grant("e", "s", 100));
    (void)ledger->grant(grant("d", "s", 150));  // takes its own place: nobody has to go
    CHECK(ledger->live(at(0)) == 2);
    CHECK_THROWS_AS(make_memory_ledger(0), std::invalid_argument);
}

}  // namespace
