#include "number.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <string>

#include "characters.hpp"

namespace consent {
namespace {

constexpr bool is_decimal(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_ascii_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// Lower case of ASCII letters; the locale has no say.
std::string lowered(std::string_view text) {
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return lower;
}

/// digits [. digits] [e [sign] digits], at least one digit before the exponent.
bool is_decimal(std::string_view text) noexcept {
    std::size_t at = 0;
    const auto digits = [&] {
        const std::size_t from = at;
        while (at < text.size() && is_decimal(text[at])) { ++at; }
        return at - from;
    };
    std::size_t count = digits();
    if (at < text.size() && text[at] == '.') {
        ++at;
        count += digits();
    }
    if (count == 0) { return false; }
    if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
        ++at;
        if (at < text.size() && (text[at] == '+' || text[at] == '-')) { ++at; }
        if (digits() == 0) { return false; }
    }
    return at == text.size();
}

/// Drops underscores that stand between two digits; false when one stands elsewhere.
bool drop_underscores(std::string& text) {
    if (text.find('_') == std::string::npos) { return true; }
    std::string kept;
    kept.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '_') {
            kept.push_back(text[i]);
        } else if (i == 0 || !is_decimal(text[i - 1]) || i + 1 == text.size() || !is_decimal(text[i + 1])) {
            return false;
        }
    }
    text = std::move(kept);
    return true;
}

}  // namespace

double nearest_double(std::string_view digits) {
    double number = 0;
    const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (code != std::errc::result_out_of_range) { return number; }
    // Beyond or below? The power of ten of the first digit that counts says it: both are far from zero.
    const std::size_t e = std::min(digits.find_first_of("eE"), digits.size());
    const std::string_view mantissa = digits.substr(0, e);
    const std::size_t first = mantissa.find_first_of("123456789");
    if (first == std::string_view::npos) { return 0; }
    const auto point = static_cast<std::int64_t>(std::min(mantissa.find('.'), mantissa.size()));
    std::int64_t power = point - static_cast<std::int64_t>(first);
    bool negative = false;
    std::int64_t exponent = 0;
    for (std::size_t i = e + 1; i < digits.size(); ++i) {
        if (digits[i] == '-') { negative = true; }
        if (is_decimal(digits[i])) {
            exponent = std::min<std::int64_t>(exponent * 10 + (digits[i] - '0'), 1'000'000'000);
        }
    }
    power += negative ? -exponent : exponent;
    return power > 0 ? std::numeric_limits<double>::infinity() : 0;
}

std::optional<double> number_of_ascii(std::string_view text) {
    while (!text.empty() && is_ascii_space(text.front())) { text.remove_prefix(1); }
    while (!text.empty() && is_ascii_space(text.back())) { text.remove_suffix(1); }
    std::string plain(text);
    if (!drop_underscores(plain)) { return std::nullopt; }
    std::string_view rest = plain;
    bool negative = false;
    if (!rest.empty() && (rest.front() == '+' || rest.front() == '-')) {
        negative = rest.front() == '-';
        rest.remove_prefix(1);
    }
    double number = 0;
    if (is_decimal(rest)) {
        number = nearest_double(rest);
    } else if (const std::string word = rest.size() <= 8 ? lowered(rest) : ""; word == "inf" || word == "infinity") {
        number = std::numeric_limits<double>::infinity();
    } else if (word == "nan") {
        number = std::numeric_limits<double>::quiet_NaN();
    } else {
        return std::nullopt;
    }
    return negative ? -number : number;
}

std::optional<double> number_of(std::string_view text) {
    const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
    if (std::all_of(text.begin(), text.end(), is_ascii)) { return number_of_ascii(text); }
    std::string ascii;
    for (std::size_t at = 0; at < text.size();) {
        const char32_t c = characters::next(text, at);
        if (c < 0x80) {
            ascii.push_back(static_cast<char>(c));  // U+001C to U+001F stay: float() does not take them for space
        } else if (characters::is_space(c)) {
            ascii.push_back(' ');
        } else if (const int digit = characters::decimal(c); digit >= 0) {
            ascii.push_back(static_cast<char>('0' + digit));
        } else {
            return std::nullopt;
        }
    }
    return number_of_ascii(ascii);
}

}  // namespace consent
