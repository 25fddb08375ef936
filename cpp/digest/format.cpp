#include "format.hpp"

#include <algorithm>

namespace consent::digest_format {
namespace {

constexpr std::string_view upper = "0123456789ABCDEF";

/// FNV-1a: each byte's step is one-to-one, so texts that differ in one byte never come to the same.
std::uint64_t fnv(std::string_view text, std::uint64_t hash = 0xcbf29ce484222325U) noexcept {
    for (const char c : text) { hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U; }
    return hash;
}

bool is_plain(char c) noexcept { return c >= ' ' && c <= '~' && c != '%' && c != '|'; }

int from_hex(char c) noexcept {
    const std::size_t at = upper.find(c);
    return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

std::string hash_of(std::string_view body) {
    constexpr std::string_view lower = "0123456789abcdef";
    const std::uint64_t hash = fnv(body, fnv(head));
    std::string digits;
    for (unsigned shift = 64; shift > 0; shift -= 4) { digits += lower[(hash >> (shift - 4)) & 0xfU]; }
    return digits;
}

void put(std::string& text, std::string_view field) {
    for (const char c : field) {
        if (is_plain(c)) {
            text += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            text += '%';
            text += upper[byte >> 4U];
            text += upper[byte & 0xfU];
        }
    }
    text += '|';
}

std::string_view Fields::peek() const noexcept {
    const std::size_t end = rest_.find('|');
    return end == std::string_view::npos ? std::string_view() : rest_.substr(0, end);
}

std::optional<std::string> Fields::take() {
    const std::size_t end = rest_.find('|');
    if (end == std::string_view::npos) { return std::nullopt; }
    const std::string_view written = rest_.substr(0, end);
    std::string field;
    for (std::size_t i = 0; i < written.size(); ++i) {
        if (is_plain(written[i])) {
            field += written[i];
            continue;
        }
        const int high = written[i] == '%' && i + 2 < written.size() ? from_hex(written[i + 1]) : -1;
        const int low = high >= 0 ? from_hex(written[i + 2]) : -1;
        if (low < 0) { return std::nullopt; }
        field += static_cast<char>(static_cast<unsigned char>(high * 16 + low));
        i += 2;
    }
    rest_.remove_prefix(end + 1);
    return field;
}

std::optional<std::uint64_t> Fields::take_number(std::uint64_t most) {
    const std::string_view digits = peek();
    if (digits.empty() || digits.size() > 15) { return std::nullopt; }
    std::uint64_t number = 0;
    for (const char c : digits) {
        if (c < '0' || c > '9') { return std::nullopt; }
        number = number * 10 + static_cast<unsigned>(c - '0');
    }
    if (number > most) { return std::nullopt; }
    rest_.remove_prefix(digits.size() + 1);
    return number;
}

bool Fields::take_word(std::string_view word) {
    if (rest_.size() <= word.size() || !rest_.starts_with(word) || rest_[word.size()] != '|') { return false; }
    rest_.remove_prefix(word.size() + 1);
    return true;
}

}  // namespace consent::digest_format
