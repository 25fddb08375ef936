// Cuts a byte stream into lines: see wire::LineReader.
//
// Pure. Must not know what a line holds.
#include <utility>

#include "consent/wire.hpp"

namespace consent::wire {

void LineReader::feed(std::string_view bytes, std::vector<std::variant<std::string, Malformed>>& lines) {
    while (!bytes.empty()) {
        const std::size_t newline = bytes.find('\n');
        const bool complete = newline != std::string_view::npos;
        const std::string_view part = bytes.substr(0, newline);
        bytes.remove_prefix(complete ? newline + 1 : bytes.size());

        if (!dropping_ && pending_.size() + part.size() > max_line) {
            dropping_ = true;
            std::string().swap(pending_);  // gives the memory back, clear() would not
            lines.emplace_back(Malformed{Fault::too_long, "a line of more than 65536 bytes"});
        }
        if (!dropping_) { pending_.append(part); }
        if (complete) {
            if (!dropping_ && !pending_.empty()) { lines.emplace_back(std::exchange(pending_, {})); }
            dropping_ = false;
        }
    }
}

void LineReader::reset() noexcept {
    std::string().swap(pending_);
    dropping_ = false;
}

}  // namespace consent::wire
