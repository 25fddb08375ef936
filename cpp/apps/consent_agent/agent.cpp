// The agent: see agent.hpp.
#include "agent.hpp"

#include <malloc.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "journal.hpp"

namespace consent::agent {
namespace {

using namespace std::chrono_literals;

enum Tag : std::uint64_t { channel_tag, signals_tag, output_tag };

constexpr std::string_view software = "consent-agent/" CONSENT_VERSION;

void watch(int epoll, int fd, std::uint64_t tag) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = tag;
    if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        throw std::system_error(errno, std::generic_category(), "epoll_ctl");
    }
}

Descriptor make_epoll() {
    Descriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll) { throw std::system_error(errno, std::generic_category(), "epoll_create1"); }
    return epoll;
}

Descriptor make_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGHUP, SIGTERM, SIGINT, SIGCHLD}) { sigaddset(&set, signal); }
    Descriptor signals(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    if (!signals) { throw std::system_error(errno, std::generic_category(), "signalfd"); }
    return signals;
}

/// How a request is named in the log.
std::string describe(const wire::Request& request) {
    return "request " + request.id + " operation=" + request.operation +
           " role=" + std::string(to_string(request.role)) + " mover=" + request.mover +
           " vcpus=" + std::to_string(request.vcpus) + " memory_mib=" + std::to_string(request.memory_mib) +
           " site=" + request.site + " -> ";
}

std::string named(const Command& command) {
    const std::string because = command.because();
    return because.empty() ? command.name() : command.name() + ": " + because;
}

}  // namespace

Agent::Agent(Settings settings, AgentPolicy policy)
    : settings_(std::move(settings)),
      rules_({}),
      epoll_(make_epoll()),
      signals_(make_signals()),
      channel_(settings_.channel, epoll_.get(), channel_tag) {
    watch(epoll_.get(), signals_.get(), signals_tag);
    take_policy(std::move(policy));
}

void Agent::run() {
    std::vector<Channel::Line> lines;
    while (!ending_) {
        const SteadyTime now = std::chrono::steady_clock::now();
        if (channel_.attend(now)) { greet(now); }
        channel_.flush(now);
        lines.clear();
        more_to_read_ = channel_.receive(now, lines);
        for (const Channel::Line& line : lines) { take_line(line, now); }
        for (auto at = asked_.begin(); at != asked_.end();) {
            at = settle(at->second, now) ? asked_.erase(at) : std::next(at);
        }
        Command::bury();
        wait(now);
    }
    log("ended");
}

void Agent::wait(SteadyTime now) {
    SteadyTime until = channel_.next_look();
    for (const auto& [id, asked] : asked_) {
        until = std::min(until, asked.deadline);
        for (const auto& command : asked.commands) {
            if (!command->ended()) { until = std::min(until, command->deadline()); }
        }
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now);
    const int timeout = more_to_read_ ? 0 : static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60000));
    std::array<epoll_event, 16> events{};
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout);
    for (int i = 0; i < count; ++i) {
        if (events[static_cast<std::size_t>(i)].data.u64 == signals_tag) { take_signals(); }
        // Any other event only ends the wait: run() looks at the channel and at every command each time.
    }
}

void Agent::take_signals() {
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
        switch (info.ssi_signo) {
            case SIGHUP: reload(); break;
            case SIGTERM:
            case SIGINT: ending_ = true; break;
            default: break;  // SIGCHLD: run() looks
        }
    }
}

void Agent::reload() {
    try {
        take_policy(load_agent_policy(settings_.policy, settings_.drop_in));
        log("policy loaded: answer " + std::string(to_string(policy_.answer)) + ", " + std::to_string(rules_.size()) +
            " rules, " + std::to_string(policy_.applications.size()) + " applications");
    } catch (const PolicyError& error) { log(std::string("policy NOT loaded, the one before stays: ") + error.what()); }
}

void Agent::take_policy(AgentPolicy policy) {
    policy_ = std::move(policy);
    rules_ = Rules(policy_.rules);
    policy_.rules = {};
    if (!rules_.untold().empty()) { log("the rules are not told to the host: " + rules_.untold()); }
    ::malloc_trim(0);  // reading YAML takes ten times what a policy needs afterwards
}

void Agent::greet(SteadyTime now, bool with_rules) {
    const wire::Hello hello{{wire::version}, std::string(software), {}, with_rules ? rules_.told() : std::string()};
    // The empty line ends whatever the last one who wrote here left unfinished.
    if (!channel_.send("\n" + wire::serialise(hello), now)) {
        ignore("hello not sent: the host reads too slowly", now);
    }
}

void Agent::take_line(const Channel::Line& line, SteadyTime now) {
    const wire::Message message = std::holds_alternative<std::string>(line) ? wire::parse(std::get<std::string>(line))
                                                                            : std::get<wire::Malformed>(line);
    if (const auto* request = std::get_if<wire::Request>(&message)) {
        take_request(*request, now);
    } else if (const auto* withdraw = std::get_if<wire::Withdraw>(&message)) {
        take_withdraw(*withdraw);
    } else if (const auto* malformed = std::get_if<wire::Malformed>(&message)) {
        ignore(std::string(wire::to_string(malformed->fault)) + ": " + malformed->detail, now);
        if (malformed->fault == wire::Fault::unknown_version) { greet(now); }
    } else if (const auto* hello = std::get_if<wire::Hello>(&message)) {
        if (std::find(hello->wants.begin(), hello->wants.end(), "rules") != hello->wants.end()) { greet(now, true); }
    }
    // Answers are a guest's to give.
}

void Agent::ignore(std::string_view why, SteadyTime now) {
    ++ignored_;
    if (now >= next_complaint_) {
        log("ignored " + std::to_string(ignored_) + " line(s), the last: " + std::string(why));
        ignored_ = 0;
        next_complaint_ = now + 1s;
    }
}

void Agent::take_request(const wire::Request& request, SteadyTime now) {
    if (answer_by_rule(request, now)) { return; }
    if (policy_.applications.empty()) {
        answer(request, policy_.answer, policy_.because, now);
        return;
    }
    if (asked_.contains(request.id)) {
        ignore("a request given twice", now);
        return;
    }
    if (asked_.size() == max_requests) {
        stay_silent(request, "more than " + std::to_string(max_requests) + " requests under way");
        return;
    }
    if (running() + policy_.applications.size() > max_commands) {
        stay_silent(request, "more than " + std::to_string(max_commands) + " commands running");
        return;
    }
    Asked asked{request, now + milliseconds(request.deadline_ms), {}};
    for (const Application& application : policy_.applications) {
        asked.commands.push_back(std::make_unique<Command>(application, request, now));
        if (const int output = asked.commands.back()->output(); output >= 0) {
            watch(epoll_.get(), output, output_tag);
        }
    }
    asked_.emplace(request.id, std::move(asked));
}

bool Agent::answer_by_rule(const wire::Request& request, SteadyTime now) {
    const Ruling ruling = rules_.judge(request);
    const std::string name(rules_.name(ruling));
    const std::string because = ruling.because.empty() ? name : std::string(ruling.because);
    switch (ruling.answer) {
        case StandingAnswer::consent: answer(request, Answer::consent, because, now); return true;
        case StandingAnswer::refuse: answer(request, Answer::refuse, because, now); return true;
        case StandingAnswer::abstain: answer(request, Answer::abstain, because, now); return true;
        case StandingAnswer::ask: break;
    }
    return false;
}

void Agent::take_withdraw(const wire::Withdraw& withdraw) {
    if (const auto at = asked_.find(withdraw.id); at != asked_.end()) {
        stay_silent(at->second.request, "withdrawn by the host");
        asked_.erase(at);  // kills the commands
    }
}

bool Agent::settle(const Asked& asked, SteadyTime now) {
    bool all_ended = true;
    const Command* consented = nullptr;
    const Command* abstained = nullptr;
    const Command* silent = nullptr;
    for (const auto& command : asked.commands) {
        command->read_output();
        if (!command->attend(now)) {
            all_ended = false;
            continue;
        }
        if (!command->answer()) {
            silent = silent == nullptr ? command.get() : silent;
        } else if (*command->answer() == Answer::refuse) {
            answer(asked.request, Answer::refuse, named(*command), now);  // one is enough: the others need not be heard
            return true;
        } else if (*command->answer() == Answer::consent) {
            consented = consented == nullptr ? command.get() : consented;
        } else {
            abstained = abstained == nullptr ? command.get() : abstained;
        }
    }
    if (now >= asked.deadline) {
        stay_silent(asked.request, "the host's deadline has passed");
        return true;
    }
    if (!all_ended) { return false; }
    if (silent != nullptr) {
        stay_silent(asked.request, named(*silent));
    } else if (consented != nullptr) {
        answer(asked.request, Answer::consent, named(*consented), now);
    } else {
        // NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): at least one was asked, and ended in none of the above
        answer(asked.request, Answer::abstain, named(*abstained), now);
    }
    return true;
}

void Agent::answer(const wire::Request& request, Answer answer, const std::string& because, SteadyTime now) {
    const wire::Reply reply{request.id, answer, wire::clean(because)};
    const bool sent = channel_.send(wire::serialise(reply), now);
    std::string line = describe(request) + "answer " + std::string(to_string(answer));
    if (!reply.because.empty()) { line += " because \"" + reply.because + '"'; }
    log(line + (sent ? "" : " (not sent: the host has left or reads too slowly)"));
}

void Agent::stay_silent(const wire::Request& request, std::string_view why) {
    log(describe(request) + "silence: " + std::string(why));
}

std::size_t Agent::running() const noexcept {
    std::size_t count = Command::bury();
    for (const auto& [id, asked] : asked_) {
        count += static_cast<std::size_t>(std::count_if(asked.commands.begin(), asked.commands.end(),
                                                        [](const auto& command) { return !command->ended(); }));
    }
    return count;
}

}  // namespace consent::agent
