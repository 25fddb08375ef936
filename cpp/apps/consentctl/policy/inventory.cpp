#include "inventory.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <map>
#include <set>
#include <utility>

#include "consent/wire.hpp"

namespace consentctl {
namespace {

namespace policy = consent::policy;

constexpr std::size_t max_name_bytes = 255;

class Reader {
  public:
    explicit Reader(std::filesystem::path folder) : folder_(std::move(folder)) {}

    Inventory read(const Field& whole) {
        constexpr std::array<std::string_view, 3> names{"facts", "hosts", "movers"};
        Inventory inventory;
        policy::read_map(whole, names, [&](std::string_view name, const Field& value) {
            if (name == "facts") {
                inventory.facts = read_facts(value);
            } else if (name == "hosts") {
                policy::read_list(value, max_hosts, "hosts: [{name: host1}]",
                                  [&](const Field& item) { inventory.hosts.push_back(host(item)); });
            } else {
                policy::read_list(value, max_movers, "movers: [{name: app}]",
                                  [&](const Field& item) { inventory.movers.push_back(mover(item)); });
            }
        });
        if (inventory.hosts.empty()) { whole.fail("has no hosts", "add hosts: [{name: host1}]"); }
        return inventory;
    }

  private:
    InventoryHost host(const Field& field) {
        constexpr std::array<std::string_view, 4> names{"name", "policy", "facts", "voters"};
        InventoryHost host;
        policy::read_map(field, names, [&](std::string_view name, const Field& value) {
            if (name == "name") {
                host.name = name_of(value, hosts_);
            } else if (name == "policy") {
                host.policy = file(value, true);
            } else if (name == "facts") {
                host.facts = facts_of(value, {"site.", "time."}, "of a host");
            } else {
                policy::read_list(value, max_voters, "voters: [{name: billing}]",
                                  [&](const Field& item) { host.voters.push_back(voter(item)); });
            }
        });
        if (host.name.empty()) { field.fail("has no name", "add name: HOST"); }
        return host;
    }

    InventoryVoter voter(const Field& field) {
        constexpr std::array<std::string_view, 5> names{"name", "facts", "policy", "veto", "answers"};
        constexpr std::array<std::string_view, 4> words{"no", "yes", "false", "true"};
        InventoryVoter voter;
        policy::read_map(field, names, [&](std::string_view name, const Field& value) {
            if (name == "name") {
                voter.name = text_of(value);
            } else if (name == "facts") {
                voter.facts = facts_of(value, {"me."}, "of a voter");
            } else if (name == "policy") {
                voter.policy = file(value, false);
            } else if (name == "veto") {
                voter.veto = policy::read_word(value, words) % 2 == 1;
            } else {
                voter.answers = policy::read_word(value, words) % 2 == 1;
            }
        });
        if (voter.name.empty()) { field.fail("has no name", "add name: VM"); }
        return voter;
    }

    InventoryMover mover(const Field& field) {
        constexpr std::array<std::string_view, 2> names{"name", "facts"};
        InventoryMover mover;
        policy::read_map(field, names, [&](std::string_view name, const Field& value) {
            if (name == "name") {
                mover.name = name_of(value, movers_);
            } else {
                mover.facts = facts_of(value, {"guest.", "source.", "operation"}, "of a mover");
            }
        });
        if (mover.name.empty()) { field.fail("has no name", "add name: VM"); }
        return mover;
    }

    static Facts facts_of(const Field& field, std::initializer_list<std::string_view> groups, std::string_view whose) {
        Facts facts = read_facts(field);
        for (const auto& [name, value] : facts) {
            if (std::none_of(groups.begin(), groups.end(), [&](auto group) { return name.starts_with(group); })) {
                field.fail(name + " is no fact " + std::string(whose),
                           "site.* belong to hosts, me.* to voters, guest.* and source.* to movers; what is the same "
                           "everywhere goes into the inventory's own facts");
            }
        }
        return facts;
    }

    static std::string text_of(const Field& field) {
        const std::string& text = policy::read_text(field, "name: host1");
        if (text.size() > max_name_bytes || consent::wire::clean(text, SIZE_MAX) != text) {
            field.fail("is longer than 255 bytes or cannot be shown", "write one line of printable characters");
        }
        return text;
    }

    static std::string name_of(const Field& field, std::set<std::string>& taken) {
        const std::string& text = text_of(field);
        if (!taken.insert(text).second) { field.fail(text + " is there twice", "give each its own name"); }
        return text;
    }

    /// Read once, however many name it.
    std::shared_ptr<const PolicyFile> file(const Field& field, bool of_host) {
        const std::filesystem::path path = folder_ / policy::read_text(field, "policy: host.yaml");
        auto& loaded = files_[path.string()];
        if (!loaded) { loaded = load_policy_file(path); }
        if (loaded->host.has_value() != of_host) {
            field.fail(of_host ? "is an agent's file" : "is a host's file",
                       of_host ? "name a host's file" : "name an agent's file: it has answer:");
        }
        return loaded;
    }

    std::filesystem::path folder_;
    std::map<std::string, std::shared_ptr<const PolicyFile>> files_;
    std::set<std::string> hosts_;
    std::set<std::string> movers_;
};

}  // namespace

Inventory read_inventory(const Document& document, const std::filesystem::path& folder) {
    return Reader(folder).read(document.whole());
}

Inventory load_inventory(const std::filesystem::path& file) {
    return read_inventory(read_document(file), file.parent_path());
}

}  // namespace consentctl
