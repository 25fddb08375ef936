// Reads YAML into a tree: see yaml.hpp.
//
// What yaml-cpp gets to see has been checked byte by byte before: it takes 0x04 for the end of the file, guesses other
// encodings from NULs and reports a tab as something else.
#include "yaml.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>
#include <map>
#include <new>
#include <sstream>
#include <utility>

#include "../protocol/utf8.hpp"
#include "consent/wire.hpp"

namespace consent::policy {
namespace {

constexpr std::size_t max_nodes = 16384;  // 64 KiB of "[,,,]" would be more; 4,096 conditions are 8,192

class Source {
  public:
    Source(std::string_view text, std::string_view file) : text_(text), file_(file) {
        for (std::size_t at = 0; at < text.size(); ++at) {
            if (text[at] == '\n') { lines_.push_back(at + 1); }
        }
    }

    [[nodiscard]] std::string_view text() const noexcept { return text_; }

    [[noreturn]] void fail(Place place, std::string problem, std::string remedy, std::string field = {}) const {
        throw PolicyError(file_, place.line, place.column, std::move(field), std::move(problem), std::move(remedy));
    }

    /// The place of a byte. Columns count characters: an editor shows those.
    [[nodiscard]] Place place(std::size_t byte) const {
        byte = std::min(byte, text_.size());
        const auto next = std::upper_bound(lines_.begin(), lines_.end(), byte);
        std::size_t start = *std::prev(next);
        std::size_t column = 1;
        if (last_byte_ >= start && last_byte_ <= byte) {  // places come mostly in order: a long line is counted once
            start = last_byte_;
            column = last_column_;
        }
        column += utf8::length(text_.substr(start, byte - start));
        last_byte_ = byte;
        last_column_ = column;
        return {static_cast<int>(next - lines_.begin()), static_cast<int>(column)};
    }

    [[nodiscard]] Place place(const YAML::Mark& mark) const {
        return mark.is_null() || mark.pos < 0 ? Place{} : place(static_cast<std::size_t>(mark.pos));
    }

  private:
    std::string_view text_;
    std::string file_;
    std::vector<std::size_t> lines_{0};  // where each begins
    mutable std::size_t last_byte_ = 0;
    mutable std::size_t last_column_ = 1;
};

std::string hex_byte(char byte) {
    std::array<char, 8> out{};
    (void)std::snprintf(out.data(), out.size(), "0x%02x", static_cast<unsigned>(static_cast<unsigned char>(byte)));
    return out.data();
}

/// Whether what begins at `text` with a quote ends with one: yaml-cpp lets the end of the file close a single quote.
bool closed(std::string_view text) {
    const char quote = text.front();
    for (std::size_t at = 1; at < text.size(); ++at) {
        const bool escape = quote == '"' ? text[at] == '\\' : text.substr(at).starts_with("''");
        if (escape) {
            ++at;
        } else if (text[at] == quote) {
            return true;
        }
    }
    return false;
}

/// Refuses what yaml-cpp must not see.
void check_bytes(const Source& source) {
    const std::string_view text = source.text();
    if (const std::size_t at = utf8::find_ill_formed(text); at != std::string_view::npos) {
        source.fail(source.place(at), "not UTF-8 (byte " + hex_byte(text[at]) + ")", "save the file as UTF-8");
    }
    bool line_start = true;  // nothing but blanks since the line began
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        if (c == '\n' || (c == '\r' && at + 1 < text.size() && text[at + 1] == '\n')) {
            line_start = true;
            continue;
        }
        if (c == '\t' && line_start) {
            source.fail(source.place(at), "a tab in the indentation", "indent with spaces");
        }
        if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) {
            source.fail(source.place(at), "a control character (" + hex_byte(c) + ")", "remove it");
        }
        if (c == '%' && (at == 0 || text[at - 1] == '\n')) {
            source.fail(source.place(at), "a YAML directive", "remove the line that begins with %");
        }
        line_start = line_start && c == ' ';
    }
}

/// Builds the tree from yaml-cpp's events; refuses at once what goes too deep or is too much.
class Builder : public YAML::EventHandler {
  public:
    explicit Builder(const Source& source) : source_(source) {}

    [[nodiscard]] Node take() { return std::move(root_); }
    [[nodiscard]] int documents() const noexcept { return documents_; }

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (++documents_ > 1) {
            source_.fail(source_.place(mark), "a second document",
                         "keep one document in a file: remove the --- or ... before it");
        }
    }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(Node::Kind::null, mark, anchor, {}); }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse_alias(source_.place(mark)); }
    void OnAnchor(const YAML::Mark& mark, const std::string&) override { refuse_anchor(source_.place(mark)); }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        add(Node::Kind::scalar, mark, anchor, tag).text = value;
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(Node::Kind::sequence, mark, anchor, tag);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(Node::Kind::map, mark, anchor, tag);
    }
    void OnMapEnd() override { close(); }

  private:
    [[noreturn]] void refuse_alias(Place place) const {
        source_.fail(place, "an alias (*)", "write the value out, or in quotes if it begins with *");
    }
    [[noreturn]] void refuse_anchor(Place place) const {
        source_.fail(place, "an anchor (&)", "remove it, or write the value in quotes if it begins with &");
    }

    /// Adds a node where the parser stands.
    Node& add(Node::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor, const std::string& tag) {
        const Place place = source_.place(mark);
        const std::size_t at = mark.pos < 0 ? 0 : static_cast<std::size_t>(mark.pos);
        const char first = at < source_.text().size() ? source_.text()[at] : '\0';
        if (anchor != 0) { refuse_anchor(place); }
        // yaml-cpp gives "?" or nothing for what bears no tag and "!" for what stands in quotes.
        if ((!tag.empty() && tag != "?" && tag != "!") || first == '!') {
            source_.fail(place, "a tag (!)", "remove it, or write the value in quotes if it begins with !");
        }
        if ((first == '\'' || first == '"') && !closed(source_.text().substr(at))) {
            source_.fail(place, "a quote that nothing closes", "close the quote");
        }
        if (++nodes_ > max_nodes) {
            source_.fail(place, "more than " + std::to_string(max_nodes) + " values", "keep the policy small");
        }
        Node node;
        node.kind = kind;
        node.place = place;
        if (open_.empty()) {
            root_ = std::move(node);
            return root_;
        }
        Node& parent = *open_.back();
        if (parent.kind == Node::Kind::sequence) { return parent.items.emplace_back(std::move(node)); }
        if (!key_open_.back()) {
            if (kind != Node::Kind::scalar) {
                source_.fail(place, "a field without a plain name",
                             first == '{' || first == '['
                                 ? "write NAME: VALUE, and close each { with } and each [ with ]"
                                 : "write NAME: VALUE");
            }
            key_open_.back() = true;
            return parent.entries.emplace_back(Entry{std::move(node), {}}).key;
        }
        key_open_.back() = false;
        check_key(parent.entries.back().key);
        return parent.entries.back().value = std::move(node);
    }

    void check_key(const Node& key) {
        const auto [first, fresh] = keys_.back().emplace(key.text, key.place.line);
        if (!fresh) {
            source_.fail(key.place, "given twice, first in line " + std::to_string(first->second),
                         "keep one of the two", wire::clean(key.text, 40));
        }
    }

    void open(Node::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor, const std::string& tag) {
        if (open_.size() == max_yaml_depth) {
            source_.fail(source_.place(mark), "nested deeper than " + std::to_string(max_yaml_depth) + " levels",
                         "a policy needs fewer");
        }
        // Nodes above do not move while this one is open: a parent grows at its end only after its last child is closed.
        open_.push_back(&add(kind, mark, anchor, tag));
        key_open_.push_back(false);
        keys_.emplace_back();
    }

    void close() {
        open_.pop_back();
        key_open_.pop_back();
        keys_.pop_back();
    }

    const Source& source_;
    Node root_;
    std::vector<Node*> open_;
    std::vector<bool> key_open_;                    // per open node: a map's key has come, its value has not
    std::vector<std::map<std::string, int>> keys_;  // per open node: the names given, with their lines
    std::size_t nodes_ = 0;
    int documents_ = 0;
};

/// What to do about what yaml-cpp says.
std::string remedy_of(const std::string& message) {
    struct Advice {
        std::string_view part;
        std::string_view remedy;
    };
    constexpr std::array advices{
        Advice{"referenced anchor", "write the value out, or in quotes if it begins with *"},
        Advice{"alias", "put text that begins with * in quotes"},
        Advice{"block scalar", "put text that begins with > or | in quotes, as in \">= 8\""},
        Advice{"illegal map value", "put text that holds \": \" in quotes"},
        Advice{"end of map flow", "close the { with }"},
        Advice{"end of sequence flow", "close the [ with ]"},
        Advice{"end of map", "indent the fields of one level alike, each as NAME: VALUE"},
        Advice{"end of sequence", "indent the items of one list alike, each behind \"- \""},
        Advice{"block entry", "begin a list on a line of its own"},
        Advice{"EOF in scalar", "close the quote"},
        Advice{"document indicator in scalar", "close the quote"},
        Advice{"escape character", "in double quotes write \\\\ for one backslash, or use single quotes"},
        Advice{"unknown token", "put text that begins with a special character in quotes, as in \">= 8\""},
        Advice{"flow end", "remove the ] or } that nothing opens"},
        Advice{"hex number", "give \\x two, \\u four and \\U eight hex digits"},
        Advice{"invalid unicode", "write a character that exists"},
        Advice{"anchor", "put text that begins with & in quotes"},
        Advice{"tag", "put text that begins with ! in quotes"},
        Advice{"tab", "indent with spaces"},
    };
    for (const Advice& advice : advices) {
        if (message.find(advice.part) != std::string::npos) { return std::string(advice.remedy); }
    }
    return "write NAME: VALUE, one a line";
}

}  // namespace

Node read_yaml(std::string_view text, std::string_view file) {
    if (text.starts_with("\xef\xbb\xbf")) {  // Windows editors write one; it says nothing
        text.remove_prefix(3);
    }
    const Source source(text, file);
    if (text.size() > max_policy_bytes) { source.fail({}, "larger than 65536 bytes", "keep the policy small"); }
    check_bytes(source);
    try {
        std::istringstream stream{std::string(text)};
        YAML::Parser parser(stream);
        Builder builder(source);
        while (parser.HandleNextDocument(builder)) {}
        return builder.take();
    } catch (const PolicyError&) { throw; } catch (const std::bad_alloc&) {
        throw;
    } catch (const YAML::Exception& error) {
        source.fail(source.place(error.mark), "not YAML: " + wire::clean(error.msg, 80), remedy_of(error.msg));
    } catch (const std::exception& error) {
        source.fail({}, "not YAML: " + wire::clean(error.what(), 80), remedy_of(error.what()));
    }
}

}  // namespace consent::policy
