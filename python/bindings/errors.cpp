// Turns each C++ error into the Python class that stands for its code.
//
// The classes are Python's own (consent_core/errors.py), which names one for each code with register_error: so they can
// be made, pickled and documented there, and this module imports nothing of the package above it.
#include <new>
#include <stdexcept>
#include <string>

#include <pybind11/gil_safe_call_once.h>

#include "consent/policy.hpp"
#include "consent/voters_worker.hpp"
#include "register.hpp"

namespace consent::python {
namespace {

/// Code -> class. Written under the GIL while the package is imported, read under the GIL.
py::dict& classes() {
    PYBIND11_CONSTINIT static py::gil_safe_call_once_and_store<py::dict> storage;
    return storage.call_once_and_store_result([] { return py::dict(); }).get_stored();
}

template <typename... Arguments>
void raise(const char* code, const Arguments&... arguments) {
    const py::dict& known = classes();
    if (!known.contains(code)) {
        PyErr_Format(PyExc_RuntimeError, "consent_core._native: no class is registered for error %s", code);
        return;
    }
    const py::object type = known[code];
    const py::object error = type(arguments...);
    PyErr_SetObject(type.ptr(), error.ptr());
}

/// The one translator. What it does not name stays pybind11's: std::bad_alloc is MemoryError, a wrong argument TypeError.
void translate(std::exception_ptr thrown) {
    try {
        std::rethrow_exception(std::move(thrown));
    } catch (const PolicyError& e) {
        raise("policy", e.file, e.line, e.column, e.field, e.problem, e.remedy);
    } catch (const InquiryError& e) {
        raise("inquiry", e.code, std::string(e.what()));
    } catch (const std::invalid_argument& e) {
        raise("request", std::string(e.what()));
    } catch (const py::builtin_exception&) { throw; } catch (const std::bad_alloc&) {
        throw;
    } catch (const std::exception& e) { raise("internal", std::string(e.what())); }
}

}  // namespace

void register_errors(py::module_& module) {
    module.def(
        "register_error", [](const std::string& code, const py::type& type) { classes()[py::str(code)] = type; },
        py::arg("code"), py::arg("error"),
        "Names the class raised for an error code: policy, inquiry, request or internal.");
    py::register_local_exception_translator(&translate);
}

}  // namespace consent::python
