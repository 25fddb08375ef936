// Runner: one round from Python. The GIL is released while the round waits.
//
// Source: docs.python.org/3/c-api/exceptions.html (PyErr_CheckSignals): only the main thread runs Python's signal
// handlers, so there the round goes to a thread of its own and this one looks for signals.
#include "consent/runner.hpp"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "convert.hpp"

namespace consent::python {
namespace {

constexpr milliseconds signal_interval{50};

/// What Python wants of a round: its events, and to be able to stop it.
class Listener {
  public:
    explicit Listener(py::object progress) : progress_(std::move(progress)) {}

    [[nodiscard]] const std::atomic<bool>& cancel() const { return cancel_; }
    [[nodiscard]] bool wants_events() const { return !progress_.is_none(); }

    /// Needs the GIL. An exception in `progress` ends the round; it is raised when the round has ended.
    void tell(const InquiryEvent& event) {
        if (fault_) return;
        try {
            progress_(from_event(event));
        } catch (py::error_already_set& error) { stop(error); }
    }

    /// Needs the GIL.
    void check_signals() {
        if (!fault_ && PyErr_CheckSignals() != 0) {
            py::error_already_set error;
            stop(error);
        }
    }

    /// Needs the GIL.
    void raise_fault() {
        if (fault_) throw std::move(*fault_);
    }

  private:
    void stop(py::error_already_set& error) {
        fault_.emplace(std::move(error));
        cancel_ = true;
    }

    py::object progress_;
    std::optional<py::error_already_set> fault_;
    std::atomic<bool> cancel_{false};
};

/// In a thread that is not Python's main one: the round runs here.
RoundReport run_here(Runner& runner, const RoundRequest& request, Listener& listener) {
    const py::gil_scoped_release release;
    Runner::Progress progress;
    if (listener.wants_events()) {
        progress = [&listener](const InquiryEvent& event) {
            const py::gil_scoped_acquire acquire;
            listener.tell(event);
        };
    }
    return runner.run(request, progress, &listener.cancel());
}

/// In the main thread: the round runs beside it, so that a signal is handled within signal_interval.
RoundReport run_beside(Runner& runner, const RoundRequest& request, Listener& listener) {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<InquiryEvent> events;
    bool ended = false;
    RoundReport report;
    std::exception_ptr error;

    Runner::Progress progress;
    if (listener.wants_events()) {
        progress = [&](const InquiryEvent& event) {
            const std::lock_guard lock(mutex);
            events.push_back(event);
            changed.notify_one();
        };
    }
    std::thread round([&] {
        try {
            report = runner.run(request, progress, &listener.cancel());
        } catch (...) { error = std::current_exception(); }
        const std::lock_guard lock(mutex);
        ended = true;
        changed.notify_one();
    });
    // Nothing below throws but for want of memory: the thread is always joined.
    for (bool over = false; !over;) {
        std::deque<InquiryEvent> news;
        {
            const py::gil_scoped_release release;
            std::unique_lock lock(mutex);
            changed.wait_for(lock, signal_interval, [&] { return ended || !events.empty(); });
            news.swap(events);
            over = ended;
        }
        for (const InquiryEvent& event : news) listener.tell(event);
        listener.check_signals();
    }
    {
        const py::gil_scoped_release release;
        round.join();
    }
    if (error) std::rethrow_exception(error);
    return report;
}

/// A Runner for Python: the same in parent and child. A forked child has none of its parent's rounds and threads, so a
/// Runner's lock may be held there by nobody for ever: the child makes its own and leaves the parent's untouched.
class ForkedRunner {
  public:
    ForkedRunner(std::shared_ptr<Voters> voters, std::shared_ptr<Ledger> ledger, std::uint32_t max_rounds)
        : voters_(std::move(voters)), ledger_(std::move(ledger)), max_rounds_(max_rounds) {
        renew();
    }

    /// Needs the GIL.
    py::dict run(const py::object& request, py::object progress) {
        const RoundRequest wanted = to_round_request(request);
        if (pid_ != ::getpid()) renew();
        const std::shared_ptr<Runner> runner = *runner_;
        Listener listener(std::move(progress));
        const bool main_thread = ::gettid() == ::getpid();
        const RoundReport report =
            main_thread ? run_beside(*runner, wanted, listener) : run_here(*runner, wanted, listener);
        listener.raise_fault();
        return from_round_report(report);
    }

    ~ForkedRunner() {
        if (pid_ == ::getpid()) delete runner_;
    }
    ForkedRunner(const ForkedRunner&) = delete;
    ForkedRunner& operator=(const ForkedRunner&) = delete;

  private:
    void renew() {
        runner_ =
            new std::shared_ptr<Runner>(std::make_shared<Runner>(voters_, ledger_, make_steady_clock(), max_rounds_));
        pid_ = ::getpid();
    }

    const std::shared_ptr<Voters> voters_;
    const std::shared_ptr<Ledger> ledger_;
    const std::uint32_t max_rounds_;
    std::shared_ptr<Runner>* runner_ = nullptr;  // owned, except in a child that has not made its own
    pid_t pid_ = 0;
};

}  // namespace

void register_runner(py::module_& module) {
    py::class_<ForkedRunner>(module, "Runner")
        .def(py::init([](std::shared_ptr<Voters> voters, std::shared_ptr<Ledger> ledger, std::int64_t max_rounds) {
                 if (max_rounds < 1 || max_rounds > 1024) {
                     throw std::invalid_argument("max_rounds: must be a whole number from 1 to 1024");
                 }
                 return std::make_unique<ForkedRunner>(std::move(voters), std::move(ledger),
                                                       static_cast<std::uint32_t>(max_rounds));
             }),
             py::arg("voters"), py::arg("ledger").none(false), py::arg("max_rounds"))
        .def("run", &ForkedRunner::run, py::arg("request"), py::arg("progress"));
    module.def("new_uuid", &new_uuid);
}

}  // namespace consent::python
