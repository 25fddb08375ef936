// Outlooks: a mover before every host at once, from the digests that the hosts publish. Digests read are kept.
//
// Pure; one thread at a time. Must not know where digests are published, nor what becomes of a judgement.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "consent/digest.hpp"

namespace consent {

class Outlooks {
  public:
    /// Keeps the `max_digests` (at least 1) digests used last, by their text: some ten times its length each, rules that
    /// several share counted once.
    explicit Outlooks(std::size_t max_digests = 20000) : max_(max_digests < 1 ? 1 : max_digests) {}

    /// One judgement a digest, in their order; nothing: the host publishes none. The views need to live for the call only.
    [[nodiscard]] std::vector<Judgement> judge(const std::vector<std::optional<std::string_view>>& digests,
                                               const FactSet& mover, std::int64_t now, std::int64_t max_age_s);

    [[nodiscard]] std::size_t size() const noexcept { return kept_.size(); }

  private:
    struct Kept {
        std::string text;
        std::variant<Digest, Digest::Unusable> read;
    };
    /// A digest's head differs when the digest does: it has the hash of the rest.
    struct HeadHash {
        std::size_t operator()(std::string_view text) const noexcept;
    };
    const std::variant<Digest, Digest::Unusable>& read(std::string_view text);

    std::size_t max_;
    RulePool pool_;
    std::list<Kept> kept_;  // the one used last in front
    std::unordered_map<std::string_view, std::list<Kept>::iterator, HeadHash> by_text_;
};

}  // namespace consent
