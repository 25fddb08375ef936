// Tests that no policy, however bad, takes long or much memory: each within 100 ms of CPU time and 64 MB.
#include <malloc.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <new>
#include <string>
#include <vector>

#include "consent/policy.hpp"

using namespace consent;

namespace {

// What is held now and was held at most; the tests have one thread.
std::size_t held = 0;
std::size_t most = 0;

#if defined(__SANITIZE_ADDRESS__)
constexpr double allowed_s = 1.0;  // its bookkeeping takes most of it
#else
constexpr double allowed_s = 0.1;
#endif
constexpr std::size_t allowed_bytes = std::size_t{64} << 20U;

}  // namespace

void* operator new(std::size_t size) {
    void* memory = std::malloc(size);
    if (memory == nullptr) { throw std::bad_alloc(); }
    held += malloc_usable_size(memory);
    most = std::max(most, held);
    return memory;
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {  // what the sorts of the library take
    try {
        return operator new(size);
    } catch (const std::bad_alloc&) { return nullptr; }
}
void operator delete(void* memory) noexcept {
    held -= memory == nullptr ? 0 : malloc_usable_size(memory);
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

namespace {

template <typename F>
void bounded(const std::string& what, F&& read) {
    CAPTURE(what);
    const std::size_t before = held;
    most = held;
    const std::clock_t start = std::clock();
    bool taken = true;
    try {
        read();
    } catch (const PolicyError&) { taken = false; }
    CHECK(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC < allowed_s);
    CHECK(most - before < allowed_bytes);
    CHECK_FALSE(taken);
}

std::string repeated(std::string_view part, std::size_t count) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) { out += part; }
    return out;
}

/// As many of `part` as a policy may hold, behind `head`.
std::string filled(const std::string& head, std::string_view part, const std::string& tail = "") {
    return head + repeated(part, (max_policy_bytes - head.size() - tail.size()) / part.size()) + tail;
}

}  // namespace

TEST_CASE("bad policies of every size are refused soon and with little memory") {
    std::string keys = "{";
    for (int i = 0; keys.size() < max_policy_bytes - 10; ++i) { keys += "k" + std::to_string(i) + ": ,"; }
    std::string same = "facts: {site.traits: [";
    for (int i = 0; i < 9; ++i) {  // the aliases that explode, as they are known
        same += "&a" + std::to_string(i) + " [*a, *a, *a, *a, *a, *a, *a, *a, *a],";
    }
    const std::vector<std::string> texts{
        filled("", "["),
        filled("", "{"),
        filled("", "{a: "),
        filled("", "- "),
        filled("", "? "),
        filled("", "a:\n "),
        filled("rules: [", "[],", "]"),
        filled("rules: [", "{},", "]"),
        filled("rules: [{name: r, answer: ask, when: {any: [", "{guest.vcpus: 4},", "x]}}]"),
        filled("rules: [{name: r, answer: ask, when: {all: [", "{all: [{me.id: a}]},", "x]}}]"),
        filled("rules: [{name: r, answer: ask, when: {", "not: {", ""),
        filled("listed: [", ",", "]"),
        filled("mode: \"", "\\n", "\""),
        filled("mode: ", "a "),
        filled("mode: >\n", " a\n"),
        filled("facts: {site.zone: '", "''", "'}"),
        filled("a", "b", ": c"),
        filled("# ", "x\n# "),
        filled("", "*a "),
        filled("", "&a "),
        filled("", "!a "),
        filled("", "a: |\n"),
        filled("", "---\n"),
        filled("a: 'x\n", "\n"),
        keys + "}",
        same + "]}",
        std::string(max_policy_bytes, '\0'),
        std::string(max_policy_bytes, '\xff'),
        std::string(10 << 20, 'a'),
        repeated("[", 10000) + repeated("]", 10000),
    };
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const std::string what = std::to_string(i) + " " + texts[i].substr(0, 60);
        bounded("host " + what, [&] { (void)parse_host_policy(texts[i] + "\nz: z", "f"); });
        bounded("agent " + what, [&] { (void)parse_agent_policy(texts[i], "f"); });
        bounded("list " + what, [&] { (void)parse_rules(texts[i] + "\nz: z", "f"); });
    }
}

TEST_CASE("a file of 10 MB is not read to its end") {
    const std::filesystem::path file = std::filesystem::temp_directory_path() / "policy-bounds-test.yaml";
    std::ofstream(file, std::ios::binary) << std::string(10 << 20, '#');
    bounded("10 MB", [&] { (void)load_host_policy(file); });
    std::filesystem::remove(file);
}

TEST_CASE("the largest rules that are taken, are taken soon too") {
    std::string text = "[{name: r, answer: ask, when: {any: [";
    for (std::size_t i = 0; i < max_conditions - 1; ++i) { text += "{me.id: a},"; }
    most = held;
    const std::size_t before = held;
    const std::clock_t start = std::clock();
    CHECK(parse_rules(text + "]}}]", "f").size() == 1);
    CHECK(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC < 2 * allowed_s);
    CHECK(most - before < allowed_bytes);
}
