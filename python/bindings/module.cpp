// The private module consent_core._native. The public API is the typed package around it, python/consent_core.
#include "register.hpp"

PYBIND11_MODULE(_native, module) {
    using namespace consent::python;
    module.doc() = "The C++ core of consent_core. Private: use the package.";
    module.attr("version") = CONSENT_VERSION;
    register_errors(module);
    register_voters(module);
    register_ledger(module);
    register_runner(module);
    register_decision(module);
    register_facts(module);
    register_standing(module);
    register_policy(module);
    register_outlooks(module);
}
