// An inventory: hosts with the voters on them, and movers, as an operator writes them down or a program exports them.
//
//     facts: {time.hour: 14}                    # in every case
//     hosts:
//       - name: host1
//         policy: host1.yaml                    # relative to the inventory; left out: no rules
//         facts: {site.memory_free_mib: 8192}
//         voters:
//           - {name: billing, facts: {me.project: red}, policy: billing.yaml, veto: yes, answers: yes}
//     movers:
//       - {name: app, facts: {guest.project: blue, guest.vcpus: 4}}
//
// Must not know what becomes of it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "given.hpp"
#include "standing.hpp"

namespace consentctl {

inline constexpr std::size_t max_hosts = 10'000;
inline constexpr std::size_t max_movers = 10'000;
inline constexpr std::size_t max_voters = 4096;  ///< of one host

/// A guest that runs on the host.
struct InventoryVoter {
    std::string name;
    Facts facts;                               ///< me.*; me.id is the name unless it says otherwise
    std::shared_ptr<const PolicyFile> policy;  ///< what its agent has said beforehand; null: nothing
    std::optional<bool> veto;                  ///< nothing: as the host's file says
    bool answers = false;                      ///< an agent is connected, so it would be asked
};

struct InventoryHost {
    std::string name;
    std::shared_ptr<const PolicyFile> policy;  ///< null: no rules
    Facts facts;                               ///< site.* and time.*
    std::vector<InventoryVoter> voters;

    /// What its file says besides rules; null: it has none.
    [[nodiscard]] const consent::HostPolicy* settings() const {
        if (policy == nullptr) { return nullptr; }
        const std::optional<consent::HostPolicy>& stated = policy->host;
        return stated ? &*stated : nullptr;
    }
};

struct InventoryMover {
    std::string name;
    Facts facts;  ///< guest.*, source.* and operation
};

struct Inventory {
    Facts facts;
    std::vector<InventoryHost> hosts;
    std::vector<InventoryMover> movers;
};

/// Throws PolicyError: for the inventory, and for a policy file that it names.
[[nodiscard]] Inventory load_inventory(const std::filesystem::path& file);
[[nodiscard]] Inventory read_inventory(const Document& document, const std::filesystem::path& folder);

}  // namespace consentctl
