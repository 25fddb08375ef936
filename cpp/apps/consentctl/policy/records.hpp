// Recorded decisions: the gate's log lines (docs/operators/logs.md) and the JSON of `consentctl ask --json`.
//
// Pure: text in, values out. What is no record is passed over and counted. Who reads a record's texts cleans them before
// they are shown. Must not know policies.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "given.hpp"

namespace consentctl {

inline constexpr std::size_t max_records = 1'000'000;

/// A guest that was asked, as far as the record names it.
struct RecordedVoter {
    std::string id;
    std::string project;  ///< empty: not known
};

struct Record {
    std::size_t number = 0;  ///< of the line, or of the JSON object, from 1
    std::string round;
    std::string instance;  ///< the mover's UUID; empty: not known
    std::string source;    ///< host names; empty: not known
    std::string site;
    bool at_source = false;             ///< the source's gate: the mover and its hypervisor were asked
    std::string verdict;                ///< consented, refused, expired, failed, aborted
    std::string decided_by;             ///< "guest instance-0000002a", or of JSON the guest's UUID
    bool by_guest = false;              ///< a guest's word in the round, or its silence, decided: no rule
    std::uint32_t voters_counted = 0;   ///< guests that were asked, or whose rules spoke
    std::vector<RecordedVoter> voters;  ///< JSON alone names them
    Facts facts;                        ///< what the record tells of the mover and the hosts
};

struct Records {
    std::vector<Record> records;
    std::size_t passed_over = 0;  ///< lines, or JSON values, that are no records
    bool cut = false;             ///< there were more than max_records
};

/// `text`: lines of a log, other ones among them, each record a whole message, as the gate writes it; or JSON objects, one
/// after the other. Words that a guest said, and that are logged, make no record, whatever they are.
[[nodiscard]] Records read_records(std::string_view text);

}  // namespace consentctl
