// page.html, as the build puts it into the program. Must not know what goes into it.
#pragma once

#include <string_view>

namespace consentctl {

[[nodiscard]] std::string_view page_html() noexcept;

}  // namespace consentctl
