// Voters whose answers were written down beforehand. A double for tests: it knows no guest, file, process or clock but
// the deadline's.
//
// In C++ and not in Python so that a round waits for it as it waits for the real ones, without the GIL.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "consent/ports.hpp"

namespace consent::python {

/// What one voter says; nothing: it stays silent until its deadline.
struct Line {
    Answer answer = Answer::consent;
    std::string because;
};

class VotersMemory : public Voters {
  public:
    /// `fallback` is the line of every voter that `lines` does not name, by id. `failure`, when set, is what every round
    /// meets instead of voters.
    VotersMemory(std::vector<Voter> voters, std::map<std::string, std::optional<Line>> lines,
                 std::optional<Line> fallback, std::optional<InquiryFailed> failure);

    std::unique_ptr<Voices> open(const Inquiry& inquiry) override;

    /// Every inquiry opened so far, oldest first; at most the last max_asked.
    [[nodiscard]] std::vector<Inquiry> asked() const;

    static constexpr std::size_t max_asked = 10000;

  private:
    const std::vector<Voter> voters_;
    const std::map<std::string, std::optional<Line>> lines_;
    const std::optional<Line> fallback_;
    const std::optional<InquiryFailed> failure_;
    mutable std::mutex mutex_;
    std::vector<Inquiry> asked_;
};

}  // namespace consent::python
