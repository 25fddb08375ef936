// Tests of what good policy files mean, and that no text whatever brings anything but a PolicyError.
#include "consent/policy.hpp"

#include <rapidcheck.h>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <string>

using namespace consent;

namespace {

const std::string uuid = "4f5c1b52-6c0f-4a7e-9a44-0d2d1f1c2b3a";

template <typename F>
void only_policy_error(F&& parse) {
    try {
        parse();
    } catch (const PolicyError&) {}
}

}  // namespace

TEST_CASE("a host policy says what it sets and leaves the rest") {
    for (const std::string text : {"", "\n\n", "# nothing\n", "---\n", "\xef\xbb\xbf", "{}", "~"}) {
        CAPTURE(text);
        const HostPolicy empty = parse_host_policy(text, "f");
        CHECK_FALSE(empty.mode);
        CHECK_FALSE(empty.on_error);
        CHECK_FALSE(empty.silence);
        CHECK_FALSE(empty.listed);
        CHECK(empty.voters_listed.empty());
        CHECK_FALSE(empty.accept_incoming);
        CHECK_FALSE(empty.accept_outgoing);
    }
    const HostPolicy host = parse_host_policy(
        "mode: enforce\non_error: allow\nsilence: abstain\nvoters: listed\n"
        "listed: [4F5C1B52-6C0F-4A7E-9A44-0D2D1F1C2B3A]\n"
        "accept_incoming: {answer: refuse, because: \"maintenance: rack 7\"}\naccept_outgoing: consent\n",
        "f");
    CHECK(host.mode == Mode::enforce);
    CHECK(host.on_error == OnError::allow);
    CHECK(host.silence == Silence::abstain);
    CHECK(host.listed == true);
    CHECK(host.voters_listed == std::vector<std::string>{uuid});
    REQUIRE(host.accept_incoming);
    CHECK(host.accept_incoming->answer == Answer::refuse);
    CHECK(host.accept_incoming->because == "maintenance: rack 7");
    REQUIRE(host.accept_outgoing);
    CHECK(host.accept_outgoing->answer == Answer::consent);
    CHECK(parse_host_policy("mode: off", "f").mode == Mode::off);  // off is a word here, not a boolean
    CHECK(parse_host_policy("mode: audit", "f").mode == Mode::audit);
    CHECK(parse_host_policy("silence: refuse\non_error: refuse\nvoters: connected", "f").listed == false);
    CHECK(parse_host_policy("accept_incoming: refuse", "f").accept_incoming->because.empty());
}

TEST_CASE("an agent policy says its answer and its applications") {
    const AgentPolicy agent = parse_agent_policy(
        "answer: abstain\nbecause: Größe\napplications:\n- name: db\n  command: [/bin/db, -x, '']\n"
        "  timeout_s: 0.25\n- {name: b.c_d-1, command: [/b]}\n",
        "f");
    CHECK(agent.answer == Answer::abstain);
    CHECK(agent.because == "Größe");
    REQUIRE(agent.applications.size() == 2);
    CHECK(agent.applications[0].name == "db");
    CHECK(agent.applications[0].command == std::vector<std::string>{"/bin/db", "-x", ""});
    CHECK(agent.applications[0].timeout == milliseconds(250));
    CHECK(agent.applications[1].timeout == milliseconds(2000));
    CHECK(parse_agent_policy("answer: consent", "f").answer == Answer::consent);
    CHECK(parse_agent_policy("answer: \"refuse\"", "f").answer == Answer::refuse);
}

TEST_CASE("time-outs are exact to the millisecond") {
    const auto timeout = [](const std::string& text) {
        return parse_application("{name: a, command: [/a], timeout_s: " + text + "}", "f").timeout.count();
    };
    CHECK(timeout("0.001") == 1);
    CHECK(timeout("1.234") == 1234);
    CHECK(timeout("5") == 5000);
    CHECK(timeout("30") == 30000);
}

TEST_CASE("the largest file is read") {
    const std::string text = "mode: audit\n";
    CHECK(parse_host_policy(text + std::string(max_policy_bytes - text.size(), '#'), "f").mode == Mode::audit);
}

TEST_CASE("the policies in the documentation are good") {
    int checked = 0;
    for (const auto& entry : std::filesystem::directory_iterator(CONSENT_DOCS)) {
        std::ifstream in(entry.path());
        std::string kind;
        std::string block;
        bool inside = false;
        for (std::string line; std::getline(in, line);) {
            constexpr std::string_view mark = "<!-- policy: ";
            if (line.starts_with(mark)) {
                kind = line.substr(mark.size(), line.find(" -->") - mark.size());
            } else if (line == "```yaml") {
                inside = true;
                block.clear();
            } else if (line == "```" && inside) {
                inside = false;
                CAPTURE(block);
                if (kind == "agent") {
                    CHECK_NOTHROW(parse_agent_policy(block, "docs"));
                } else if (kind == "application") {
                    CHECK_NOTHROW(parse_application(block, "docs"));
                } else {
                    FAIL_CHECK("an example that does not say what it is");
                }
                kind.clear();
                ++checked;
            } else if (inside) {
                block += line + "\n";
            }
        }
    }
    CHECK(checked == 4);
}

TEST_CASE("no text brings anything but a PolicyError") {
    CHECK(rc::check([](const std::string& text) {
        only_policy_error([&] { (void)parse_host_policy(text, "f"); });
        only_policy_error([&] { (void)parse_agent_policy(text, "f"); });
    }));
    // Text made of the characters that mean something to YAML gets further than bytes at random.
    CHECK(rc::check([] {
        const auto text =
            *rc::gen::container<std::string>(rc::gen::elementOf(std::string("{}[],:-?&*!|>'\"%@`#~ \n\\abm=<.0")));
        only_policy_error([&] { (void)parse_host_policy(text, "f"); });
        only_policy_error([&] { (void)parse_agent_policy("answer: " + text, "f"); });
        only_policy_error([&] { (void)parse_application("name: a\ncommand: " + text, "f"); });
    }));
}

TEST_CASE("files of one character repeated take no longer than a moment") {
    for (const std::string part :
         {"[", "{", "- ", "? ",   ": ",   "a: ", "'", "\"",  "|",  ">",    "&a ", "*a ",   "! ", "\n",
          "#", ",", "[{", "- - ", "{a: ", "a\n", " ", "'' ", "\\", "? - ", "-\n", "a:\n ", "{? "}) {
        CAPTURE(part);
        std::string text;
        while (text.size() + part.size() <= max_policy_bytes) { text += part; }
        const auto begin = std::chrono::steady_clock::now();
        only_policy_error([&] { (void)parse_host_policy(text, "f"); });
        CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
    }
}
