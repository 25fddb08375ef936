// What a guest may learn of a migration, and under which names.
//
// Pure. Must not know how the request travels. Source: design "Privacy"; Nova's hostId is
// nova/api/openstack/compute/views/servers.py (_get_host_id): sha224(project_id + host).
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "consent/ports.hpp"
#include "consent/wire.hpp"

namespace consent {

/// Key of the pseudonyms: random, never sent to a guest, the same for as long as pseudonyms are to stay the same.
using PseudonymKey = std::array<unsigned char, 32>;

/// The name under which a voter of another project knows the mover: 32 hex digits, its own for each voter, the same each
/// time under one key, of no use to find the mover's UUID or to compare notes with another voter.
[[nodiscard]] std::string pseudonym(const PseudonymKey& key, std::string_view voter, std::string_view mover);

/// The name of a host for guests of a project, as Nova's hostId: 56 hex digits; of no project: sha224(host).
[[nodiscard]] std::string host_id(std::string_view project, std::string_view host);

/// What this voter is asked. The mover's UUID only to a voter of its own project (both known and equal) and to the mover,
/// unless the subject is disclosed. Hosts' names to nobody.
[[nodiscard]] wire::Request disclose(const Subject& subject, const Voter& voter, const PseudonymKey& key,
                                     std::string id, std::uint32_t deadline_ms);

}  // namespace consent
