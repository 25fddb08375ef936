// The digest: what the standing policies of a host's voters come to, in one short text that the host publishes and a
// scheduler judges movers by, without asking anybody.
//
// Pure: time is an input. Must not know Nova. What does not fit, is damaged, of another version or too old is `ask`: a
// digest may know less than the gate, never something else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "consent/facts.hpp"
#include "consent/standing.hpp"
#include "consent/types.hpp"

namespace consent {

inline constexpr int digest_version = 1;
inline constexpr std::size_t max_digest_bytes = 16 * 1024;

/// What a voter's own refusal (image, metadata, agent) comes to.
enum class OwnRefusal : std::uint8_t {
    binds,
    advice,   ///< it has no veto
    limited,  ///< it binds as often as a budget allows, which only the gate can count: foretold as ask
};
/// As a digest has it.
[[nodiscard]] constexpr std::string_view to_string(OwnRefusal own) noexcept {
    return own == OwnRefusal::binds ? "+" : own == OwnRefusal::advice ? "-" : "~";
}

/// One voter as the host sees it now. Rules that cannot be read stand there as one that always answers ask. A hypervisor
/// that has an accept_incoming has it twice: as the last rule of its own, and as being there to be asked.
struct DigestVoter {
    VoterKind kind = VoterKind::neighbour;
    StandingPolicy policy;
    FactSet facts;         ///< me.* and site.* as they are now, and what the host's files state
    bool answers = false;  ///< it would be asked where its policy says ask; else `ask` of it is no vote at all
    bool limited = false;  ///< its veto, if it has one, counts only so often
};

struct DigestSource {
    Mode mode = Mode::audit;
    std::int64_t at = 0;  ///< seconds since 1970, the host's clock
    std::vector<DigestVoter> voters;
    std::uint32_t refusals = 0;  ///< by the gate there, lately
};

/// The text: printable ASCII of at most `limit` bytes, a hash of the rest in it (cpp/digest/format.hpp has the format).
/// Voters whose rules come to the same stand there once, with their number, and so do rules that several have. Operators'
/// rules come before those of tenants, whatever their length; voters whose rules do not fit are counted as to be asked.
/// Empty when not even that fits.
[[nodiscard]] std::string write_digest(const DigestSource& source, std::size_t limit = max_digest_bytes);

enum class Outlook : std::uint8_t {
    consent,  ///< every binding voter would consent or abstain, and none has to be asked
    ask,      ///< it depends on voters that have to be asked, or is not known
    refuse,   ///< a binding voter would refuse
};
[[nodiscard]] std::string_view to_string(Outlook outlook) noexcept;

struct Judgement {
    Outlook outlook = Outlook::ask;
    Mode mode = Mode::off;       ///< of the gate there; off also: it publishes no digest that can be used
    std::uint32_t to_ask = 0;    ///< voters that would have to be asked, or whose rules hang on what is not known here
    std::uint32_t refusals = 0;  ///< by the gate there, lately
    std::string reason;  ///< of a refusal: whose rule says so and why; of an unusable or old digest: what is wrong; one
                         ///< printable line of at most 300 characters

    friend bool operator==(const Judgement&, const Judgement&) = default;
};

/// One mover before many hosts: what rules that several hosts share come to is found once.
class Mover {
  public:
    /// `facts`: guest.*, source.* and operation, as far as both the scheduler and the gate know them; others must not be
    /// in it.
    explicit Mover(FactSet facts) : facts_(std::move(facts)) {}

    /// What these rules say of it. Valid as long as this.
    const Ruling& before(const std::shared_ptr<const RuleSet>& rules);

  private:
    struct Said {
        std::shared_ptr<const RuleSet> rules;  // kept: an address is taken again only when it is free
        Ruling ruling;
    };
    FactSet facts_;
    std::unordered_map<const RuleSet*, Said> said_;
};

/// Rules that digests share: the same rules on however many hosts are compiled and kept once.
class RulePool {
  public:
    [[nodiscard]] std::shared_ptr<const RuleSet> find(const std::string& text) const;
    void keep(std::string text, const std::shared_ptr<const RuleSet>& rules);
    /// Texts kept, those that nobody uses any more included: at most as many again as are used, and 1024.
    [[nodiscard]] std::size_t size() const noexcept { return rules_.size(); }

  private:
    std::unordered_map<std::string, std::weak_ptr<const RuleSet>> rules_;
    std::size_t sweep_at_ = 1024;
};

/// A digest read. Immutable: any number of threads may judge at once.
class Digest {
  public:
    /// Why a text is no digest: one printable sentence.
    struct Unusable {
        std::string why;
    };
    /// Reads what write_digest wrote; anything else, be it one byte, is unusable. Cost: linear in the text, which is at
    /// most max_digest_bytes.
    [[nodiscard]] static std::variant<Digest, Unusable> read(std::string_view text);
    [[nodiscard]] static std::variant<Digest, Unusable> read(std::string_view text, RulePool& pool);

    /// What the gate there would say of a mover. Older than `max_age_s` at `now` (seconds since 1970), or from more than
    /// that in the future: ask. Never throws but std::bad_alloc.
    [[nodiscard]] Judgement judge(const FactSet& mover, std::int64_t now, std::int64_t max_age_s) const;
    [[nodiscard]] Judgement judge(Mover& mover, std::int64_t now, std::int64_t max_age_s) const;

    /// Whether `max_age_s` has passed at `now` since it was written.
    [[nodiscard]] bool is_too_old(std::int64_t now, std::int64_t max_age_s) const noexcept;
    [[nodiscard]] std::int64_t at() const noexcept { return at_; }
    [[nodiscard]] Mode mode() const noexcept { return mode_; }

  private:
    class Reader;
    struct Group {
        VoterKind kind = VoterKind::neighbour;
        std::uint32_t voters = 0;
        std::uint32_t answering = 0;
        OwnRefusal own = OwnRefusal::binds;
        std::uint32_t first = 0;  // its rules in order_
        std::uint32_t end = 0;
    };
    /// Counts the group's voters in `judgement`; returns the rules that refuse and bind, if any do.
    const SourcedRules* judge_group(const Group& group, Mover& mover, Judgement& judgement) const;

    std::int64_t at_ = 0;
    Mode mode_ = Mode::off;
    std::uint32_t refusals_ = 0;
    std::uint32_t left_out_ = 0;
    std::vector<SourcedRules> sets_;
    std::vector<std::uint32_t> order_;  // of all groups, one behind another: indices into sets_ as they count
    std::vector<Group> groups_;
};

}  // namespace consent
