// The examples in docs/protocol are what they are said to be: each JSON example bears, in a comment before it, the
// message or the fault that it is.
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "consent/wire.hpp"

using namespace consent;

namespace {

struct Example {
    std::string claim;
    std::string line;
};

std::string name_of(const wire::Message& message) {
    if (const auto* malformed = std::get_if<wire::Malformed>(&message)) {
        return std::string(wire::to_string(malformed->fault));
    }
    return std::holds_alternative<wire::Request>(message)    ? "request"
           : std::holds_alternative<wire::Reply>(message)    ? "answer"
           : std::holds_alternative<wire::Withdraw>(message) ? "withdraw"
                                                             : "hello";
}

std::vector<Example> examples() {
    std::vector<Example> out;
    for (const auto& entry : std::filesystem::directory_iterator(CONSENT_DOCS)) {
        std::ifstream in(entry.path());
        std::string claim;
        bool inside = false;
        for (std::string line; std::getline(in, line);) {
            constexpr std::string_view mark = "<!-- example: ";
            if (line.starts_with(mark)) {
                claim = line.substr(mark.size(), line.find(" -->") - mark.size());
            } else if (line == "```json") {
                inside = true;
            } else if (line == "```") {
                inside = false;
                claim.clear();
            } else if (inside) {
                out.push_back({claim, line});
            }
        }
    }
    return out;
}

}  // namespace

TEST_CASE("every example in the specification is what it is said to be") {
    std::set<std::string> claims;
    for (const Example& example : examples()) {
        CAPTURE(example.line);
        CHECK(name_of(wire::parse(example.line)) == example.claim);
        claims.insert(example.claim);
    }
    for (const std::string message : {"request", "answer", "withdraw", "hello", "unknown_version", "bad_field"}) {
        CAPTURE(message);
        CHECK(claims.contains(message));
    }
}

TEST_CASE("an example of a message is written as we write it, but for fields that are not known") {
    for (const Example& example : examples()) {
        const wire::Message message = wire::parse(example.line);
        if (std::holds_alternative<wire::Malformed>(message) || example.line.find("\"reason\"") != std::string::npos) {
            continue;
        }
        const std::string line = std::visit(
            [](const auto& value) -> std::string {
                if constexpr (std::is_same_v<std::decay_t<decltype(value)>, wire::Malformed>) {
                    return {};
                } else {
                    return serialise(value);
                }
            },
            message);
        CHECK(line == example.line + "\n");
    }
}

TEST_CASE("the specification names the bounds that the code has") {
    std::ifstream in(std::filesystem::path(CONSENT_DOCS) / "v1.md");
    std::stringstream text;
    text << in.rdbuf();
    const std::string page = text.str();
    CHECK(page.find("65,536 bytes") != std::string::npos);
    CHECK(wire::max_line == 65536);
    CHECK(page.find("| nesting | " + std::to_string(wire::max_depth) + " levels") != std::string::npos);
    CHECK(page.find("shown: " + std::to_string(wire::max_because) + " characters") != std::string::npos);
    CHECK(page.find(std::string(wire::channel_name)) != std::string::npos);
    for (int fault = 0; fault <= static_cast<int>(wire::Fault::bad_field); ++fault) {
        const std::string name = "`" + std::string(to_string(static_cast<wire::Fault>(fault))) + "`";
        CAPTURE(name);
        CHECK(page.find(name) != std::string::npos);
    }
}
