// The host's policy file, read into a dict of what it sets.
#include "consent/policy.hpp"

#include <filesystem>
#include <string_view>

#include <pybind11/stl/filesystem.h>

#include "register.hpp"
#include "standing.hpp"

namespace consent::python {
namespace {

py::str word(std::string_view text) { return {text.data(), text.size()}; }

py::object from_voice(const std::optional<Voice>& voice) {
    if (!voice) return py::none();
    return py::make_tuple(word(to_string(voice->answer)), voice->because);
}

py::list from_texts(const std::vector<std::string>& texts) {
    py::list result;
    for (const std::string& text : texts) result.append(text);
    return result;
}

template <typename Word>
py::object from_word(const std::optional<Word>& value) {
    if (!value) return py::none();
    return word(to_string(*value));
}

py::dict from_host_policy(const HostPolicy& policy) {
    py::dict result;
    result["mode"] = from_word(policy.mode);
    result["on_error"] = from_word(policy.on_error);
    result["silence"] = from_word(policy.silence);
    result["listed"] = policy.listed ? py::object(py::bool_(*policy.listed)) : py::object(py::none());
    result["voters_listed"] = from_texts(policy.voters_listed);
    result["accept_incoming"] = from_voice(policy.accept_incoming);
    result["accept_outgoing"] = from_voice(policy.accept_outgoing);
    result["silence_mover"] = from_word(policy.silence_mover);
    result["rules"] = policy.rules ? py::cast(Rules{policy.rules}) : py::object(py::none());
    py::dict facts;
    for (const auto& [name, value] : policy.facts) facts[py::str(name)] = value;
    result["facts"] = facts;
    result["veto"] = policy.veto ? py::object(from_texts(*policy.veto)) : py::object(py::none());
    result["utc_offset_min"] =
        policy.utc_offset_min ? py::object(py::int_(*policy.utc_offset_min)) : py::object(py::none());
    py::list files;
    for (const std::filesystem::path& file : policy.files) files.append(py::cast(file).attr("__fspath__")());
    result["files"] = files;
    return result;
}

}  // namespace

void register_policy(py::module_& module) {
    module.def(
        "parse_host_policy",
        [](std::string_view text, std::string_view file) { return from_host_policy(parse_host_policy(text, file)); },
        py::arg("text"), py::arg("file"));
    module.def(
        "load_host_policy",
        [](const std::filesystem::path& path) {
            HostPolicy policy;
            {
                // A file may lie on a disk that hangs: other threads go on.
                const py::gil_scoped_release release;
                policy = load_host_policy(path);
            }
            return from_host_policy(policy);
        },
        py::arg("path"));
}

}  // namespace consent::python
