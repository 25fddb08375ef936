// A round's report as people and as programs read it. Text out of values; must not know how the round was run.
#pragma once

#include <ostream>
#include <string>

#include "consent/ports.hpp"
#include "consent/runner.hpp"

namespace consentctl {

/// What the report itself does not hold.
struct Occasion {
    std::string host;          ///< the site that the guests were asked about
    std::string uri;           ///< libvirt's
    consent::Subject subject;  ///< what was asked
};

/// A table of who said what, then the verdict in one sentence.
void print_table(std::ostream& out, const consent::RoundReport& report, const Occasion& occasion);

/// One JSON object, described in `consentctl ask --help`.
void print_json(std::ostream& out, const consent::RoundReport& report, const Occasion& occasion);

/// What happened just now, in one line; `voters` are those of VotersIdentified, known from that event on.
[[nodiscard]] std::string describe(const consent::InquiryEvent& event, const std::vector<consent::Voter>& voters);

/// What a voter gave as its reason, as it is to be shown: a guest's words in quotes behind "guest says".
[[nodiscard]] std::string reason(const consent::VoterReport& voter);

}  // namespace consentctl
