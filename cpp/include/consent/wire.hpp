// The lines that a host and a guest exchange over the guest's virtio channel. Specified in docs/protocol.
//
// Pure: bytes in, values out. Must not know sockets, streams, clocks or who is right. Everything that comes from a guest
// is hostile: each size, count and depth has a bound here, and the bound that was hit is named.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "consent/types.hpp"

namespace consent::wire {

inline constexpr int version = 1;
inline constexpr std::size_t max_line = 64 * 1024;    ///< bytes, without the newline
inline constexpr std::size_t max_depth = 16;          ///< levels of nesting in one line
inline constexpr std::size_t max_because = 200;       ///< printable characters (code points) shown of a reason
inline constexpr std::size_t max_rules = 16 * 1024;   ///< bytes of a guest's rules in its hello
inline constexpr std::size_t request_id_length = 32;  ///< lower-case hex digits: 128 random bits
inline constexpr std::string_view channel_name = "org.openstack.consent.0";

/// What a guest is asked. What it must not learn is left out by whoever fills this in (see disclosure.hpp).
struct Request {
    std::string id;                         ///< request_id_length hex digits, fresh for each voter of each round
    std::string operation;                  ///< "live-migration"
    VoterKind role = VoterKind::neighbour;  ///< neighbour or mover: why this guest is asked
    std::string mover;                      ///< the mover's pseudonym, or its UUID to a guest of its own project
    std::uint32_t vcpus = 0;
    std::uint64_t memory_mib = 0;
    std::string source;             ///< hashed for the voter's project, as Nova's hostId is
    std::string site;               ///< hashed likewise
    std::uint32_t deadline_ms = 0;  ///< how long an answer is of use, from now

    friend bool operator==(const Request&, const Request&) = default;
};

/// What a guest says to a request.
struct Reply {
    std::string id;
    Answer answer = Answer::abstain;
    std::string because;  ///< cleaned: at most max_because printable characters, control characters escaped

    friend bool operator==(const Reply&, const Reply&) = default;
};

/// Host to guest: no answer is needed any more. Guest to host: the consent given to this request is taken back.
struct Withdraw {
    std::string id;
    friend bool operator==(const Withdraw&, const Withdraw&) = default;
};

/// Which versions the sender speaks. Sent by an agent when it opens the channel, and by either in answer to a version
/// that it does not speak.
/// A host asks by one for the guest's rules; the guest tells them in its own.
struct Hello {
    std::vector<int> versions;         ///< at most 16
    std::string software;              ///< name/version, cleaned, at most 64 characters
    std::vector<std::string> wants{};  ///< at most 8 words of 1 to 32 lower-case letters, digits, hyphens: "rules"
    std::string rules{};               ///< a JSON list in one line, at most max_rules bytes; empty: not told
    friend bool operator==(const Hello&, const Hello&) = default;
};

/// Why a line is no message. Never a consent.
enum class Fault : std::uint8_t {
    too_long,
    too_deep,
    not_utf8,
    not_json,
    not_an_object,
    unknown_version,
    unknown_type,
    missing_field,
    bad_field,
};

struct Malformed {
    Fault fault = Fault::not_json;
    std::string
        detail;  ///< one printable line for the log, at most 200 characters; quotes no more than 40 of the input
    friend bool operator==(const Malformed&, const Malformed&) = default;
};

using Message = std::variant<Request, Reply, Withdraw, Hello, Malformed>;

/// Reads one line (without its newline). Unknown fields are ignored; of a field given twice the line is malformed.
/// Never throws but std::bad_alloc; nothing recurses; memory is linear in the line, which is refused above max_line, and
/// time n log n in it.
[[nodiscard]] Message parse(std::string_view line);

/// Each gives one line with its newline, valid UTF-8, at most max_line bytes.
[[nodiscard]] std::string serialise(const Request& request);
[[nodiscard]] std::string serialise(const Reply& reply);
[[nodiscard]] std::string serialise(const Withdraw& withdraw);
[[nodiscard]] std::string serialise(const Hello& hello);

/// Makes foreign text fit to be shown: control characters, ANSI, bidirectional and invisible characters and bytes that
/// are not UTF-8 become visible escapes (\n, \x1b, \u202e); at most `limit` printable characters, "..." marking a cut.
[[nodiscard]] std::string clean(std::string_view text, std::size_t limit = max_because);

/// Cuts a byte stream into lines of at most max_line bytes. A longer one is dropped as it comes (constant memory) and
/// reported once as too_long; reading goes on behind its newline.
class LineReader {
  public:
    /// Takes `bytes`, which may hold no, one or many lines, and appends what is complete to `lines`.
    /// `lines` holds a line's text, or Malformed for one that was too long; empty lines are left out. The caller bounds
    /// `bytes`: each two of them may become a line.
    void feed(std::string_view bytes, std::vector<std::variant<std::string, Malformed>>& lines);
    /// Bytes of an unfinished line held now; never above max_line.
    [[nodiscard]] std::size_t pending() const noexcept { return pending_.size(); }
    /// Forgets an unfinished line.
    void reset() noexcept;

  private:
    std::string pending_;
    bool dropping_ = false;
};

[[nodiscard]] std::string_view to_string(Fault fault) noexcept;

}  // namespace consent::wire
