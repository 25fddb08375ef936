// The client of consent-worker: one supervising thread a worker process, rounds dispatched by id.
//
// Everything shared stands under one mutex, Desk::mutex: the traffic is a few lines a round. The mutex is never held over
// a system call that can block. Must not know libvirt or what a guest's line looks like.
#include "consent/voters_worker.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "worker_lines.hpp"

namespace consent {
namespace {

namespace lines = worker_lines;

constexpr std::size_t max_outbox = 8 * 1024 * 1024;  ///< bytes of orders that a worker has not read yet
constexpr milliseconds end_limit{5000};              ///< for a worker to say that it ended a round

TimePoint now() { return std::chrono::time_point_cast<milliseconds>(std::chrono::steady_clock::now()); }

std::string error_text(int code) { return std::system_category().message(code); }

/// A file descriptor that closes itself.
class Fd {
  public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        if (this != &other) reset(std::exchange(other.fd_, -1));
        return *this;
    }
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd() { reset(); }
    void reset(int fd = -1) {
        if (fd_ >= 0) ::close(fd_);
        fd_ = fd;
    }
    [[nodiscard]] int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }

  private:
    int fd_ = -1;
};

struct Pipe {
    Fd reads, writes;
};

/// Both ends above 2, so that a daemon without standard streams does not get them mixed up when the child's are set.
std::optional<Pipe> make_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
    Fd low_reads(ends[0]);
    Fd low_writes(ends[1]);
    Pipe pipe{Fd(::fcntl(low_reads.get(), F_DUPFD_CLOEXEC, 3)), Fd(::fcntl(low_writes.get(), F_DUPFD_CLOEXEC, 3))};
    if (!pipe.reads || !pipe.writes) return std::nullopt;
    return pipe;
}

void set_nonblocking(const Fd& fd) { ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK); }

/// A name for what is no round of anybody's.
std::string new_name() {
    std::array<unsigned char, 16> bytes{};
    if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
        throw std::system_error(errno, std::system_category(), "getrandom");
    std::string name = "rules-";
    for (const unsigned char byte : bytes) {
        name += "0123456789abcdef"[byte >> 4U];
        name += "0123456789abcdef"[byte & 15U];
    }
    return name;
}

bool is_code_known(const std::string& code) { return code == "libvirt" || code == "limit" || code == "internal"; }

}  // namespace

/// A round as this side sees it.
class VotersWorker::Round {
  public:
    enum class Phase { identifying, identified, requesting, ended };
    struct Ballot {
        bool done = false, consented = false;
    };

    std::string id;
    Phase phase = Phase::identifying;
    std::vector<Ballot> voters;
    std::size_t outstanding = 0;
    milliseconds voter_deadline{0};
    std::optional<TimePoint> due;                ///< by when the worker must have said what it owes, or is stuck
    std::map<std::uint32_t, std::string> rules;  ///< what voters told, of a question for them
    bool for_rules = false;
    std::deque<InquiryEvent> events;  ///< bounded: the worker may say two things of a voter, one of a round
    bool failed = false;
    std::condition_variable changed;
    std::shared_ptr<Child> child;  ///< who asks; none once it is over

    void fail(std::string code, std::string why) {
        due.reset();
        child.reset();
        if (failed || phase == Phase::ended) return;
        failed = true;
        events.emplace_back(InquiryFailed{std::move(code), std::move(why)});
        changed.notify_all();
    }

    /// Takes what the worker says; an explanation when it may not say that.
    const char* take(InquiryEvent event);
    const char* take(lines::ToldRules told) {
        if (failed) return "it spoke of a round that it had failed";
        if (!for_rules || owing(told.voter) == nullptr) return "it told rules of a voter that was not asked for them";
        rules[told.voter] = std::move(told.rules);
        changed.notify_all();
        return nullptr;
    }
    /// All that was asked has been said, or never will be.
    [[nodiscard]] bool settled() const { return failed || (phase == Phase::requesting && outstanding == 0); }

  private:
    Ballot* owing(std::uint32_t voter) {
        if (phase != Phase::requesting || voter >= voters.size() || voters[voter].done) return nullptr;
        voters[voter].done = true;
        if (--outstanding == 0) due.reset();
        return &voters[voter];
    }
    const char* check(const VotersIdentified& event) {
        if (phase != Phase::identifying) return "it identified voters twice";
        phase = Phase::identified;
        voters.resize(event.voters.size());
        due.reset();
        return nullptr;
    }
    const char* check(const VoterAnswered& event) {
        Ballot* ballot = for_rules ? nullptr : owing(event.voter);
        if (ballot == nullptr) return "it told an answer of a voter that owes none";
        ballot->consented = event.answer == Answer::consent;
        return nullptr;
    }
    const char* check(const VoterFellSilent& event) {
        return owing(event.voter) != nullptr ? nullptr : "it told the silence of a voter that owes no answer";
    }
    const char* check(const VoterLeft& event) {
        return owing(event.voter) != nullptr ? nullptr : "it told that a voter left which owes no answer";
    }
    const char* check(const VoterWithdrew& event) {
        if (event.voter >= voters.size() || !voters[event.voter].consented) return "it told a withdrawal of no consent";
        voters[event.voter].consented = false;
        return nullptr;
    }
    const char* check(const InquiryFailed& event) {
        if (!is_code_known(event.code)) return "it failed a round with a code that is not its own";
        failed = true;
        due.reset();
        return nullptr;
    }
};

const char* VotersWorker::Round::take(InquiryEvent event) {
    if (failed) return "it spoke of a round that it had failed";
    if (const char* wrong = std::visit([this](const auto& e) { return check(e); }, event)) return wrong;
    events.push_back(std::move(event));
    changed.notify_all();
    return nullptr;
}

/// One worker process, or the attempt to start it. Fields are guarded by Desk::mutex but for those of its own thread.
class VotersWorker::Child {
  public:
    Fd wake;  ///< eventfd: there is something in outbox, an earlier due, or `closing` is set
    pid_t pid = 0;
    std::string outbox;
    std::unordered_map<std::string, std::shared_ptr<Round>> rounds;
    bool closing = false;
    bool over = false;  ///< its thread touches nothing any more and can be joined at once
    std::thread thread;

    void nudge() const {
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written = ::write(wake.get(), &one, sizeof one);  // full: awake already
    }
    /// False when the worker has left too much unread.
    [[nodiscard]] bool send(const lines::Order& order) {
        std::string line = lines::write(order);
        if (line.size() > lines::max_line || outbox.size() + line.size() > max_outbox) return false;
        outbox += line;
        nudge();
        return true;
    }

    // Of the supervising thread alone:
    Fd in, out, pidfd;
    bool ready = false;
};

/// What the threads of one process share.
class VotersWorker::Desk : public std::enable_shared_from_this<Desk> {
  public:
    Desk(std::string program, std::string uri) : program_(std::move(program)), uri_(std::move(uri)) {
        if (::getrandom(key_.bytes.data(), key_.bytes.size(), 0) != static_cast<ssize_t>(key_.bytes.size()))
            throw std::system_error(errno, std::system_category(), "getrandom");
    }

    const pid_t owner = ::getpid();
    std::mutex mutex;

    std::shared_ptr<Round> open(const Inquiry& inquiry);
    void request(Round& round, bool for_rules = false);
    std::map<std::string, std::string> rules(Round& round);
    void end(const std::shared_ptr<Round>& round);
    void close();
    pid_t pid() {
        const std::lock_guard lock(mutex);
        return child_ ? child_->pid : 0;
    }

  private:
    std::shared_ptr<Child> living_child();
    void bury();
    void supervise(const std::shared_ptr<Child>& child);
    struct End {
        const char* code;
        std::string why;
    };
    End converse(Child& child);
    std::optional<End> spawn(Child& child);
    std::optional<End> hear(Child& child, lines::LineCutter& cutter);
    std::optional<End> obey(Child& child, const std::string& line);
    int wait_ms(const Child& child, std::optional<TimePoint> closing_until);

    std::string program_;
    std::string uri_;
    lines::Key key_;
    std::shared_ptr<Child> child_;                ///< the one that new rounds go to
    std::vector<std::shared_ptr<Child>> former_;  ///< ended or ending; their threads are still to be joined
};

/// The worker for new rounds, started if there is none. Called with the mutex held; may throw std::system_error.
std::shared_ptr<VotersWorker::Child> VotersWorker::Desk::living_child() {
    bury();
    if (child_) return child_;
    auto child = std::make_shared<Child>();
    child->wake.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!child->wake) throw std::system_error(errno, std::system_category(), "eventfd");
    child->outbox = lines::write(lines::Order{key_});
    // The thread is born with all signals blocked: the process's handlers must not run in it, and SIGPIPE comes as EPIPE.
    sigset_t every;
    sigset_t before;
    ::sigfillset(&every);
    ::pthread_sigmask(SIG_SETMASK, &every, &before);
    try {
        child->thread = std::thread([desk = shared_from_this(), child] { desk->supervise(child); });
    } catch (...) {
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        throw;
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    child_ = child;
    return child;
}

/// Joins the threads that are over. Called with the mutex held.
void VotersWorker::Desk::bury() {
    std::erase_if(former_, [](const std::shared_ptr<Child>& child) {
        if (!child->over) return false;
        child->thread.join();
        return true;
    });
}

std::shared_ptr<VotersWorker::Round> VotersWorker::Desk::open(const Inquiry& inquiry) {
    auto round = std::make_shared<Round>();
    round->id = inquiry.round;
    round->voter_deadline = inquiry.voter_deadline;
    const std::lock_guard lock(mutex);
    try {
        if (inquiry.round.empty() || inquiry.round.size() > lines::max_round ||
            inquiry.voter_deadline < milliseconds{1} || inquiry.voter_deadline > lines::max_deadline) {
            round->fail("internal", "the inquiry is out of range");
            return round;
        }
        const auto child = living_child();
        if (child->rounds.contains(round->id)) {
            round->fail("internal", "a round of this id is under way");
            return round;
        }
        if (!child->send(lines::Identify{inquiry})) {
            round->fail("limit", "the worker has left too much unread, or the inquiry is too long for a line");
            return round;
        }
        round->child = child;
        round->due = now() + lines::identify_limit(inquiry.voter_deadline) + worker_grace;
        child->rounds.emplace(round->id, round);
        child->nudge();
    } catch (const std::exception& error) {
        round->fail("worker_lost", std::string("cannot start a worker: ") + error.what());
    }
    return round;
}

void VotersWorker::Desk::request(Round& round, bool for_rules) {
    const std::lock_guard lock(mutex);
    if (!round.child || round.failed || round.phase != Round::Phase::identified) return;
    round.phase = Round::Phase::requesting;
    round.outstanding = round.voters.size();
    round.for_rules = for_rules;
    if (!round.child->send(for_rules ? lines::Order{lines::AskRules{round.id}}
                                     : lines::Order{lines::Request{round.id}})) {
        round.fail("limit", "the worker has left too much unread");
        return;
    }
    if (round.outstanding != 0) round.due = now() + round.voter_deadline + worker_grace;
    round.child->nudge();
}

/// Sees a question for rules through. Waits without a time of its own: the supervising thread ends whatever is overdue.
std::map<std::string, std::string> VotersWorker::Desk::rules(Round& round) {
    std::unique_lock lock(mutex);
    round.changed.wait(lock, [&] { return round.failed || round.phase != Round::Phase::identifying; });
    std::vector<Voter> voters;
    if (!round.failed) {
        voters = std::move(std::get<VotersIdentified>(round.events.front()).voters);
        round.events.clear();
        lock.unlock();
        request(round, true);
        lock.lock();
        round.changed.wait(lock, [&] { return round.settled(); });
    }
    if (round.failed) {
        const auto& failure = std::get<InquiryFailed>(round.events.back());
        throw InquiryError(failure.code, failure.why);
    }
    std::map<std::string, std::string> told;
    for (auto& [voter, text] : round.rules) told.emplace(std::move(voters[voter].id), std::move(text));
    return told;
}

/// The caller has gone. The round stays on the books until the worker says that it has ended it: that is how a worker
/// which is stuck is found even if nobody waits for it any more.
void VotersWorker::Desk::end(const std::shared_ptr<Round>& round) {
    const std::lock_guard lock(mutex);
    round->events.clear();
    round->phase = Round::Phase::ended;
    const auto child = std::exchange(round->child, nullptr);
    if (!child || !child->rounds.contains(round->id)) return;
    round->due = now() + end_limit;
    if (!child->send(lines::End{round->id})) round->due = now();  // reads nothing: give it up
    child->nudge();
}

void VotersWorker::Desk::close() {
    std::unique_lock lock(mutex);
    if (child_) {
        child_->closing = true;
        child_->nudge();
        former_.push_back(std::move(child_));
        child_.reset();
    }
    auto ending = std::exchange(former_, {});
    lock.unlock();
    for (const auto& child : ending) child->thread.join();
}

/// The life of one worker.
void VotersWorker::Desk::supervise(const std::shared_ptr<Child>& child) {
    End end{"worker_lost", {}};
    try {
        end = converse(*child);
    } catch (const std::exception& error) { end = {"internal", error.what()}; }
    // Whoever waits is told before the process is waited for: a process in uninterruptible sleep dies late.
    std::unique_lock lock(mutex);
    if (child_ == child) former_.push_back(std::exchange(child_, nullptr));
    for (auto& [id, round] : child->rounds) round->fail(end.code, end.why);
    child->rounds.clear();
    const pid_t pid = std::exchange(child->pid, 0);
    lock.unlock();
    if (pid > 0) {
        // By descriptor where there is one: should somebody else in this process have reaped it, its number may be another's.
        if (child->pidfd) {
            ::syscall(SYS_pidfd_send_signal, child->pidfd.get(), SIGKILL, nullptr, 0);
        } else {
            ::kill(pid, SIGKILL);
        }
        while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {}
    }
    child->in.reset();
    child->out.reset();
    child->pidfd.reset();
    lock.lock();
    child->over = true;
}

std::optional<VotersWorker::Desk::End> VotersWorker::Desk::spawn(Child& child) {
    auto to = make_pipe();
    auto from = make_pipe();
    if (!to || !from) return End{"worker_lost", "cannot make a pipe: " + error_text(errno)};

    std::array<std::string, 3> words{program_, "--uri", uri_};
    std::array<char*, 4> argv{words[0].data(), words[1].data(), words[2].data(), nullptr};
    sigset_t none;
    sigset_t every;
    ::sigemptyset(&none);
    ::sigfillset(&every);
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_init(&actions);
    // A group of its own: a Ctrl-C at the terminal is for the program in front, which then closes its worker itself.
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &every);
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawn_file_actions_adddup2(&actions, to->reads.get(), 0);
    ::posix_spawn_file_actions_adddup2(&actions, from->writes.get(), 1);
    ::posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    // Without OS_*: there oslo.config and OpenStack's clients are given passwords, and the worker reads hostile bytes.
    std::vector<char*> variables;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry)
        if (!std::string_view(*entry).starts_with("OS_")) variables.push_back(*entry);
    variables.push_back(nullptr);
    pid_t pid = 0;
    const int failed = ::posix_spawn(&pid, program_.c_str(), &actions, &attributes, argv.data(), variables.data());
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
    if (failed != 0) return End{"worker_lost", "cannot start " + program_ + ": " + error_text(failed)};

    child.pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    child.in = std::move(to->writes);
    child.out = std::move(from->reads);
    set_nonblocking(child.in);
    set_nonblocking(child.out);
    const std::lock_guard lock(mutex);
    child.pid = pid;
    return std::nullopt;
}

/// Milliseconds until the next thing that is due; -1: nothing is.
int VotersWorker::Desk::wait_ms(const Child& child, std::optional<TimePoint> closing_until) {
    std::optional<TimePoint> next = closing_until;
    for (const auto& [id, round] : child.rounds)
        if (const auto due = round->due; due && (!next || *due < *next)) next = due;
    if (!next) return -1;
    return static_cast<int>(std::clamp<std::int64_t>((*next - now()).count() + 1, 0, 60'000));
}

/// Starts the worker and talks to it until one of the two is through.
VotersWorker::Desk::End VotersWorker::Desk::converse(Child& child) {
    if (auto failed = spawn(child)) return *failed;
    lines::LineCutter cutter;
    std::optional<TimePoint> closing_until;
    for (;;) {
        std::array<pollfd, 3> polled{{{child.wake.get(), POLLIN, 0}, {child.out.get(), POLLIN, 0}, {-1, POLLOUT, 0}}};
        int timeout = 0;
        {
            const std::lock_guard lock(mutex);
            if (child.closing && !closing_until) {
                closing_until = now() + worker_grace;
                child.in.reset();  // its end of file: the worker tidies up and goes
                for (auto& [id, round] : child.rounds) round->fail("worker_lost", "the worker was closed");
                child.rounds.clear();
            }
            if (closing_until && now() >= *closing_until) return {"worker_lost", "the worker was closed"};
            for (const auto& [id, round] : child.rounds)
                if (const auto due = round->due; due && now() > *due)
                    return {"worker_timeout", "the worker said nothing of round " + id + " by its deadline"};
            timeout = wait_ms(child, closing_until);
            if (child.in && !child.outbox.empty()) polled[2].fd = child.in.get();
        }
        if (::poll(polled.data(), polled.size(), timeout) < 0 && errno != EINTR)
            return {"internal", "poll: " + error_text(errno)};
        if (polled[0].revents != 0) {
            std::uint64_t count = 0;
            [[maybe_unused]] const auto got = ::read(child.wake.get(), &count, sizeof count);
        }
        if (polled[1].revents != 0)
            if (auto end = hear(child, cutter)) return *end;
        if (polled[2].revents != 0) {
            const std::lock_guard lock(mutex);  // the pipe does not block
            const auto put =
                ::write(child.in.get(), child.outbox.data(), std::min<std::size_t>(child.outbox.size(), 65536));
            if (put > 0) child.outbox.erase(0, static_cast<std::size_t>(put));
            if (put < 0 && errno != EAGAIN && errno != EINTR) child.outbox.clear();  // dead: its output's end tells
        }
    }
}

/// Reads what the worker wrote.
std::optional<VotersWorker::Desk::End> VotersWorker::Desk::hear(Child& child, lines::LineCutter& cutter) {
    std::array<char, 65536> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
    const auto got = ::read(child.out.get(), buffer.data(), buffer.size());
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? std::nullopt
                                                 : std::optional(End{"worker_lost", "read: " + error_text(errno)});
    if (got == 0) return End{"worker_lost", "the worker ended"};
    std::vector<std::string> complete;
    const bool bounded = cutter.feed({buffer.data(), static_cast<std::size_t>(got)}, complete);
    for (const std::string& line : complete)
        if (auto end = obey(child, line)) return end;
    if (!bounded) return End{"worker_protocol", "the worker wrote a line of more than 1 MiB"};
    return std::nullopt;
}

std::optional<VotersWorker::Desk::End> VotersWorker::Desk::obey(Child& child, const std::string& line) {
    const auto broken = [](const std::string& why) {
        return End{"worker_protocol", "the worker broke its protocol: " + why};
    };
    auto read = lines::read_report(line);
    if (const auto* fault = std::get_if<lines::Broken>(&read)) return broken(fault->why);
    auto& report = std::get<lines::Report>(read);

    const std::lock_guard lock(mutex);
    if (const auto* ready = std::get_if<lines::Ready>(&report)) {
        if (child.ready || ready->pid != child.pid) return broken("it introduced itself twice or as another");
        if (ready->version != lines::version) return broken("it speaks version " + std::to_string(ready->version));
        child.ready = true;
        return std::nullopt;
    }
    if (!child.ready) return broken("it spoke before it was ready");
    auto* told = std::get_if<lines::Told>(&report);
    auto* told_rules = std::get_if<lines::ToldRules>(&report);
    const std::string& id = told != nullptr         ? told->round
                            : told_rules != nullptr ? told_rules->round
                                                    : std::get<lines::Ended>(report).round;
    const auto found = child.rounds.find(id);
    if (found == child.rounds.end()) return broken("it spoke of a round that is not under way");
    Round& round = *found->second;
    if (std::holds_alternative<lines::Ended>(report)) {
        if (round.phase != Round::Phase::ended) return broken("it ended a round by itself");
        child.rounds.erase(found);
        return std::nullopt;
    }
    if (round.phase == Round::Phase::ended) return std::nullopt;  // on its way when the round was ended
    const char* wrong = told != nullptr ? round.take(std::move(told->event)) : round.take(std::move(*told_rules));
    if (wrong != nullptr) return broken(wrong);
    return std::nullopt;
}

/// What a caller holds of a round.
class VotersWorker::OpenVoices final : public Voices {
  public:
    OpenVoices(std::shared_ptr<Desk> desk, std::shared_ptr<Round> round)
        : desk_(std::move(desk)), round_(std::move(round)) {}
    ~OpenVoices() override {
        if (desk_->owner == ::getpid()) {
            desk_->end(round_);
        } else {
            abandon();
        }
    }
    OpenVoices(const OpenVoices&) = delete;
    OpenVoices& operator=(const OpenVoices&) = delete;

    void request() override {
        if (desk_->owner == ::getpid()) desk_->request(*round_);
    }

    std::optional<InquiryEvent> next(TimePoint until) override {
        if (desk_->owner != ::getpid()) return failed_by_fork();
        std::unique_lock lock(desk_->mutex);
        for (;;) {
            if (!round_->events.empty()) {
                InquiryEvent event = std::move(round_->events.front());
                round_->events.pop_front();
                return event;
            }
            if (round_->failed) return std::nullopt;
            if (now() >= until) return std::nullopt;
            round_->changed.wait_until(lock, until);
        }
    }

  private:
    std::optional<InquiryEvent> failed_by_fork() {
        if (std::exchange(told_of_fork_, true)) return std::nullopt;
        return InquiryFailed{"worker_lost", "the round belongs to the process that this one was forked from"};
    }
    /// In a fork's child the mutex may be held by a thread that does not exist here, and the child's thread cannot be
    /// joined: what was shared is left where it is.
    void abandon() {
        new std::shared_ptr<Desk>(std::move(desk_));    // NOLINT: leaked on purpose
        new std::shared_ptr<Round>(std::move(round_));  // NOLINT: leaked on purpose
    }

    std::shared_ptr<Desk> desk_;
    std::shared_ptr<Round> round_;
    bool told_of_fork_ = false;
};

/// A desk and the process that it is of. Never freed but by that process.
struct VotersWorker::Keyed {
    pid_t owner;
    std::shared_ptr<Desk> desk;
};

VotersWorker::VotersWorker(std::string program, std::string uri) : program_(std::move(program)), uri_(std::move(uri)) {}

VotersWorker::~VotersWorker() {
    Keyed* keyed = keyed_.load();
    if (keyed == nullptr || keyed->owner != ::getpid()) return;  // a fork's child: see OpenVoices::abandon
    keyed->desk->close();
    delete keyed;  // NOLINT(cppcoreguidelines-owning-memory)
}

/// The desk of this process. What a fork brought along is left where it is: its mutex may be held for ever.
std::shared_ptr<VotersWorker::Desk> VotersWorker::desk() const {
    Keyed* keyed = keyed_.load();
    while (keyed == nullptr || keyed->owner != ::getpid()) {
        auto fresh = std::make_unique<Keyed>(Keyed{::getpid(), std::make_shared<Desk>(program_, uri_)});
        if (keyed_.compare_exchange_strong(keyed, fresh.get())) keyed = fresh.release();
    }
    return keyed->desk;
}

std::unique_ptr<Voices> VotersWorker::open(const Inquiry& inquiry) {
    const auto here = desk();
    return std::make_unique<OpenVoices>(here, here->open(inquiry));
}

std::map<std::string, std::string> VotersWorker::policies(const std::vector<std::string>& uuids,
                                                          milliseconds deadline) {
    if (uuids.empty()) return {};
    Inquiry inquiry;
    inquiry.round = new_name();
    inquiry.select.connected = false;
    inquiry.select.listed = uuids;
    inquiry.voter_deadline = deadline;
    const auto here = desk();
    auto round = here->open(inquiry);
    const OpenVoices voices(here, round);  // ends it
    return here->rules(*round);
}

pid_t VotersWorker::pid() const {
    const Keyed* keyed = keyed_.load();
    return keyed == nullptr || keyed->owner != ::getpid() ? 0 : keyed->desk->pid();
}

void VotersWorker::close() {
    const Keyed* keyed = keyed_.load();
    if (keyed != nullptr && keyed->owner == ::getpid()) keyed->desk->close();
}

}  // namespace consent
