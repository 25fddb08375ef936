// Fuzzes the policy files: any text is taken or brings one PolicyError that says where, what and how to mend it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "consent/policy.hpp"
#include "consent/wire.hpp"

namespace {

void require(bool holds) {
    if (!holds) { std::abort(); }
}

template <typename F>
void check(F&& parse) {
    try {
        parse();
    } catch (const consent::PolicyError& error) {
        require(!error.problem.empty() && !error.remedy.empty() && error.file == "f");
        require(error.line >= 0 && error.column >= 0 && (error.line == 0) == (error.column == 0));
        const std::string what = error.what();
        require(what.size() < 1000 && consent::wire::clean(what, 1000) == what);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check([&] {
        const consent::HostPolicy host = consent::parse_host_policy(text, "f");
        for (const auto& voice : {host.accept_incoming, host.accept_outgoing}) {
            require(!voice || voice->answer != consent::Answer::abstain);
        }
    });
    check([&] {
        const consent::AgentPolicy agent = consent::parse_agent_policy(text, "f");
        require(agent.applications.size() <= 32);
        require(consent::wire::clean(agent.because) == agent.because);
    });
    check([&] {
        const consent::Application application = consent::parse_application(text, "f");
        require(!application.name.empty() && !application.command.empty() && application.command[0].starts_with('/'));
        require(application.timeout >= consent::milliseconds(1) && application.timeout <= consent::milliseconds(30000));
    });
    return 0;
}
