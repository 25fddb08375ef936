// consentctl policy matrix: every mover on every host, as a table, JSON, or a page to look at.
#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "grid.hpp"
#include "options.hpp"
#include "page.hpp"
#include "text.hpp"

namespace consentctl {
namespace {

constexpr Lesson matrix_lesson{
    R"(consentctl policy matrix: who may go where, by what is stated beforehand?

Usage: consentctl policy matrix [OPTIONS] INVENTORY

Judges every mover of the inventory on every host of it, as the gate of that host would: its
hypervisor and every guest there by their standing policies. Nobody is asked and nothing moves.
)",
    R"(
An inventory, YAML up to 64 KiB or JSON up to 64 MiB:
  facts: {time.hour: 14}               # in every case
  hosts:
    - name: host1
      policy: host1.yaml               # its host.yaml; relative to the inventory; left out: no rules
      facts: {site.memory_free_mib: 8192}
      voters:                          # the VMs that run there
        - name: billing
          facts: {me.project: red}
          policy: billing.yaml         # the policy of the agent in it; left out: nothing said
          veto: yes                    # its own refusal binds; left out: as the host's file says
          answers: yes                 # an agent is connected, so it would be asked; left out: no
  movers:
    - {name: app, facts: {guest.project: blue, guest.vcpus: 4}}
  site.host is the host's name; site.neighbours and site.projects are concluded from the voters,
  me.id is the voter's name, unless it is stated. The mover's own word is not in it: it has its say
  where it runs.

Answers:
  consent  nobody objects, or only those without a veto
  ask      somebody would be asked, or it hangs on a fact that is not given
  refuse   a voter's rule refuses; whether that is obeyed depends on the host's mode

Examples:
  consentctl policy matrix cloud.yaml
  A page to look at, every cell with who decides and why:
    consentctl policy matrix cloud.json --html cloud.html
  The same cloud, should every host get a new file, at night:
    consentctl policy matrix cloud.json --policy host.yaml.new --fact time.hour=2

JSON (version 1): {"version": 1, "hosts": [{"name": NAME, "mode": MODE or null}], "movers": [NAME],
  "counts": {"consent": N, "ask": N, "refuse": N},
  "decisions": [{"answer": ANSWER, "voter": NAME, "source": NAME, "rule": NAME, "because": TEXT, "why": TEXT}],
  "cells": [[N, ...], ...]}    a row a mover, a number a host: which of the decisions

Exit codes:
  0  judged     2  the command line, the inventory or a policy cannot be taken
  3  the page cannot be written
)"};

using Counts = std::array<std::size_t, 3>;  // by Outlook

Counts counts_of(const Grid& grid) {
    Counts counts{};
    for (const std::uint32_t cell : grid.cells) { ++counts.at(static_cast<std::size_t>(grid.decisions[cell].outlook)); }
    return counts;
}

std::string letters(std::size_t mover, const Grid& grid) {
    std::string line;
    for (std::size_t h = 0; h < grid.hosts.size(); ++h) {
        const auto outlook = grid.at(mover, h).outlook;
        line += outlook == consent::Outlook::consent ? '+' : outlook == consent::Outlook::ask ? '?' : 'x';
    }
    return line;
}

/// Words while they fit into a terminal, then a letter a cell.
std::string cells_table(const Grid& grid) {
    constexpr std::size_t most_width = 120;
    std::vector<std::vector<std::string>> rows{{"MOVER"}};
    rows.front().insert(rows.front().end(), grid.hosts.begin(), grid.hosts.end());
    for (std::size_t m = 0; m < grid.movers.size(); ++m) {
        rows.push_back({grid.movers[m]});
        for (std::size_t h = 0; h < grid.hosts.size(); ++h) {
            rows.back().emplace_back(to_string(grid.at(m, h).outlook));
        }
    }
    std::size_t wide = 0;
    for (const std::string& host : grid.hosts) { wide += std::max<std::size_t>(width(host), 7) + 2; }
    for (const std::string& mover : grid.movers) { wide = std::max(wide, width(mover)); }
    if (wide <= most_width) { return table(rows); }
    rows = {};
    for (std::size_t m = 0; m < grid.movers.size(); ++m) { rows.push_back({grid.movers[m], letters(m, grid)}); }
    return "Hosts, in this order: " + grid.hosts.front() + " to " + grid.hosts.back() +
           ". + consent, ? ask, x refuse.\n" + table(rows);
}

std::string reason(const Decision& decision) {
    std::string text = decision.voter;
    if (!decision.why.empty()) { return text + ": " + decision.why; }
    if (!decision.rule.empty()) { text += ", rule " + decision.rule; }
    if (!decision.because.empty()) { text += ": " + in_quotes(decision.because); }
    return text;
}

/// What keeps movers out, most often first.
std::string reasons_table(const Grid& grid) {
    constexpr std::size_t most = 20;
    std::vector<std::size_t> counts(grid.decisions.size());
    for (const std::uint32_t cell : grid.cells) { ++counts[cell]; }
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < grid.decisions.size(); ++i) {
        if (grid.decisions[i].outlook != consent::Outlook::consent) { order.push_back(i); }
    }
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return counts[a] > counts[b]; });
    std::vector<std::vector<std::string>> rows;
    for (const std::size_t i : order) {
        if (rows.size() == most) { break; }
        rows.push_back(
            {std::to_string(counts[i]), std::string(to_string(grid.decisions[i].outlook)), reason(grid.decisions[i])});
    }
    std::string out = table(rows, 2);
    if (order.size() > most) { out += "  and " + std::to_string(order.size() - most) + " more; --json has all\n"; }
    return out;
}

void print_table(const Grid& grid, std::ostream& out) {
    const Counts counts = counts_of(grid);
    out << cells_table(grid) << '\n'
        << number_of(grid.movers.size(), "mover") << " on " << number_of(grid.hosts.size(), "host") << ": " << counts[0]
        << " consent, " << counts[1] << " ask, " << counts[2] << " refuse.\n";
    const std::string reasons = reasons_table(grid);
    if (!reasons.empty()) { out << "Why not at once:\n" << reasons; }
}

void print_json(const Grid& grid, std::ostream& out) {
    using json = nlohmann::ordered_json;
    json hosts = json::array();
    for (std::size_t h = 0; h < grid.hosts.size(); ++h) {
        hosts.push_back({{"name", grid.hosts[h]}, {"mode", nullptr}});
        if (const auto& mode = grid.modes[h]) { hosts.back()["mode"] = to_string(*mode); }
    }
    json decisions = json::array();
    for (const Decision& decision : grid.decisions) {
        decisions.push_back({{"answer", to_string(decision.outlook)},
                             {"voter", decision.voter},
                             {"source", decision.source},
                             {"rule", decision.rule},
                             {"because", decision.because},
                             {"why", decision.why}});
    }
    json cells = json::array();
    for (std::size_t m = 0; m < grid.movers.size(); ++m) {
        const auto first = grid.cells.begin() + static_cast<std::ptrdiff_t>(m * grid.hosts.size());
        cells.push_back(std::vector<std::uint32_t>(first, first + static_cast<std::ptrdiff_t>(grid.hosts.size())));
    }
    const Counts counts = counts_of(grid);
    const json whole{{"version", 1},
                     {"hosts", std::move(hosts)},
                     {"movers", grid.movers},
                     {"counts", {{"consent", counts[0]}, {"ask", counts[1]}, {"refuse", counts[2]}}},
                     {"decisions", std::move(decisions)},
                     {"cells", std::move(cells)}};
    out << whole.dump(-1, ' ', false, json::error_handler_t::replace) << '\n';
}

}  // namespace

int policy_matrix(const Arguments& arguments, Streams streams) {
    options::options_description known("Options");
    known.add_options()("policy,p", options::value<std::string>()->value_name("FILE"),
                        "a host's file for all hosts, in place of those that the inventory names")(
        "fact,f", options::value<std::vector<std::string>>()->value_name("FACT=VALUE"),
        "a fact in every case, over all others; may be repeated")(
        "html", options::value<std::string>()->value_name("FILE"), "write a page to look at into FILE, print no table")(
        "json", "print JSON instead of a table");
    const auto given = read_options(arguments, known, "inventory", matrix_lesson, streams.out);
    if (!given) { return 0; }
    const std::vector<std::string> names = all(*given, "inventory");
    if (names.size() != 1) { throw UsageError("name one inventory"); }
    Inventory inventory = load_inventory(names.front());
    if (given->count("policy") != 0) {
        const auto policy = load_policy_file((*given)["policy"].as<std::string>(), Kind::host);
        for (InventoryHost& host : inventory.hosts) { host.policy = policy; }
    }
    Facts always;
    for (const std::string& fact : all(*given, "fact")) { always.push_back(read_fact(fact)); }
    if (inventory.movers.empty()) {
        throw consent::PolicyError(names.front(), 0, 0, "movers", "there are none", "add movers: [{name: app}]");
    }
    if (inventory.movers.size() * inventory.hosts.size() > max_cells) {
        throw consent::PolicyError(names.front(), 0, 0, "",
                                   std::to_string(inventory.movers.size()) + " movers on " +
                                       std::to_string(inventory.hosts.size()) + " hosts are more than 4000000 cells",
                                   "split the inventory");
    }
    const Grid grid = make_grid(inventory, always);
    if (given->count("html") != 0) {
        const auto file = (*given)["html"].as<std::string>();
        std::ofstream out(file, std::ios::binary);
        out << page(grid, inventory);
        if (!out.flush()) {
            streams.err << file << ": cannot be written\n";
            return failed;
        }
        streams.out << file << ": " << number_of(grid.movers.size(), "mover") << " on "
                    << number_of(grid.hosts.size(), "host") << '\n';
        if (given->count("json") == 0) { return 0; }
    }
    (given->count("json") != 0 ? print_json : print_table)(grid, streams.out);
    return 0;
}

}  // namespace consentctl
