// Reads and writes the lines of the guest protocol: see wire.hpp and docs/protocol.
//
// Must not know streams, clocks or who is right. A line is read as a stream of JSON events; of them only the fields that
// some message has are kept, so that memory stays linear in the line whatever it nests, and nothing here recurses.
#include "consent/wire.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "utf8.hpp"

namespace consent::wire {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t max_versions = 16;
constexpr std::size_t max_software = 64;
constexpr std::size_t max_wants = 8;
constexpr std::size_t max_want = 32;
constexpr std::size_t max_operation = 64;
constexpr std::size_t max_mover = 64;
constexpr std::size_t max_detail = 200;
constexpr std::size_t max_quote = 40;
constexpr std::size_t host_id_length = 56;
constexpr std::uint64_t max_integer = (std::uint64_t{1} << 53U) - 1;  // what every JSON reader holds exactly
constexpr std::uint32_t max_deadline_ms = 30000;

Malformed malformed(Fault fault, std::string_view detail) { return {fault, clean(detail, max_detail)}; }

/// A quote in it becomes ' so that nothing in it can pass for its end.
std::string in_quotes(std::string_view text) {
    std::string words = clean(text, max_quote);
    std::replace(words.begin(), words.end(), '"', '\'');
    return '"' + words + '"';
}

/// What a field holds. `other`: something no field of ours may hold (a fraction, a negative number, true, null).
struct Value {
    enum class Kind : std::uint8_t { text, number, array, object, other } kind = Kind::other;
    std::string text;
    std::uint64_t number = 0;
    std::vector<std::uint64_t> numbers;  ///< of an array, while it holds nothing but numbers, at most max_versions + 1
    bool numbers_only = true;
    std::vector<std::string> texts;  ///< likewise of texts, at most max_wants + 1
    bool texts_only = true;
};

/// Takes nlohmann's events of one line; stops at the first fault. Keeps the fields of the outermost object by name and
/// those of objects right inside it as "outer.inner". What `rules` holds is kept as the JSON that it was.
class Fields {
  public:
    using number_integer_t = Json::number_integer_t;
    using number_unsigned_t = Json::number_unsigned_t;
    using number_float_t = Json::number_float_t;
    using string_t = Json::string_t;
    using binary_t = Json::binary_t;

    bool null() { return copy("null") && put({}); }
    bool boolean(bool value) { return copy(value ? "true" : "false") && put({}); }
    bool number_integer(number_integer_t number) { return copy(std::to_string(number)) && put({}); }
    bool number_float(number_float_t, const string_t& text) { return copy(text) && put({}); }
    bool binary(binary_t&) { return put({}); }
    bool number_unsigned(number_unsigned_t number) {
        Value value;
        value.kind = Value::Kind::number;
        value.number = number;
        return copy(std::to_string(number)) && put(std::move(value));
    }
    bool string(string_t& text) {
        if (in_rules() && !copy(Json(text).dump())) { return false; }
        Value value;
        value.kind = Value::Kind::text;
        value.text = std::move(text);
        return put(std::move(value));
    }
    bool start_object(std::size_t) { return open(Value::Kind::object); }
    bool start_array(std::size_t) { return open(Value::Kind::array); }
    bool end_object() { return close(); }
    bool end_array() { return close(); }
    bool key(string_t& name) {
        if (!levels_.back().keys.insert(name).second) {
            return stop(Fault::bad_field, "the field " + in_quotes(name) + " is given twice");
        }
        if (in_rules() && levels_.size() > 1 && !copy(Json(name).dump() + ':')) { return false; }
        levels_.back().name = std::move(name);
        return true;
    }
    bool parse_error(std::size_t at, const std::string&, const Json::exception&) {
        return stop(Fault::not_json, "not JSON at byte " + std::to_string(at));
    }

    [[nodiscard]] const std::optional<Malformed>& fault() const noexcept { return fault_; }
    [[nodiscard]] std::string& rules() noexcept { return rules_; }
    [[nodiscard]] const Value* find(const std::string& name) const {
        const auto at = values_.find(name);
        return at == values_.end() ? nullptr : &at->second;
    }

  private:
    struct Level {
        bool object = false;
        std::string name;            // the key whose value comes next
        std::set<std::string> keys;  // those seen: a field given twice would let two readers see two messages
    };

    bool stop(Fault fault, std::string_view detail) {
        if (!fault_) { fault_ = malformed(fault, detail); }
        return false;
    }

    [[nodiscard]] bool in_rules() const { return !levels_.empty() && levels_[0].name == "rules"; }

    /// Appends a key, a value or the beginning of one to the text of `rules`, when that is where it stands.
    bool copy(std::string_view token) {
        if (!in_rules()) { return true; }
        if (!rules_.empty() && std::string_view("[{:").find(rules_.back()) == std::string_view::npos) { rules_ += ','; }
        rules_ += token;
        return rules_.size() <= max_rules || too_many_rules();
    }

    bool too_many_rules() {
        return stop(Fault::bad_field, "rules is longer than " + std::to_string(max_rules) + " bytes");
    }

    /// Where a value that comes now is kept; nothing for one that no message has.
    [[nodiscard]] std::optional<std::string> place() const {
        // No field's name is longer; what cannot be one is not copied, or a long key would cost its length for each value.
        constexpr std::size_t longest = 16;
        if (levels_.size() > 2 || levels_.front().name.size() > longest || levels_.back().name.size() > longest) {
            return std::nullopt;
        }
        std::optional<std::string> name;
        if (levels_.size() == 1 &&
            levels_[0].name.find('.') == std::string::npos) {  // or {"mover.id":..} would pass for the inner
            name = levels_[0].name;
        } else if (levels_.size() == 2 && levels_[1].object) {
            name = levels_[0].name + "." + levels_[1].name;
        }
        return name && known(*name) ? name : std::nullopt;
    }

    bool put(Value value) {
        if (levels_.empty()) { return stop(Fault::not_an_object, "not a JSON object"); }
        if (levels_.size() == 2 && !levels_[1].object) {
            const auto at = values_.find(levels_[0].name);
            if (at == values_.end()) {
                return true;  // an array no message has
            }
            Value& array = at->second;
            array.numbers_only = array.numbers_only && value.kind == Value::Kind::number;
            if (array.numbers_only && array.numbers.size() <= max_versions) { array.numbers.push_back(value.number); }
            array.texts_only = array.texts_only && value.kind == Value::Kind::text;
            if (array.texts_only && array.texts.size() <= max_wants) { array.texts.push_back(std::move(value.text)); }
        } else if (const auto name = place()) {
            values_[*name] = std::move(value);
        }
        return true;
    }

    bool open(Value::Kind kind) {
        if (levels_.empty() && kind != Value::Kind::object) { return stop(Fault::not_an_object, "not a JSON object"); }
        if (levels_.size() == max_depth) {
            return stop(Fault::too_deep, "nested deeper than " + std::to_string(max_depth) + " levels");
        }
        if (!levels_.empty()) {
            Value value;
            value.kind = kind;
            put(std::move(value));
        }
        if (!copy(kind == Value::Kind::object ? "{" : "[")) { return false; }
        levels_.emplace_back().object = kind == Value::Kind::object;
        return true;
    }

    bool close() {
        const bool object = levels_.back().object;
        levels_.pop_back();
        if (!in_rules()) { return true; }
        rules_ += object ? '}' : ']';
        return rules_.size() <= max_rules || too_many_rules();
    }

    static bool known(std::string_view name) {
        constexpr std::array names{"v",        "type",        "id",          "operation",        "role",
                                   "mover",    "mover.id",    "mover.vcpus", "mover.memory_mib", "source",
                                   "site",     "deadline_ms", "answer",      "because",          "versions",
                                   "software", "wants",       "rules"};
        return std::find(names.begin(), names.end(), name) != names.end();
    }

    std::vector<Level> levels_;
    std::map<std::string, Value> values_;
    std::string rules_;
    std::optional<Malformed> fault_;
};

/// Thrown by the readers below and caught by parse() alone: a message has up to ten fields, each of which may be at fault.
struct Rejected {
    Malformed why;
};

[[noreturn]] void reject(Fault fault, std::string_view detail) { throw Rejected{malformed(fault, detail)}; }

const Value& need(const Fields& fields, const std::string& name, Value::Kind kind, std::string_view what) {
    const Value* value = fields.find(name);
    if (value == nullptr) { reject(Fault::missing_field, "no field " + name); }
    if (value->kind != kind) { reject(Fault::bad_field, name + " is not " + std::string(what)); }
    return *value;
}

const std::string& text(const Fields& fields, const std::string& name) {
    return need(fields, name, Value::Kind::text, "a string").text;
}

std::uint64_t number(const Fields& fields, const std::string& name, std::uint64_t least, std::uint64_t most) {
    const std::uint64_t value = need(fields, name, Value::Kind::number, "a whole number of 0 or more").number;
    if (value < least || value > most) {
        reject(Fault::bad_field, name + " is not from " + std::to_string(least) + " to " + std::to_string(most));
    }
    return value;
}

bool is_hex(std::string_view value) {
    return std::all_of(value.begin(), value.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string hex_text(const Fields& fields, const std::string& name, std::size_t length) {
    const std::string& value = text(fields, name);
    if (value.size() != length || !is_hex(value)) {
        reject(Fault::bad_field,
               name + " is not " + std::to_string(length) + " lower-case hex digits: " + in_quotes(value));
    }
    return value;
}

/// A name made of letters, digits and hyphens.
std::string word(const Fields& fields, const std::string& name, std::size_t most) {
    const std::string& value = text(fields, name);
    const bool plain = std::all_of(value.begin(), value.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
    });
    if (value.empty() || value.size() > most || !plain) {
        reject(Fault::bad_field,
               name + " is not 1 to " + std::to_string(most) + " letters, digits or hyphens: " + in_quotes(value));
    }
    return value;
}

Request read_request(const Fields& fields) {
    Request request;
    request.id = hex_text(fields, "id", request_id_length);
    request.operation = word(fields, "operation", max_operation);
    const std::string& role = text(fields, "role");
    if (role == to_string(VoterKind::mover)) {
        request.role = VoterKind::mover;
    } else if (role == to_string(VoterKind::neighbour)) {
        request.role = VoterKind::neighbour;
    } else {
        reject(Fault::bad_field, "role is neither neighbour nor mover: " + in_quotes(role));
    }
    need(fields, "mover", Value::Kind::object, "an object");
    request.mover = word(fields, "mover.id", max_mover);
    request.vcpus = static_cast<std::uint32_t>(number(fields, "mover.vcpus", 0, UINT32_MAX));
    request.memory_mib = number(fields, "mover.memory_mib", 0, max_integer);
    request.source = hex_text(fields, "source", host_id_length);
    request.site = hex_text(fields, "site", host_id_length);
    request.deadline_ms = static_cast<std::uint32_t>(number(fields, "deadline_ms", 1, max_deadline_ms));
    return request;
}

Reply read_reply(const Fields& fields) {
    Reply reply;
    reply.id = hex_text(fields, "id", request_id_length);
    const std::string& answer = text(fields, "answer");
    bool known = false;
    for (const Answer candidate : {Answer::consent, Answer::refuse, Answer::abstain}) {
        if (answer == to_string(candidate)) {
            reply.answer = candidate;
            known = true;
        }
    }
    if (!known) { reject(Fault::bad_field, "answer is none of consent, refuse, abstain: " + in_quotes(answer)); }
    if (fields.find("because") != nullptr) { reply.because = clean(text(fields, "because"), max_because); }
    return reply;
}

void read_wants(const Fields& fields, Hello& hello) {
    const Value& wants = need(fields, "wants", Value::Kind::array, "an array");
    if (!wants.texts_only) { reject(Fault::bad_field, "wants is not an array of strings"); }
    if (wants.texts.size() > max_wants) {
        reject(Fault::bad_field, "wants has more than " + std::to_string(max_wants) + " elements");
    }
    for (const std::string& want : wants.texts) {
        const bool plain = std::all_of(want.begin(), want.end(), [](char c) {
            return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-';
        });
        if (want.empty() || want.size() > max_want || !plain) {
            reject(Fault::bad_field, "wants holds what is no word: " + in_quotes(want));
        }
        hello.wants.push_back(want);
    }
}

Hello read_hello(Fields& fields) {
    Hello hello;
    const Value& versions = need(fields, "versions", Value::Kind::array, "an array");
    if (!versions.numbers_only || versions.numbers.empty()) {
        reject(Fault::bad_field, "versions is not an array of whole numbers");
    }
    if (versions.numbers.size() > max_versions) {
        reject(Fault::bad_field, "versions has more than " + std::to_string(max_versions) + " elements");
    }
    for (const std::uint64_t spoken : versions.numbers) {
        if (spoken < 1 || spoken > INT32_MAX) { reject(Fault::bad_field, "a version is not from 1 to 2147483647"); }
        hello.versions.push_back(static_cast<int>(spoken));
    }
    if (fields.find("software") != nullptr) { hello.software = clean(text(fields, "software"), max_software); }
    if (fields.find("wants") != nullptr) { read_wants(fields, hello); }
    if (fields.find("rules") != nullptr) {
        need(fields, "rules", Value::Kind::array, "an array");
        hello.rules = std::move(fields.rules());
    }
    return hello;
}

Message read_message(Fields& fields) {
    const std::uint64_t spoken = number(fields, "v", 0, max_integer);
    if (spoken != version) {
        reject(Fault::unknown_version, "version " + std::to_string(spoken) + " is not spoken here");
    }
    const std::string& type = text(fields, "type");
    if (type == "request") { return read_request(fields); }
    if (type == "answer") { return read_reply(fields); }
    if (type == "withdraw") { return Withdraw{hex_text(fields, "id", request_id_length)}; }
    if (type == "hello") { return read_hello(fields); }
    reject(Fault::unknown_type, "type " + in_quotes(type) + " is not known");
}

Json message(std::string_view type) { return {{"v", version}, {"type", type}}; }

std::string line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n'; }

}  // namespace

Message parse(std::string_view line) {
    if (line.size() > max_line) {
        return malformed(Fault::too_long, "a line of more than " + std::to_string(max_line) + " bytes");
    }
    if (const std::size_t at = utf8::find_ill_formed(line); at != std::string_view::npos) {
        return malformed(Fault::not_utf8, "not UTF-8 at byte " + std::to_string(at + 1));
    }
    if (line.starts_with("\xef\xbb\xbf")) {  // nlohmann skips it, RFC 8259 forbids it
        return malformed(Fault::not_json, "not JSON at byte 1");
    }
    Fields fields;
    Json::sax_parse(line.begin(), line.end(), &fields);
    if (const auto& fault = fields.fault()) { return *fault; }
    try {
        return read_message(fields);
    } catch (Rejected& rejected) { return std::move(rejected.why); }
}

std::string serialise(const Request& request) {
    Json json = message("request");
    json["id"] = clean(request.id, request_id_length);
    json["operation"] = clean(request.operation, max_operation);
    json["role"] = to_string(request.role);
    json["mover"] = {
        {"id", clean(request.mover, max_mover)}, {"vcpus", request.vcpus}, {"memory_mib", request.memory_mib}};
    json["source"] = clean(request.source, host_id_length);
    json["site"] = clean(request.site, host_id_length);
    json["deadline_ms"] = request.deadline_ms;
    return line(json);
}

std::string serialise(const Reply& reply) {
    Json json = message("answer");
    json["id"] = clean(reply.id, request_id_length);
    json["answer"] = to_string(reply.answer);
    if (!reply.because.empty()) { json["because"] = clean(reply.because, max_because); }
    return line(json);
}

std::string serialise(const Withdraw& withdraw) {
    Json json = message("withdraw");
    json["id"] = clean(withdraw.id, request_id_length);
    return line(json);
}

std::string serialise(const Hello& hello) {
    Json json = message("hello");
    json["versions"] = hello.versions;
    json["software"] = clean(hello.software, max_software);
    if (!hello.wants.empty()) { json["wants"] = hello.wants; }
    std::string text = line(json);
    if (!hello.rules.empty() && hello.rules.size() <= max_rules && Json::accept(hello.rules)) {
        text.insert(text.size() - 2, ",\"rules\":" + hello.rules);  // as it is: no need to hold it as a tree
    }
    return text;
}

std::string_view to_string(Fault fault) noexcept {
    switch (fault) {
        case Fault::too_long: return "too_long";
        case Fault::too_deep: return "too_deep";
        case Fault::not_utf8: return "not_utf8";
        case Fault::not_json: return "not_json";
        case Fault::not_an_object: return "not_an_object";
        case Fault::unknown_version: return "unknown_version";
        case Fault::unknown_type: return "unknown_type";
        case Fault::missing_field: return "missing_field";
        case Fault::bad_field: return "bad_field";
    }
    return "?";
}

}  // namespace consent::wire
