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
    /// Keeps the `max_digests` (at least 1) digests used last, of `max_bytes` of text together, until they are too old:
    /// hosts write others each minute. Each takes some ten times its length, rules that several share counted once.
    explicit Outlooks(std::size_t max_digests = 20000, std::size_t max_bytes = default_max_bytes)
        : max_(max_digests < 1 ? 1 : max_digests), max_bytes_(max_bytes) {}
    static constexpr std::size_t default_max_bytes = std::size_t{32} * 1024 * 1024;

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
    void forget_last();
    void forget_old(std::int64_t now, std::int64_t max_age_s);

    std::size_t max_;
    std::size_t max_bytes_;
    std::size_t bytes_ = 0;
    RulePool pool_;
    std::list<Kept> kept_;  // the one used last in front
    std::unordered_map<std::string_view, std::list<Kept>::iterator, HeadHash> by_text_;
};

}  // namespace consent
