// Table, JSON and progress lines.
#include "report.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <vector>

namespace consentctl {
namespace {

using consent::RoundReport;
using consent::Vote;
using consent::VoterReport;

template <class... Handlers>
struct Overloaded : Handlers... {
    using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

using Row = std::array<std::string, 5>;

/// Characters, not bytes: code points that do not continue another.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string milliseconds_of(const VoterReport& voter) {
    return voter.elapsed_ms < 0 ? "-" : std::to_string(voter.elapsed_ms);
}

bool spoke(Vote vote) { return vote == Vote::consented || vote == Vote::refused || vote == Vote::abstained; }

/// A quote among the words becomes ' so that nothing in them can pass for their end.
std::string quoted(std::string words) {
    std::replace(words.begin(), words.end(), '"', '\'');
    return words.empty() ? "" : "guest says \"" + words + '"';
}

std::string number_of(std::size_t count, const std::string& what) {
    return std::to_string(count) + ' ' + what + (count == 1 ? "" : "s");
}

std::string sentence(const RoundReport& report) {
    std::string text{to_string(report.verdict)};
    if (report.decided_by >= 0) {
        const VoterReport& decider = report.voters.at(static_cast<std::size_t>(report.decided_by));
        text += " by " + (decider.voter.name.empty() ? decider.voter.id : decider.voter.name);
        const std::string why = reason(decider);
        if (!why.empty()) text += ": " + why;
    } else if (!report.failure_code.empty()) {
        text += " (" + report.failure_code + "): " + report.because;
    } else if (!report.because.empty()) {
        text += ": " + report.because;
    } else if (report.voters.empty() && report.verdict == consent::State::consented) {
        text += ": no guest here has an agent, so nobody had to be asked";
    }
    return text;
}

nlohmann::ordered_json or_null(std::int64_t value) {
    return value < 0 ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(value);
}

}  // namespace

std::string reason(const VoterReport& voter) { return spoke(voter.vote) ? quoted(voter.because) : voter.because; }

void print_table(std::ostream& out, const RoundReport& report, const Occasion& occasion) {
    std::vector<Row> rows{{"GUEST", "PROJECT", "ANSWER", "MS", "BECAUSE"}};
    for (const VoterReport& voter : report.voters)
        rows.push_back({voter.voter.name.empty() ? voter.voter.id : voter.voter.name,
                        voter.voter.project.empty() ? "-" : voter.voter.project, std::string(to_string(voter.vote)),
                        milliseconds_of(voter), reason(voter)});
    if (rows.size() > 1) {
        std::array<std::size_t, 5> widths{};
        for (const Row& row : rows)
            for (std::size_t i = 0; i < row.size(); ++i) widths.at(i) = std::max(widths.at(i), width(row.at(i)));
        for (const Row& row : rows) {
            std::string line;
            for (std::size_t i = 0; i < row.size(); ++i) {
                const std::string space(widths.at(i) - width(row.at(i)), ' ');
                const bool last = i + 1 == row.size();
                line += i == 3 ? space + row.at(i) : row.at(i) + (last ? "" : space);
                if (!last) line += "  ";
            }
            line.erase(line.find_last_not_of(' ') + 1);
            out << line << '\n';
        }
        out << '\n';
    }
    out << occasion.host << ": " << sentence(report) << '\n'
        << number_of(report.voters.size(), "guest") << " asked, " << report.elapsed_ms << " ms, round " << report.round
        << ".\n"
        << "A dry run: nothing migrates. The hypervisor's own voice was not asked\n"
           "(accept_incoming in /etc/nova/consent.d/host.yaml).\n";
}

void print_json(std::ostream& out, const RoundReport& report, const Occasion& occasion) {
    using json = nlohmann::ordered_json;
    json voters = json::array();
    json counts{{"awaited", 0}, {"consented", 0}, {"refused", 0},  {"abstained", 0},
                {"silent", 0},  {"left", 0},      {"withdrawn", 0}};
    for (const VoterReport& voter : report.voters) {
        const std::string vote{to_string(voter.vote)};
        counts[vote] = counts.value(vote, 0) + 1;
        voters.push_back({{"id", voter.voter.id},
                          {"name", voter.voter.name},
                          {"project", voter.voter.project},
                          {"vote", vote},
                          {"because", voter.because},
                          {"guest_says", spoke(voter.vote)},
                          {"elapsed_ms", or_null(voter.elapsed_ms)}});
    }
    json decided_by(nullptr);
    if (report.decided_by >= 0) decided_by = report.voters.at(static_cast<std::size_t>(report.decided_by)).voter.id;
    json failure_code(nullptr);
    if (!report.failure_code.empty()) failure_code = report.failure_code;
    const json whole{{"version", 1},
                     {"round", report.round},
                     {"host", occasion.host},
                     {"uri", occasion.uri},
                     {"source", occasion.subject.source},
                     {"mover",
                      {{"id", occasion.subject.mover},
                       {"vcpus", occasion.subject.vcpus},
                       {"memory_mib", occasion.subject.memory_mib}}},
                     {"verdict", to_string(report.verdict)},
                     {"decided_by", decided_by},
                     {"because", report.because},
                     {"failure_code", failure_code},
                     {"elapsed_ms", report.elapsed_ms},
                     {"hypervisor_asked", false},
                     {"counts", counts},
                     {"voters", voters}};
    out << whole.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
}

std::string describe(const consent::InquiryEvent& event, const std::vector<consent::Voter>& voters) {
    const auto name = [&](std::uint32_t voter) {
        if (voter >= voters.size()) return std::string("a guest");
        return voters[voter].name.empty() ? voters[voter].id : voters[voter].name;
    };
    const auto because = [](const std::string& words) { return words.empty() ? "" : ": " + words; };
    return std::visit(
        Overloaded{
            [&](const consent::VotersIdentified& e) { return "asking " + number_of(e.voters.size(), "guest"); },
            [&](const consent::VoterAnswered& e) {
                return name(e.voter) + ": " + std::string(to_string(e.answer)) + because(quoted(e.because));
            },
            [&](const consent::VoterFellSilent& e) { return name(e.voter) + ": silent" + because(e.why); },
            [&](const consent::VoterLeft& e) { return name(e.voter) + ": left" + because(e.why); },
            [&](const consent::VoterWithdrew& e) { return name(e.voter) + ": takes its consent back"; },
            [&](const consent::InquiryFailed& e) { return "failed (" + e.code + ")" + because(e.why); },
        },
        event);
}

}  // namespace consentctl
