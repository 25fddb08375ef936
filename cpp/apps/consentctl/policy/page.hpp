// The matrix as one HTML page that needs nothing else: page.html with the data in it.
//
// Pure. Must not know files nor rules.
#pragma once

#include <string>

#include "grid.hpp"

namespace consentctl {

/// One byte a cell and what the bytes mean; about 1.4 MB for a thousand movers on a thousand hosts. Whatever stands in
/// names and reasons is shown as text.
[[nodiscard]] std::string page(const Grid& grid, const Inventory& inventory);

}  // namespace consentctl
