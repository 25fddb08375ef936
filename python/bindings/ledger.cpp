// Ledgers: where grants are kept. In memory for now.
//
// The GIL is held throughout: each call takes microseconds, and a fork by Python then never finds the ledger's lock taken
// by another Python thread.
#include <memory>
#include <optional>
#include <string>

#include "convert.hpp"

namespace consent::python {
namespace {

/// Arguments of one call as the dataclasses' checks know them.
std::string named(const std::string& text, const char* field) {
    if (text.size() > Fields::max_text) throw std::invalid_argument(std::string(field) + ": is too long");
    return text;
}

}  // namespace

void register_ledger(py::module_& module) {
    const std::shared_ptr<Clock> clock = make_steady_clock();
    py::class_<Ledger, std::shared_ptr<Ledger>>(module, "Ledger")
        .def(
            "grant",
            [clock](Ledger& ledger, const std::string& mover, const std::string& source, const std::string& site,
                    double lifetime_s, const std::string& round) {
                if (!(lifetime_s >= 0.001 && lifetime_s <= 365.0 * 24 * 3600)) {
                    throw std::invalid_argument("lifetime_s: must be a number of seconds from 0.001 to 31536000");
                }
                Grant grant;
                grant.mover = named(mover, "mover");
                grant.source = named(source, "source");
                grant.site = named(site, "site");
                grant.round = round.empty() ? new_uuid() : named(round, "round");
                grant.expires = clock->now() + milliseconds(static_cast<std::int64_t>(lifetime_s * 1000.0));
                return from_grant(ledger.grant(grant));
            },
            py::arg("mover"), py::arg("source"), py::arg("site"), py::arg("lifetime_s"), py::arg("round_id"))
        .def(
            "claim",
            [clock](Ledger& ledger, const std::string& mover, const std::string& source,
                    const std::string& site) -> py::object {
                const std::optional<Grant> grant = ledger.claim(mover, source, site, clock->now());
                if (!grant) return py::none();
                return from_grant(*grant);
            },
            py::arg("mover"), py::arg("source"), py::arg("site"))
        .def("live", [clock](Ledger& ledger) { return ledger.live(clock->now()); });
    module.def("memory_ledger", [] { return make_memory_ledger(); });
}

}  // namespace consent::python
