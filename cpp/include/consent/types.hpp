// The words that every other part shares: who votes, what a voter can say, what silence means.
//
// Pure values. Must not know: files, clocks, threads, libvirt, JSON, Nova.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace consent {

/// A point on the monotonic clock. The core never reads it: whoever calls it does, and passes it in.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, std::chrono::milliseconds>;
using std::chrono::milliseconds;

/// What a voter can say. Anything else that it sends is not an answer.
enum class Answer : std::uint8_t { consent, refuse, abstain };

/// What a voter's silence counts as. Silence is never a consent: at best it is no vote.
enum class Silence : std::uint8_t { refuse, abstain };

/// What an operator makes of verdicts: nothing is asked; asked and recorded; asked, recorded and obeyed.
enum class Mode : std::uint8_t { off, audit, enforce };

/// What our own failure means in mode enforce.
enum class OnError : std::uint8_t { refuse, allow };

/// Which part of the software concerned a voter is.
enum class VoterKind : std::uint8_t {
    neighbour,   ///< a guest that runs on the destination
    mover,       ///< the guest that is to move
    hypervisor,  ///< the host's own voice, stated by its operator
};

/// One voter of a round.
struct Voter {
    std::string id;       ///< domain UUID in lower-case text form; for a hypervisor, its host name
    std::string name;     ///< the libvirt domain's name or the host's name; at most 255 bytes
    std::string project;  ///< owner's project id; empty when unknown
    VoterKind kind = VoterKind::neighbour;
    bool binding = true;                ///< false: recorded, decides nothing
    Silence silence = Silence::refuse;  ///< what its silence counts as

    friend bool operator==(const Voter&, const Voter&) = default;
};

[[nodiscard]] constexpr std::string_view to_string(Answer a) noexcept {
    switch (a) {
        case Answer::consent: return "consent";
        case Answer::refuse: return "refuse";
        case Answer::abstain: return "abstain";
    }
    return "?";
}

[[nodiscard]] constexpr std::string_view to_string(Silence s) noexcept {
    return s == Silence::refuse ? "refuse" : "abstain";
}

[[nodiscard]] constexpr std::string_view to_string(Mode m) noexcept {
    switch (m) {
        case Mode::off: return "off";
        case Mode::audit: return "audit";
        case Mode::enforce: return "enforce";
    }
    return "?";
}

[[nodiscard]] constexpr std::string_view to_string(OnError e) noexcept {
    return e == OnError::refuse ? "refuse" : "allow";
}

[[nodiscard]] constexpr std::string_view to_string(VoterKind k) noexcept {
    switch (k) {
        case VoterKind::neighbour: return "neighbour";
        case VoterKind::mover: return "mover";
        case VoterKind::hypervisor: return "hypervisor";
    }
    return "?";
}

}  // namespace consent
