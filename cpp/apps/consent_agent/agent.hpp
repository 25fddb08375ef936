// The agent: takes requests from the channel, asks the policy's rules, the applications or the policy, answers.
//
// One thread, one epoll. Must not know how options are given.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "channel.hpp"
#include "command.hpp"
#include "consent/policy.hpp"
#include "descriptor.hpp"
#include "rules.hpp"

namespace consent::agent {

inline constexpr std::size_t max_requests = 32;  ///< under way at once; a further one gets no answer
inline constexpr std::size_t max_commands = 64;  ///< running at once; a request whose applications do not fit gets none

struct Settings {
    std::filesystem::path channel;
    std::filesystem::path policy;
    std::filesystem::path drop_in;
};

class Agent {
  public:
    /// `policy`: as loaded from the files in `settings`. SIGHUP, SIGTERM, SIGINT and SIGCHLD must be blocked and SIGPIPE
    /// ignored in the process. Throws std::system_error when the kernel gives no descriptors.
    Agent(Settings settings, AgentPolicy policy);

    /// Answers until SIGTERM or SIGINT.
    void run();

  private:
    /// A request whose applications are being asked.
    struct Asked {
        wire::Request request;
        SteadyTime deadline;
        std::vector<std::unique_ptr<Command>> commands;
    };

    void wait(SteadyTime now);
    void take_signals();
    void reload();
    void take_policy(AgentPolicy policy);
    void take_line(const Channel::Line& line, SteadyTime now);
    void take_request(const wire::Request& request, SteadyTime now);
    /// False: no rule decides, or one that asks.
    bool answer_by_rule(const wire::Request& request, SteadyTime now);
    void take_withdraw(const wire::Withdraw& withdraw);
    void ignore(std::string_view why, SteadyTime now);
    /// Says hello, with the rules when the host `wants` them.
    void greet(SteadyTime now, bool with_rules = false);
    /// True: the request is settled.
    bool settle(const Asked& asked, SteadyTime now);
    void answer(const wire::Request& request, Answer answer, const std::string& because, SteadyTime now);
    void stay_silent(const wire::Request& request, std::string_view why);
    [[nodiscard]] std::size_t running() const noexcept;

    Settings settings_;
    AgentPolicy policy_;
    Rules rules_;  // those of the policy, which no longer has them
    Descriptor epoll_;
    Descriptor signals_;
    Channel channel_;
    std::map<std::string, Asked> asked_;  // by request id
    bool more_to_read_ = false;
    bool ending_ = false;
    SteadyTime next_complaint_{};  // lines that are no message are logged once a second
    std::uint64_t ignored_ = 0;
};

}  // namespace consent::agent
