// Fuzzes what a hostile peer sends: LineReader, wire::parse and wire::clean.
//
// Besides not crashing: a stream gives the same lines however it is cut, a message that is read is written and read again
// as the same, and whatever is shown is bounded and printable.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "consent/wire.hpp"

namespace {

namespace wire = consent::wire;
using Lines = std::vector<std::variant<std::string, wire::Malformed>>;

void require(bool holds) {
    if (!holds) { std::abort(); }
}

void check_shown(const std::string& text, std::size_t limit) {
    std::size_t characters = 0;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        require(byte >= 0x20 && byte != 0x7f);
        characters += (byte & 0xc0U) != 0x80 ? 1 : 0;
    }
    require(characters <= limit);
    require(wire::clean(text, limit) == text);
}

template <typename T>
void check_again(const T& message) {
    std::string line = serialise(message);
    require(!line.empty() && line.size() <= wire::max_line && line.find('\n') == line.size() - 1);
    line.pop_back();
    const wire::Message again = wire::parse(line);
    require(std::holds_alternative<T>(again) && std::get<T>(again) == message);
}

void check(const wire::Message& message) {
    std::visit(
        [](const auto& value) {
            using T = std::decay_t<decltype(value)>;
            if constexpr (std::is_same_v<T, wire::Malformed>) {
                check_shown(value.detail, 200);
            } else {
                if constexpr (std::is_same_v<T, wire::Reply>) { check_shown(value.because, wire::max_because); }
                if constexpr (std::is_same_v<T, wire::Hello>) {
                    require(value.rules.size() <= wire::max_rules && value.wants.size() <= 8);
                }
                check_again(value);
            }
        },
        message);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    check_shown(wire::clean(bytes), wire::max_because);
    check(wire::parse(bytes));

    wire::LineReader whole;
    wire::LineReader pieces;
    Lines lines;
    Lines again;
    whole.feed(bytes, lines);
    const std::size_t step = size == 0 ? 1 : 1 + data[0] % 16U;
    for (std::size_t at = 0; at < size; at += step) {
        pieces.feed(bytes.substr(at, step), again);
        require(pieces.pending() <= wire::max_line);
    }
    require(lines == again && whole.pending() == pieces.pending());
    for (const auto& line : lines) {
        if (const auto* text = std::get_if<std::string>(&line)) { check(wire::parse(*text)); }
    }
    return 0;
}
