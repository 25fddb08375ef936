// The lines that consent-worker and whoever started it exchange: one JSON object a line, orders in, reports out.
//
// Pure: bytes in, values out, for both ends. Must not know processes, pipes, libvirt or what a guest said on its channel.
// A worker that was taken over by a guest may write anything: each size, count and depth has a bound here, and a line
// that breaks one is Broken, never half read.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "consent/ports.hpp"

namespace consent::worker_lines {

inline constexpr int version = 1;
inline constexpr std::size_t max_line = 1024 * 1024;  ///< bytes, newline included
inline constexpr std::size_t max_depth = 8;           ///< levels of nesting
inline constexpr std::size_t max_voters = 4096;       ///< voters of a round, and UUIDs in each list of a Select
inline constexpr std::size_t max_round = 64;          ///< bytes of a round's id
inline constexpr std::size_t max_name = 255;          ///< bytes of a name or of a project
inline constexpr std::size_t max_text = 4096;         ///< bytes of because, why, code
inline constexpr std::size_t max_rules = 16 * 1024;   ///< bytes of one voter's rules
inline constexpr milliseconds max_deadline{60000};

/// How long identifying may take before it counts as libvirt's failure. Never under a second: a voter's deadline counts
/// from when it is asked, and finding 200 guests takes its time whatever the voter is given.
[[nodiscard]] constexpr milliseconds identify_limit(milliseconds voter_deadline) noexcept {
    return voter_deadline < milliseconds{1000} ? milliseconds{1000} : voter_deadline;
}

// To the worker.
struct Key {
    std::array<unsigned char, 32> bytes{};
};  ///< of the pseudonyms (disclosure.hpp); before any round
struct Identify {
    Inquiry inquiry;
};
struct Request {
    std::string round;
};
/// Instead of Request: not for consent are the voters asked, but for the rules of their agents.
struct AskRules {
    std::string round;
};
struct End {
    std::string round;
};
using Order = std::variant<Key, Identify, Request, AskRules, End>;

// From the worker.
struct Ready {
    int version = 0;
    int pid = 0;
};  ///< its first line
struct Told {
    std::string round;
    InquiryEvent event;
};
struct ToldRules {
    std::string round;
    std::uint32_t voter = 0;
    std::string rules;  ///< a JSON list, as the voter's agent said it
};
struct Ended {
    std::string round;
};  ///< to each End: nothing more will be told of the round
using Report = std::variant<Ready, Told, ToldRules, Ended>;

/// Why a line is not one of these. One printable sentence.
struct Broken {
    std::string why;
};

/// One line with its newline; bytes that are not UTF-8 come out as U+FFFD. May exceed max_line: the writer must check,
/// since only it can say what is to become of what cannot be told.
[[nodiscard]] std::string write(const Order& order);
[[nodiscard]] std::string write(const Report& report);

/// Reads one line without its newline. Never throws but std::bad_alloc.
[[nodiscard]] std::variant<Order, Broken> read_order(std::string_view line);
[[nodiscard]] std::variant<Report, Broken> read_report(std::string_view line);

/// Cuts a stream of bytes into lines. Holds at most max_line bytes of an unfinished one.
class LineCutter {
  public:
    /// Appends the complete lines to `lines`, without newlines. False when a line is longer than max_line: nothing that
    /// follows can be trusted, and the stream is to be given up.
    [[nodiscard]] bool feed(std::string_view bytes, std::vector<std::string>& lines);

  private:
    std::string pending_;
};

}  // namespace consent::worker_lines
