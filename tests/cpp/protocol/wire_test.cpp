// Tests of wire::parse and wire::serialise: what each message means, and that nothing else means anything.
#include "consent/wire.hpp"

#include <rapidcheck.h>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <limits>
#include <string>

using namespace consent;
using wire::Fault;

namespace {

const std::string id = "8f14e45fceea167a5a36dedd4bea2543";
const std::string host(56, 'a');

wire::Request example() {
    return {id,
            "live-migration",
            VoterKind::neighbour,
            "2ae27440a4873db5c4146a5deb8f1093",
            4,
            8192,
            host,
            std::string(56, '0'),
            5000};
}

/// A line without its newline, as it comes from a LineReader.
std::string chomp(std::string line) {
    REQUIRE(line.ends_with('\n'));
    line.pop_back();
    REQUIRE(line.find('\n') == std::string::npos);
    return line;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

template <typename T>
T as(const wire::Message& message) {
    if (const auto* malformed = std::get_if<wire::Malformed>(&message)) {
        FAIL(wire::to_string(malformed->fault) << ": " << malformed->detail);
    }
    REQUIRE(std::holds_alternative<T>(message));
    return std::get<T>(message);
}

wire::Malformed fault_of(const std::string& line) {
    const wire::Message message = wire::parse(line);
    INFO(line.substr(0, 200));
    REQUIRE(std::holds_alternative<wire::Malformed>(message));
    return std::get<wire::Malformed>(message);
}

std::string nested(std::size_t levels, std::string_view open, std::string_view close) {
    std::string out;
    for (std::size_t i = 0; i < levels; ++i) { out += open; }
    out += "0";
    for (std::size_t i = 0; i < levels; ++i) { out += close; }
    return out;
}

}  // namespace

TEST_CASE("every message is read as it was written") {
    wire::Request mover = example();
    mover.role = VoterKind::mover;
    mover.vcpus = std::numeric_limits<std::uint32_t>::max();
    mover.memory_mib = (std::uint64_t{1} << 53U) - 1;
    mover.deadline_ms = 30000;
    CHECK(as<wire::Request>(wire::parse(chomp(serialise(example())))) == example());
    CHECK(as<wire::Request>(wire::parse(chomp(serialise(mover)))) == mover);
    for (const Answer answer : {Answer::consent, Answer::refuse, Answer::abstain}) {
        const wire::Reply reply{id, answer, "Sicherung läuft bis 04:00 \"heute\" \\n 夜"};
        CHECK(as<wire::Reply>(wire::parse(chomp(serialise(reply)))) == reply);
    }
    CHECK(as<wire::Reply>(wire::parse(chomp(serialise(wire::Reply{id, Answer::consent, ""})))).because.empty());
    CHECK(as<wire::Withdraw>(wire::parse(chomp(serialise(wire::Withdraw{id})))) == wire::Withdraw{id});
    for (const wire::Hello& hello :
         {wire::Hello{{1, 2, 2147483647}, "an-agent/2", {}, ""}, wire::Hello{{1}, "", {"rules", "x-9"}, ""},
          wire::Hello{{1}, "", {}, "[]"},
          wire::Hello{{1}, "", {}, R"([{"a":{"b":[1,-2,3.5,true,null,"ä\"\\"],"c":{}},"d":[[],{}]},"e"])"}}) {
        CHECK(as<wire::Hello>(wire::parse(chomp(serialise(hello)))) == hello);
    }
}

TEST_CASE("any reply survives the channel, cleaned") {
    CHECK(rc::check([](const std::string& because) {
        const wire::Reply reply{id, Answer::refuse, because};
        std::string line = serialise(reply);
        RC_ASSERT(line.size() <= wire::max_line && line.back() == '\n' && line.find('\n') == line.size() - 1);
        line.pop_back();
        const wire::Message message = wire::parse(line);
        RC_ASSERT(std::holds_alternative<wire::Reply>(message));
        RC_ASSERT(std::get<wire::Reply>(message).because == wire::clean(because));
    }));
}

TEST_CASE("whatever is given to serialise, one line comes out") {
    wire::Request hostile;
    hostile.id = std::string(100000, '\n');
    hostile.operation = "\xff\xfe";
    hostile.mover = std::string(100000, '"');
    hostile.source = hostile.site = std::string(100000, '\0');
    for (const std::string& line :
         {serialise(hostile), serialise(wire::Withdraw{hostile.id}), serialise(wire::Hello{{1}, hostile.id, {}, ""}),
          serialise(wire::Reply{hostile.id, Answer::consent, hostile.mover})}) {
        CHECK(line.size() <= wire::max_line + 1);
        CHECK(line.find('\n') == line.size() - 1);
        CHECK_FALSE(std::holds_alternative<wire::Reply>(wire::parse(chomp(line))));
    }
}

TEST_CASE("random bytes are no message and no crash") {
    CHECK(rc::check(
        [](const std::string& line) { RC_ASSERT(std::holds_alternative<wire::Malformed>(wire::parse(line))); }));
}

TEST_CASE("a message cut short is no message") {
    for (const std::string& line :
         {chomp(serialise(example())), chomp(serialise(wire::Reply{id, Answer::consent, "because"})),
          chomp(serialise(wire::Withdraw{id})), chomp(serialise(wire::Hello{{1}, "x", {}, ""}))}) {
        for (std::size_t length = 0; length < line.size(); ++length) {
            CHECK(fault_of(line.substr(0, length)).fault == Fault::not_json);
        }
    }
}

TEST_CASE("fields that are not known are ignored, whatever they hold") {
    const std::string reply = chomp(serialise(wire::Reply{id, Answer::consent, ""}));
    for (const std::string extra :
         {R"("x":1)", R"("x":-1.5e300)", R"("x":null)", R"("":{"":[]})", R"("x":[1,[2,{"answer":"refuse"}]])",
          R"("mover":{"id":7,"answer":"refuse"})", R"("versions":["a",{}])", R"("mover.id":"x")",
          R"("x":{"v":2,"id":"0"})", R"("because ":7)", R"("x":"é\u0000")"}) {
        CAPTURE(extra);
        CHECK(as<wire::Reply>(wire::parse(replaced(reply, "{", "{" + extra + ","))).answer == Answer::consent);
        CHECK(as<wire::Reply>(wire::parse(reply.substr(0, reply.size() - 1) + "," + extra + "}")).answer ==
              Answer::consent);
    }
}

TEST_CASE("blanks between the tokens mean nothing") {
    CHECK(as<wire::Withdraw>(wire::parse(" {\t\"v\" : 1 , \"type\":\"withdraw\",\"id\":\"" + id + "\"} \r")).id == id);
}

TEST_CASE("each rule that a line breaks is named") {
    const std::string request = chomp(serialise(example()));
    const std::string reply = chomp(serialise(wire::Reply{id, Answer::consent, "why"}));
    const std::string hello = chomp(serialise(wire::Hello{{1}, "x", {}, ""}));
    struct Row {
        std::string line;
        Fault fault;
        std::string detail;
    };
    const std::vector<Row> rows{
        // not JSON, not an object
        {"", Fault::not_json, "byte"},
        {"consent", Fault::not_json, "byte 1"},
        {"{}{}", Fault::not_json, "byte 3"},
        {reply + reply, Fault::not_json, ""},
        {"\xef\xbb\xbf" + reply, Fault::not_json, "byte 1"},
        {replaced(reply, "\"why\"", "\"w\thy\""), Fault::not_json, ""},
        {replaced(reply, "\"why\"", R"("\ud800")"), Fault::not_json, ""},
        {replaced(reply, "\"why\"", "'why'"), Fault::not_json, ""},
        {replaced(reply, "{", "{/**/"), Fault::not_json, ""},
        {reply.substr(0, reply.size() - 1) + ",}", Fault::not_json, ""},
        {"[" + reply + "]", Fault::not_an_object, "object"},
        {"\"consent\"", Fault::not_an_object, "object"},
        {"1", Fault::not_an_object, "object"},
        {"null", Fault::not_an_object, "object"},
        {"true", Fault::not_an_object, "object"},
        // UTF-8
        {replaced(reply, "why", "w\xffhy"), Fault::not_utf8, "byte"},
        {replaced(reply, "why", "\xc0\xaf"), Fault::not_utf8, "byte"},
        {replaced(reply, "why", "\xed\xa0\x80"), Fault::not_utf8, "byte"},
        {replaced(reply, "why", "\xf4\x90\x80\x80"), Fault::not_utf8, "byte"},
        {replaced(reply, "why\"", "\xe2\x82\""), Fault::not_utf8, "byte"},
        // version and type
        {"{}", Fault::missing_field, "v"},
        {replaced(reply, "\"v\":1", "\"v\":2"), Fault::unknown_version, "version 2"},
        {replaced(reply, "\"v\":1", "\"v\":0"), Fault::unknown_version, "version 0"},
        {replaced(reply, "\"v\":1", "\"v\":1.0"), Fault::bad_field, "v is not"},
        {replaced(reply, "\"v\":1", "\"v\":1e0"), Fault::bad_field, "v is not"},
        {replaced(reply, "\"v\":1", "\"v\":-1"), Fault::bad_field, "v is not"},
        {replaced(reply, "\"v\":1", "\"v\":\"1\""), Fault::bad_field, "v is not"},
        {replaced(reply, "\"v\":1", "\"v\":true"), Fault::bad_field, "v is not"},
        {replaced(reply, "\"v\":1", "\"v\":[1]"), Fault::bad_field, "v is not"},
        {replaced(reply, "\"v\":1", "\"v\":18446744073709551617"), Fault::bad_field, "v is not"},
        {replaced(reply, "\"v\":1,", ""), Fault::missing_field, "no field v"},
        {replaced(reply, "\"type\":\"answer\",", ""), Fault::missing_field, "no field type"},
        {replaced(reply, "\"answer\"", "\"Answer\""), Fault::unknown_type, "Answer"},
        {replaced(reply, "\"answer\"", "\"\""), Fault::unknown_type, "type"},
        {replaced(reply, "\"answer\"", R"("\") approved (\"")"), Fault::unknown_type, R"(type "') approved ('" is)"},
        {replaced(reply, "\"type\":\"answer\"", "\"type\":7"), Fault::bad_field, "type"},
        // a field given twice
        {replaced(reply, "\"v\":1", "\"v\":1,\"v\":1"), Fault::bad_field, "\"v\" is given twice"},
        {replaced(reply, "\"answer\":\"consent\"", R"("answer":"refuse","answer":"consent")"), Fault::bad_field,
         "twice"},
        {replaced(reply, "\"answer\":\"consent\"", R"("answer":"refuse","\u0061nswer":"consent")"), Fault::bad_field,
         "twice"},
        {replaced(reply, "{", R"({"x":{"y":1,"y":2},)"), Fault::bad_field, "twice"},
        {replaced(request, "\"vcpus\":4", "\"vcpus\":4,\"vcpus\":5"), Fault::bad_field, "twice"},
        // answer
        {replaced(reply, "\"consent\"", "\"Consent\""), Fault::bad_field, "answer is none"},
        {replaced(reply, "\"consent\"", "\"consent \""), Fault::bad_field, "answer is none"},
        {replaced(reply, "\"consent\"", R"("consent\u0000")"), Fault::bad_field, "answer is none"},
        {replaced(reply, "\"consent\"", "\"consent-with-requirements\""), Fault::bad_field, "answer is none"},
        {replaced(reply, "\"consent\"", "\"\""), Fault::bad_field, "answer is none"},
        {replaced(reply, "\"consent\"", "true"), Fault::bad_field, "answer is not a string"},
        {replaced(reply, "\"consent\"", "[\"consent\"]"), Fault::bad_field, "answer is not a string"},
        {replaced(reply, ",\"answer\":\"consent\"", ""), Fault::missing_field, "answer"},
        {replaced(reply, "\"why\"", "null"), Fault::bad_field, "because"},
        {replaced(reply, "\"why\"", "[\"why\"]"), Fault::bad_field, "because"},
        {replaced(reply, id, id + "0"), Fault::bad_field, "id is not 32"},
        {replaced(reply, id, id.substr(1)), Fault::bad_field, "id is not 32"},
        {replaced(reply, "8f14", "8F14"), Fault::bad_field, "id is not 32"},
        {replaced(reply, '"' + id + '"', "7"), Fault::bad_field, "id is not a string"},
        {replaced(reply, "\"id\"", "\"ID\""), Fault::missing_field, "id"},
        // request
        {replaced(request, "live-migration", ""), Fault::bad_field, "operation"},
        {replaced(request, "live-migration", "live migration"), Fault::bad_field, "operation"},
        {replaced(request, "live-migration", std::string(65, 'x')), Fault::bad_field, "operation"},
        {replaced(request, "neighbour", "hypervisor"), Fault::bad_field, "role"},
        {replaced(request, "\"mover\":{", "\"MOVER\":{"), Fault::missing_field, "mover"},
        {R"({"v":1,"type":"request","mover.id":"x","mover":{},"id":")" + id + R"(","operation":"x","role":"mover"})",
         Fault::missing_field, "mover.id"},
        {R"({"v":1,"type":"request","mover":[],"id":")" + id + R"(","operation":"x","role":"mover"})", Fault::bad_field,
         "mover is not"},
        {replaced(request, "\"vcpus\":4", "\"vcpus\":-4"), Fault::bad_field, "mover.vcpus"},
        {replaced(request, "\"vcpus\":4", "\"vcpus\":4294967296"), Fault::bad_field, "mover.vcpus"},
        {replaced(request, "\"vcpus\":4", "\"vcpus\":4.5"), Fault::bad_field, "mover.vcpus"},
        {replaced(request, "8192", "9007199254740992"), Fault::bad_field, "mover.memory_mib"},
        {replaced(request, "2ae27440a4873db5c4146a5deb8f1093", "../x"), Fault::bad_field, "mover.id"},
        {replaced(request, host, host + "a"), Fault::bad_field, "source"},
        {replaced(request, std::string(56, '0'), std::string(55, '0') + "g"), Fault::bad_field, "site"},
        {replaced(request, "5000", "0"), Fault::bad_field, "deadline_ms"},
        {replaced(request, "5000", "30001"), Fault::bad_field, "deadline_ms"},
        {replaced(request, ",\"deadline_ms\":5000", ""), Fault::missing_field, "deadline_ms"},
        // hello
        {replaced(hello, "[1]", "[]"), Fault::bad_field, "versions"},
        {replaced(hello, "[1]", "1"), Fault::bad_field, "versions"},
        {replaced(hello, "[1]", "{}"), Fault::bad_field, "versions"},
        {replaced(hello, "[1]", "[1,\"2\"]"), Fault::bad_field, "versions"},
        {replaced(hello, "[1]", "[[1]]"), Fault::bad_field, "versions"},
        {replaced(hello, "[1]", "[1,{}]"), Fault::bad_field, "versions"},
        {replaced(hello, "[1]", "[0]"), Fault::bad_field, "version"},
        {replaced(hello, "[1]", "[2147483648]"), Fault::bad_field, "version"},
        {replaced(hello, "[1]", "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]"), Fault::bad_field, "more than 16"},
        {replaced(hello, ",\"versions\":[1]", ""), Fault::missing_field, "versions"},
        {replaced(hello, "\"x\"", "7"), Fault::bad_field, "software"},
        {replaced(hello, "\"x\"", "\"x\",\"wants\":\"rules\""), Fault::bad_field, "wants"},
        {replaced(hello, "\"x\"", "\"x\",\"wants\":[1]"), Fault::bad_field, "wants"},
        {replaced(hello, "\"x\"", "\"x\",\"wants\":[[\"rules\"]]"), Fault::bad_field, "wants"},
        {replaced(hello, "\"x\"", "\"x\",\"wants\":[\"Rules\"]"), Fault::bad_field, "no word"},
        {replaced(hello, "\"x\"", "\"x\",\"wants\":[\"\"]"), Fault::bad_field, "no word"},
        {replaced(hello, "\"x\"", "\"x\",\"wants\":[\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\"]"),
         Fault::bad_field, "more than 8"},
        {replaced(hello, "\"x\"", "\"x\",\"rules\":{}"), Fault::bad_field, "rules is not an array"},
        {replaced(hello, "\"x\"", "\"x\",\"rules\":\"[]\""), Fault::bad_field, "rules is not an array"},
        {replaced(hello, "\"x\"", "\"x\",\"rules\":[],\"rules\":[]"), Fault::bad_field, "given twice"},
        {replaced(hello, "\"x\"", "\"x\",\"rules\":[{\"a\":1,\"a\":2}]"), Fault::bad_field, "given twice"},
        {replaced(hello, "\"x\"", "\"x\",\"rules\":[\"" + std::string(wire::max_rules, 'x') + "\"]"), Fault::bad_field,
         "longer than 16384 bytes"},
        {replaced(hello, "\"x\"", "\"x\",\"rules\":" + std::string(15, '[') + std::string(15, ']') + "}"),
         Fault::not_json, "not JSON"},
        {replaced(hello, "\"x\"", "\"x\",\"rules\":" + std::string(16, '[') + std::string(16, ']')), Fault::too_deep,
         "deeper"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.line);
        const wire::Malformed malformed = fault_of(row.line);
        CHECK(wire::to_string(malformed.fault) == wire::to_string(row.fault));
        CHECK(malformed.detail.find(row.detail) != std::string::npos);
    }
}

TEST_CASE("bounds are exact") {
    const std::string reply = chomp(serialise(wire::Reply{id, Answer::consent, ""}));
    CHECK(std::holds_alternative<wire::Reply>(wire::parse(reply + std::string(wire::max_line - reply.size(), ' '))));
    CHECK(fault_of(reply + std::string(wire::max_line - reply.size() + 1, ' ')).fault == Fault::too_long);

    const auto with = [&](std::size_t levels) {
        return replaced(reply, "{", "{\"x\":" + nested(levels - 1, "[", "]") + ",");
    };
    CHECK(std::holds_alternative<wire::Reply>(wire::parse(with(wire::max_depth))));
    CHECK(fault_of(with(wire::max_depth + 1)).fault == Fault::too_deep);
}

TEST_CASE("nesting as deep as a line allows costs nothing") {
    for (const std::size_t levels : {std::size_t{10000}, std::size_t{32000}}) {
        CHECK(fault_of("{\"x\":" + nested(levels, "[", "]") + "}").fault == Fault::too_deep);
        CHECK(fault_of("{\"x\":" + std::string(levels, '[')).fault == Fault::too_deep);
    }
    CHECK(fault_of(nested(10000, "{\"x\":", "}")).fault == Fault::too_deep);
    CHECK(fault_of(nested(10000, "[", "]")).fault == Fault::not_an_object);
}

TEST_CASE("a fault's detail is one short printable line") {
    const std::string reply = chomp(serialise(wire::Reply{id, Answer::consent, ""}));
    for (const std::string& junk :
         {std::string(60000, 'x'), std::string(1000, '\x1b'), std::string("\xe2\x80\xae") + "txet"}) {
        std::string escaped;
        for (const char c : junk) { escaped += c == '\x1b' ? std::string("\\u001b") : std::string(1, c); }
        for (const std::string& line :
             {replaced(reply, "consent", escaped), replaced(reply, "answer\"", escaped + '"'),
              replaced(reply, id, escaped),
              replaced(reply, "{", "{\"" + escaped + "\":1,\"" + escaped.substr(0, 3000) + "\":2,")}) {
            const wire::Message message = wire::parse(line);
            if (const auto* malformed = std::get_if<wire::Malformed>(&message)) {
                CHECK(malformed->detail.size() <= 200);
                CHECK(wire::clean(malformed->detail) == malformed->detail);
            }
        }
    }
}

TEST_CASE("a reason is cleaned as it is read") {
    const std::string line =
        R"({"v":1,"type":"answer","id":")" + id + R"(","answer":"refuse","because":"\u001b[31mred\u202e\nno")" + "}";
    CHECK(as<wire::Reply>(wire::parse(line)).because == R"(\x1b[31mred\u202e\nno)");
    const std::string long_line = R"({"v":1,"type":"answer","id":")" + id + R"(","answer":"refuse","because":")" +
                                  std::string(60000, 'x') + "\"}";
    CHECK(as<wire::Reply>(wire::parse(long_line)).because == std::string(197, 'x') + "...");
}

TEST_CASE("rules that no hello can hold are left out, and what is told is bounded") {
    wire::Hello hello{{1}, "x", {}, "[\"" + std::string(wire::max_rules - 4, 'x') + "\"]"};
    CHECK(as<wire::Hello>(wire::parse(chomp(serialise(hello)))) == hello);
    for (const std::string& rules : {hello.rules + " ", std::string("[}"), std::string("[\"\xff\"]")}) {
        hello.rules = rules;
        CHECK(as<wire::Hello>(wire::parse(chomp(serialise(hello)))).rules.empty());
    }
    // Written anew, without blanks; of a field of that name elsewhere nothing is kept.
    CHECK(as<wire::Hello>(wire::parse(R"({"v":1,"type":"hello","versions":[1],"rules":[ { "a" : [ 1 , 2 ] } , {} ]})"))
              .rules == R"([{"a":[1,2]},{}])");
    CHECK(as<wire::Hello>(wire::parse(R"({"v":1,"type":"hello","versions":[1],"x":{"rules":[1]}})")).rules.empty());
}
