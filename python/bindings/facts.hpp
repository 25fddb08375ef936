// Facts of a Python mapping.
#pragma once

#include "consent/facts.hpp"
#include "register.hpp"

namespace consent::python {

/// name -> str, int, float or a sequence of str, as FactSet has them. A value that is too long, or cannot be written as
/// UTF-8, stays unknown: it may come of a tenant. Needs the GIL. Throws std::invalid_argument, with the name, for a name
/// that is no fact and a value of another type.
[[nodiscard]] FactSet to_facts(py::handle mapping);

}  // namespace consent::python
