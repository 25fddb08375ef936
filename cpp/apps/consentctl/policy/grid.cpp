#include "grid.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "consent/policy.hpp"

namespace consentctl {

using consent::Outlook;

Grid make_grid(const Inventory& inventory, const Facts& always) {
    Grid grid;
    HostJudge::Cache cache;
    std::vector<HostJudge> judges;
    Facts everywhere = inventory.facts;
    everywhere.insert(everywhere.end(), always.begin(), always.end());
    for (const InventoryHost& host : inventory.hosts) {
        grid.hosts.push_back(host.name);
        const consent::HostPolicy* settings = host.settings();
        grid.modes.push_back(settings != nullptr ? settings->mode : std::nullopt);
        judges.emplace_back(host, everywhere, cache);
    }
    std::map<Decision, std::uint32_t> numbers;
    grid.cells.reserve(inventory.movers.size() * inventory.hosts.size());
    for (const InventoryMover& mover : inventory.movers) {
        grid.movers.push_back(mover.name);
        consent::FactSet facts;
        facts.set("operation", "live-migration");
        put(facts, mover.facts);
        put(facts, everywhere);
        for (const HostJudge& judge : judges) {
            const auto [at, fresh] =
                numbers.emplace(judge.judge(facts), static_cast<std::uint32_t>(grid.decisions.size()));
            if (fresh) { grid.decisions.push_back(at->first); }
            grid.cells.push_back(at->second);
        }
    }
    return grid;
}

std::vector<std::vector<Outlook>> outlooks_of(const Grid& grid, bool by_host) {
    const std::size_t hosts = grid.hosts.size();
    const std::size_t movers = grid.movers.size();
    std::vector<std::vector<Outlook>> rows(by_host ? hosts : movers, std::vector<Outlook>(by_host ? movers : hosts));
    for (std::size_t m = 0; m < movers; ++m) {
        for (std::size_t h = 0; h < hosts; ++h) { (by_host ? rows[h][m] : rows[m][h]) = grid.at(m, h).outlook; }
    }
    return rows;
}

std::vector<std::uint32_t> by_similarity(const std::vector<std::vector<Outlook>>& outlooks) {
    // Two bits a place, so that 64 places are compared with three operations.
    struct Bits {
        std::vector<std::uint64_t> refused;
        std::vector<std::uint64_t> asked;
        std::size_t consents = 0;
    };
    std::vector<Bits> rows;
    for (const auto& row : outlooks) {
        const std::vector<std::uint64_t> blank(row.size() / 64 + 1);
        Bits bits{blank, blank, 0};
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::uint64_t bit = std::uint64_t{1} << (i % 64);
            if (row[i] == Outlook::refuse) { bits.refused[i / 64] |= bit; }
            if (row[i] == Outlook::ask) { bits.asked[i / 64] |= bit; }
            bits.consents += row[i] == Outlook::consent ? 1U : 0U;
        }
        rows.push_back(std::move(bits));
    }
    const auto distance = [](const Bits& a, const Bits& b) {
        int differ = 0;
        for (std::size_t i = 0; i < a.refused.size(); ++i) {
            differ += std::popcount((a.refused[i] ^ b.refused[i]) | (a.asked[i] ^ b.asked[i]));
        }
        return differ;
    };
    std::vector<std::uint32_t> order(rows.size());
    std::iota(order.begin(), order.end(), 0U);
    for (std::size_t done = 0; done < order.size(); ++done) {
        const auto rest = order.begin() + static_cast<std::ptrdiff_t>(done);
        const auto next = done == 0
                              ? std::max_element(rest, order.end(),
                                                 [&](auto a, auto b) { return rows[a].consents < rows[b].consents; })
                              : [&] {
                                    auto nearest = rest;
                                    int least = std::numeric_limits<int>::max();
                                    for (auto it = rest; it != order.end(); ++it) {
                                        const int far = distance(rows[order[done - 1]], rows[*it]);
                                        if (far < least) {
                                            least = far;
                                            nearest = it;
                                        }
                                    }
                                    return nearest;
                                }();
        std::rotate(rest, next, next + 1);  // those that are left keep their order
    }
    return order;
}

}  // namespace consentctl
