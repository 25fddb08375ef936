// A table of bad policy files: each is refused as a whole, with the place of its first mistake and what to do about it.
#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <string>

#include "consent/policy.hpp"
#include "consent/wire.hpp"

using namespace consent;
using namespace std::string_literals;

namespace {

enum class Kind : std::uint8_t { host, agent, application };

struct Row {
    Kind kind;
    std::string text;
    int line;
    int column;
    std::string field;
    std::string problem;  // part of it
    std::string remedy;   // part of it
};

std::string bracketed(std::size_t levels) { return "listed: " + std::string(levels, '[') + std::string(levels, ']'); }

std::string many_applications(int count) {
    std::string out = "answer: consent\napplications:\n";
    for (int i = 0; i < count; ++i) { out += "  - {name: a" + std::to_string(i) + ", command: [/bin/true]}\n"; }
    return out;
}

const std::string uuid = "4f5c1b52-6c0f-4a7e-9a44-0d2d1f1c2b3a";

const std::vector<Row> rows{
    // words, with the nearest right one
    {Kind::host, "mode: enforced", 1, 7, "mode", "\"enforced\"", "did you mean enforce?"},
    {Kind::host, "mode: Audit", 1, 7, "mode", "\"Audit\"", "did you mean audit?"},
    {Kind::host, "mode: on", 1, 7, "mode", "\"on\"", "off, audit, enforce"},
    {Kind::host, "mode: 7", 1, 7, "mode", "\"7\"", "one of off, audit, enforce"},
    {Kind::host, "mode: \"\"", 1, 7, "mode", "\"\"", "one of off, audit, enforce"},
    {Kind::host, "mode:", 1, 6, "mode", "is empty", "one of off, audit, enforce"},
    {Kind::host, "mode: [audit]", 1, 7, "mode", "a list", "one of off, audit, enforce"},
    {Kind::host, "mode: {audit: audit}", 1, 7, "mode", "a map", "one of off, audit, enforce"},
    {Kind::host, "on_error: refused", 1, 11, "on_error", "\"refused\"", "did you mean refuse?"},
    {Kind::host, "on_error: permit", 1, 11, "on_error", "\"permit\"", "one of refuse, allow"},
    {Kind::host, "silence: abstian", 1, 10, "silence", "\"abstian\"", "did you mean abstain?"},
    {Kind::host, "silence: consent", 1, 10, "silence", "\"consent\"", "one of refuse, abstain"},
    {Kind::host, "voters: conected", 1, 9, "voters", "\"conected\"", "did you mean connected?"},
    {Kind::host, "voters: all", 1, 9, "voters", "\"all\"", "one of connected, listed"},
    {Kind::host, "accept_incoming: abstain", 1, 18, "accept_incoming", "\"abstain\"", "one of consent, refuse"},
    {Kind::host, "accept_outgoing: refuses", 1, 18, "accept_outgoing", "\"refuses\"", "did you mean refuse?"},
    // names of fields, with the nearest right one
    {Kind::host, "mod: audit", 1, 1, "mod", "no such field", "did you mean mode?"},
    {Kind::host, "mode: audit\non-error: refuse", 2, 1, "on-error", "no such field", "did you mean on_error?"},
    {Kind::host, "Mode: audit", 1, 1, "Mode", "no such field", "did you mean mode?"},
    {Kind::host, "accept_incomming: refuse", 1, 1, "accept_incomming", "no such field",
     "did you mean accept_incoming?"},
    {Kind::host, "frobnicate: yes", 1, 1, "frobnicate", "no such field", "write one of mode, on_error"},
    {Kind::host, "\"\": audit", 1, 1, "", "no such field", "write one of mode, on_error"},
    {Kind::host, std::string(1000, 'm') + ": audit", 1, 1, std::string(37, 'm') + "...", "no such field",
     "write one of mode"},
    {Kind::host, "accept_incoming:\n  answer: refuse\n  becuase: full", 3, 3, "accept_incoming.becuase",
     "no such field", "did you mean because?"},
    {Kind::agent, "awnser: consent", 1, 1, "awnser", "no such field", "did you mean answer?"},
    {Kind::agent, "answer: consent\napplication: []", 2, 1, "application", "no such field",
     "did you mean applications?"},
    {Kind::application, "name: a\ncomand: [/bin/true]", 2, 1, "comand", "no such field", "did you mean command?"},
    {Kind::application, "name: a\ncommand: [/bin/true]\ntimeout: 3", 3, 1, "timeout", "no such field",
     "did you mean timeout_s?"},
    // fields given twice
    {Kind::host, "mode: audit\nmode: enforce", 2, 1, "mode", "given twice, first in line 1", "keep one"},
    {Kind::host, "{mode: audit, \"mode\": audit}", 1, 15, "mode", "given twice", "keep one"},
    {Kind::host, "accept_incoming:\n  answer: refuse\n  answer: consent", 3, 3, "answer",
     "given twice, first in line 2", "keep one"},
    {Kind::agent, "answer: consent\nbecause: a\nanswer: refuse", 3, 1, "answer", "given twice, first in line 1",
     "keep one"},
    // the whole
    {Kind::host, "audit", 1, 1, "", "not a map", "write NAME: VALUE"},
    {Kind::host, "- mode: audit", 1, 1, "", "a list, not a map", "write NAME: VALUE"},
    {Kind::agent, "", 0, 0, "", "has no answer", "add answer: consent"},
    {Kind::agent, "# answer: consent\n", 0, 0, "", "has no answer", "add answer: consent"},
    {Kind::agent, "because: no reason\n", 1, 1, "", "has no answer", "add answer: consent"},
    {Kind::agent, many_applications(1).substr(16), 1, 1, "", "has no answer", "add answer: consent"},
    {Kind::application, "", 0, 0, "", "has no name", "add name: NAME"},
    {Kind::application, "name: a", 1, 1, "", "has no command", "add command: ["},
    {Kind::application, "command: [/bin/true]", 1, 1, "", "has no name", "add name: NAME"},
    {Kind::host, "accept_incoming: {because: full}", 1, 18, "accept_incoming", "has no answer", "add answer: consent"},
    // listed
    {Kind::host, "listed: " + uuid, 1, 9, "listed", "not a list", "listed: ["},
    {Kind::host, "listed:", 1, 8, "listed", "is empty, not a list", "listed: ["},
    {Kind::host, "listed:\n  - " + uuid + "\n  - web-1", 3, 5, "listed[1]", "\"web-1\" is not a UUID",
     "openstack server show"},
    {Kind::host, "listed: [" + uuid + "0]", 1, 10, "listed[0]", "is not a UUID", "openstack server show"},
    {Kind::host, "listed: [4f5c1b526c0f4a7e9a440d2d1f1c2b3a]", 1, 10, "listed[0]", "is not a UUID",
     "openstack server show"},
    {Kind::host, "listed: [4f5c1b52-6c0f-4a7e-9a44-0d2d1f1c2b3g]", 1, 10, "listed[0]", "is not a UUID",
     "openstack server show"},
    {Kind::host, "listed: [[]]", 1, 10, "listed[0]", "a list, not text", "write text"},
    // because
    {Kind::agent, "answer: refuse\nbecause: " + std::string(201, 'x'), 2, 10, "because", "201 characters",
     "shorten it to 200"},
    {Kind::agent, "answer: refuse\nbecause: \"two\\nlines\"", 2, 10, "because", "cannot be shown: \"two\\nlines\"",
     "one line"},
    {Kind::agent, "answer: refuse\nbecause: |\n  a block\n", 2, 10, "because", "cannot be shown", "one line"},
    {Kind::agent, "answer: refuse\nbecause: \"\\e[31mred\"", 2, 10, "because", "cannot be shown: \"\\x1b[31mred\"",
     "one line"},
    {Kind::agent, "answer: refuse\nbecause: \xe2\x80\xaegro", 2, 10, "because", "cannot be shown", "one line"},
    {Kind::agent, "answer: refuse\nbecause: ''", 2, 10, "because", "is empty", "write text"},
    {Kind::agent, "answer: refuse\nbecause: [a, b]", 2, 10, "because", "a list, not text", "write text"},
    // applications
    {Kind::agent, "answer: consent\napplications: {name: a}", 2, 15, "applications", "a map, not a list",
     "applications: ["},
    {Kind::agent, "answer: consent\napplications: [a]", 2, 16, "applications[0]", "not a map", "write NAME: VALUE"},
    {Kind::agent, many_applications(33), 3, 3, "applications", "holds 33 items", "at most 32"},
    {Kind::agent,
     "answer: consent\napplications:\n  - {name: a, command: [/bin/true]}\n  - {name: a, command: [/bin/false]}", 4, 5,
     "applications[1]", "the name a is given twice", "its own name"},
    {Kind::application, "name: a b\ncommand: [/bin/true]", 1, 7, "name", "\"a b\" is not a name", "letters, digits"},
    {Kind::application, "name: " + std::string(65, 'a'), 1, 7, "name", "is not a name", "1 to 64"},
    {Kind::application, "name: a\ncommand: /bin/true", 2, 10, "command", "\"/bin/true\", not a list", "command: ["},
    {Kind::application, "name: a\ncommand: []", 2, 10, "command", "is empty", "command: ["},
    {Kind::application, "name: a\ncommand: [true]", 2, 11, "command[0]", "\"true\" is not an absolute path",
     "whole path"},
    {Kind::application, "name: a\ncommand: [\"\"]", 2, 11, "command[0]", "is not an absolute path", "whole path"},
    {Kind::application, "name: a\ncommand: [/bin/sh, [x]]", 2, 20, "command[1]", "is not text", "quotes"},
    {Kind::application, "name: a\ncommand: [/bin/sh, ]\ntimeout_s: two", 3, 12, "timeout_s", "\"two\" is not a number",
     "0.001 to 30"},
    {Kind::application, "name: a\ncommand: [/bin/sh, " + std::string(4097, 'x') + "]", 2, 20, "command[1]",
     "longer than 4096", "script"},
    {Kind::application, "name: a\ncommand: [/bin/sh, \"a\\0b\"]", 2, 20, "command[1]", "NUL", "script"},
    {Kind::application, "name: a\ntimeout_s: 0", 2, 12, "timeout_s", "out of range", "0.001 to 30"},
    {Kind::application, "name: a\ntimeout_s: 30.5", 2, 12, "timeout_s", "out of range", "0.001 to 30"},
    {Kind::application, "name: a\ntimeout_s: -1", 2, 12, "timeout_s", "out of range", "0.001 to 30"},
    {Kind::application, "name: a\ntimeout_s: 2s", 2, 12, "timeout_s", "not a number", "0.001 to 30"},
    {Kind::application, "name: a\ntimeout_s: nan", 2, 12, "timeout_s", "out of range", "0.001 to 30"},
    {Kind::application, "name: a\ntimeout_s: 1e1", 2, 12, "timeout_s", "not a number", "0.001 to 30"},
    {Kind::application, "name: a\ntimeout_s:", 2, 11, "timeout_s", "is empty, not a number", "0.001 to 30"},
    // bytes that YAML's reader must not see
    {Kind::host, "mode: audit\n" + std::string(max_policy_bytes, '#'), 0, 0, "", "larger than 65536 bytes", "small"},
    {Kind::host, "mode: au\0dit"s, 1, 9, "", "control character (0x00)", "remove"},
    {Kind::host, "mode: audit\n\x04mode: enforce", 2, 1, "", "control character (0x04)", "remove"},
    {Kind::host, "mode: audit\rmode: audit", 1, 12, "", "control character (0x0d)", "remove"},
    {Kind::host, "mode: \x1b[31maudit", 1, 7, "", "control character (0x1b)", "remove"},
    {Kind::host, "mode: audit \x7f", 1, 13, "", "control character (0x7f)", "remove"},
    {Kind::host,
     "# Gr\xfc\xdf"
     "e\nmode: audit",
     1, 5, "", "not UTF-8 (byte 0xfc)", "save the file as UTF-8"},
    {Kind::host, "\xff\xfem\0o\0"s, 1, 1, "", "not UTF-8 (byte 0xff)", "save the file as UTF-8"},
    {Kind::host, "accept_incoming:\n\tanswer: refuse", 2, 1, "", "a tab", "spaces"},
    {Kind::host, "accept_incoming:\n  \tanswer: refuse", 2, 3, "", "a tab", "spaces"},
    {Kind::host, "%YAML 1.2\n---\nmode: audit", 1, 1, "", "directive", "remove the line"},
    {Kind::host, "mode: audit\n%TAG ! x", 2, 1, "", "directive", "remove the line"},
    {Kind::host, "\xef\xbb\xbf%YAML 1.2\n", 1, 1, "", "directive", "remove the line"},
    // YAML that policies do not need
    {Kind::host, "mode: &m audit", 1, 7, "", "an anchor", "quotes if it begins with &"},
    {Kind::host, "mode: audit\non_error: *m", 2, 11, "", "anchor is not defined", "quotes if it begins with *"},
    {Kind::host, "accept_incoming: &v {answer: refuse}\naccept_outgoing: *v", 1, 18, "", "an anchor", "remove"},
    {Kind::host, "mode: !!str audit", 1, 7, "", "a tag", "remove"},
    {Kind::host, "mode: !x audit", 1, 7, "", "a tag", "remove"},
    {Kind::host, "mode: ! audit", 1, 7, "", "a tag", "remove"},
    {Kind::host, "!!map {mode: audit}", 1, 1, "", "a tag", "remove"},
    {Kind::host, "listed: !!seq []", 1, 9, "", "a tag", "remove"},
    {Kind::host, "mode: audit\n---\nmode: enforce", 2, 1, "", "a second document", "one document"},
    {Kind::host, "mode: audit\n...\nmode: enforce", 3, 1, "", "a second document", "one document"},
    {Kind::host, "? [mode]\n: audit", 1, 3, "", "without a plain name", "NAME: VALUE"},
    {Kind::host, "? {mode: x}\n: audit", 1, 3, "", "without a plain name", "NAME: VALUE"},
    {Kind::host, ": audit", 1, 1, "", "without a plain name", "NAME: VALUE"},
    {Kind::host, bracketed(32), 1, 40, "", "nested deeper than 32", "fewer"},
    {Kind::host, bracketed(10000), 1, 40, "", "nested deeper than 32", "fewer"},
    {Kind::host, "listed: [" + std::string(20000, ',') + "]", 1, 16391, "", "more than 16384 values", "small"},
    // what YAML's reader says, with our remedy
    {Kind::host, "mode: audit\n  on_error: refuse", 2, 11, "", "not YAML", "quotes"},
    {Kind::host, "accept_incoming:\n  answer: refuse\n because: x", 3, 2, "", "not YAML", "indent"},
    {Kind::host, "mode: audit: enforce", 1, 12, "", "not YAML", "in quotes"},
    {Kind::agent, "answer: refuse\nbecause: busy: until 4", 2, 14, "", "not YAML", "in quotes"},
    {Kind::host, "mode: \"audit", 1, 13, "", "not YAML", "close the quote"},
    {Kind::host, "mode: 'audit", 1, 13, "", "not YAML", "close the quote"},
    {Kind::host, "mode: 'audit\n", 1, 7, "", "a quote that nothing closes", "close the quote"},
    {Kind::agent, "answer: refuse\nbecause: 'it''s\n", 2, 10, "", "a quote that nothing closes", "close the quote"},
    {Kind::agent, "answer: refuse\nbecause: \"x\\\"\n", 2, 10, "", "a quote that nothing closes", "close the quote"},
    {Kind::host, "listed: [" + uuid, 1, 46, "", "not YAML", "close the ["},
    {Kind::host, "accept_incoming: {answer: refuse", 1, 33, "", "not YAML", "close the {"},
    {Kind::host, "mode: audit]", 1, 7, "mode", "\"audit]\"", "did you mean audit?"},
    {Kind::host, "mode: ]", 1, 7, "", "not YAML", "remove the ] or }"},
    {Kind::host, "mode: @audit", 1, 7, "", "not YAML", "in quotes"},
    {Kind::host, "mode: `audit`", 1, 7, "", "not YAML", "in quotes"},
    {Kind::agent, "answer: refuse\nbecause: \"\\q\"", 2, 13, "", "not YAML", "single quotes"},
    {Kind::agent, "answer: refuse\nbecause: \"\\ud800\"", 2, 17, "", "not YAML", "exists"},
    {Kind::agent, "answer: refuse\nbecause: \"\\xzz\"", 2, 15, "", "not YAML", "hex digits"},
    {Kind::host, "mode: - audit", 1, 7, "", "not YAML", "list on a line of its own"},
    {Kind::host, "mode: audit\nenforce", 2, 1, "enforce", "no such field", "write one of mode"},
    {Kind::host, "mode: audit\n- enforce", 2, 1, "", "not YAML", "indent the fields"},
    // columns count characters, whatever the bytes
    {Kind::agent, "# ä\nanswer: refuse\nbecause: {ä: x}", 3, 10, "because", "a map, not text", "write text"},
    {Kind::host, "{accept_incoming: {answer: refuse, because: äöü}, mode: x}", 1, 57, "mode", "\"x\"", "one of"},
    {Kind::host, "\xef\xbb\xbfmode: x", 1, 7, "mode", "\"x\"", "one of"},
    {Kind::host, "mode: audit\r\non_error: x\r\n", 2, 11, "on_error", "\"x\"", "one of"},
};

void parse(const Row& row) {
    switch (row.kind) {
        case Kind::host: (void)parse_host_policy(row.text, "the/file.yaml"); break;
        case Kind::agent: (void)parse_agent_policy(row.text, "the/file.yaml"); break;
        case Kind::application: (void)parse_application(row.text, "the/file.yaml"); break;
    }
}

}  // namespace

TEST_CASE("each bad file is refused with its place and its remedy") {
    CHECK(rows.size() >= 60);
    for (const Row& row : rows) {
        CAPTURE(row.text.substr(0, 120), row.text.size());
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
            CHECK_FALSE(error.problem.empty());
            CHECK_FALSE(error.remedy.empty());
            const std::string what = error.what();
            CHECK(what.size() < 500);
            CHECK(wire::clean(what, 500) == what);
        }
    }
}

TEST_CASE("what() is one line that an editor can follow") {
    try {
        (void)parse_host_policy("mode: audit\non_error: refused\n", "/etc/nova/consent.d/host.yaml");
        FAIL("taken");
    } catch (const PolicyError& error) {
        CHECK(std::string(error.what()) ==
              "/etc/nova/consent.d/host.yaml:2:11: on_error: \"refused\" is no word for it; "
              "did you mean refuse? (one of refuse, allow)");
    }
    CHECK(std::string(PolicyError("f", 0, 0, "", "larger than 65536 bytes", "keep the policy small").what()) ==
          "f: larger than 65536 bytes; keep the policy small");
}
