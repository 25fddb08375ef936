// The runner under real threads and the real clock. Nothing here sleeps: each wait ends by an event.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <condition_variable>
#include <deque>
#include <latch>
#include <map>
#include <mutex>
#include <thread>

#include "doubles.hpp"

namespace {

using namespace consent;
using namespace consent::test;
using Catch::Matchers::ContainsSubstring;

/// A gate that stays open once opened.
class Gate {
  public:
    void open() {
        const std::lock_guard lock(mutex_);
        open_ = true;
        changed_.notify_all();
    }
    void wait() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return open_; });
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool open_ = false;
};

/// The steady clock; counts how often the calling thread has read it, which shows how far a run() has come: once when
/// it begins, and again only when it waits for a place.
class CountingClock final : public Clock {
  public:
    [[nodiscard]] TimePoint now() const override {
        {
            const std::lock_guard lock(mutex_);
            ++reads_[std::this_thread::get_id()];
        }
        read_.notify_all();
        return steady_->now();
    }
    /// Returns when `thread` has read the clock `times` times.
    void wait_for(std::thread::id thread, int times) const {
        std::unique_lock lock(mutex_);
        read_.wait(lock, [&] { return reads_[thread] >= times; });
    }

  private:
    std::shared_ptr<Clock> steady_ = make_steady_clock();
    mutable std::mutex mutex_;
    mutable std::condition_variable read_;
    mutable std::map<std::thread::id, int> reads_;
};

/// Identifies nobody, so that each round consents as soon as its gate opens; notes the order of the rounds.
class GatedVoters final : public Voters {
  public:
    explicit GatedVoters(Gate& gate) : gate_(gate) {}
    std::unique_ptr<Voices> open(const Inquiry& inquiry) override {
        {
            const std::lock_guard lock(mutex_);
            order_.push_back(inquiry.subject.mover);
            most_ = std::max(most_, ++now_);
        }
        entered.open();
        return std::make_unique<Gated>(*this);
    }
    std::vector<std::string> order() {
        const std::lock_guard lock(mutex_);
        return order_;
    }
    int most_at_once() {
        const std::lock_guard lock(mutex_);
        return most_;
    }
    Gate entered;

  private:
    struct Gated final : Voices {
        explicit Gated(GatedVoters& v) : voters(v) {}
        ~Gated() override {
            const std::lock_guard lock(voters.mutex_);
            --voters.now_;
        }
        Gated(const Gated&) = delete;
        Gated& operator=(const Gated&) = delete;
        void request() override {}
        std::optional<InquiryEvent> next(TimePoint) override {
            voters.gate_.wait();
            return VotersIdentified{};
        }
        GatedVoters& voters;
    };
    Gate& gate_;
    std::mutex mutex_;
    std::vector<std::string> order_;
    int now_ = 0;
    int most_ = 0;
};

RoundRequest of(const std::string& mover, milliseconds deadline = max_deadline) {
    RoundRequest request;
    request.inquiry.subject.mover = mover;
    request.round_deadline = deadline;
    return request;
}

TEST_CASE("places: first come, first served, never more than max_rounds") {
    Gate gate;
    auto voters = std::make_shared<GatedVoters>(gate);
    auto clock = std::make_shared<CountingClock>();
    Runner runner(voters, nullptr, clock, 1);
    std::vector<std::thread> threads;
    threads.emplace_back([&] { (void)runner.run(of("0")); });
    voters->entered.wait();
    for (int i = 1; i < 8; ++i) {
        threads.emplace_back([&, i] { (void)runner.run(of(std::to_string(i))); });
        clock->wait_for(threads.back().get_id(), 2);  // it stands in the queue
    }
    gate.open();
    for (std::thread& thread : threads) { thread.join(); }
    CHECK(voters->order() == std::vector<std::string>{"0", "1", "2", "3", "4", "5", "6", "7"});
    CHECK(voters->most_at_once() == 1);
}

TEST_CASE("places: waiting counts in the deadline, and the report says that no place came") {
    Gate gate;
    auto voters = std::make_shared<GatedVoters>(gate);
    Runner runner(voters, nullptr, make_steady_clock(), 1);
    std::thread holder([&] { (void)runner.run(of("holder")); });
    voters->entered.wait();
    const RoundReport report = runner.run(of("late", milliseconds(30)));
    CHECK(report.verdict == State::expired);
    CHECK(report.decided_by == -1);
    CHECK_THAT(report.because,
               ContainsSubstring("no place came within 30 ms: as many rounds as max_rounds allows (1)"));
    CHECK(report.elapsed_ms >= 30);

    // A refusal that is spoken needs no place.
    RoundRequest spoken = of("spoken");
    spoken.spoken = {hypervisor("host2", Answer::refuse)};
    CHECK(runner.run(spoken).verdict == State::refused);

    gate.open();
    holder.join();
    CHECK(voters->order() == std::vector<std::string>{"holder"});
    CHECK(runner.run(of("next")).verdict == State::consented);  // who gave up left no trace in the queue
}

TEST_CASE("places: a cancel while waiting for one") {
    Gate gate;
    auto voters = std::make_shared<GatedVoters>(gate);
    auto clock = std::make_shared<CountingClock>();
    Runner runner(voters, nullptr, clock, 1);
    std::thread holder([&] { (void)runner.run(of("holder")); });
    voters->entered.wait();
    std::atomic<bool> cancel = false;
    RoundReport report;
    std::thread waiter([&] { report = runner.run(of("waiter"), {}, &cancel); });
    clock->wait_for(waiter.get_id(), 2);
    cancel = true;
    waiter.join();  // while the holder still has the only place, long before the deadline
    CHECK(report.verdict == State::aborted);
    CHECK(report.elapsed_ms < max_deadline.count());
    gate.open();
    holder.join();
}

/// Each round has a thread of its own that reports what its guests do, as a worker would: by an event queue.
class BusyVoters final : public Voters {
  public:
    std::unique_ptr<Voices> open(const Inquiry& inquiry) override { return std::make_unique<Busy>(inquiry); }

  private:
    class Busy final : public Voices {
      public:
        explicit Busy(const Inquiry& inquiry) : seed_(std::stoul(inquiry.subject.mover)), thread_([this] { play(); }) {}
        ~Busy() override {
            asked_.open();
            thread_.join();
        }
        Busy(const Busy&) = delete;
        Busy& operator=(const Busy&) = delete;
        void request() override { asked_.open(); }
        std::optional<InquiryEvent> next(TimePoint until) override {
            std::unique_lock lock(mutex_);
            ready_.wait_until(lock, until, [this] { return !events_.empty(); });
            if (events_.empty()) { return std::nullopt; }
            InquiryEvent event = std::move(events_.front());
            events_.pop_front();
            return event;
        }

      private:
        void tell(InquiryEvent event) {
            const std::lock_guard lock(mutex_);
            events_.push_back(std::move(event));
            ready_.notify_one();
        }
        void play() {
            if (seed_ % 7 == 0) {
                tell(InquiryFailed{"libvirt", "gone"});
                return;
            }
            tell(guests(4));
            asked_.wait();
            for (std::uint32_t i = 0; i < 4; ++i) {
                if (seed_ % 5 == 0 && i == 3) {
                    tell(VoterAnswered{i, Answer::refuse, std::to_string(seed_)});
                } else {
                    tell(VoterAnswered{i, Answer::consent, ""});
                }
            }
        }
        const unsigned long seed_;
        std::mutex mutex_;
        std::condition_variable ready_;
        std::deque<InquiryEvent> events_;
        Gate asked_;
        std::thread thread_;
    };
};

TEST_CASE("many rounds from many threads: each gets its own verdict, each consent one grant") {
    constexpr int threads_count = 8;
    constexpr int rounds = 40;
    auto ledger = make_memory_ledger();
    auto clock = make_steady_clock();
    Runner runner(std::make_shared<BusyVoters>(), ledger, clock, 3);
    std::latch start(threads_count);
    std::atomic<int> wrong = 0;
    std::atomic<int> claimed = 0;
    std::atomic<int> consents = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < threads_count; ++t) {
        threads.emplace_back([&, t] {
            start.arrive_and_wait();
            for (int i = 0; i < rounds; ++i) {
                const int seed = t * rounds + i;
                RoundRequest request = of(std::to_string(seed));
                request.inquiry.subject.source = "host1";
                request.inquiry.subject.site = "host2";
                request.grant_lifetime = max_grant_lifetime;
                const RoundReport report = runner.run(request);
                const State expected = seed % 7 == 0   ? State::failed
                                       : seed % 5 == 0 ? State::refused
                                                       : State::consented;
                wrong += report.verdict != expected ? 1 : 0;
                wrong += report.verdict == State::refused && report.because != std::to_string(seed) ? 1 : 0;
                if (report.verdict == State::consented) {
                    ++consents;
                    const auto grant = ledger->claim(std::to_string(seed), "host1", "host2", clock->now());
                    claimed += grant && grant->id == report.grant && grant->round == report.round ? 1 : 0;
                }
            }
        });
    }
    for (std::thread& thread : threads) { thread.join(); }
    CHECK(wrong == 0);
    CHECK(consents > 0);
    CHECK(claimed == consents);
    CHECK(ledger->live(clock->now()) == 0);
}

TEST_CASE("a grant that many claim at once is claimed by one") {
    const auto ledger = make_memory_ledger();
    for (int i = 0; i < 200; ++i) {
        (void)ledger->grant(
            {.id = 0, .round = "", .mover = "m", .source = "a", .site = "b", .expires = TimePoint::max()});
        std::atomic<int> claims = 0;
        std::latch start(2);
        const auto claim = [&] {
            start.arrive_and_wait();
            claims += ledger->claim("m", "a", "b", TimePoint{}) ? 1 : 0;
        };
        std::thread one(claim);
        claim();
        one.join();
        REQUIRE(claims == 1);
    }
}

}  // namespace
