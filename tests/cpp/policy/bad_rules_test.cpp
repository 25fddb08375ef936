// A table of bad rules, in each place where rules may stand: the first mistake is said where it stands, with its remedy.
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "consent/policy.hpp"
#include "consent/wire.hpp"

using namespace consent;

namespace {

enum class Kind : std::uint8_t { host, agent, property, list };

struct Row {
    Kind kind;
    std::string text;
    int line;
    int column;
    std::string field;
    std::string problem;  // part of it
    std::string remedy;   // part of it
};

/// A host's file with one rule, whose condition begins in line 4, column 7.
Row when(const std::string& condition, int column, const std::string& field, std::string problem, std::string remedy) {
    return {Kind::host,
            "rules:\n  - name: r\n    when:\n      " + condition + "\n    answer: refuse\n",
            4,
            column,
            "rules[0].when." + field,
            std::move(problem),
            std::move(remedy)};
}

std::string many(std::size_t count, const std::string& answer = "refuse") {
    std::string out = "rules:\n";
    for (std::size_t i = 0; i < count; ++i) { out += "- {name: r" + std::to_string(i) + ", answer: " + answer + "}\n"; }
    return out;
}

/// `not` within `not`; closed.
std::string nested(std::size_t groups) {
    std::string out;
    for (std::size_t i = 0; i < groups; ++i) { out += "{not: "; }
    return out + "{time.hour: 4}" + std::string(groups, '}');
}

std::string conditions(std::size_t count) {
    std::string out = "[{name: r, answer: ask, when: {all: [";
    for (std::size_t i = 0; i < count; ++i) { out += "{me.id: a},"; }
    return out + "], time.hour: 4}}]";
}

const std::string project = "4f5c1b526c0f4a7e9a440d2d1f1c2b3a";

const std::vector<Row> rows{
    // facts, with the nearest right one
    when("guest.vcpu: 4", 7, "guest.vcpu", "no such fact", "did you mean guest.vcpus?"),
    when("vcpus: 4", 7, "vcpus", "no such fact", "did you mean guest.vcpus?"),
    when("guest.memory_gib: '>= 4'", 7, "guest.memory_gib", "no such fact", "did you mean guest.memory_mib?"),
    when("site.agregates: <all-in> a", 7, "site.agregates", "no such fact", "did you mean site.aggregates?"),
    when("gest.image.os_type: linux", 7, "gest.image.os_type", "no such fact", "did you mean guest.image.*?"),
    when("guest.image.: linux", 7, "guest.image.", "no such fact", "did you mean guest.image.*?"),
    when("colour: red", 7, "colour", "no such fact", "guest, source, site, me or time"),
    when("'': red", 7, "", "no such fact", "guest, source, site, me or time"),
    when("nott: {guest.vcpus: 4}", 7, "nott", "no such fact", "did you mean not?"),
    when("Any: [{guest.vcpus: 4}]", 7, "Any", "no such fact", "did you mean any?"),
    // operators
    when("guest.vcpus: '=~ 4'", 20, "guest.vcpus", "\"=~\" is no operator", "did you mean ==?"),
    when("guest.vcpus: '>> 4'", 20, "guest.vcpus", "\">>\" is no operator", "did you mean >=?"),
    when("guest.flavor: s=== large", 21, "guest.flavor", "\"s===\" is no operator", "did you mean s==?"),
    when("guest.flavor: s= large", 21, "guest.flavor", "\"s=\" is no operator", "did you mean s==?"),
    when("guest.flavor: <inn> large", 21, "guest.flavor", "\"<inn>\" is no operator", "did you mean <in>?"),
    when("site.traits: <any-in> HW_A", 20, "site.traits", "\"<any-in>\" is no operator", "did you mean <all-in>?"),
    when("guest.vcpus: \">=\"", 20, "guest.vcpus", ">= has no word behind it", "write one behind it"),
    when("guest.flavor: <in>", 21, "guest.flavor", "<in> has no word behind it", "write one behind it"),
    when("guest.vcpus: '<range-in> [4 8]'", 20, "guest.vcpus", "no range behind it", "[ 10 20 )"),
    when("guest.vcpus: '<range-in> [ 8 4 ]'", 20, "guest.vcpus", "lower bound", "lower bound first"),
    when("guest.vcpus: '<range-in> | 4 8 ]'", 20, "guest.vcpus", "does not open with", "[ 10 20 )"),
    when("guest.vcpus: '<range-in> [ 4 x ]'", 20, "guest.vcpus", "not a number", "number alone"),
    when("guest.vcpus: " + std::string(1025, '4'), 20, "guest.vcpus", "longer than 1024 bytes", "split"),
    // units and types
    when("guest.memory_mib: '>= 4GiB'", 25, "guest.memory_mib", "not a number", "in MiB, as in \">= 4\""),
    when("guest.memory_mib: '>= 4 GiB'", 25, "guest.memory_mib", "\"GiB\" is not the unit", "in MiB"),
    when("guest.memory_mib: 4096 GiB", 25, "guest.memory_mib", "\"GiB\" is not the unit", "in MiB"),
    when("time.hour: '>= 9 o''clock'", 18, "time.hour", "is not the unit of time.hour", "in h"),
    when("guest.vcpus: '>= 4 cores'", 20, "guest.vcpus", "\"cores\" is not the unit", "number alone"),
    when("guest.vcpus: '>= four'", 20, "guest.vcpus", "\">= four\"", "number alone"),
    when("guest.vcpus: four", 20, "guest.vcpus", "\"four\" is not a number", "number alone"),
    when("guest.vcpus: <or> 4 <or> b", 20, "guest.vcpus", "\"b\" is not a number", "number alone"),
    when("guest.vcpus: <all-in> 4", 20, "guest.vcpus", "is a number, not a list", "number alone"),
    when("guest.flavor: '> 4'", 21, "guest.flavor", "is text, not a number", "s=="),
    when("guest.flavor: == large", 21, "guest.flavor", "\"== large\"", "s=="),
    when("guest.flavor: <all-in> a b", 21, "guest.flavor", "is text, not a list", "s=="),
    when("site.traits: HW_A", 20, "site.traits", "is a list", "write \"<all-in> HW_A\""),
    when("site.traits: s!= HW_A", 20, "site.traits", "is a list", "write \"<all-in> HW_A\""),
    when("site.projects: '> 4'", 22, "site.projects", "is a list", "<all-in> WORD"),
    when("guest.vcpus: [4, 8]", 20, "guest.vcpus", "is a list, not an expression", "<or> A <or> B"),
    when("guest.vcpus: {min: 8}", 20, "guest.vcpus", "is a map, not text", "\">= 8\""),
    when("guest.vcpus: ~", 20, "guest.vcpus", "is empty, not text", "\">= 8\""),
    when("guest.flavor: ''", 21, "guest.flavor", "is empty, not text", "<or> a <or> b"),
    when("guest.vcpus: \"4\\n5\"", 20, "guest.vcpus", "cannot be shown: \"4\\n5\"", "one line"),
    {Kind::host, "rules: [{name: r, when: {guest.vcpus: }, answer: ask}]", 1, 39, "rules[0].when.guest.vcpus",
     "is empty", "\">= 8\""},
    // YAML that expressions invite to
    {Kind::host, "rules:\n- name: r\n  when:\n    guest.vcpus: >= 8\n  answer: ask", 4, 19, "", "not YAML",
     "in quotes, as in \">= 8\""},
    {Kind::property, "{when: {guest.vcpus: >= 8}, answer: ask}", 1, 22, "", "not YAML", "in quotes, as in \">= 8\""},
    {Kind::host, "rules:\n- name: r\n  when:\n    guest.vcpus: != 8\n  answer: ask", 4, 18, "", "a tag (!)",
     "in quotes if it begins with !"},
    {Kind::host, "rules:\n- name: r\n  when:\n    guest.vcpus: 8\n    guest.vcpus: 4\n  answer: ask", 5, 5,
     "guest.vcpus", "given twice, first in line 4", "keep one"},
    // groups
    when("any: {guest.vcpus: 4}", 12, "any", "a map, not a list", "[{guest.vcpus: \">= 8\"}"),
    when("any: []", 12, "any", "without a condition", "put a condition in it"),
    when("any: [{}]", 13, "any[0]", "without a condition", "put a condition in it"),
    when("any: [{guest.vcpus: 4}, small]", 31, "any[1]", "\"small\", not a map of conditions",
         "write FACT: EXPRESSION"),
    when("any: [{guest.vcpus: 4}, {guest.vcpu: 8}]", 32, "any[1].guest.vcpu", "no such fact", "guest.vcpus?"),
    when("any: [{not: {any: [{guest.vcpus: four}]}}]", 40, "any[0].not.any[0].guest.vcpus", "\"four\"", "number alone"),
    when("not: [{guest.vcpus: 4}]", 12, "not", "a list, not a map of conditions", "write FACT: EXPRESSION"),
    when("not: {}", 12, "not", "without a condition", "put a condition in it"),
    when("not: guest.vcpus", 12, "not", "\"guest.vcpus\", not a map", "write FACT: EXPRESSION"),
    when("all: []", 12, "all", "without a condition", "put a condition in it"),
    when("all: {guest.vcpus: 4}", 12, "all", "a map, not a list", "[{guest.vcpus"),
    {Kind::list, "[{name: r, answer: ask, when: " + nested(9) + "}]", 1, 80,
     "rules[0].when" +
         [] {
             std::string path;
             for (int i = 0; i < 9; ++i) { path += ".not"; }
             return path;
         }(),
     "groups nested deeper than 8", "split the rule in two"},
    {Kind::list, "[{name: r, answer: ask, when: " + nested(9000) + "}]", 1, 211, "", "nested deeper than 32", "fewer"},
    {Kind::list, conditions(4096), 1, 38 + 11 * 4096 + 3, "rules[0].when.time.hour", "more than 4096 conditions",
     "split"},
    // rules
    {Kind::host, "rules: {name: r, answer: ask}", 1, 8, "rules", "a map, not a list", "[{name: too-large"},
    {Kind::host, "rules:", 1, 7, "rules", "is empty, not a list", "[{name: too-large"},
    {Kind::host, "rules: [refuse]", 1, 9, "rules[0]", "\"refuse\", not a map", "with NAME one of when"},
    {Kind::host, "rules: [{answer: ask}]", 1, 9, "rules[0]", "has no name", "add name: NAME"},
    {Kind::host, "rules: [{name: r}]", 1, 9, "rules[0]", "has no answer", "add answer: one of consent"},
    {Kind::host, "rules: [{name: '', answer: ask}]", 1, 16, "rules[0].name", "is empty", "write text"},
    {Kind::host, "rules: [{name: " + std::string(65, 'r') + ", answer: ask}]", 1, 16, "rules[0].name", "65 bytes long",
     "shorten it to 64"},
    {Kind::host, "rules: [{name: \"a\\nb\", answer: ask}]", 1, 16, "rules[0].name", "cannot be shown", "one line"},
    {Kind::host, "rules: [{name: r, answer: refused}]", 1, 27, "rules[0].answer", "\"refused\"",
     "did you mean refuse?"},
    {Kind::host, "rules: [{name: r, answer: [ask]}]", 1, 27, "rules[0].answer", "a list", "one of consent"},
    {Kind::host, "rules: [{name: r, anwser: ask}]", 1, 19, "rules[0].anwser", "no such field", "did you mean answer?"},
    {Kind::host, "rules: [{name: r, when: {}, then: ask}]", 1, 29, "rules[0].then", "no such field",
     "one of when, answer, because, name"},
    {Kind::host, "rules: [{name: r, answer: ask, when: }]", 1, 38, "rules[0].when", "is empty",
     "leave it out for a rule that always holds"},
    {Kind::host, "rules: [{name: r, answer: ask, when: [guest.vcpus]}]", 1, 38, "rules[0].when", "a list, not a map",
     "write FACT: EXPRESSION"},
    {Kind::host, "rules: [{name: r, answer: ask, because: \"\\e[0m\"}]", 1, 41, "rules[0].because", "cannot be shown",
     "one line"},
    {Kind::host, "rules: [{name: r, answer: ask, because: " + std::string(201, 'x') + "}]", 1, 41, "rules[0].because",
     "201 characters", "shorten it to 200"},
    {Kind::host,
     "rules: [{name: r, answer: ask, because: " +
         [] {
             std::string wide;
             for (int i = 0; i < 150; ++i) { wide += "\xc3\xa4"; }
             return wide;
         }() +
         "}]",
     1, 41, "rules[0].because", "longer than 256 bytes", "shorten it"},
    {Kind::host, "rules:\n- {name: a, answer: ask}\n- {name: b, answer: ask}\n- {answer: ask, name: a}", 4, 23,
     "rules[2].name", "the name a is given twice, first in line 2", "its own name"},
    {Kind::host, many(257), 2, 1, "rules", "holds 257 items", "at most 256"},
    {Kind::agent, "answer: consent\nrules: [{name: r, answer: yes}]", 2, 27, "rules[0].answer", "\"yes\"",
     "consent, refuse, ask, abstain"},
    {Kind::agent, "answer: ask", 1, 9, "answer", "\"ask\"", "one of consent, refuse, abstain"},
    {Kind::agent, "answer: consent\ninclude: [a.yaml]", 2, 1, "include", "no such field", "one of answer"},
    {Kind::agent, "rules: [{name: r, answer: ask}]", 1, 1, "", "has no answer", "add answer: consent"},
    // one-line rules of flavors, images and metadata
    {Kind::property, "", 0, 0, "too-large", "is empty, not a map", "one of when, answer, because"},
    {Kind::property, "refuse", 1, 1, "too-large", "\"refuse\", not a map", "one of when, answer, because"},
    {Kind::property, "{answer: refuse, name: x}", 1, 18, "too-large.name", "no such field", "one of when"},
    {Kind::property, "{when: {guest.vcpu: 8}, answer: refuse}", 1, 9, "too-large.when.guest.vcpu", "no such fact",
     "did you mean guest.vcpus?"},
    {Kind::property, "{when: {guest.vcpus: 8}}", 1, 1, "too-large", "has no answer", "add answer"},
    {Kind::property, "{when: {guest.vcpus: 8}, answer: refuse", 1, 1, "", "without a plain name",
     "close each { with }"},
    {Kind::property, "answer: refuse\nbecause: x", 0, 0, "too-large", "longer than a line", "in braces"},
    {Kind::property, "{answer: refuse, because: " + std::string(228, 'x') + "}", 0, 0, "too-large",
     "255 bytes long, so it counts as cut", "shorten it to 254"},
    {Kind::list, "", 0, 0, "rules", "is empty, not a list", "[{name: too-large"},
    {Kind::list, "{}", 1, 1, "rules", "a map, not a list", "[{name: too-large"},
    // silence, zone, facts, veto, include
    {Kind::host, "silence: {neighbor: refuse}", 1, 11, "silence.neighbor", "no such field", "did you mean neighbour?"},
    {Kind::host, "silence: {mover: consent}", 1, 18, "silence.mover", "\"consent\"", "one of refuse, abstain"},
    {Kind::host, "silence: {}", 1, 10, "silence", "is empty", "silence: refuse"},
    {Kind::host, "utc_offset: CET", 1, 13, "utc_offset", "\"CET\" is no offset", "as in \"+01:00\""},
    {Kind::host, "utc_offset: 60", 1, 13, "utc_offset", "\"60\" is no offset", "\"-12:00\" to \"+14:00\""},
    {Kind::host, "utc_offset: \"+14:01\"", 1, 13, "utc_offset", "is no offset", "\"+14:00\""},
    {Kind::host, "utc_offset: \"-12:30\"", 1, 13, "utc_offset", "is no offset", "\"-12:00\""},
    {Kind::host, "utc_offset: \"+01:60\"", 1, 13, "utc_offset", "is no offset", "as in"},
    {Kind::host, "utc_offset: \"+a1:00\"", 1, 13, "utc_offset", "is no offset", "as in"},
    {Kind::host, "facts: {site.zones: a}", 1, 9, "facts.site.zones", "no such field", "did you mean site.zone?"},
    {Kind::host, "facts: {guest.vcpus: 4}", 1, 9, "facts.guest.vcpus", "known without being stated",
     "state one of guest.server_group"},
    {Kind::host, "facts: {site.traits: HW_A}", 1, 22, "facts.site.traits", "\"HW_A\", not a list",
     "site.traits: [a, b]"},
    {Kind::host, "facts: {site.traits: [[a]]}", 1, 23, "facts.site.traits[0]", "a list, not text", "write text"},
    {Kind::host, "facts: {site.zone: [a]}", 1, 20, "facts.site.zone", "a list, not text", "site.zone: a"},
    {Kind::host, "facts: [site.zone]", 1, 8, "facts", "a list, not a map", "one of guest.server_group"},
    {Kind::host, "veto: " + project, 1, 7, "veto", "not a list", "veto: ["},
    {Kind::host, "veto: [my project]", 1, 8, "veto[0]", "\"my project\" is no id", "openstack project list"},
    {Kind::host, "veto: [" + std::string(65, 'a') + "]", 1, 8, "veto[0]", "is no id", "openstack project list"},
    {Kind::host, "include: rules.yaml", 1, 10, "include", "not a list", "include: ["},
    {Kind::host, "include: [[a]]", 1, 11, "include[0]", "a list, not text", "include: ["},
    {Kind::host, "include: [rules.yaml]", 1, 11, "include[0]", "a policy that is no file", "write the rules out"},
    {Kind::host, "include: [\"a\\nb\"]", 1, 11, "include[0]", "no path", "printable"},
};

void parse(const Row& row) {
    switch (row.kind) {
        case Kind::host: (void)parse_host_policy(row.text, "the/file.yaml"); break;
        case Kind::agent: (void)parse_agent_policy(row.text, "the/file.yaml"); break;
        case Kind::property: (void)parse_rule(row.text, "too-large", "the/file.yaml"); break;
        case Kind::list: (void)parse_rules(row.text, "the/file.yaml"); break;
    }
}

}  // namespace

TEST_CASE("each bad rule is refused with its place and its remedy") {
    CHECK(rows.size() >= 60);
    for (const Row& row : rows) {
        CAPTURE(row.text.substr(0, 160), row.text.size());
        try {
            parse(row);
            FAIL_CHECK("taken");
        } catch (const PolicyError& error) {
            CAPTURE(error.what());
            CHECK(error.file == "the/file.yaml");
            CHECK(error.line == row.line);
            CHECK(error.column == row.column);
            CHECK(error.field == row.field);
            CHECK(error.problem.find(row.problem) != std::string::npos);
            CHECK(error.remedy.find(row.remedy) != std::string::npos);
            const std::string what = error.what();
            CHECK(what.size() < 700);
            CHECK(wire::clean(what, 700) == what);
        }
    }
}

TEST_CASE("a rule's name from a property is checked too") {
    for (const std::string& name : {std::string(), std::string(65, 'n'), std::string("a\nb"), std::string("\xff")}) {
        try {
            (void)parse_rule("{answer: ask}", name, "image");
            FAIL_CHECK("taken");
        } catch (const PolicyError& error) { CHECK(error.problem == "is no name for a rule"); }
    }
}
