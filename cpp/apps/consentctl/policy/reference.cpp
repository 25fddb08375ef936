#include "reference.hpp"

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "consent/expression.hpp"
#include "consent/facts.hpp"
#include "consent/policy.hpp"
#include "consent/rules.hpp"
#include "consent/standing.hpp"

namespace consentctl {
namespace {

using consent::Operator;
using consent::StandingAnswer;

struct OperatorRow {
    Operator op;
    std::string_view written;
    std::string_view for_type;
    std::string_view meaning;
};

constexpr std::array<OperatorRow, consent::operator_count> operators{{
    {Operator::equals_word, "x", "text", "is the text `x`; of several words the first counts"},
    {Operator::equals_text, "== == x", "text", "is the whole expression as text: what the other rows cannot read"},
    {Operator::at_least_legacy, "= 4", "number", "is **at least** 4; write `>=`"},
    {Operator::equal, "== 4", "number", "is 4"},
    {Operator::not_equal, "!= 4", "number", "is not 4"},
    {Operator::less, "< 4", "number", "is less than 4"},
    {Operator::at_most, "<= 4", "number", "is 4 or less"},
    {Operator::greater, "> 4", "number", "is more than 4"},
    {Operator::at_least, ">= 4", "number", "is 4 or more"},
    {Operator::text_equal, "s== x", "text", "is the text `x`"},
    {Operator::text_not_equal, "s!= x", "text", "is another text than `x`"},
    {Operator::text_less, "s< x", "text", "comes before `x`, character by character"},
    {Operator::text_at_most, "s<= x", "text", "is `x` or comes before it"},
    {Operator::text_greater, "s> x", "text", "comes behind `x`"},
    {Operator::text_at_least, "s>= x", "text", "is `x` or comes behind it"},
    {Operator::in, "<in> x", "text", "contains `x`"},
    {Operator::all_in, "<all-in> x y", "list", "has `x` and `y` among its elements"},
    {Operator::any_of, "<or> x <or> y", "text", "is one of `x` and `y`"},
    {Operator::range_in, "<range-in> [ 10 20 )", "number", "is from 10, included, to 20, not included"},
}};

struct AnswerRow {
    StandingAnswer answer;
    std::string_view meaning;
};

constexpr std::array<AnswerRow, 4> answers{{
    {StandingAnswer::consent, "the voter agrees; nobody asks it"},
    {StandingAnswer::refuse, "the voter refuses; nobody asks it. A tenant's refusal counts only with a veto"},
    {StandingAnswer::ask,
     "the guest is asked through its agent; one without an agent has no vote. Of the hypervisor "
     "`accept_incoming` and `accept_outgoing` count"},
    {StandingAnswer::abstain, "the voter has no opinion; nobody asks it"},
}};

std::string code(std::string_view text) { return "`" + std::string(text) + "`"; }

std::string row(const std::vector<std::string>& cells) {
    std::string line = "|";
    for (const std::string& cell : cells) { line += " " + cell + " |"; }
    return line + "\n";
}

std::string_view known(consent::FactKnown where) {
    switch (where) {
        case consent::FactKnown::everywhere: return "host and scheduler";
        case consent::FactKnown::gate: return "host";
        case consent::FactKnown::scheduler: return "where the host's file states it";
    }
    return "?";
}

std::string facts_table() {
    std::string out = row({"fact", "type", "unit", "known to", "what it is"}) + "|---|---|---|---|---|\n";
    for (const consent::Fact& fact : consent::facts()) {
        out += row({code(fact.name), std::string(to_string(fact.type)), std::string(fact.unit),
                    std::string(known(fact.known)), std::string(fact.meaning)});
    }
    return out;
}

std::string operators_table() {
    std::string out = row({"expression", "for a", "holds when the fact"}) + "|---|---|---|\n";
    for (const OperatorRow& op : operators) {
        out += row({code(op.written), std::string(op.for_type), std::string(op.meaning)});
    }
    return out;
}

std::string answers_table() {
    std::string out = row({"answer", "what becomes of it"}) + "|---|---|\n";
    for (const AnswerRow& answer : answers) {
        out += row({code(to_string(answer.answer)), std::string(answer.meaning)});
    }
    return out;
}

std::string sources_table() {
    constexpr std::array<std::string_view, consent::source_count> where{
        "`rules:` in the host's file and what it includes",
        "extra specs `consent:rule:NAME` of the voter's flavor, as it was when the VM got it",
        "properties `consent_rule_NAME` of the voter's image, as it was when the VM was created",
        "server metadata `consent:rule:NAME` of the voter",
        "`rules:` in the policy of the agent in the voter",
    };
    std::string out = row({"order", "source", "where", "a refusal binds"}) + "|---|---|---|---|\n";
    for (std::size_t i = 0; i < where.size(); ++i) {
        const auto source = static_cast<consent::Source>(i);
        out += row({std::to_string(i + 1), code(to_string(source)), std::string(where.at(i)),
                    is_operators(source) ? "yes" : "with a veto"});
    }
    return out;
}

std::string bounds_table() {
    const auto bound = [](std::string_view what, std::size_t most, std::string_view unit = "") {
        return row({std::string(what), std::to_string(most) + (unit.empty() ? "" : " " + std::string(unit))});
    };
    return row({"what", "at most"}) + "|---|---|\n" + bound("a file", consent::max_policy_bytes, "bytes") +
           bound("rules of one source", consent::max_rules) +
           bound("conditions and groups of all its rules", consent::max_conditions) +
           bound("groups within groups", consent::max_condition_depth) +
           bound("a rule's name", consent::max_rule_name_bytes, "bytes") +
           bound("`because`", consent::max_because_bytes, "bytes") +
           bound("an expression", consent::max_expression_bytes, "bytes") +
           bound("a fact's value", consent::max_value_bytes, "bytes") +
           bound("a rule in an extra spec, image property or metadata item", consent::max_property_bytes, "bytes");
}

}  // namespace

std::string reference_page() {
    return "<!-- Made by `consentctl policy facts --markdown`; a test compares. -->\n\n# Rules: reference\n\n"
           "How to write them: [rules](rules.md). The language of expressions with its quirks: "
           "[expressions](expressions.md).\n\n## Facts\n\n"
           "In `guest.image.*` and `guest.extra.*`, `*` is the name of the property or extra spec. A fact that is not "
           "known "
           "where a rule is judged makes the rule answer `ask`.\n\n" +
           facts_table() +
           "\n## Expressions\n\nAn expression on a list other than `<all-in>` compares with its whole text.\n\n" +
           operators_table() +
           "\n## Groups\n\n| group | holds when |\n|---|---|\n"
           "| `when:` | all its conditions hold; none are there: always |\n"
           "| `any:` | a list of maps: at least one of them holds |\n"
           "| `not:` | a map: its conditions do not all hold |\n"
           "\nWhat hangs on an unknown fact is unknown, unless the rest decides already.\n\n## Answers\n\n" +
           answers_table() + "\n## Sources\n\nThe first source of which a rule decides speaks for the voter.\n\n" +
           sources_table() + "\n## Bounds\n\n" + bounds_table();
}

}  // namespace consentctl
