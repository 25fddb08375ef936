#include "document.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "consent/policy.hpp"

namespace consentctl {
namespace {

using consent::PolicyError;

/// Builds the tree while JSON is read, so that a large file is held once and its depth is bounded.
class TreeBuilder : public nlohmann::json::json_sax_t {
  public:
    explicit TreeBuilder(std::string file) : file_(std::move(file)) {}

    bool null() override { return add({}); }
    bool boolean(bool value) override { return scalar(value ? "true" : "false"); }
    bool number_integer(number_integer_t value) override { return scalar(std::to_string(value)); }
    bool number_unsigned(number_unsigned_t value) override { return scalar(std::to_string(value)); }
    bool number_float(number_float_t /*value*/, const string_t& written) override { return scalar(written); }
    bool string(string_t& value) override { return scalar(std::move(value)); }
    bool binary(binary_t& /*value*/) override { return false; }
    bool start_object(std::size_t /*size*/) override { return open(Node::Kind::map); }
    bool end_object() override { return close(); }
    bool start_array(std::size_t /*size*/) override { return open(Node::Kind::sequence); }
    bool end_array() override { return close(); }

    bool key(string_t& name) override {
        auto& entries = open_.back()->entries;
        if (entries.size() == max_json_fields) { fail("an object of more than 1024 fields", "write it as a list"); }
        if (std::any_of(entries.begin(), entries.end(), [&](const Entry& e) { return e.key.text == name; })) {
            fail("the field \"" + name.substr(0, 40) + "\" is given twice", "keep one of the two");
        }
        entries.emplace_back();
        entries.back().key.kind = Node::Kind::scalar;
        entries.back().key.text = std::move(name);
        return true;
    }

    bool parse_error(std::size_t position, const std::string& /*token*/,
                     const nlohmann::json::exception& /*error*/) override {
        failed_at_ = position;
        return false;
    }

    [[nodiscard]] Node take() { return std::move(root_); }
    /// Bytes read when the text turned out to be no JSON.
    [[nodiscard]] std::size_t failed_at() const noexcept { return failed_at_; }

  private:
    [[noreturn]] void fail(std::string problem, std::string remedy) const {
        throw PolicyError(file_, 0, 0, "", std::move(problem), std::move(remedy));
    }

    Node& place(Node node) {
        if (open_.empty()) { return root_ = std::move(node); }
        Node& parent = *open_.back();
        if (parent.kind == Node::Kind::map) { return parent.entries.back().value = std::move(node); }
        return parent.items.emplace_back(std::move(node));
    }
    bool add(Node node) {
        place(std::move(node));
        return true;
    }
    bool scalar(std::string text) {
        Node node;
        node.kind = Node::Kind::scalar;
        node.text = std::move(text);
        return add(std::move(node));
    }
    bool open(Node::Kind kind) {
        if (open_.size() == max_json_depth) { fail("nested deeper than 16 levels", "an inventory needs seven"); }
        Node node;
        node.kind = kind;
        // A node that is open does not move: its parent grows again only once it is closed.
        open_.push_back(&place(std::move(node)));
        return true;
    }
    bool close() {
        open_.pop_back();
        return true;
    }

    std::string file_;
    Node root_;
    std::vector<Node*> open_;
    std::size_t failed_at_ = 0;
};

/// The last place that JSON's reader came to: line and column from 1.
std::pair<int, int> place_of(std::string_view text, std::size_t byte) {
    const std::string_view before = text.substr(0, std::min(byte == 0 ? 0 : byte - 1, text.size()));
    const std::size_t newline = before.rfind('\n');
    return {static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1,
            static_cast<int>(before.size() - (newline == std::string_view::npos ? 0 : newline + 1)) + 1};
}

bool looks_like_json(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    return first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
}

}  // namespace

std::string_view to_string(Kind kind) noexcept {
    switch (kind) {
        case Kind::host: return "host";
        case Kind::agent: return "agent";
        case Kind::application: return "application";
        case Kind::examples: return "examples";
        case Kind::inventory: return "inventory";
    }
    return "?";
}

std::string read_bytes(const std::filesystem::path& file) {
    const bool standard = file == "-";
    const auto fail = [&](std::string problem, std::string remedy) {
        throw PolicyError(standard ? "standard input" : file.string(), 0, 0, "", std::move(problem), std::move(remedy));
    };
    std::ifstream opened;
    if (!standard) {
        std::error_code error;
        const auto status = std::filesystem::status(file, error);
        if (!std::filesystem::exists(status)) { fail("no such file", "name a file that exists"); }
        // A pipe of the shell's <(...) is as good as a file here: a person waits, not a service.
        if (std::filesystem::is_directory(status)) { fail("is a directory", "name a file in it"); }
        opened.open(file, std::ios::binary);
        if (!opened) { fail("cannot be read", "make it a file that you may read"); }
    }
    std::istream& in = standard ? std::cin : opened;
    std::string text;
    std::array<char, 64 * 1024> part{};
    while (in.read(part.data(), part.size()), in.gcount() > 0) {
        text.append(part.data(), static_cast<std::size_t>(in.gcount()));
        if (text.size() > max_file_bytes) { fail("larger than 64 MiB", "split it"); }
    }
    if (in.bad()) { fail("cannot be read", "make it a file that you may read"); }
    return text;
}

Document parse_document(std::string_view text, const std::string& file) {
    const bool small = text.size() <= consent::max_policy_bytes;
    std::optional<std::pair<int, int>> place;
    if (looks_like_json(text)) {
        TreeBuilder builder(file);
        if (nlohmann::json::sax_parse(text, &builder)) { return {file, builder.take()}; }
        place = place_of(text, builder.failed_at());
    }
    // Small and no JSON: a list or map of YAML may begin with a bracket too, and YAML's errors tell more.
    if (small) { return {file, consent::policy::read_yaml(text, file)}; }
    if (place) { throw PolicyError(file, place->first, place->second, "", "not JSON", "mend what stands there"); }
    throw PolicyError(file, 0, 0, "", "larger than 65536 bytes", "write large files as JSON");
}

Document read_document(const std::filesystem::path& file) {
    return parse_document(read_bytes(file), file == "-" ? "standard input" : file.string());
}

Kind file_kind(const Node& root) {
    const auto has = [&](std::string_view name) {
        return std::any_of(root.entries.begin(), root.entries.end(),
                           [&](const Entry& entry) { return entry.key.text == name; });
    };
    if (has("examples")) { return Kind::examples; }
    if (has("hosts") || has("movers")) { return Kind::inventory; }
    if (has("answer") || has("applications")) { return Kind::agent; }
    if (has("command")) { return Kind::application; }
    return Kind::host;
}

}  // namespace consentctl
