// Voters: whom a round asks. The real ones through consent-worker, or scripted ones in memory.
#include <map>
#include <memory>
#include <optional>
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

}  // namespace

void register_voters(py::module_& module) {
    py::class_<Voters, std::shared_ptr<Voters>>(module, "Voters");

    py::class_<VotersWorker, Voters, std::shared_ptr<VotersWorker>>(module, "WorkerVoters")
        .def(py::init(&make_worker), py::arg("program"), py::arg("uri"))
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
