#include "records.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "../command.hpp"

namespace consentctl {
namespace {

constexpr std::string_view mark = "consent round=";
constexpr std::size_t max_line_bytes = 64 * 1024;

enum class Form : std::uint8_t { word, number, quoted };

struct Key {
    std::string_view name;
    Form form = Form::word;
};

/// What the gate writes, in its order (nova_plugin/nova_consent/record.py).
constexpr std::array keys{
    Key{"round"},
    Key{"migration"},
    Key{"request_id"},
    Key{"instance"},
    Key{"source"},
    Key{"site"},
    Key{"gate"},
    Key{"mode"},
    Key{"verdict"},
    Key{"decided_by", Form::quoted},
    Key{"asked", Form::number},
    Key{"consented", Form::number},
    Key{"refused", Form::number},
    Key{"abstained", Form::number},
    Key{"silent", Form::number},
    Key{"left", Form::number},
    Key{"standing", Form::number},
    Key{"advisory", Form::number},
    Key{"elapsed_ms", Form::number},
    Key{"unasked", Form::quoted},
    Key{"reason", Form::quoted},
};

using Pairs = std::map<std::string_view, std::string>;

std::optional<std::uint32_t> number_in(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

/// Takes a JSON string from the front of `text`.
std::optional<std::string> take_quoted(std::string_view& text) {
    std::size_t end = 1;
    while (end < text.size() && text[end] != '"') { end += text[end] == '\\' ? 2U : 1U; }
    if (!text.starts_with('"') || end >= text.size()) { return std::nullopt; }
    const nlohmann::json value = nlohmann::json::parse(text.substr(0, end + 1), nullptr, false);
    if (!value.is_string()) { return std::nullopt; }
    text.remove_prefix(end + 1);
    return value.get<std::string>();
}

/// Takes what stands before the next blank.
std::optional<std::string> take_word(std::string_view& text, Form form) {
    std::string word(text.substr(0, text.find(' ')));
    if (word.empty() || word.find('"') != std::string::npos) { return std::nullopt; }
    if (form == Form::number && !number_in(word)) { return std::nullopt; }
    text.remove_prefix(word.size());
    return word;
}

/// What the log's line says, if it is a record: its message is one from the first word to the last.
///
/// Others' words stand in the log, too, a guest's among them, and may read like a record. They stand in quotes, which no
/// prefix of oslo.log or journald has.
std::optional<Pairs> pairs_in(std::string_view line) {
    const std::size_t at = line.find(mark);
    if (at == std::string_view::npos || line.find_first_of("\"'") < at) { return std::nullopt; }
    line.remove_prefix(at + std::string_view("consent").size());
    Pairs pairs;
    for (const Key& key : keys) {
        const std::string begin = ' ' + std::string(key.name) + '=';
        if (!line.starts_with(begin)) { return std::nullopt; }
        line.remove_prefix(begin.size());
        auto value = key.form == Form::quoted ? take_quoted(line) : take_word(line, key.form);
        if (!value) { return std::nullopt; }
        pairs.emplace(key.name, *std::move(value));
    }
    return line.find_first_not_of(" \r\t") == std::string_view::npos ? std::optional(std::move(pairs)) : std::nullopt;
}

std::string known(const std::string& text) { return text == "-" ? std::string() : text; }

bool is_verdict(const std::string& word) {
    return word == "consented" || word == "refused" || word == "expired" || word == "failed" || word == "aborted";
}

/// A fact whose value its type takes; others are left out, so that they are unknown.
void add(Facts& facts, const std::string& name, const std::string& value) {
    if (value.empty()) { return; }
    try {
        facts.push_back(read_fact(name + "=" + value));
    } catch (const UsageError&) {}  // unknown rather than wrong
}

void add_places(Record& record) {
    add(record.facts, "guest.id", record.instance);
    add(record.facts, "source.host", record.source);
    add(record.facts, "site.host", record.site);
}

std::optional<Record> record_of_line(std::string_view line) {
    if (line.size() > max_line_bytes) { return std::nullopt; }
    const auto pairs = pairs_in(line);
    if (!pairs || !is_verdict(pairs->at("verdict"))) { return std::nullopt; }
    Record record;
    record.round = pairs->at("round");
    record.instance = known(pairs->at("instance"));
    record.source = known(pairs->at("source"));
    record.site = known(pairs->at("site"));
    record.at_source = pairs->at("gate") == "source";
    record.verdict = pairs->at("verdict");
    record.decided_by = pairs->at("decided_by");
    const std::uint32_t standing = number_in(pairs->at("standing")).value_or(0);
    // With standing votes in the round the refusal may have been a rule's, which tells nothing of what the guest would say.
    record.by_guest = (record.decided_by.starts_with("guest ") || record.decided_by == "deadline") && standing == 0;
    record.voters_counted = number_in(pairs->at("asked")).value_or(0) + standing;
    add_places(record);
    return record;
}

std::string text_at(const nlohmann::json& object, const char* name) {
    const auto at = object.find(name);
    return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

std::optional<Record> record_of_json(const nlohmann::json& object) {
    if (!object.is_object() || !is_verdict(text_at(object, "verdict"))) { return std::nullopt; }
    Record record;
    record.round = text_at(object, "round");
    record.site = text_at(object, "host");
    record.source = text_at(object, "source");
    record.verdict = text_at(object, "verdict");
    record.decided_by = text_at(object, "decided_by");
    record.by_guest = !record.decided_by.empty();
    if (const auto mover = object.find("mover"); mover != object.end() && mover->is_object()) {
        record.instance = text_at(*mover, "id");
        for (const char* number : {"vcpus", "memory_mib"}) {
            const auto at = mover->find(number);
            if (at != mover->end() && at->is_number_integer()) {
                add(record.facts, std::string("guest.") + number, at->dump());
            }
        }
    }
    add_places(record);
    if (const auto voters = object.find("voters"); voters != object.end() && voters->is_array()) {
        for (const nlohmann::json& voter : *voters) {
            if (voter.is_object()) { record.voters.push_back({text_at(voter, "id"), text_at(voter, "project")}); }
        }
    }
    record.voters_counted = static_cast<std::uint32_t>(record.voters.size());
    return record;
}

}  // namespace

Records read_records(std::string_view text) {
    Records all;
    const auto take = [&](std::optional<Record> record, std::size_t number) {
        if (!record) {
            ++all.passed_over;
        } else if (all.records.size() == max_records) {
            all.cut = true;
        } else {
            record->number = number;
            all.records.push_back(std::move(*record));
        }
    };
    std::size_t number = 0;
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    if (first != std::string_view::npos && text[first] == '{') {
        std::istringstream in{std::string(text)};
        while (in >> std::ws, in.peek() != std::istringstream::traits_type::eof()) {
            nlohmann::json value;
            try {
                in >> value;
            } catch (const nlohmann::json::exception&) {  // what stands behind it cannot be told apart any more
                ++all.passed_over;
                break;
            }
            take(record_of_json(value), ++number);
        }
        return all;
    }
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        ++number;
        if (line.find_first_not_of(" \r\t") != std::string_view::npos) { take(record_of_line(line), number); }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return all;
}

}  // namespace consentctl
