// The format of a digest, version 1:
//
//   consent-digest 1 HASH AT|MODE|REFUSALS|LEFT OUT|{rules}{group}
//
//   rules      S|SOURCE|ORIGIN|{rule}               one source's rules; numbered from 0 as they come
//   rule       R|NAME|ANSWER|BECAUSE|{condition}
//   condition  ?|FACT|EXPRESSION|  or  all|{condition})|  any|{condition})|  not|{condition})|
//   group      G|KIND|VOTERS|ANSWERING|VETO|RULES|  voters whose rules come to the same; VETO + (their own refusal
//                                                   binds), - (it does not) or ~ (as a budget allows), RULES the numbers
//                                                   of their rules, a blank between, in the order in which they count
//
// A field ends with |. In it, a byte outside of printable ASCII, % and | stand as % and two upper-case hex digits. HASH is
// hash_of() of all but itself, 16 lower-case hex digits: one byte changed anywhere changes it.
//
// Must not know what the fields mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace consent::digest_format {

inline constexpr std::string_view magic = "consent-digest ";
inline constexpr std::string_view head = "consent-digest 1 ";
inline constexpr std::size_t hash_digits = 16;

/// Of the head and the body (all behind the blank after HASH), as 16 digits.
[[nodiscard]] std::string hash_of(std::string_view body);

void put(std::string& text, std::string_view field);

/// Takes fields from the front of a text.
class Fields {
  public:
    explicit Fields(std::string_view text) : rest_(text) {}

    [[nodiscard]] std::string_view rest() const noexcept { return rest_; }
    /// The next field as it stands, without taking it; empty also when there is none.
    [[nodiscard]] std::string_view peek() const noexcept;
    /// The next field; nothing when there is none or it is written wrongly.
    [[nodiscard]] std::optional<std::string> take();
    /// The next field when it is a whole number from 0 to `most`.
    [[nodiscard]] std::optional<std::uint64_t> take_number(std::uint64_t most);
    /// Takes the next field when it is `word`.
    bool take_word(std::string_view word);

  private:
    std::string_view rest_;
};

}  // namespace consent::digest_format
