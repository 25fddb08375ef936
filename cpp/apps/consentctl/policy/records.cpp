#include "records.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "../command.hpp"

namespace consentctl {
namespace {

using json = nlohmann::json;

constexpr std::string_view mark = "consent round=";
constexpr std::size_t max_line_bytes = 64 * 1024;

/// KEY=VALUE, with blanks between; a value that begins with a quote is a JSON string. Nothing: it is not well-formed.
std::optional<std::map<std::string, std::string>> pairs_of(std::string_view text) {
    std::map<std::string, std::string> pairs;
    while (!text.empty()) {
        text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
        const std::size_t sign = text.find('=');
        if (sign == std::string_view::npos) { break; }
        const std::string key(text.substr(0, sign));
        if (key.find(' ') != std::string::npos) { return std::nullopt; }
        text.remove_prefix(sign + 1);
        if (!text.starts_with('"')) {
            const std::size_t end = std::min(text.find(' '), text.size());
            pairs.emplace(key, text.substr(0, end));
            text.remove_prefix(end);
            continue;
        }
        std::size_t end = 1;
        while (end < text.size() && text[end] != '"') { end += text[end] == '\\' ? 2U : 1U; }
        if (end >= text.size()) { return std::nullopt; }
        const json value = json::parse(text.substr(0, end + 1), nullptr, false);
        if (!value.is_string()) { return std::nullopt; }
        pairs.emplace(key, value.get<std::string>());
        text.remove_prefix(end + 1);
    }
    return pairs;
}

std::string known(const std::string& text) { return text == "-" ? std::string() : text; }

bool is_verdict(const std::string& word) {
    return word == "consented" || word == "refused" || word == "expired" || word == "failed" || word == "aborted";
}

/// 0 for what is no number.
std::uint32_t number(const std::string& text) {
    std::uint32_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
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
    const std::size_t at = line.find(mark);
    if (at == std::string_view::npos || line.size() > max_line_bytes) { return std::nullopt; }
    auto pairs = pairs_of(line.substr(at + std::string_view("consent ").size()));
    if (!pairs || !is_verdict((*pairs)["verdict"])) { return std::nullopt; }
    Record record;
    record.round = (*pairs)["round"];
    record.instance = known((*pairs)["instance"]);
    record.source = known((*pairs)["source"]);
    record.site = known((*pairs)["site"]);
    record.at_source = (*pairs)["gate"] == "source";
    record.verdict = (*pairs)["verdict"];
    record.decided_by = (*pairs)["decided_by"];
    const std::uint32_t standing = number((*pairs)["standing"]);
    // With standing votes in the round the refusal may have been a rule's, which tells nothing of what the guest would say.
    record.by_guest = (record.decided_by.starts_with("guest ") || record.decided_by == "deadline") && standing == 0;
    record.voters_counted = number((*pairs)["asked"]) + standing;
    add_places(record);
    for (const auto& [name, value] : *pairs) {  // the line may tell facts by their own names
        if (consent::find_fact(name)) { add(record.facts, name, value); }
    }
    return record;
}

std::string text_at(const json& object, const char* name) {
    const auto at = object.find(name);
    return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

std::optional<Record> record_of_json(const json& object) {
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
        for (const json& voter : *voters) {
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
            json value;
            try {
                in >> value;
            } catch (const json::exception&) {  // what stands behind it cannot be told apart any more
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
