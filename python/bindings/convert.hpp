// Python values to the core's and back. Every function here needs the GIL.
//
// The package's frozen dataclasses are read attribute by attribute, so that their shape is stated once, in Python; what
// goes back are plain dicts, which the package makes dataclasses of (shapes: _native.pyi).
// A value out of range or of the wrong type is std::invalid_argument and names its field.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "consent/machine.hpp"
#include "consent/runner.hpp"
#include "register.hpp"

namespace consent::python {

/// The words of an enumeration, as to_string() gives them.
template <typename Word, std::size_t count>
Word word_from(std::string_view text, const std::array<Word, count>& words, const std::string& field) {
    std::string known;
    for (const Word word : words) {
        if (to_string(word) == text) return word;
        known.append(known.empty() ? "" : ", ").append(to_string(word));
    }
    throw std::invalid_argument(field + ": must be one of " + known);
}

/// Reads the attributes of one Python object.
class Fields {
  public:
    Fields(py::object object, std::string name) : object_(std::move(object)), name_(std::move(name)) {}

    [[nodiscard]] py::object object(const char* field) const;
    [[nodiscard]] Fields fields(const char* field) const;
    /// At most `limit` bytes of UTF-8, no zero byte.
    [[nodiscard]] std::string text(const char* field, std::size_t limit = max_text) const;
    [[nodiscard]] bool flag(const char* field) const;
    [[nodiscard]] std::int64_t whole(const char* field, std::int64_t least, std::int64_t most) const;
    /// Seconds, 0 to a year, rounded to milliseconds, upwards: only 0 is 0.
    [[nodiscard]] milliseconds seconds(const char* field) const;
    /// At most max_voters texts.
    [[nodiscard]] std::vector<std::string> texts(const char* field) const;
    /// The attribute's items, at most max_voters.
    [[nodiscard]] std::vector<Fields> items(const char* field) const;

    [[nodiscard]] Answer answer(const char* field) const;
    [[nodiscard]] Silence silence(const char* field) const;
    [[nodiscard]] VoterKind kind(const char* field) const;
    [[nodiscard]] State state(const char* field) const;
    [[nodiscard]] Vote vote(const char* field) const;

    /// The attribute as errors name it.
    [[nodiscard]] std::string path(const char* field) const { return name_.empty() ? field : name_ + "." + field; }

    static constexpr std::size_t max_text = 4096;

  private:
    py::object object_;
    std::string name_;
};

[[nodiscard]] Answer to_answer(std::string_view text, const std::string& field);
[[nodiscard]] Mode to_mode(std::string_view text);
[[nodiscard]] OnError to_on_error(std::string_view text);

[[nodiscard]] Voter to_voter(const Fields& voter);
[[nodiscard]] RoundRequest to_round_request(py::handle request);
[[nodiscard]] RoundReport to_round_report(py::handle report);

[[nodiscard]] py::dict from_voter(const Voter& voter);
[[nodiscard]] py::dict from_round_report(const RoundReport& report);
[[nodiscard]] py::dict from_event(const InquiryEvent& event);
[[nodiscard]] py::dict from_inquiry(const Inquiry& inquiry);
[[nodiscard]] py::dict from_grant(const Grant& grant);

/// Milliseconds as Python's seconds.
[[nodiscard]] inline double as_seconds(milliseconds span) { return static_cast<double>(span.count()) / 1000.0; }

}  // namespace consent::python
