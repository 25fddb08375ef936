// The voters' port over a child process: consent-worker asks the guests, this side only starts it, talks to it and, when
// it is stuck or lies, kills it.
//
// Why a child: guests' bytes are hostile, and a libvirt call may block for as long as libvirtd is stopped; neither must
// happen in the process that holds the cloud's credentials. Must not know libvirt, guests' lines, or what a verdict is.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "consent/ports.hpp"

namespace consent {

/// How long after a deadline the worker may still report it, before it counts as stuck.
inline constexpr milliseconds worker_grace{500};

/// Our failure in a question that is no round. `code`: as of InquiryFailed; what(): "CODE: why".
class InquiryError : public std::runtime_error {
  public:
    InquiryError(std::string code_, const std::string& why)
        : std::runtime_error(code_ + ": " + why), code(std::move(code_)) {}
    std::string code;
};

/// Voters of one host, asked by a consent-worker.
///
/// The worker is started on first need, by a thread of its own which lives exactly as long as it; one worker serves all
/// rounds. A worker that dies, breaks the line protocol or says nothing by a deadline + worker_grace is killed by pid and
/// reaped, its rounds end with InquiryFailed, and the next open() starts another. Codes: worker_lost (did not start, died,
/// or was closed), worker_timeout (stuck), worker_protocol (a line that breaks the rules), limit (too much to tell it), and
/// what the worker itself reports: libvirt, limit, internal.
///
/// Threads: everything here may be called by several at once. Fork: a child process of this one finds no worker here and
/// starts its own on first need; rounds of its parent are dead in it. No signal handler is installed or needed; the
/// supervising thread blocks all signals.
class VotersWorker final : public Voters {
  public:
    /// Starts nothing yet. `program`: path of consent-worker, not searched for; `uri`: libvirt's, as virConnectOpen takes.
    explicit VotersWorker(std::string program, std::string uri = "qemu:///system");
    /// As close().
    ~VotersWorker() override;
    VotersWorker(const VotersWorker&) = delete;
    VotersWorker& operator=(const VotersWorker&) = delete;

    /// Never blocks: whatever goes wrong is told by the round's next(), at the deadlines above at the latest.
    std::unique_ptr<Voices> open(const Inquiry& inquiry) override;

    /// What these guests' agents say of their own rules: by UUID a JSON list, at most 16 KiB each, as parse_rules() takes it
    /// (it is a guest's word: expect it to be anything). All are asked at once, over channels that rounds share. Left out
    /// are guests that do not run here, have no agent, or do not say by the deadline.
    /// `uuids`: at most 4096, lower case; `deadline`: 1 ms to 60 s for each guest from when it is asked. Blocks until all
    /// have answered, at the longest twice the deadline (but 1 s to find them) and worker_grace. Throws InquiryError.
    [[nodiscard]] std::map<std::string, std::string> policies(const std::vector<std::string>& uuids,
                                                              milliseconds deadline);

    /// The worker's process id; 0 when none runs now.
    [[nodiscard]] pid_t pid() const;

    /// Ends the worker and the rounds under way (worker_lost). Waits until it is reaped: at most worker_grace, then it is
    /// killed. A later open() starts another.
    void close();

  private:
    class Desk;
    class Child;
    class Round;
    class OpenVoices;
    struct Keyed;
    std::shared_ptr<Desk> desk() const;

    std::string program_;
    std::string uri_;
    mutable std::atomic<Keyed*> keyed_{nullptr};
};

}  // namespace consent
