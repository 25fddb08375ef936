#include "consent/facts.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "consent/expression.hpp"

namespace consent {
namespace {

using T = FactType;
using K = FactKnown;

constexpr std::array<Fact, fact_count> table = {{
    {"operation", T::text, "", K::everywhere, "what is to happen: live-migration"},

    {"guest.id", T::text, "", K::everywhere, "UUID of the VM that is to move"},
    {"guest.project", T::text, "", K::everywhere, "id of the project that owns it"},
    {"guest.flavor", T::text, "", K::everywhere, "name of its flavor, as it was when the VM got it"},
    {"guest.vcpus", T::number, "", K::everywhere, "its virtual CPUs"},
    {"guest.memory_mib", T::number, "MiB", K::everywhere, "its memory"},
    {"guest.image.*", T::text, "", K::gate, "a property of its image, as it was when the VM was created"},
    {"guest.tag", T::list, "", K::gate, "its tags"},
    {"guest.extra.*", T::text, "", K::everywhere, "an extra spec of its flavor, as it was when the VM got it"},
    {"guest.server_group", T::text, "", K::scheduler, "UUID of its server group"},
    {"guest.server_group_policy", T::text, "", K::scheduler, "its server group's policy: affinity, anti-affinity, ..."},

    {"source.host", T::text, "", K::everywhere, "the host that it runs on"},
    {"source.zone", T::text, "", K::scheduler, "that host's availability zone"},
    {"source.aggregates", T::list, "", K::scheduler, "names of the aggregates that host is in"},
    {"source.traits", T::list, "", K::scheduler, "that host's traits"},

    {"site.host", T::text, "", K::everywhere, "the host that it is to move to"},
    {"site.zone", T::text, "", K::scheduler, "that host's availability zone"},
    {"site.hypervisor", T::text, "", K::everywhere, "that host's type of hypervisor: QEMU"},
    {"site.hypervisor_version", T::number, "", K::everywhere, "its version as Nova counts it: 7002000 is 7.2.0"},
    {"site.vcpus", T::number, "", K::everywhere, "that host's CPUs"},
    {"site.vcpus_free", T::number, "", K::everywhere, "CPUs not given to guests, negative when overcommitted"},
    {"site.memory_mib", T::number, "MiB", K::everywhere, "that host's memory"},
    {"site.memory_free_mib", T::number, "MiB", K::everywhere,
     "memory not given to guests, negative when overcommitted"},
    {"site.neighbours", T::number, "", K::everywhere, "guests that run there, the one to move not counted"},
    {"site.projects", T::list, "", K::everywhere, "ids of the projects that own them, each once"},
    {"site.aggregates", T::list, "", K::scheduler, "names of the aggregates that host is in"},
    {"site.traits", T::list, "", K::scheduler, "that host's traits"},

    {"me.id", T::text, "", K::everywhere, "the voter's own UUID; a hypervisor's host name"},
    {"me.kind", T::text, "", K::everywhere, "which voter it is: neighbour, mover or hypervisor"},
    {"me.project", T::text, "", K::everywhere, "id of the project that owns the voter"},
    {"me.flavor", T::text, "", K::everywhere, "name of the voter's flavor"},
    {"me.vcpus", T::number, "", K::everywhere, "the voter's virtual CPUs"},
    {"me.memory_mib", T::number, "MiB", K::everywhere, "the voter's memory"},
    {"me.tag", T::list, "", K::everywhere, "the voter's tags"},

    {"time.hour", T::number, "h", K::gate, "hour of the day, 0 to 23, in the policy's zone"},
    {"time.weekday", T::number, "", K::gate, "day of the week, 1 (Monday) to 7, in the policy's zone"},
}};

constexpr std::string_view stem(const Fact& fact) noexcept {
    return fact.is_family() ? fact.name.substr(0, fact.name.size() - 1) : fact.name;
}

/// Levenshtein's distance, by rows.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) { row[j] = j; }
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t swap = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({swap, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row[b.size()];
}

}  // namespace

std::span<const Fact, fact_count> facts() noexcept { return table; }

std::string_view to_string(FactType type) noexcept {
    switch (type) {
        case FactType::text: return "text";
        case FactType::number: return "number";
        case FactType::list: return "list";
    }
    return "?";
}

std::string_view to_string(FactKnown known) noexcept {
    switch (known) {
        case FactKnown::everywhere: return "everywhere";
        case FactKnown::gate: return "gate";
        case FactKnown::scheduler: return "scheduler";
    }
    return "?";
}

std::optional<FactName> find_fact(std::string_view name) {
    if (name.size() > max_fact_name_bytes) { return std::nullopt; }
    for (std::size_t row = 0; row < table.size(); ++row) {
        const std::string_view known = stem(table[row]);
        if (!table[row].is_family()) {
            if (name == known) { return FactName{row, {}}; }
        } else if (name.size() > known.size() && name.starts_with(known)) {
            return FactName{row, std::string(name.substr(known.size()))};
        }
    }
    return std::nullopt;
}

std::string nearest_fact(std::string_view name) {
    if (name.empty() || name.size() > max_fact_name_bytes) { return {}; }
    std::string_view nearest;
    std::size_t least = std::numeric_limits<std::size_t>::max();
    for (const Fact& fact : table) {
        // Of a family its stem is what can be misspelt: gest.image.x is near guest.image.*
        const std::string_view known = stem(fact);
        std::string_view head = name;
        if (const std::size_t second = name.find('.', std::min(name.find('.') + 1, name.size()));
            fact.is_family() && second != std::string_view::npos) {
            head = name.substr(0, second + 1);
        }
        std::size_t far = distance(head, known);
        // The last part alone, as someone writes who does not know the groups: vcpus for guest.vcpus.
        if (known.size() > name.size() && known.ends_with(name) && known[known.size() - name.size() - 1] == '.') {
            far = 1;
        }
        if (far < least) {
            least = far;
            nearest = fact.name;
        }
    }
    return least <= std::max<std::size_t>(2, name.size() / 3) ? std::string(nearest) : std::string();
}

bool FactSet::set(std::string_view name, std::string value) {
    std::optional<FactName> found = find_fact(name);
    if (!found || value.size() > max_value_bytes) { return false; }
    if (table[found->row].is_family()) {
        of_families_.insert_or_assign({found->row, std::move(found->rest)}, std::move(value));
    } else {
        plain_[found->row] = std::move(value);
    }
    return true;
}

void FactSet::forget(std::string_view name) {
    const std::optional<FactName> found = find_fact(name);
    if (!found) { return; }
    plain_[found->row].reset();
    if (const auto known = of_families_.find(ByName::Key(found->row, found->rest)); known != of_families_.end()) {
        of_families_.erase(known);
    }
}

const std::string* FactSet::value(const FactName& name) const {
    if (name.row >= fact_count) { return nullptr; }
    if (const auto& plain = plain_[name.row]) { return &*plain; }
    if (!table[name.row].is_family()) { return nullptr; }
    const auto found = of_families_.find(ByName::Key(name.row, name.rest));
    return found == of_families_.end() ? nullptr : &found->second;
}

const std::string* FactSet::value(std::string_view name) const {
    const std::optional<FactName> found = find_fact(name);
    return found ? value(*found) : nullptr;
}

std::string list_literal(const std::vector<std::string>& elements) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string literal = "[";
    for (const std::string& element : elements) {
        if (literal.size() > 1) { literal += ", "; }
        literal += '\'';
        for (const char c : element) {
            const auto byte = static_cast<unsigned char>(c);
            if (c == '\\' || c == '\'') {
                literal += '\\';
                literal += c;
            } else if (byte < 0x20 || byte == 0x7f) {
                literal += "\\x";
                literal += digits[byte >> 4U];
                literal += digits[byte & 0xfU];
            } else {
                literal += c;
            }
        }
        literal += '\'';
    }
    return literal + "]";
}

}  // namespace consent
