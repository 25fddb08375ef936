// Facts as people give them: NAME=VALUE on the command line, or a map in a file.
//
// A value is checked against the fact's type, so that a slip is an error here and no `ask` later. Must not know rules.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "consent/facts.hpp"
#include "document.hpp"

namespace consentctl {

/// Name and value, in the order given; what comes later counts.
using Facts = std::vector<std::pair<std::string, std::string>>;

/// Of a file's map {guest.vcpus: 4, guest.tag: [web, db]}. Throws PolicyError at the place, with the nearest name.
[[nodiscard]] Facts read_facts(const Field& field);

/// Of "guest.vcpus=4", "guest.tag=web,db" or "guest.tag=['web', 'db']". Throws UsageError.
[[nodiscard]] std::pair<std::string, std::string> read_fact(const std::string& assignment);

/// Adds them; names and values are such as the above let through.
void put(consent::FactSet& into, const Facts& facts);

/// The last value of that name; null: none.
[[nodiscard]] const std::string* find(const Facts& facts, std::string_view name);

}  // namespace consentctl
