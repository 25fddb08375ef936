// One application of the guest being asked: a child process, its one line, its exit status.
//
// Must not know the channel or what becomes of the answer. Never blocks. Used by one thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "channel.hpp"
#include "consent/policy.hpp"
#include "consent/wire.hpp"
#include "descriptor.hpp"

namespace consent::agent {

class Command {
  public:
    /// Starts the application's command in a process group of its own: the request as one JSON line on standard input
    /// and in the environment as CONSENT_ID, CONSENT_OPERATION, CONSENT_ROLE, CONSENT_MOVER, CONSENT_VCPUS,
    /// CONSENT_MEMORY_MIB, CONSENT_SOURCE, CONSENT_SITE, CONSENT_DEADLINE_MS, CONSENT_APPLICATION.
    /// One that cannot be started has ended, as silence.
    Command(const Application& application, const wire::Request& request, SteadyTime now);
    /// Kills what still runs.
    ~Command();
    Command(const Command&) = delete;
    Command& operator=(const Command&) = delete;

    /// Looks whether the command has ended or its time is up (then its process group is killed). True: it has ended.
    bool attend(SteadyTime now);
    /// Reads what the command has written: its first line is kept, at most 1 KiB, the rest thrown away.
    void read_output();

    /// Reaps those that were killed and were not gone at once (stuck in the kernel, or another user's by now), without
    /// waiting for any. How many are left: they count as running.
    static std::size_t bury();

    [[nodiscard]] bool ended() const noexcept { return pid_ == 0; }
    /// Of one that has ended. Nothing: silence.
    [[nodiscard]] std::optional<Answer> answer() const noexcept { return answer_; }
    /// Its first line, cleaned; of one that fell silent, ours: why.
    [[nodiscard]] std::string because() const;
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] SteadyTime deadline() const noexcept { return deadline_; }
    /// To wait for output on. -1: none will come.
    [[nodiscard]] int output() const noexcept { return output_.get(); }

  private:
    void end(bool kill_first);

    std::string name_;
    SteadyTime deadline_;
    pid_t pid_ = 0;  // 0: ended
    Descriptor output_;
    std::string line_;  // its first line so far
    bool line_ended_ = false;
    std::optional<Answer> answer_;
    std::string silence_;  // why there is no answer
};

}  // namespace consent::agent
