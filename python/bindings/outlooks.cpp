// Digests: written on a host, judged by a scheduler. The GIL is released while rules are reduced and judged.
#include "consent/outlooks.hpp"

#include <unistd.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "convert.hpp"
#include "facts.hpp"
#include "standing.hpp"

namespace consent::python {
namespace {

constexpr std::size_t max_hosts = 1'000'000;

std::string write(std::string_view mode, std::int64_t at, const py::sequence& voters, std::uint32_t refusals) {
    DigestSource source;
    source.mode = to_mode(mode);
    source.at = at;
    source.refusals = refusals;
    if (at < 0 || at > 99'999'999'999) throw std::invalid_argument("at: must be seconds since 1970");
    if (voters.size() > max_voters) throw std::invalid_argument("voters: must hold at most 4096 items");
    for (const py::handle each : voters) {
        const Fields voter(py::reinterpret_borrow<py::object>(each),
                           "voters[" + std::to_string(source.voters.size()) + "]");
        const py::object policy = py::getattr(voter.object("policy"), "_native", py::none());
        if (!py::isinstance<StandingPolicy>(policy)) {
            throw std::invalid_argument(voter.path("policy") + ": must be a StandingPolicy");
        }
        source.voters.push_back({voter.kind("kind"), policy.cast<const StandingPolicy&>(),
                                 to_facts(voter.object("facts")), voter.flag("answers"), voter.flag("limited")});
    }
    const py::gil_scoped_release release;
    return write_digest(source);
}

/// Judgements that are alike are told once: of a thousand hosts most are.
struct Told {
    std::vector<Judgement> different;
    std::vector<std::size_t> which;  // for each host its judgement's place in `different`
};

Told tell(std::vector<Judgement> judgements) {
    using Key = std::tuple<std::string_view, Outlook, Mode, std::uint32_t, std::uint32_t>;
    Told told;
    std::map<Key, std::size_t> known;
    told.which.reserve(judgements.size());
    for (const Judgement& each : judgements) {
        const Key key{each.reason, each.outlook, each.mode, each.to_ask, each.refusals};
        const auto [place, is_new] = known.emplace(key, told.different.size());
        if (is_new) told.different.push_back(each);
        told.which.push_back(place->second);
    }
    return told;
}

/// Outlooks for Python: several threads may use it, and so may a forked child, which begins with none.
class SharedOutlooks {
  public:
    explicit SharedOutlooks(std::size_t max_digests) : max_(max_digests) { renew(); }
    ~SharedOutlooks() {
        if (pid_ != ::getpid()) (void)locked_.release();  // its lock may be held there for ever
    }
    SharedOutlooks(const SharedOutlooks&) = delete;
    SharedOutlooks& operator=(const SharedOutlooks&) = delete;

    /// Needs the GIL.
    py::tuple judge(const py::sequence& digests, const py::object& facts, std::int64_t now, std::int64_t max_age_s) {
        if (digests.size() > max_hosts) throw std::invalid_argument("digests: must hold at most 1000000 items");
        const FactSet mover = to_facts(facts);
        std::vector<py::object> held;  // the texts stay while the GIL is released, whatever the caller does
        std::vector<std::optional<std::string_view>> texts;
        held.reserve(digests.size());
        texts.reserve(digests.size());
        for (const py::handle each : digests) {
            held.push_back(py::reinterpret_borrow<py::object>(each));
            texts.push_back(view(each));
        }
        if (pid_ != ::getpid()) {
            (void)locked_.release();
            renew();
        }
        Told told;
        {
            const py::gil_scoped_release release;
            const std::lock_guard lock(locked_->mutex);
            told = tell(locked_->outlooks.judge(texts, mover, now, max_age_s));
        }
        py::list different;
        for (const Judgement& each : told.different) {
            different.append(
                py::make_tuple(to_string(each.outlook), to_string(each.mode), each.to_ask, each.refusals, each.reason));
        }
        py::list which(told.which.size());
        for (std::size_t i = 0; i < told.which.size(); ++i) which[i] = told.which[i];
        return py::make_tuple(different, which);
    }

  private:
    struct Locked {
        explicit Locked(std::size_t max_digests) : outlooks(max_digests) {}
        std::mutex mutex;
        Outlooks outlooks;
    };

    void renew() {
        locked_ = std::make_unique<Locked>(max_);
        pid_ = ::getpid();
    }

    /// A digest is ASCII: whatever else was published is a text that is none.
    static std::optional<std::string_view> view(py::handle digest) {
        if (digest.is_none()) return std::nullopt;
        if (PyUnicode_Check(digest.ptr()) == 0 || !PyUnicode_IS_COMPACT_ASCII(digest.ptr())) return std::string_view();
        return std::string_view(static_cast<const char*>(PyUnicode_DATA(digest.ptr())),
                                static_cast<std::size_t>(PyUnicode_GET_LENGTH(digest.ptr())));
    }

    const std::size_t max_;
    std::unique_ptr<Locked> locked_;
    pid_t pid_ = 0;
};

}  // namespace

void register_outlooks(py::module_& module) {
    module.def("write_digest", &write, py::arg("mode"), py::arg("at"), py::arg("voters"), py::arg("refusals"));
    py::class_<SharedOutlooks>(module, "Outlooks")
        .def(py::init([](std::int64_t max_digests) {
                 if (max_digests < 1 || max_digests > static_cast<std::int64_t>(max_hosts)) {
                     throw std::invalid_argument("max_digests: must be a whole number from 1 to 1000000");
                 }
                 return std::make_unique<SharedOutlooks>(static_cast<std::size_t>(max_digests));
             }),
             py::arg("max_digests"))
        .def("judge", &SharedOutlooks::judge, py::arg("digests"), py::arg("facts"), py::arg("now"),
             py::arg("max_age_s"));
}

}  // namespace consent::python
