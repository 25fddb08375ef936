// Python values to the core's and back: see convert.hpp.
#include "convert.hpp"

#include <cmath>
#include <limits>
#include <stdexcept>

#include <pybind11/stl.h>

namespace consent::python {
namespace {

constexpr std::array answers{Answer::consent, Answer::refuse, Answer::abstain};
constexpr std::array silences{Silence::refuse, Silence::abstain};
constexpr std::array modes{Mode::off, Mode::audit, Mode::enforce};
constexpr std::array on_errors{OnError::refuse, OnError::allow};
constexpr std::array kinds{VoterKind::neighbour, VoterKind::mover, VoterKind::hypervisor};
constexpr std::array states{State::idle,    State::identified, State::requesting, State::consented, State::refused,
                            State::expired, State::migrating,  State::migrated,   State::failed,    State::aborted};
constexpr std::array votes{Vote::awaited, Vote::consented, Vote::refused,  Vote::abstained,
                           Vote::silent,  Vote::left,      Vote::withdrawn};
static_assert(states.size() == state_count);

constexpr double max_seconds = 365.0 * 24 * 3600;

py::str word(std::string_view text) { return {text.data(), text.size()}; }

/// What comes of a guest is cleaned before it gets here; what comes of the system (a domain's name, a message) need not
/// be UTF-8, and must not turn a report into an exception.
py::str text(const std::string& bytes) {
    PyObject* decoded = PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "backslashreplace");
    if (decoded == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::str>(decoded);
}

std::string to_text(py::handle value, const std::string& path, std::size_t limit) {
    if (!py::isinstance<py::str>(value)) throw std::invalid_argument(path + ": must be a text");
    Py_ssize_t size = 0;
    const char* bytes = PyUnicode_AsUTF8AndSize(value.ptr(), &size);
    if (bytes == nullptr) {
        PyErr_Clear();
        throw std::invalid_argument(path + ": must be a text that can be written as UTF-8");
    }
    std::string text(bytes, static_cast<std::size_t>(size));
    if (text.size() > limit) {
        throw std::invalid_argument(path + ": must be at most " + std::to_string(limit) + " bytes long");
    }
    if (text.find('\0') != std::string::npos) throw std::invalid_argument(path + ": must not hold a zero byte");
    return text;
}

std::vector<py::object> to_items(py::handle value, const std::string& path) {
    if (py::isinstance<py::str>(value) || !py::isinstance<py::iterable>(value)) {
        throw std::invalid_argument(path + ": must be a sequence");
    }
    std::vector<py::object> items;
    for (const py::handle item : py::reinterpret_borrow<py::iterable>(value)) {
        if (items.size() == max_voters) {
            throw std::invalid_argument(path + ": must hold at most " + std::to_string(max_voters) + " items");
        }
        items.push_back(py::reinterpret_borrow<py::object>(item));
    }
    return items;
}

py::dict from_subject(const Subject& subject) {
    py::dict result;
    result["operation"] = text(subject.operation);
    result["mover"] = text(subject.mover);
    result["mover_name"] = text(subject.mover_name);
    result["mover_project"] = text(subject.mover_project);
    result["vcpus"] = subject.vcpus;
    result["memory_mib"] = subject.memory_mib;
    result["source"] = text(subject.source);
    result["site"] = text(subject.site);
    result["disclosed"] = subject.disclosed;
    return result;
}

py::list from_texts(const std::vector<std::string>& texts) {
    py::list result;
    for (const std::string& each : texts) result.append(text(each));
    return result;
}

py::dict from_select(const Select& select) {
    py::dict result;
    result["connected"] = select.connected;
    result["listed"] = from_texts(select.listed);
    result["exclude"] = from_texts(select.exclude);
    result["role"] = word(to_string(select.role));
    return result;
}

py::dict event_of(const char* name) {
    py::dict result;
    result["event"] = name;
    return result;
}

struct EventToDict {
    py::dict operator()(const VotersIdentified& event) const {
        py::dict result = event_of("voters_identified");
        py::list voters;
        for (const Voter& voter : event.voters) voters.append(from_voter(voter));
        result["voters"] = voters;
        return result;
    }
    py::dict operator()(const VoterAnswered& event) const {
        py::dict result = event_of("voter_answered");
        result["voter"] = event.voter;
        result["answer"] = word(to_string(event.answer));
        result["because"] = text(event.because);
        return result;
    }
    py::dict operator()(const VoterFellSilent& event) const {
        py::dict result = event_of("voter_fell_silent");
        result["voter"] = event.voter;
        result["why"] = text(event.why);
        return result;
    }
    py::dict operator()(const VoterLeft& event) const {
        py::dict result = event_of("voter_left");
        result["voter"] = event.voter;
        result["why"] = text(event.why);
        return result;
    }
    py::dict operator()(const VoterWithdrew& event) const {
        py::dict result = event_of("voter_withdrew");
        result["voter"] = event.voter;
        return result;
    }
    py::dict operator()(const InquiryFailed& event) const {
        py::dict result = event_of("inquiry_failed");
        result["code"] = text(event.code);
        result["why"] = text(event.why);
        return result;
    }
};

}  // namespace

py::object Fields::object(const char* field) const {
    py::object value = py::getattr(object_, field, py::none());
    if (value.is_none() && !py::hasattr(object_, field)) throw std::invalid_argument(path(field) + ": is missing");
    return value;
}

Fields Fields::fields(const char* field) const { return {object(field), path(field)}; }

std::string Fields::text(const char* field, std::size_t limit) const {
    return to_text(object(field), path(field), limit);
}

bool Fields::flag(const char* field) const {
    const py::object value = object(field);
    if (!py::isinstance<py::bool_>(value)) throw std::invalid_argument(path(field) + ": must be True or False");
    return value.ptr() == Py_True;
}

std::int64_t Fields::whole(const char* field, std::int64_t least, std::int64_t most) const {
    const py::object value = object(field);
    const auto out_of_range = [&] {
        return std::invalid_argument(path(field) + ": must be a whole number from " + std::to_string(least) + " to " +
                                     std::to_string(most));
    };
    if (!PyLong_Check(value.ptr()) || PyBool_Check(value.ptr())) throw out_of_range();
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(value.ptr(), &overflow);
    if (overflow != 0 || number < least || number > most) throw out_of_range();
    return number;
}

milliseconds Fields::seconds(const char* field) const {
    const py::object value = object(field);
    const bool number = (PyLong_Check(value.ptr()) && !PyBool_Check(value.ptr())) || PyFloat_Check(value.ptr());
    const double seconds = number ? PyFloat_AsDouble(value.ptr()) : -1.0;
    if (PyErr_Occurred() != nullptr) PyErr_Clear();  // an int too large for a double: -1, out of range
    if (!(seconds >= 0.0 && seconds <= max_seconds)) {
        throw std::invalid_argument(path(field) + ": must be a number of seconds from 0 to 31536000");
    }
    // Less than the clock can tell apart is not more: 0.0500000001 s is 50 ms.
    return milliseconds(static_cast<std::int64_t>(std::ceil(seconds * 1000.0 - 1e-6)));
}

std::vector<std::string> Fields::texts(const char* field) const {
    std::vector<std::string> texts;
    for (const py::object& item : to_items(object(field), path(field))) {
        texts.push_back(to_text(item, path(field) + "[" + std::to_string(texts.size()) + "]", max_text));
    }
    return texts;
}

std::vector<Fields> Fields::items(const char* field) const {
    std::vector<Fields> items;
    for (py::object& item : to_items(object(field), path(field))) {
        items.emplace_back(item, path(field) + "[" + std::to_string(items.size()) + "]");
    }
    return items;
}

Answer Fields::answer(const char* field) const { return word_from(text(field), answers, path(field)); }
Silence Fields::silence(const char* field) const { return word_from(text(field), silences, path(field)); }
VoterKind Fields::kind(const char* field) const { return word_from(text(field), kinds, path(field)); }
State Fields::state(const char* field) const { return word_from(text(field), states, path(field)); }
Vote Fields::vote(const char* field) const { return word_from(text(field), votes, path(field)); }

Answer to_answer(std::string_view text, const std::string& field) { return word_from(text, answers, field); }
Mode to_mode(std::string_view text) { return word_from(text, modes, "mode"); }
OnError to_on_error(std::string_view text) { return word_from(text, on_errors, "on_error"); }

Voter to_voter(const Fields& voter) {
    Voter result;
    result.id = voter.text("id", 255);
    result.name = voter.text("name", 255);
    result.project = voter.text("project", 255);
    result.kind = voter.kind("kind");
    result.binding = voter.flag("binding");
    result.silence = voter.silence("silence");
    return result;
}

RoundRequest to_round_request(py::handle request) {
    const Fields fields(py::reinterpret_borrow<py::object>(request), "");
    RoundRequest result;
    Inquiry& inquiry = result.inquiry;
    inquiry.round = fields.text("round", 64);

    const Fields subject = fields.fields("subject");
    inquiry.subject.operation = subject.text("operation", 255);
    inquiry.subject.mover = subject.text("mover", 255);
    inquiry.subject.mover_name = subject.text("mover_name");
    inquiry.subject.mover_project = subject.text("mover_project", 255);
    inquiry.subject.vcpus =
        static_cast<std::uint32_t>(subject.whole("vcpus", 0, std::numeric_limits<std::uint32_t>::max()));
    inquiry.subject.memory_mib =
        static_cast<std::uint64_t>(subject.whole("memory_mib", 0, std::numeric_limits<std::int64_t>::max()));
    inquiry.subject.source = subject.text("source", 255);
    inquiry.subject.site = subject.text("site", 255);
    inquiry.subject.disclosed = subject.flag("disclosed");

    const Fields select = fields.fields("select");
    inquiry.select.connected = select.flag("connected");
    inquiry.select.listed = select.texts("listed");
    inquiry.select.exclude = select.texts("exclude");
    inquiry.select.role = select.kind("role");
    inquiry.voter_deadline = fields.seconds("voter_deadline_s");

    for (const Fields& spoken : fields.items("spoken")) {
        result.spoken.push_back({to_voter(spoken.fields("voter")), spoken.answer("answer"), spoken.text("because")});
    }
    result.ask_guests = fields.flag("ask_guests");
    result.silence = fields.silence("silence");
    if (!fields.object("entitled").is_none()) result.entitled = fields.texts("entitled");
    result.round_deadline = fields.seconds("round_deadline_s");
    result.grant_lifetime = fields.seconds("grant_lifetime_s");
    return result;
}

RoundReport to_round_report(py::handle report) {
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
    const Fields fields(py::reinterpret_borrow<py::object>(report), "");
    RoundReport result;
    result.round = fields.text("round", 64);
    result.verdict = fields.state("verdict");
    result.because = fields.text("because");
    result.failure_code = fields.text("failure_code");
    for (const Fields& voter : fields.items("voters")) {
        const py::object elapsed = voter.object("elapsed_ms");
        result.voters.push_back({to_voter(voter.fields("voter")), voter.vote("vote"), voter.text("because"),
                                 elapsed.is_none() ? -1 : voter.whole("elapsed_ms", 0, most)});
    }
    if (!fields.object("decided_by").is_none()) {
        const auto last = static_cast<std::int64_t>(result.voters.size()) - 1;
        result.decided_by = static_cast<std::int32_t>(fields.whole("decided_by", 0, last));
    }
    result.elapsed_ms = fields.whole("elapsed_ms", 0, most);
    result.grant = static_cast<std::uint64_t>(fields.whole("grant", 0, most));
    return result;
}

py::dict from_voter(const Voter& voter) {
    py::dict result;
    result["id"] = text(voter.id);
    result["name"] = text(voter.name);
    result["project"] = text(voter.project);
    result["kind"] = word(to_string(voter.kind));
    result["binding"] = voter.binding;
    result["silence"] = word(to_string(voter.silence));
    return result;
}

py::dict from_round_report(const RoundReport& report) {
    py::list voters;
    for (const VoterReport& each : report.voters) {
        py::dict voter;
        voter["voter"] = from_voter(each.voter);
        voter["vote"] = word(to_string(each.vote));
        voter["because"] = text(each.because);
        voter["elapsed_ms"] = each.elapsed_ms < 0 ? py::object(py::none()) : py::object(py::int_(each.elapsed_ms));
        voters.append(voter);
    }
    py::dict result;
    result["round"] = text(report.round);
    result["verdict"] = word(to_string(report.verdict));
    result["decided_by"] = report.decided_by < 0 ? py::object(py::none()) : py::object(py::int_(report.decided_by));
    result["because"] = text(report.because);
    result["failure_code"] = text(report.failure_code);
    result["voters"] = voters;
    result["elapsed_ms"] = report.elapsed_ms;
    result["grant"] = report.grant;
    return result;
}

py::dict from_event(const InquiryEvent& event) { return std::visit(EventToDict{}, event); }

py::dict from_inquiry(const Inquiry& inquiry) {
    py::dict result;
    result["round"] = text(inquiry.round);
    result["subject"] = from_subject(inquiry.subject);
    result["select"] = from_select(inquiry.select);
    result["voter_deadline_s"] = as_seconds(inquiry.voter_deadline);
    return result;
}

py::dict from_grant(const Grant& grant) {
    py::dict result;
    result["id"] = grant.id;
    result["round"] = text(grant.round);
    result["mover"] = text(grant.mover);
    result["source"] = text(grant.source);
    result["site"] = text(grant.site);
    // steady_clock is CLOCK_MONOTONIC on Linux, as time.monotonic() is: the two can be compared.
    result["expires"] = as_seconds(grant.expires.time_since_epoch());
    return result;
}

}  // namespace consent::python
