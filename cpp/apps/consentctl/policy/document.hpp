// Reads a file that an operator hands to consentctl into the tree that policies are read from. YAML, as policies are
// written; JSON besides, because inventories are made by programs and may be large.
//
// Must not know what a file says beyond its kind.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "../../../policy/schema.hpp"
#include "../../../policy/yaml.hpp"

namespace consentctl {

using consent::policy::Entry;
using consent::policy::Field;
using consent::policy::Node;

inline constexpr std::size_t max_file_bytes = 64 * 1024 * 1024;
inline constexpr std::size_t max_json_depth = 16;
inline constexpr std::size_t max_json_fields = 1024;  ///< of one object

/// A file as a tree. Nodes out of JSON have no place: what is wrong there is named by its path.
struct Document {
    std::string file;
    Node root;

    [[nodiscard]] Field whole() const { return Field{root, "", file}; }
};

enum class Kind : std::uint8_t { host, agent, application, examples, inventory };
[[nodiscard]] std::string_view to_string(Kind kind) noexcept;

/// The bytes of a plain file, or of standard input for "-". Throws PolicyError: missing, unreadable, over max_file_bytes.
[[nodiscard]] std::string read_bytes(const std::filesystem::path& file);

/// YAML up to max_policy_bytes, JSON up to max_file_bytes. Throws PolicyError.
[[nodiscard]] Document read_document(const std::filesystem::path& file);
[[nodiscard]] Document parse_document(std::string_view text, const std::string& file);

/// What kind of file it is, by its fields; a file that says nothing is a host's.
[[nodiscard]] Kind file_kind(const Node& root);

}  // namespace consentctl
