// Tests of the table of facts and of what a FactSet holds.
#include "consent/facts.hpp"

#include <catch2/catch_test_macros.hpp>
#include <set>
#include <string>

#include "consent/expression.hpp"

using namespace consent;

TEST_CASE("each fact has a name of its own, a meaning, and is found by it") {
    std::set<std::string_view> names;
    for (std::size_t row = 0; row < fact_count; ++row) {
        const Fact& fact = facts()[row];
        CAPTURE(fact.name);
        CHECK(names.insert(fact.name).second);
        CHECK_FALSE(fact.meaning.empty());
        std::string name(fact.name);
        if (fact.is_family()) { name.replace(name.size() - 1, 1, "hw:cpu.x"); }
        CHECK(find_fact(name) == FactName{row, fact.is_family() ? "hw:cpu.x" : ""});
    }
}

TEST_CASE("what is no fact") {
    for (const std::string name :
         {"", "guest", "guest.", "guest.vcpu", "guest.image", "guest.image.", "GUEST.ID", "guest.vcpus.x"}) {
        CAPTURE(name);
        CHECK_FALSE(find_fact(name));
    }
    CHECK_FALSE(find_fact("guest.image." + std::string(max_fact_name_bytes, 'x')));
}

TEST_CASE("the nearest name is suggested") {
    CHECK(nearest_fact("guest.vcpu") == "guest.vcpus");
    CHECK(nearest_fact("guest.memory") == "guest.memory_mib");
    CHECK(nearest_fact("site.memory_free_mb") == "site.memory_free_mib");
    CHECK(nearest_fact("gest.image.hw_disk_bus") == "guest.image.*");
    CHECK(nearest_fact("guest.tags") == "guest.tag");
    CHECK(nearest_fact("guest.image.") == "guest.image.*");  // the stem itself
    CHECK(nearest_fact("hour") == "time.hour");
    CHECK(nearest_fact("the quick brown fox").empty());
    CHECK(nearest_fact("").empty());
    CHECK(nearest_fact(std::string(100000, 'x')).empty());
}

TEST_CASE("a fact set knows what it was told") {
    FactSet known;
    CHECK(known.value("guest.vcpus") == nullptr);
    CHECK(known.set("guest.vcpus", "4"));
    CHECK(known.set("guest.image.os_type", "linux"));
    CHECK(known.set("guest.extra.os_type", "other"));
    CHECK(*known.value("guest.vcpus") == "4");
    CHECK(*known.value("guest.image.os_type") == "linux");
    CHECK(*known.value("guest.extra.os_type") == "other");
    CHECK(known.value("guest.image.os") == nullptr);
    CHECK_FALSE(known.set("guest.vcpu", "4"));
    CHECK_FALSE(known.set("guest.vcpus", std::string(max_value_bytes + 1, '1')));
    CHECK(*known.value("guest.vcpus") == "4");
    known.forget("guest.vcpus");
    known.forget("guest.image.os_type");
    CHECK(known.value("guest.vcpus") == nullptr);
    CHECK(known.value("guest.image.os_type") == nullptr);
    CHECK(known.value("guest.extra.os_type") != nullptr);
}
