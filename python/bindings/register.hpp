// What each file of the Python module registers. One noun a file; module.cpp calls them all.
#pragma once

#include <pybind11/pybind11.h>

namespace consent::python {

namespace py = pybind11;

void register_errors(py::module_& module);
void register_voters(py::module_& module);
void register_ledger(py::module_& module);
void register_runner(py::module_& module);
void register_decision(py::module_& module);
void register_facts(py::module_& module);
void register_standing(py::module_& module);
void register_policy(py::module_& module);
void register_outlooks(py::module_& module);

}  // namespace consent::python
