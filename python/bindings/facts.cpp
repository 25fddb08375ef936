// Facts from Python, and the table of all there are.
#include "facts.hpp"

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "consent/expression.hpp"

namespace consent::python {
namespace {

/// Nothing when it cannot be written as UTF-8.
std::optional<std::string_view> utf8(py::handle text) {
    Py_ssize_t size = 0;
    const char* bytes = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
    if (bytes == nullptr) {
        PyErr_Clear();
        return std::nullopt;
    }
    return std::string_view(bytes, static_cast<std::size_t>(size));
}

std::optional<std::string> list(py::handle sequence, std::string_view name) {
    std::vector<std::string> elements;
    bool known = true;
    std::size_t bytes = 0;
    for (const py::handle each : py::reinterpret_borrow<py::iterable>(sequence)) {
        if (!py::isinstance<py::str>(each))
            throw std::invalid_argument("facts: " + std::string(name) + " must hold texts alone");
        const auto element = utf8(each);
        bytes += element ? element->size() : 0;
        if (!element || bytes > max_value_bytes) {
            known = false;
            break;
        }
        elements.emplace_back(*element);
    }
    if (!known) return std::nullopt;
    return list_literal(elements);
}

/// The value as an expression reads it; nothing: it stays unknown.
std::optional<std::string> to_value(py::handle value, std::string_view name) {
    if (py::isinstance<py::str>(value)) {
        const auto text = utf8(value);
        return text ? std::optional<std::string>(*text) : std::nullopt;
    }
    const bool whole = PyLong_Check(value.ptr()) != 0 && PyBool_Check(value.ptr()) == 0;
    if (whole || PyFloat_Check(value.ptr()) != 0) {
        const auto text = py::reinterpret_steal<py::object>(PyObject_Repr(value.ptr()));
        if (!text) {  // an int of too many digits
            PyErr_Clear();
            return std::nullopt;
        }
        return std::string(*utf8(text));
    }
    if (PySequence_Check(value.ptr()) != 0 && PyBytes_Check(value.ptr()) == 0) return list(value, name);
    throw std::invalid_argument("facts: " + std::string(name.substr(0, 255)) +
                                " must be a text, a number or a sequence of texts");
}

}  // namespace

FactSet to_facts(py::handle mapping) {
    if (PyMapping_Check(mapping.ptr()) == 0 || py::isinstance<py::str>(mapping)) {
        throw std::invalid_argument("facts: must be a mapping");
    }
    FactSet facts;
    const auto add = [&facts](py::handle key, py::handle value) {
        const auto name = py::isinstance<py::str>(key) ? utf8(key) : std::nullopt;
        if (!name) throw std::invalid_argument("facts: names must be texts");
        auto text = to_value(value, *name);
        // What cannot be told stays unknown, but not by a name that is none.
        if (facts.set(*name, text ? *std::move(text) : std::string())) {
            if (!text) facts.forget(*name);
        } else if (!find_fact(*name)) {
            const std::string nearest = nearest_fact(*name);
            throw std::invalid_argument("facts: there is no fact " + std::string(name->substr(0, 255)) +
                                        (nearest.empty() ? "" : "; did you mean " + nearest + "?"));
        }
    };
    if (PyDict_Check(mapping.ptr()) != 0) {
        for (const auto& [key, value] : py::reinterpret_borrow<py::dict>(mapping)) add(key, value);
    } else {
        for (const py::handle item : mapping.attr("items")()) {
            const auto pair = py::reinterpret_borrow<py::tuple>(item);
            add(pair[0], pair[1]);
        }
    }
    return facts;
}

void register_facts(py::module_& module) {
    module.def("fact_table", [] {
        py::list table;
        for (const Fact& fact : facts()) {
            table.append(
                py::make_tuple(fact.name, to_string(fact.type), fact.unit, to_string(fact.known), fact.meaning));
        }
        return table;
    });
}

}  // namespace consent::python
