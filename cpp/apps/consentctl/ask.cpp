// consentctl ask: a round against a host's guests, through the same worker and machine as nova-compute's, without a
// migration behind it.
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/program_options.hpp>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "command.hpp"
#include "consent/runner.hpp"
#include "consent/voters_worker.hpp"
#include "report.hpp"

namespace consentctl {
namespace {

namespace options = boost::program_options;

constexpr const char* introduction =
    R"(consentctl ask: ask a host's guests whether a migration to it would have their consent.

Usage: consentctl ask [OPTIONS]

Every guest whose agent has its channel open is asked, at once, exactly as nova-compute asks before
a live migration, and the same rule decides: all must consent or abstain. Nothing migrates and
nothing is recorded. Only guests are asked, not the hypervisor's own voice (accept_incoming in
/etc/nova/consent.d/host.yaml): a host whose guests consent may still refuse.

)";

constexpr const char* lesson = R"(
Examples:
  Would the guests here take a guest of 4 vcpus and 8 GiB?
    consentctl ask --vcpus 4 --memory-mib 8192
  The same of another host, in at most 3 seconds, for a script:
    consentctl ask --connect qemu+ssh://root@host2/system --host host2 --deadline 3 --json
  Ask two guests only:
    consentctl ask --voter 6f1b0a52-... --voter 0c3e8a17-...
  As it would be for a guest that is about to come (it has no vote about itself):
    consentctl ask --mover 8d2f5c11-... --vcpus 2 --memory-mib 4096

Answers:
  consented  abstained  the guest's own word       refused  its own word, and the end of the round
  silent     no answer in time, or none that is one  left   the guest stopped running here meanwhile
  awaited    the round was decided before it answered  withdrawn  it took its consent back

JSON (version 1; fields may be added, none will change):
  {"version": 1, "round": UUID, "host": NAME, "uri": URI,
   "source": NAME or "", "mover": {"id": UUID, "vcpus": N, "memory_mib": N},
   "verdict": "consented" | "refused" | "expired" | "failed" | "aborted",
   "decided_by": UUID of the guest that decided, or null, "because": TEXT,
   "failure_code": null, or one of "libvirt", "worker_lost", "worker_timeout", "worker_protocol",
                   "limit", "internal",
   "elapsed_ms": N, "hypervisor_asked": false, "counts": {VOTE: N, ...},
   "voters": [{"id": UUID, "name": NAME, "project": ID or "", "vote": VOTE, "because": TEXT,
               "guest_says": true when `because` is the guest's own words, which nobody vouches for,
               "elapsed_ms": N or null}, ...]}

Exit codes:
  0  consented: by all, or by there being no guest with an agent
  1  refused, or expired: a guest that must answer did not
  2  the command line cannot be meant
  3  our own failure, libvirt's included: it says nothing of the guests
  130  interrupted; the guests were told that no answer is needed

A guest's channel has one reader at a time. While nova-compute or another consentctl reads there,
ask waits for it within its deadline and then names who holds it.
)";

/// For finding the guests, before any deadline of theirs begins.
constexpr consent::milliseconds finding{1000};

struct Wish {
    consent::RoundRequest request;
    Occasion occasion;
    std::string worker;
    bool json = false;
    bool progress = false;
};

std::string host_name() {
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

/// consent-worker is installed beside this program.
std::string worker_beside() {
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    return (error ? std::filesystem::path("consent-worker") : self.parent_path() / "consent-worker").string();
}

options::options_description known_options() {
    options::options_description known("Options");
    known.add_options()("connect,c", options::value<std::string>()->default_value("qemu:///system")->value_name("URI"),
                        "the host's libvirt")(
        "host", options::value<std::string>()->default_value(host_name())->value_name("NAME"),
        "the host's name; guests see it only hashed, as Nova's hostId")(
        "source", options::value<std::string>()->default_value("")->value_name("NAME"),
        "the host that the mover would come from; hashed likewise")(
        "voter", options::value<std::vector<std::string>>()->value_name("UUID"),
        "ask this guest only; may be repeated")("exclude",
                                                options::value<std::vector<std::string>>()->value_name("UUID"),
                                                "do not ask this guest; may be repeated")(
        "mover", options::value<std::string>()->value_name("UUID"),
        "the guest that would come; never a voter, told to others as a pseudonym; default: made up")(
        "vcpus", options::value<std::int64_t>()->default_value(1)->value_name("N"), "the mover's virtual processors")(
        "memory-mib", options::value<std::int64_t>()->default_value(1024)->value_name("N"), "the mover's memory")(
        "deadline", options::value<double>()->default_value(5.0, "5")->value_name("S"),
        "seconds that a guest has to answer; 0.05 to 29; the round ends a second later at the latest")(
        "silence", options::value<std::string>()->default_value("refuse")->value_name("WORD"),
        "what a guest's silence counts as: refuse, or abstain")("json", "print JSON instead of a table")(
        "progress", "tell on standard error what happens while it does; without it, only on a terminal")(
        "worker",
        options::value<std::string>()->default_value(worker_beside(), "beside this program")->value_name("PATH"),
        "the consent-worker to use")("help,h", "this text");
    return known;
}

std::string uuid(const std::string& text) {
    constexpr std::size_t length = 36;
    bool right = text.size() == length;
    std::string lower;
    for (std::size_t i = 0; i < text.size() && right; ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        right = dash ? text[i] == '-' : std::isxdigit(static_cast<unsigned char>(text[i])) != 0;
        lower += static_cast<char>(std::tolower(static_cast<unsigned char>(text[i])));
    }
    if (!right) throw UsageError("\"" + text + "\" is not a UUID, such as 6f1b0a52-8f6e-4d1a-9c3b-2f0e6a7d5c41");
    return lower;
}

std::vector<std::string> uuids(const options::variables_map& given, const char* name) {
    std::vector<std::string> out;
    if (given.count(name) != 0)
        for (const auto& text : given[name].as<std::vector<std::string>>()) out.push_back(uuid(text));
    return out;
}

std::int64_t number(const options::variables_map& given, const char* name, std::int64_t most) {
    const auto value = given[name].as<std::int64_t>();
    if (value < 1 || value > most)
        throw UsageError(std::string("--") + name + " must be 1 to " + std::to_string(most) + ", not " +
                         std::to_string(value));
    return value;
}

Wish wish_of(const options::variables_map& given) {
    Wish wish;
    wish.occasion = {given["host"].as<std::string>(), given["connect"].as<std::string>(), {}};
    wish.worker = given["worker"].as<std::string>();
    wish.json = given.count("json") != 0;
    wish.progress = given.count("progress") != 0 || ::isatty(STDERR_FILENO) == 1;

    auto& [round, subject, select, voter_deadline] = wish.request.inquiry;
    subject.mover = given.count("mover") != 0 ? uuid(given["mover"].as<std::string>()) : consent::new_uuid();
    subject.vcpus = static_cast<std::uint32_t>(number(given, "vcpus", 65535));
    subject.memory_mib = static_cast<std::uint64_t>(number(given, "memory-mib", std::int64_t{1} << 40U));
    subject.source = given["source"].as<std::string>();
    subject.site = wish.occasion.host;
    wish.occasion.subject = subject;
    select.listed = uuids(given, "voter");
    select.connected = select.listed.empty();
    select.exclude = uuids(given, "exclude");
    select.exclude.push_back(subject.mover);

    const double deadline_s = given["deadline"].as<double>();
    if (!(deadline_s >= 0.05 && deadline_s <= 29.0)) throw UsageError("--deadline must be 0.05 to 29 seconds");
    voter_deadline = consent::milliseconds{std::lround(deadline_s * 1000.0)};
    wish.request.round_deadline = voter_deadline + finding;
    const auto& silence = given["silence"].as<std::string>();
    if (silence != "refuse" && silence != "abstain")
        throw UsageError("--silence must be refuse or abstain, not " + silence);
    wish.request.silence = silence == "refuse" ? consent::Silence::refuse : consent::Silence::abstain;
    return wish;
}

std::atomic<bool> cancelled{false};
static_assert(std::atomic<bool>::is_always_lock_free);  // a signal handler sets it

/// The first SIGINT or SIGTERM ends the round in order, the second one ends us.
void heed_signals() {
    struct sigaction action {};
    action.sa_handler = [](int) { cancelled.store(true); };
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    for (const int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, nullptr);
}

int exit_code(consent::State verdict) {
    switch (verdict) {
        case consent::State::consented: return consented;
        case consent::State::refused:
        case consent::State::expired: return not_consented;
        case consent::State::aborted: return interrupted;
        default: return failed;
    }
}

int carry_out(const Wish& wish) {
    heed_signals();
    // What the worker would log is told by the report; who wants both sets the variable.
    ::setenv("CONSENT_WORKER_LOG", "off", 0);  // NOLINT(concurrency-mt-unsafe): no thread yet
    const auto worker = std::make_shared<consent::VotersWorker>(wish.worker, wish.occasion.uri);
    consent::Runner runner(worker, nullptr, consent::make_steady_clock());
    std::vector<consent::Voter> voters;
    const auto progress = [&](const consent::InquiryEvent& event) {
        if (const auto* identified = std::get_if<consent::VotersIdentified>(&event)) voters = identified->voters;
        if (wish.progress)
            std::cerr << describe(event, voters) << std::endl;  // NOLINT(performance-avoid-endl): seen now
    };
    const auto report = runner.run(wish.request, progress, &cancelled);
    (wish.json ? print_json : print_table)(std::cout, report, wish.occasion);
    return exit_code(report.verdict);
}

}  // namespace

int ask(const Arguments& arguments) {
    const auto known = known_options();
    options::variables_map given;
    try {
        options::store(options::command_line_parser(arguments).options(known).positional({}).run(), given);
        options::notify(given);
    } catch (const options::error& error) { throw UsageError(error.what()); }
    if (given.count("help") != 0) {
        std::cout << introduction << known << lesson;
        return consented;
    }
    return carry_out(wish_of(given));
}

}  // namespace consentctl
