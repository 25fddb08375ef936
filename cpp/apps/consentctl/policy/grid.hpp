// Every mover on every host, judged once: the matrix as values.
//
// Pure. Must not know files nor how it is shown.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "inventory.hpp"
#include "judge.hpp"

namespace consentctl {

inline constexpr std::size_t max_cells = 4'000'000;

struct Grid {
    std::vector<std::string> movers;
    std::vector<std::string> hosts;
    std::vector<std::optional<consent::Mode>> modes;  ///< of the hosts, as their files say; nothing: nova.conf says
    std::vector<Decision> decisions;                  ///< each once, in order of first use
    std::vector<std::uint32_t> cells;                 ///< of mover m on host h: decisions[cells[m * hosts.size() + h]]

    [[nodiscard]] const Decision& at(std::size_t mover, std::size_t host) const {
        return decisions[cells[mover * hosts.size() + host]];
    }
};

/// `always`: facts that hold in every case, over all others. Cost: movers times hosts times the different voters of a host.
[[nodiscard]] Grid make_grid(const Inventory& inventory, const Facts& always);

/// An order in which like follows like: after each row comes, of those that are left, the one whose outlooks differ from
/// it in the fewest places. Begins with the row of most consents. `outlooks`: rows of equal length.
/// Cost: rows squared times length / 64.
[[nodiscard]] std::vector<std::uint32_t> by_similarity(const std::vector<std::vector<consent::Outlook>>& outlooks);

/// The outlooks by mover, or by host.
[[nodiscard]] std::vector<std::vector<consent::Outlook>> outlooks_of(const Grid& grid, bool by_host);

}  // namespace consentctl
