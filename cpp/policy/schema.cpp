// Takes fields out of a YAML tree: see schema.hpp.
#include "schema.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <utility>

#include "../protocol/utf8.hpp"
#include "consent/wire.hpp"

namespace consent::policy {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// Levenshtein's distance; letters that differ in case alone, - and _ count as equal.
std::size_t distance(std::string_view a, std::string_view b) {
    const auto alike = [](char x, char y) { return lower(x == '-' ? '_' : x) == lower(y == '-' ? '_' : y); };
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (alike(a[i], b[j]) ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
        }
    }
    return row.back();
}

/// "did you mean X?" when a word is near, else all of them.
std::string choice(std::string_view written, std::span<const std::string_view> words) {
    const std::string_view near = nearest(written, words);
    return near.empty() ? "write " + one_of(words) : "did you mean " + std::string(near) + "? (" + one_of(words) + ")";
}

}  // namespace

std::string in_quotes(std::string_view text) { return '"' + wire::clean(text, max_quote) + '"'; }

std::string kind_of(const Node& node) {
    switch (node.kind) {
        case Node::Kind::null: return "empty";
        case Node::Kind::scalar: return in_quotes(node.text);
        case Node::Kind::sequence: return "a list";
        case Node::Kind::map: return "a map";
    }
    return "?";
}

void Field::fail(std::string problem, std::string remedy) const {
    throw PolicyError(std::string(file), node.place.line, node.place.column, path, std::move(problem),
                      std::move(remedy));
}

std::string_view nearest(std::string_view written, std::span<const std::string_view> words) {
    constexpr std::size_t max_written = 64;  // the distance costs the product of both lengths
    std::string_view best;
    std::size_t best_distance = 0;
    if (written.size() > max_written) { return best; }
    for (const std::string_view word : words) {
        const std::size_t edits = distance(written, word);
        if (edits <= std::max<std::size_t>(1, word.size() / 3) && edits < word.size() &&
            (best.empty() || edits < best_distance)) {
            best = word;
            best_distance = edits;
        }
    }
    return best;
}

std::string one_of(std::span<const std::string_view> words) {
    std::string out = "one of ";
    for (const std::string_view word : words) {
        out += word;
        out += word == words.back() ? "" : ", ";
    }
    return out;
}

void read_map(const Field& field, std::span<const std::string_view> names,
              const std::function<void(std::string_view, const Field&)>& take) {
    if (field.node.kind == Node::Kind::null && field.path.empty()) { return; }
    if (field.node.kind != Node::Kind::map) {
        field.fail("is " + kind_of(field.node) + ", not a map", "write NAME: VALUE, with NAME " + one_of(names));
    }
    for (const auto& [key, value] : field.node.entries) {
        std::string path = field.path + (field.path.empty() ? "" : ".") + wire::clean(key.text, max_quote);
        const auto known = std::find(names.begin(), names.end(), key.text);
        if (known == names.end()) {
            Field{key, std::move(path), field.file}.fail("no such field", choice(key.text, names));
        }
        take(*known, Field{value, std::move(path), field.file});
    }
}

void read_list(const Field& field, std::size_t most, std::string_view example,
               const std::function<void(const Field&)>& take) {
    if (field.node.kind != Node::Kind::sequence) {
        field.fail("is " + kind_of(field.node) + ", not a list", "write it as a list: " + std::string(example));
    }
    if (field.node.items.size() > most) {
        field.fail("holds " + std::to_string(field.node.items.size()) + " items",
                   "keep at most " + std::to_string(most));
    }
    std::size_t index = 0;
    for (const Node& item : field.node.items) {
        take(Field{item, field.path + "[" + std::to_string(index++) + "]", field.file});
    }
}

const std::string& read_text(const Field& field, std::string_view example) {
    if (field.node.kind != Node::Kind::scalar || field.node.text.empty()) {
        const std::string what = field.node.kind == Node::Kind::scalar ? "empty" : kind_of(field.node);
        field.fail("is " + what + ", not text", "write text, as in " + std::string(example));
    }
    return field.node.text;
}

std::size_t read_word(const Field& field, std::span<const std::string_view> words) {
    if (field.node.kind != Node::Kind::scalar) {
        field.fail("is " + kind_of(field.node) + ", not a word", "write " + one_of(words));
    }
    const auto at = std::find(words.begin(), words.end(), field.node.text);
    if (at == words.end()) {
        field.fail(in_quotes(field.node.text) + " is no word for it", choice(field.node.text, words));
    }
    return static_cast<std::size_t>(at - words.begin());
}

std::string read_because(const Field& field) {
    const std::string& text = read_text(field, "because: backup runs until 04:00");
    if (const std::size_t length = utf8::length(text); length > wire::max_because) {
        field.fail("is " + std::to_string(length) + " characters long",
                   "shorten it to " + std::to_string(wire::max_because));
    }
    if (wire::clean(text, SIZE_MAX) != text) {
        field.fail("holds a character that cannot be shown: " + in_quotes(text),
                   "write one line of printable characters");
    }
    return text;
}

milliseconds read_seconds(const Field& field, milliseconds most) {
    const auto upper = std::chrono::duration<double>(most).count();
    std::string range = std::to_string(most.count() / 1000);
    const std::string remedy = "write a number of seconds from 0.001 to " + range;
    if (field.node.kind != Node::Kind::scalar) { field.fail("is " + kind_of(field.node) + ", not a number", remedy); }
    const std::string& text = field.node.text;
    double seconds = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
    if (error != std::errc{} || end != text.data() + text.size()) {
        field.fail(in_quotes(text) + " is not a number", remedy);
    }
    if (!(seconds >= 0.001 && seconds <= upper)) {  // so that NaN fails too
        field.fail(in_quotes(text) + " is out of range", remedy);
    }
    return milliseconds(std::llround(seconds * 1000));
}

}  // namespace consent::policy
