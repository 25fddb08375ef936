// Rules, and what a voter's standing policy comes to.
//
// What a rule says may be a tenant's words: they are cleaned here, before Python can log them.
#include "standing.hpp"

#include <map>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>

#include <pybind11/stl.h>

#include "consent/policy.hpp"
#include "consent/wire.hpp"
#include "convert.hpp"
#include "facts.hpp"

namespace consent::python {
namespace {

constexpr std::array sources{Source::host, Source::flavor, Source::image, Source::metadata, Source::agent};
static_assert(sources.size() == source_count);
constexpr std::size_t max_sources = 64;
constexpr std::size_t max_why = 300;

py::str word(std::string_view text) { return {text.data(), text.size()}; }

py::str cleaned(std::string_view text, std::size_t limit = wire::max_because) {
    return py::str(wire::clean(text, limit));
}

Rules of_properties(const std::map<std::string, std::string>& properties, const std::string& origin) {
    std::vector<StandingRule> rules;
    for (const auto& [name, text] : properties) rules.push_back(parse_rule(text, name, origin));
    return compile(rules, origin);
}

py::dict from_ruling(const Rules& rules, const Ruling& ruling) {
    py::dict result;
    result["answer"] = word(to_string(ruling.answer));
    result["rule"] = ruling.rule ? py::object(cleaned(rules.set->name(*ruling.rule))) : py::object(py::none());
    result["because"] = cleaned(ruling.because);
    result["unknown"] = ruling.unknown;
    result["why"] = cleaned(ruling.why, max_why);
    return result;
}

/// Of many cases: the rulings that differ, and for each case the place of its own.
py::tuple evaluate_many(const Rules& rules, const py::sequence& cases) {
    std::map<std::tuple<std::size_t, bool, std::string>, std::size_t> known;
    py::list different;
    py::list which(cases.size());
    std::size_t at = 0;
    for (const py::handle each : cases) {
        const Ruling ruling = rules.set->evaluate(to_facts(each));
        const auto [place, is_new] =
            known.try_emplace({ruling.rule.value_or(max_rules), ruling.unknown, ruling.why}, different.size());
        if (is_new) different.append(from_ruling(rules, ruling));
        which[at++] = place->second;
    }
    return py::make_tuple(different, which);
}

StandingPolicy make_policy(const py::sequence& sourced, bool veto) {
    if (sourced.size() > max_sources) throw std::invalid_argument("sources: must hold at most 64 items");
    StandingPolicy policy;
    policy.veto = veto;
    for (const py::handle item : sourced) {
        std::tuple<std::string, std::string, Rules> each;
        try {
            each = item.cast<decltype(each)>();
        } catch (const py::cast_error&) {
            throw std::invalid_argument("sources: each must be a source, its origin and a RuleSet");
        }
        auto& [named, origin, rules] = each;
        const Source source = word_from(named, sources, "sources");
        if (origin.size() > Fields::max_text) throw std::invalid_argument("sources: an origin is too long");
        policy.sources.push_back({source, std::move(origin), std::move(rules.set)});
    }
    return policy;
}

py::dict from_vote(const StandingVote& vote) {
    py::dict result;
    result["answer"] = word(to_string(vote.answer));
    result["binding"] = vote.binding;
    result["source"] = vote.source ? py::object(word(to_string(*vote.source))) : py::object(py::none());
    result["origin"] = cleaned(vote.origin);
    result["rule"] = cleaned(vote.rule);
    result["because"] = cleaned(vote.because);
    result["why"] = cleaned(vote.why, max_why);
    return result;
}

}  // namespace

Rules compile(const std::vector<StandingRule>& rules, const std::string& origin) {
    auto compiled = RuleSet::compile(rules, StandingAnswer::ask);
    if (auto* set = std::get_if<RuleSet>(&compiled)) return {std::make_shared<const RuleSet>(std::move(*set))};
    const RuleError& error = std::get<RuleError>(compiled);
    std::string field = error.rule < rules.size() ? rules[error.rule].name : std::string();
    if (!field.empty() && !error.where.empty()) field += ".";
    throw PolicyError(origin, 0, 0, field + error.where, error.problem, error.remedy);
}

void register_standing(py::module_& module) {
    py::class_<Rules> rules(module, "RuleSet");
    rules.def("__len__", [](const Rules& self) { return self.set->size(); })
        .def(
            "evaluate",
            [](const Rules& self, const py::object& facts) {
                return from_ruling(self, self.set->evaluate(to_facts(facts)));
            },
            py::arg("facts"));
    rules.def("evaluate_many", &evaluate_many, py::arg("cases"));
    rules.def("facts", [](const Rules& self) {
        py::list names;
        for (const RuleSeen& rule : self.set->explain(FactSet()))
            for (const ConditionSeen& seen : rule.conditions)
                if (seen.kind == ConditionKind::fact) names.append(cleaned(seen.fact));
        return names;
    });
    module.def(
        "parse_rules",
        [](std::string_view text, const std::string& origin) { return compile(parse_rules(text, origin), origin); },
        py::arg("text"), py::arg("origin"));
    module.def("rules_of_properties", &of_properties, py::arg("properties"), py::arg("origin"));

    py::class_<StandingPolicy>(module, "StandingPolicy")
        .def(py::init(&make_policy), py::arg("sources"), py::arg("veto"))
        .def(
            "vote",
            [](const StandingPolicy& policy, const py::object& facts) {
                return from_vote(vote(policy, to_facts(facts)));
            },
            py::arg("facts"));
}

}  // namespace consent::python
