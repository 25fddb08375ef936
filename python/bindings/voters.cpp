// Voters: whom a round asks. The real ones through consent-worker, or scripted ones in memory.
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include "consent/voters_worker.hpp"
#include "convert.hpp"
#include "voters_memory.hpp"

namespace consent::python {
namespace {

using Script = std::optional<std::pair<std::string, std::string>>;  // answer, because; nothing: silence

std::optional<Line> to_line(const Script& script, const std::string& field) {
    if (!script) return std::nullopt;
    return Line{to_answer(script->first, field), script->second};
}

std::shared_ptr<VotersMemory> make_memory(const py::object& voters, const std::map<std::string, Script>& answers,
                                          const Script& fallback,
                                          const std::optional<std::pair<std::string, std::string>>& failure) {
    std::vector<Voter> known;
    for (const py::handle voter : voters) {
        known.push_back(to_voter(
            Fields(py::reinterpret_borrow<py::object>(voter), "voters[" + std::to_string(known.size()) + "]")));
    }
    std::map<std::string, std::optional<Line>> lines;
    for (const auto& [id, script] : answers) lines.emplace(id, to_line(script, "answers[" + id + "]"));
    std::optional<InquiryFailed> failed;
    if (failure) failed = InquiryFailed{failure->first, failure->second};
    return std::make_shared<VotersMemory>(std::move(known), std::move(lines), to_line(fallback, "default"),
                                          std::move(failed));
}

/// Ending the worker may take worker_grace: never under the GIL, though Python drops its last reference there.
void end_worker(const VotersWorker* voters) {
    if (PyGILState_Check() == 0) {
        delete voters;
        return;
    }
    const py::gil_scoped_release release;
    delete voters;
}

std::shared_ptr<VotersWorker> make_worker(const std::string& program, const std::string& uri) {
    return {new VotersWorker(program, uri), &end_worker};
}

/// What a guest says of its rules is JSON, so UTF-8; were it anything else, it must not raise here.
py::str guests_text(const std::string& bytes) {
    PyObject* decoded = PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "replace");
    if (decoded == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::str>(decoded);
}

py::dict policies(VotersWorker& voters, const std::vector<std::string>& uuids, double deadline_s) {
    if (uuids.size() > max_selected) throw std::invalid_argument("uuids: must hold at most 4096 items");
    for (const std::string& uuid : uuids) {
        if (uuid.size() > max_name) throw std::invalid_argument("uuids: each must be at most 255 bytes long");
    }
    if (!(deadline_s >= 0.001 && deadline_s <= 60)) {
        throw std::invalid_argument("deadline_s: must be a number of seconds from 0.001 to 60");
    }
    std::map<std::string, std::string> said;
    {
        const py::gil_scoped_release release;
        said = voters.policies(uuids, milliseconds(static_cast<std::int64_t>(deadline_s * 1000.0)));
    }
    py::dict result;
    for (const auto& [uuid, rules] : said) result[guests_text(uuid)] = guests_text(rules);
    return result;
}

}  // namespace

void register_voters(py::module_& module) {
    py::class_<Voters, std::shared_ptr<Voters>>(module, "Voters");

    py::class_<VotersWorker, Voters, std::shared_ptr<VotersWorker>>(module, "WorkerVoters")
        .def(py::init(&make_worker), py::arg("program"), py::arg("uri"))
        .def("policies", &policies, py::arg("uuids"), py::arg("deadline_s"))
        .def("pid", &VotersWorker::pid)
        .def("close", &VotersWorker::close, py::call_guard<py::gil_scoped_release>());

    py::class_<VotersMemory, Voters, std::shared_ptr<VotersMemory>>(module, "MemoryVoters")
        .def(py::init(&make_memory), py::arg("voters"), py::arg("answers"), py::arg("default"), py::arg("failure"))
        .def("asked", [](const VotersMemory& voters) {
            py::list asked;
            for (const Inquiry& inquiry : voters.asked()) asked.append(from_inquiry(inquiry));
            return asked;
        });
}

}  // namespace consent::python
