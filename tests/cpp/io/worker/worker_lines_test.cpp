// The worker's lines: what one end writes the other reads, and nothing else is taken.
#include "worker_lines.hpp"

#include <rapidcheck.h>

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "consent/wire.hpp"

using namespace consent;
namespace lines = consent::worker_lines;

namespace {

template <class Value>
bool is(const auto& read) {
    return std::holds_alternative<Value>(read);
}

std::string without_newline(std::string line) {
    REQUIRE(line.ends_with('\n'));
    line.pop_back();
    REQUIRE(line.find('\n') == std::string::npos);
    return line;
}

/// Printable text with what JSON must escape.
std::string any_text(std::size_t most) {
    const auto text = *rc::gen::container<std::string>(rc::gen::elementOf(std::string("abz09 \"\\/\n\t\r{}[]:,-.")));
    return text.substr(0, most);
}

Inquiry any_inquiry() {
    Inquiry inquiry;
    inquiry.round = "r" + any_text(60);
    inquiry.subject.operation = any_text(200);
    inquiry.subject.mover = any_text(200);
    inquiry.subject.mover_name = any_text(200);
    inquiry.subject.mover_project = any_text(200);
    inquiry.subject.vcpus = *rc::gen::arbitrary<std::uint32_t>();
    inquiry.subject.disclosed = *rc::gen::arbitrary<bool>();
    inquiry.subject.memory_mib = *rc::gen::inRange<std::uint64_t>(0, std::uint64_t{1} << 60U);
    inquiry.subject.source = any_text(200);
    inquiry.subject.site = any_text(200);
    inquiry.select.connected = *rc::gen::arbitrary<bool>();
    const auto listed = *rc::gen::inRange(0, 5);
    for (int i = 0; i < listed; ++i) inquiry.select.listed.push_back(any_text(50));
    inquiry.select.exclude = inquiry.select.listed;
    inquiry.select.role = *rc::gen::element(VoterKind::neighbour, VoterKind::mover);
    inquiry.voter_deadline = milliseconds{*rc::gen::inRange(1, 60001)};
    return inquiry;
}

/// What a voter or the worker says, as an honest worker sends it.
std::string words() { return wire::clean(any_text(1000), 1000); }

InquiryEvent any_event() {
    const auto voter = *rc::gen::inRange<std::uint32_t>(0, lines::max_voters);
    switch (*rc::gen::inRange(0, 6)) {
        case 0: {
            VotersIdentified identified;
            const auto count = *rc::gen::inRange(0, 20);
            for (int i = 0; i < count; ++i) {
                Voter one;
                one.id = "id" + std::to_string(100 + i);
                one.name = wire::clean(any_text(60), 60);
                one.project = wire::clean(any_text(60), 60);
                one.kind = *rc::gen::element(VoterKind::neighbour, VoterKind::mover);
                identified.voters.push_back(one);
            }
            return identified;
        }
        case 1:
            return VoterAnswered{voter, *rc::gen::element(Answer::consent, Answer::refuse, Answer::abstain), words()};
        case 2: return VoterFellSilent{voter, words()};
        case 3: return VoterLeft{voter, words()};
        case 4: return VoterWithdrew{voter};
        default: return InquiryFailed{"libvirt", words()};
    }
}

}  // namespace

TEST_CASE("what is written is read back, order by order") {
    CHECK(rc::check([] {
        const Inquiry in = any_inquiry();
        const auto read = lines::read_order(without_newline(lines::write(lines::Order{lines::Identify{in}})));
        RC_ASSERT(is<lines::Order>(read));
        const Inquiry& out = std::get<lines::Identify>(std::get<lines::Order>(read)).inquiry;
        RC_ASSERT(out.round == in.round);
        RC_ASSERT(out.subject.operation == in.subject.operation);
        RC_ASSERT(out.subject.mover == in.subject.mover);
        RC_ASSERT(out.subject.mover_name == in.subject.mover_name);
        RC_ASSERT(out.subject.mover_project == in.subject.mover_project);
        RC_ASSERT(out.subject.vcpus == in.subject.vcpus);
        RC_ASSERT(out.subject.memory_mib == in.subject.memory_mib);
        RC_ASSERT(out.subject.disclosed == in.subject.disclosed);
        RC_ASSERT(out.subject.source == in.subject.source);
        RC_ASSERT(out.subject.site == in.subject.site);
        RC_ASSERT(out.select.connected == in.select.connected);
        RC_ASSERT(out.select.listed == in.select.listed);
        RC_ASSERT(out.select.exclude == in.select.exclude);
        RC_ASSERT(out.select.role == in.select.role);
        RC_ASSERT(out.voter_deadline == in.voter_deadline);
    }));
    lines::Key key;
    for (std::size_t i = 0; i < key.bytes.size(); ++i) key.bytes[i] = static_cast<unsigned char>(255 - 7 * i);
    const auto read = lines::read_order(without_newline(lines::write(lines::Order{key})));
    CHECK(std::get<lines::Key>(std::get<lines::Order>(read)).bytes == key.bytes);
}

TEST_CASE("what is written is read back, report by report") {
    CHECK(rc::check([] {
        const lines::Report in = lines::Told{"r" + any_text(60), any_event()};
        const std::string line = lines::write(in);
        const auto read = lines::read_report(without_newline(line));
        RC_ASSERT(is<lines::Report>(read));
        // Field by field through the writer, whose lines hold every field: two values that write alike are alike.
        RC_ASSERT(lines::write(std::get<lines::Report>(read)) == line);
        RC_ASSERT(std::get<lines::Told>(std::get<lines::Report>(read)).event.index() ==
                  std::get<lines::Told>(in).event.index());
    }));
    const lines::Report rules = lines::ToldRules{"r", 4095, "[\"\\\"ä\"]"};
    const auto again = lines::read_report(without_newline(lines::write(rules)));
    CHECK(std::get<lines::ToldRules>(std::get<lines::Report>(again)).rules == "[\"\\\"ä\"]");
    CHECK(is<lines::Broken>(lines::read_report(without_newline(
        lines::write(lines::Report{lines::ToldRules{"r", 1, std::string(lines::max_rules + 1, 'x')}})))));
    const auto ready = lines::read_report(R"({"event":"ready","version":1,"pid":4711})");
    CHECK(std::get<lines::Ready>(std::get<lines::Report>(ready)).pid == 4711);
}

TEST_CASE("the lines are those that are documented") {
    CHECK(lines::write(lines::Order{lines::Request{"r"}}) == "{\"op\":\"request\",\"round\":\"r\"}\n");
    CHECK(lines::write(lines::Order{lines::AskRules{"r"}}) == "{\"op\":\"rules\",\"round\":\"r\"}\n");
    CHECK(lines::write(lines::Report{lines::ToldRules{"r", 2, "[]"}}) ==
          "{\"event\":\"rules\",\"round\":\"r\",\"rules\":\"[]\",\"voter\":2}\n");
    CHECK(lines::write(lines::Order{lines::End{"r"}}) == "{\"op\":\"end\",\"round\":\"r\"}\n");
    CHECK(lines::write(lines::Report{lines::Told{"r", VoterAnswered{2, Answer::refuse, "no"}}}) ==
          "{\"answer\":\"refuse\",\"because\":\"no\",\"event\":\"answered\",\"round\":\"r\",\"voter\":2}\n");
}

TEST_CASE("no bytes whatever break a reader") {
    CHECK(rc::check([](const std::string& bytes) {
        RC_ASSERT(is<lines::Broken>(lines::read_report(bytes)));
        RC_ASSERT(is<lines::Broken>(lines::read_order(bytes)));
    }));
    CHECK(rc::check([] {  // a good line with one byte changed is either still a good line or Broken; never a crash
        std::string line = without_newline(lines::write(lines::Report{lines::Told{"r", any_event()}}));
        const auto at = *rc::gen::inRange<std::size_t>(0, line.size());
        line[at] = *rc::gen::arbitrary<char>();
        const auto read = lines::read_report(line);
        if (is<lines::Report>(read)) RC_ASSERT(!lines::write(std::get<lines::Report>(read)).empty());
    }));
}

TEST_CASE("a report beyond its bounds is broken, and says in which") {
    const auto why = [](const std::string& line) {
        const auto read = lines::read_report(line);
        return is<lines::Broken>(read) ? std::get<lines::Broken>(read).why : "taken";
    };
    const auto told = [](const std::string& rest) { return R"({"round":"r",)" + rest + "}"; };
    CHECK(why("[]") == "not a JSON object");
    CHECK(why(std::string(10000, '[')) == "nested too deep");
    CHECK(why(R"({"event":"ready","version":1,"pid":1,"x":)" + std::string(100, '[') + std::string(100, ']') + "}") ==
          "nested too deep");
    CHECK(why(std::string(lines::max_line + 1, ' ')) == "longer than a line may be");
    CHECK(why("{\"event\":\"ended\",\"round\":\"\xff\"}") == "not a JSON object");
    CHECK(why(R"({"event":"ended","round":""})") == "round is empty");
    CHECK(why(R"({"event":"ended","round":")" + std::string(65, 'r') + "\"}") == "round is too long");
    CHECK(why(told(R"("event":"answered","voter":4096,"answer":"consent","because":"")")) ==
          "voter is not a whole number from 0 to 4095");
    CHECK(why(told(R"("event":"answered","voter":-1,"answer":"consent","because":"")")) ==
          "voter is not a whole number from 0 to 4095");
    CHECK(why(told(R"("event":"answered","voter":1,"answer":"yes","because":"")")) ==
          "answer is not a word known here");
    CHECK(why(told(R"("event":"answered","voter":1,"answer":"consent")")) == "because is missing");
    CHECK(why(told(R"("event":"answered","voter":1,"answer":"consent","because":")" + std::string(4097, 'b') + '"')) ==
          "because is too long");
    CHECK(why(told(R"("event":"blessed")")) == "event is not a word known here");
    const std::string voter = R"({"id":"b","name":"","project":"","kind":"neighbour"})";
    CHECK(why(told(R"("event":"identified","voters":[)" + voter + "]")) == "taken");
    CHECK(why(told(R"("event":"identified","voters":[)" + voter + "," + voter + "]")) ==
          "voters are not in the order of their ids, or one stands twice");
    CHECK(why(told(R"("event":"identified","voters":[{"id":"b","name":"","project":"","kind":"hypervisor"}])")) ==
          "kind is not a word known here");
    // A worker that was taken over may try the admin's terminal.
    CHECK(
        why(told(R"("event":"identified","voters":[{"id":"b","name":"\u001b[2J","project":"","kind":"neighbour"}])")) ==
        "name holds what cannot be shown");
    CHECK(why(told(R"("event":"identified","voters":[{"id":"b","name":"","project":"\u202e","kind":"neighbour"}])")) ==
          "project holds what cannot be shown");
}

TEST_CASE("words are cleaned on this side too") {
    for (const std::string event : {R"("event":"silent","voter":1,"why")", R"("event":"left","voter":1,"why")",
                                    R"("event":"failed","code":"libvirt","why")",
                                    R"("event":"answered","voter":1,"answer":"refuse","because")"}) {
        const auto read = lines::read_report(R"({"round":"r",)" + event + R"(:"two\nlines \u001b[2J"})");
        REQUIRE(is<lines::Report>(read));
        const std::string line = lines::write(std::get<lines::Report>(read));
        CHECK(line.find(R"(two\\nlines \\x1b[2J)") != std::string::npos);
    }
}

TEST_CASE("a stream is cut into the same lines however it is sliced") {
    CHECK(rc::check([] {
        const auto text = *rc::gen::container<std::string>(rc::gen::elementOf(std::string("ab\n")));
        const auto step = *rc::gen::inRange<std::size_t>(1, 8);
        std::vector<std::string> at_once;
        std::vector<std::string> sliced;
        lines::LineCutter one;
        lines::LineCutter other;
        RC_ASSERT(one.feed(text, at_once));
        for (std::size_t at = 0; at < text.size(); at += step)
            RC_ASSERT(other.feed(std::string_view(text).substr(at, step), sliced));
        RC_ASSERT(at_once == sliced);
        std::string joined;
        for (const auto& line : at_once) joined += line + '\n';
        RC_ASSERT(text.starts_with(joined));
    }));
}

TEST_CASE("a line of exactly the bound is taken, a longer one ends the stream") {
    std::vector<std::string> cut;
    lines::LineCutter cutter;
    CHECK(cutter.feed(std::string(lines::max_line - 1, 'x') + '\n', cut));
    REQUIRE(cut.size() == 1);
    CHECK(cut[0].size() == lines::max_line - 1);
    CHECK_FALSE(cutter.feed(std::string(lines::max_line, 'x') + '\n', cut));
    lines::LineCutter endless;
    CHECK(endless.feed(std::string(lines::max_line - 1, 'x'), cut));
    CHECK_FALSE(endless.feed("x", cut));
}
