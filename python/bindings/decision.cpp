// decide(): what an operator's mode makes of a report.
#include "consent/decision.hpp"

#include <string_view>

#include "convert.hpp"

namespace consent::python {

void register_decision(py::module_& module) {
    module.def(
        "decide",
        [](const py::object& report, std::string_view mode, std::string_view on_error) {
            const Decision decision = decide(to_round_report(report), to_mode(mode), to_on_error(on_error));
            py::dict result;
            result["allow"] = decision.allow;
            result["fault"] = decision.fault;
            result["decided_by"] = decision.decided_by;
            result["reason"] = decision.reason;
            return result;
        },
        py::arg("report"), py::arg("mode"), py::arg("on_error"));
}

}  // namespace consent::python
