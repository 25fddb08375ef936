// Reads a policy file's bytes, and nothing that is no plain file: a FIFO would block, a device never ends.
//
// Must not know YAML.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace consent::policy {

/// The file's bytes; nothing when there is no such file. Symbolic links are followed.
/// Throws PolicyError when it cannot be opened or read, is no regular file, or is larger than max_policy_bytes.
[[nodiscard]] std::optional<std::string> read_file(const std::filesystem::path& file);

/// The *.yaml files of a folder in order of name; hidden ones are left out, a missing folder has none.
/// Throws PolicyError when it is no folder, cannot be read or holds more than `most`.
[[nodiscard]] std::vector<std::filesystem::path> list_folder(const std::filesystem::path& folder, std::size_t most);

}  // namespace consent::policy
