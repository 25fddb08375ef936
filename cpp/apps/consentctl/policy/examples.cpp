#include "examples.hpp"

#include <array>
#include <utility>

#include "consent/wire.hpp"

namespace consentctl {
namespace {

namespace policy = consent::policy;
using consent::StandingAnswer;

constexpr std::size_t max_example_bytes = 255;

std::string text_of(const Field& field, std::string_view example) {
    const std::string& text = policy::read_text(field, example);
    if (text.size() > max_example_bytes || consent::wire::clean(text, SIZE_MAX) != text) {
        field.fail("is longer than 255 bytes or cannot be shown", "write one line of printable characters");
    }
    return text;
}

Example example_of(const Field& field) {
    constexpr std::array<std::string_view, 4> names{"name", "facts", "expect", "rule"};
    constexpr std::array<std::string_view, 4> answers{"consent", "refuse", "ask", "abstain"};  // in their order
    Example example;
    example.line = field.node.place.line;
    bool expects = false;
    policy::read_map(field, names, [&](std::string_view name, const Field& value) {
        if (name == "name") {
            example.name = text_of(value, "name: a big guest is kept out");
        } else if (name == "facts") {
            example.facts = read_facts(value);
        } else if (name == "expect") {
            example.expect = static_cast<StandingAnswer>(policy::read_word(value, answers));
            expects = true;
        } else {
            example.rule = text_of(value, "rule: no-big-guests");
        }
    });
    if (example.name.empty()) { field.fail("has no name", "add name: what it is an example of"); }
    if (!expects) { field.fail("expects nothing", "add expect: consent, refuse, ask or abstain"); }
    return example;
}

}  // namespace

Examples read_examples(const Document& document, const std::filesystem::path& folder) {
    constexpr std::array<std::string_view, 2> names{"policy", "examples"};
    Examples all{document.file, nullptr, {}};
    const Field whole = document.whole();
    policy::read_map(whole, names, [&](std::string_view name, const Field& value) {
        if (name == "policy") {
            all.policy = load_policy_file(folder / policy::read_text(value, "policy: host.yaml"));
        } else {
            policy::read_list(value, max_examples, "examples: [{name: any guest, expect: consent}]",
                              [&](const Field& item) { all.examples.push_back(example_of(item)); });
        }
    });
    if (!all.policy) { whole.fail("names no policy", "add policy: FILE, relative to this file"); }
    if (all.examples.empty()) { whole.fail("has no examples", "add examples: [{name: any guest, expect: consent}]"); }
    for (std::size_t i = 0; i < all.examples.size(); ++i) {
        const std::string& rule = all.examples[i].rule;
        bool there = rule.empty();
        for (std::size_t r = 0; r < all.policy->rules->size() && !there; ++r) {
            there = all.policy->rules->name(r) == rule;
        }
        if (!there) {
            throw consent::PolicyError(all.file, all.examples[i].line, 0, "examples[" + std::to_string(i) + "].rule",
                                       "the policy has no rule \"" + rule + '"',
                                       "name one of its rules, or leave it out");
        }
    }
    return all;
}

Examples load_examples(const std::filesystem::path& file) {
    return read_examples(read_document(file), file.parent_path());
}

consent::FactSet facts_for(const PolicyFile& policy, const Facts& given) {
    consent::FactSet facts;
    facts.set("operation", "live-migration");
    put(facts, policy.stated);
    put(facts, given);
    return facts;
}

Outcome run(const PolicyFile& policy, const Example& example) {
    const consent::FactSet facts = facts_for(policy, example.facts);
    const consent::Ruling ruling = policy.rules->evaluate(facts);
    Outcome outcome{false, ruling.answer, "", std::string(ruling.because), ruling.why};
    if (ruling.rule) { outcome.rule = policy.rules->name(*ruling.rule); }
    outcome.passed = outcome.answer == example.expect && (example.rule.empty() || example.rule == outcome.rule);
    return outcome;
}

}  // namespace consentctl
