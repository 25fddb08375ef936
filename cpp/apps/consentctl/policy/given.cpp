#include "given.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

#include "../command.hpp"
#include "consent/expression.hpp"
#include "consent/wire.hpp"
#include "text.hpp"

namespace consentctl {
namespace {

using consent::FactType;

struct Fault {
    std::string problem;
    std::string remedy;
};

bool readable(std::string_view expression, std::string_view value) {
    return consent::Expression(expression).match(value).fault == consent::Fault::none;
}

/// What is wrong with a value that is one text.
std::optional<Fault> fault_of(const consent::Fact& fact, const std::string& value) {
    if (value.size() > consent::max_value_bytes) { return Fault{"longer than 65536 bytes", "shorten it"}; }
    if (fact.type == FactType::number && !readable("== 0", value)) {
        return Fault{in_quotes(value) + " is not a number", "write a decimal number, as 4 or 0.5"};
    }
    if (fact.type == FactType::list && !readable("<all-in> x", value)) {
        return Fault{in_quotes(value) + " is not a list", "write a list, as [a, b]"};
    }
    return std::nullopt;
}

std::string remedy_for(const std::string& name) {
    const std::string nearest = consent::nearest_fact(name);
    return nearest.empty() ? "`consentctl policy facts` lists them" : "did you mean " + nearest + "?";
}

}  // namespace

Facts read_facts(const Field& field) {
    Facts facts;
    if (field.node.kind == Node::Kind::null) { return facts; }
    if (field.node.kind != Node::Kind::map) { field.fail("is no map", "write FACT: VALUE, as guest.vcpus: 4"); }
    for (const auto& [key, value] : field.node.entries) {
        const std::string shown = consent::wire::clean(key.text, 60);
        const Field one{value, field.path + "." + shown, field.file};
        const auto known = consent::find_fact(key.text);
        if (!known) { Field{key, field.path, field.file}.fail("unknown fact \"" + shown + '"', remedy_for(key.text)); }
        const consent::Fact& fact = consent::facts()[known->row];
        std::string text = value.text;
        if (value.kind == Node::Kind::sequence && fact.type == FactType::list) {
            std::vector<std::string> elements;
            for (const Node& item : value.items) {
                if (item.kind != Node::Kind::scalar) { one.fail("holds more than plain text", "write [a, b]"); }
                elements.push_back(item.text);
            }
            text = consent::list_literal(elements);
        } else if (value.kind != Node::Kind::scalar) {
            one.fail(fact.type == FactType::list ? "is not a list" : "is not a plain value",
                     fact.type == FactType::list ? "write [a, b]" : "write FACT: VALUE, as guest.vcpus: 4");
        }
        if (const auto fault = fault_of(fact, text)) { one.fail(fault->problem, fault->remedy); }
        facts.emplace_back(key.text, std::move(text));
    }
    return facts;
}

std::pair<std::string, std::string> read_fact(const std::string& assignment) {
    const std::size_t sign = assignment.find('=');
    if (sign == std::string::npos || sign == 0) {
        throw UsageError("--fact " + in_quotes(assignment) + " is not FACT=VALUE, as guest.vcpus=4");
    }
    const std::string name = assignment.substr(0, sign);
    std::string value = assignment.substr(sign + 1);
    const auto known = consent::find_fact(name);
    if (!known) { throw UsageError("--fact: unknown fact " + in_quotes(name) + "; " + remedy_for(name)); }
    const consent::Fact& fact = consent::facts()[known->row];
    if (fact.type == FactType::list && !value.starts_with('[')) {
        std::vector<std::string> elements;
        for (std::size_t at = 0; !value.empty() && at <= value.size();) {
            const std::size_t comma = std::min(value.find(',', at), value.size());
            elements.push_back(value.substr(at, comma - at));
            at = comma + 1;
        }
        value = consent::list_literal(elements);
    }
    if (const auto fault = fault_of(fact, value)) {
        throw UsageError("--fact " + name + ": " + fault->problem + "; " + fault->remedy);
    }
    return {name, value};
}

void put(consent::FactSet& into, const Facts& facts) {
    for (const auto& [name, value] : facts) { into.set(name, value); }
}

const std::string* find(const Facts& facts, std::string_view name) {
    for (auto fact = facts.rbegin(); fact != facts.rend(); ++fact) {
        if (fact->first == name) { return &fact->second; }
    }
    return nullptr;
}

}  // namespace consentctl
