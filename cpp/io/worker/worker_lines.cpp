// Lines to values and back. Must not know who reads or writes them.
#include "worker_lines.hpp"

#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <utility>

#include "consent/wire.hpp"

namespace consent::worker_lines {
namespace {

using nlohmann::json;

/// What a reader throws; becomes Broken at the border of this file.
struct Fault : std::runtime_error {
    using std::runtime_error::runtime_error;
};

template <class... Handlers>
struct Overloaded : Handlers... {
    using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

std::string as_line(const json& object) { return object.dump(-1, ' ', false, json::error_handler_t::replace) + '\n'; }

json parse_object(std::string_view line) {
    if (line.size() > max_line) throw Fault("longer than a line may be");
    const auto bounded = [](int depth, json::parse_event_t, json&) {
        if (std::cmp_greater(depth, max_depth)) throw Fault("nested too deep");
        return true;
    };
    json object = json::parse(line, bounded, /*allow_exceptions=*/false);
    if (!object.is_object()) throw Fault("not a JSON object");
    return object;
}

const json& member(const json& object, const char* name) {
    const auto found = object.find(name);
    if (found == object.end()) throw Fault(std::string(name) + " is missing");
    return *found;
}

std::string text(const json& object, const char* name, std::size_t limit) {
    const json& value = member(object, name);
    if (!value.is_string()) throw Fault(std::string(name) + " is not a string");
    const auto& string = value.get_ref<const std::string&>();
    if (string.size() > limit) throw Fault(std::string(name) + " is too long");
    return string;
}

std::uint64_t number(const json& object, const char* name, std::uint64_t limit) {
    const json& value = member(object, name);
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > limit)
        throw Fault(std::string(name) + " is not a whole number from 0 to " + std::to_string(limit));
    return value.get<std::uint64_t>();
}

bool flag(const json& object, const char* name) {
    const json& value = member(object, name);
    if (!value.is_boolean()) throw Fault(std::string(name) + " is neither true nor false");
    return value.get<bool>();
}

std::vector<std::string> texts(const json& object, const char* name) {
    const json& value = member(object, name);
    if (!value.is_array() || value.size() > max_voters) throw Fault(std::string(name) + " is not a list, or too long");
    std::vector<std::string> out;
    out.reserve(value.size());
    for (const json& item : value) {
        if (!item.is_string() || item.get_ref<const std::string&>().size() > max_name)
            throw Fault(std::string(name) + " holds what is no name");
        out.push_back(item.get<std::string>());
    }
    return out;
}

std::string round_of(const json& object) {
    std::string round = text(object, "round", max_round);
    if (round.empty()) throw Fault("round is empty");
    return round;
}

std::uint32_t voter_of(const json& object) {
    return static_cast<std::uint32_t>(number(object, "voter", max_voters - 1));
}

/// A word of an enumeration, by the names in types.hpp.
template <class Enum, std::size_t N>
Enum word(const json& object, const char* name, const std::array<Enum, N>& known) {
    const std::string said = text(object, name, max_name);
    for (const Enum value : known)
        if (said == to_string(value)) return value;
    throw Fault(std::string(name) + " is not a word known here");
}

constexpr std::array answers{Answer::consent, Answer::refuse, Answer::abstain};
constexpr std::array roles{VoterKind::neighbour, VoterKind::mover};

json to_json(const Inquiry& inquiry) {
    const Subject& subject = inquiry.subject;
    return {{"op", "identify"},
            {"round", inquiry.round},
            {"operation", subject.operation},
            {"role", to_string(inquiry.select.role)},
            {"connected", inquiry.select.connected},
            {"listed", inquiry.select.listed},
            {"exclude", inquiry.select.exclude},
            {"mover",
             {{"id", subject.mover},
              {"name", subject.mover_name},
              {"project", subject.mover_project},
              {"vcpus", subject.vcpus},
              {"memory_mib", subject.memory_mib},
              {"disclosed", subject.disclosed}}},
            {"source", subject.source},
            {"site", subject.site},
            {"voter_deadline_ms", inquiry.voter_deadline.count()}};
}

Inquiry inquiry_of(const json& object) {
    Inquiry inquiry;
    inquiry.round = round_of(object);
    inquiry.subject.operation = text(object, "operation", max_name);
    inquiry.select.role = word(object, "role", roles);
    inquiry.select.connected = flag(object, "connected");
    inquiry.select.listed = texts(object, "listed");
    inquiry.select.exclude = texts(object, "exclude");
    const json& mover = member(object, "mover");
    if (!mover.is_object()) throw Fault("mover is not an object");
    inquiry.subject.mover = text(mover, "id", max_name);
    inquiry.subject.mover_name = text(mover, "name", max_name);
    inquiry.subject.mover_project = text(mover, "project", max_name);
    inquiry.subject.vcpus =
        static_cast<std::uint32_t>(number(mover, "vcpus", std::numeric_limits<std::uint32_t>::max()));
    inquiry.subject.memory_mib = number(mover, "memory_mib", std::numeric_limits<std::int64_t>::max());
    inquiry.subject.disclosed = flag(mover, "disclosed");
    inquiry.subject.source = text(object, "source", max_name);
    inquiry.subject.site = text(object, "site", max_name);
    const auto limit = static_cast<std::uint64_t>(max_deadline.count());
    inquiry.voter_deadline = milliseconds{static_cast<std::int64_t>(number(object, "voter_deadline_ms", limit))};
    if (inquiry.voter_deadline < milliseconds{1}) throw Fault("voter_deadline_ms is 0");
    return inquiry;
}

json to_json(const std::string& round, const InquiryEvent& event) {
    json object{{"round", round}};
    std::visit(Overloaded{
                   [&](const VotersIdentified& e) {
                       object["event"] = "identified";
                       json voters = json::array();
                       for (const Voter& voter : e.voters)
                           voters.push_back({{"id", voter.id},
                                             {"name", voter.name},
                                             {"project", voter.project},
                                             {"kind", to_string(voter.kind)}});
                       object["voters"] = std::move(voters);
                   },
                   [&](const VoterAnswered& e) {
                       object.update({{"event", "answered"},
                                      {"voter", e.voter},
                                      {"answer", to_string(e.answer)},
                                      {"because", e.because}});
                   },
                   [&](const VoterFellSilent& e) {
                       object.update({{"event", "silent"}, {"voter", e.voter}, {"why", e.why}});
                   },
                   [&](const VoterLeft& e) {
                       object.update({{"event", "left"}, {"voter", e.voter}, {"why", e.why}});
                   },
                   [&](const VoterWithdrew& e) {
                       object.update({{"event", "withdrawn"}, {"voter", e.voter}});
                   },
                   [&](const InquiryFailed& e) {
                       object.update({{"event", "failed"}, {"code", e.code}, {"why", e.why}});
                   },
               },
               event);
    return object;
}

/// Words for people: cleaned here too, since a worker that was taken over cleans nothing.
std::string words(const json& object, const char* name) { return wire::clean(text(object, name, max_text), max_text); }

/// A name, which the worker has cleaned. Throws Fault when it has not.
std::string shown_name(const json& object, const char* name) {
    std::string value = text(object, name, max_name);
    if (wire::clean(value, max_name) != value) throw Fault(std::string(name) + " holds what cannot be shown");
    return value;
}

VotersIdentified identified_of(const json& object) {
    const json& list = member(object, "voters");
    if (!list.is_array() || list.size() > max_voters) throw Fault("voters is not a list, or too long");
    VotersIdentified event;
    event.voters.reserve(list.size());
    for (const json& item : list) {
        if (!item.is_object()) throw Fault("voters holds what is no object");
        Voter voter;
        voter.id = shown_name(item, "id");
        voter.name = shown_name(item, "name");
        voter.project = shown_name(item, "project");
        voter.kind = word(item, "kind", roles);
        if (!event.voters.empty() && voter.id <= event.voters.back().id)
            throw Fault("voters are not in the order of their ids, or one stands twice");
        event.voters.push_back(std::move(voter));
    }
    return event;
}

Report report_of(const json& object) {
    const std::string event = text(object, "event", max_name);
    constexpr auto int_max = static_cast<std::uint64_t>(std::numeric_limits<int>::max());
    if (event == "ready")
        return Ready{static_cast<int>(number(object, "version", int_max)),
                     static_cast<int>(number(object, "pid", int_max))};
    std::string round = round_of(object);
    if (event == "ended") return Ended{std::move(round)};
    const auto told = [&](InquiryEvent what) -> Report { return Told{std::move(round), std::move(what)}; };
    if (event == "identified") return told(identified_of(object));
    if (event == "answered")
        return told(VoterAnswered{voter_of(object), word(object, "answer", answers), words(object, "because")});
    if (event == "silent") return told(VoterFellSilent{voter_of(object), words(object, "why")});
    if (event == "left") return told(VoterLeft{voter_of(object), words(object, "why")});
    if (event == "rules") {
        const std::uint32_t voter = voter_of(object);
        return ToldRules{std::move(round), voter, text(object, "rules", max_rules)};
    }
    if (event == "withdrawn") return told(VoterWithdrew{voter_of(object)});
    if (event == "failed") return told(InquiryFailed{text(object, "code", max_name), words(object, "why")});
    throw Fault("event is not a word known here");
}

std::string to_hex(const std::array<unsigned char, 32>& bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    out.reserve(2 * bytes.size());
    for (const unsigned char byte : bytes) {
        out += digits[byte >> 4U];
        out += digits[byte & 15U];
    }
    return out;
}

unsigned char nibble(char c) {
    if (c >= '0' && c <= '9') return static_cast<unsigned char>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned char>(c - 'a' + 10);
    throw Fault("key is not in hex digits");
}

Key key_of(const json& object) {
    const std::string hex = text(object, "key", max_name);
    Key key;
    if (hex.size() != 2 * key.bytes.size()) throw Fault("key is not 64 hex digits");
    for (std::size_t i = 0; i < key.bytes.size(); ++i)
        key.bytes[i] = static_cast<unsigned char>(nibble(hex[2 * i]) << 4U | nibble(hex[2 * i + 1]));
    return key;
}

Order order_of(const json& object) {
    const std::string op = text(object, "op", max_name);
    if (op == "key") return key_of(object);
    if (op == "identify") return Identify{inquiry_of(object)};
    if (op == "request") return Request{round_of(object)};
    if (op == "rules") return AskRules{round_of(object)};
    if (op == "end") return End{round_of(object)};
    throw Fault("op is not a word known here");
}

}  // namespace

std::string write(const Order& order) {
    return as_line(std::visit(Overloaded{
                                  [](const Key& o) -> json {
                                      return {{"op", "key"}, {"key", to_hex(o.bytes)}};
                                  },
                                  [](const Identify& o) -> json { return to_json(o.inquiry); },
                                  [](const Request& o) -> json {
                                      return {{"op", "request"}, {"round", o.round}};
                                  },
                                  [](const AskRules& o) -> json {
                                      return {{"op", "rules"}, {"round", o.round}};
                                  },
                                  [](const End& o) -> json {
                                      return {{"op", "end"}, {"round", o.round}};
                                  },
                              },
                              order));
}

std::string write(const Report& report) {
    return as_line(
        std::visit(Overloaded{
                       [](const Ready& r) -> json {
                           return {{"event", "ready"}, {"version", r.version}, {"pid", r.pid}};
                       },
                       [](const Told& r) -> json { return to_json(r.round, r.event); },
                       [](const ToldRules& r) -> json {
                           return {{"event", "rules"}, {"round", r.round}, {"voter", r.voter}, {"rules", r.rules}};
                       },
                       [](const Ended& r) -> json {
                           return {{"event", "ended"}, {"round", r.round}};
                       },
                   },
                   report));
}

std::variant<Order, Broken> read_order(std::string_view line) {
    try {
        return order_of(parse_object(line));
    } catch (const Fault& fault) { return Broken{fault.what()}; }
}

std::variant<Report, Broken> read_report(std::string_view line) {
    try {
        return report_of(parse_object(line));
    } catch (const Fault& fault) { return Broken{fault.what()}; }
}

bool LineCutter::feed(std::string_view bytes, std::vector<std::string>& lines) {
    for (auto newline = bytes.find('\n'); newline != std::string_view::npos; newline = bytes.find('\n')) {
        if (pending_.size() + newline + 1 > max_line) return false;
        pending_.append(bytes.substr(0, newline));
        lines.push_back(std::move(pending_));
        pending_.clear();
        bytes.remove_prefix(newline + 1);
    }
    if (pending_.size() + bytes.size() + 1 > max_line) return false;
    pending_.append(bytes);
    return true;
}

}  // namespace consent::worker_lines
