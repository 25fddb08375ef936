// Writes a JSON string.
#pragma once

#include <string>
#include <string_view>

namespace consent::policy {

/// Appends `text`, which is UTF-8, in quotes. Control characters are escaped: YAML would not take them as they are.
void write_json(std::string_view text, std::string& out);

}  // namespace consent::policy
