// consent-agent: speaks for a guest. Asked over the guest's virtio channel whether a migration may go ahead, it answers
// as the guest's own policy and applications say.
#include <linux/close_range.h>
#include <signal.h>
#include <unistd.h>

#include <boost/program_options.hpp>
#include <cstdio>
#include <exception>
#include <sstream>
#include <string>

#include "agent.hpp"
#include "journal.hpp"

namespace {

namespace options = boost::program_options;

constexpr int exit_usage = 64;   // sysexits.h: EX_USAGE
constexpr int exit_policy = 78;  // EX_CONFIG
constexpr int exit_system = 71;  // EX_OSERR

constexpr const char* manual = R"(consent-agent answers for this virtual machine when its cloud is about to live-migrate
a virtual machine to the host it runs on (role neighbour), or this machine itself (role mover).

Usage: consent-agent [options]

%s
The policy says what is answered when no application is registered:

  # /etc/consent-agent/policy.yaml
  answer: refuse                      # consent | refuse | abstain
  because: backup runs until 04:00    # shown to the cloud's operator, at most 200 characters

Rules come before it. The first whose conditions hold answers; ask, or a rule that hangs on what is not known here, leaves the
answer to the applications and to `answer`. A host that wants to know the rules beforehand is told them.

  rules:
    - name: too-large
      when: {guest.vcpus: ">= 8", time.hour: "<range-in> [ 8 17 ]"}    # hours in UTC
      answer: refuse                  # consent | refuse | ask | abstain
      because: no large neighbours in business hours

Known are operation, guest.vcpus, guest.memory_mib, guest.id (of machines of your own project), source.host and site.host
(hashed), me.kind (neighbour or mover), time.hour and time.weekday.

Applications that want a voice of their own each put one file into the drop-in folder:

  # /etc/consent-agent/conf.d/database.yaml
  name: database
  command: [/usr/lib/database/may-migrate]
  timeout_s: 2                        # 0.001 to 30; 2 when not given
  rules: []                           # a drop-in may add rules, with or without an application

Once an application is registered, the applications are asked instead of `answer`, all at once.
A command reads the request as one line of JSON from its standard input, and from CONSENT_OPERATION, CONSENT_ROLE,
CONSENT_MOVER, CONSENT_VCPUS, CONSENT_MEMORY_MIB, CONSENT_SOURCE, CONSENT_SITE and CONSENT_DEADLINE_MS in its
environment. It writes its reason as one line and exits with 0 to consent, 1 to refuse, 3 to abstain. Any other
status, a signal or a time-out is silence. The first refusal is the answer; else, if one is silent, the machine is;
else it consents if one consents, and abstains if none does.

Signals: SIGHUP reads the policy again (one with a mistake in it is named in the log, and the one before stays);
SIGTERM ends. One line a request is written to standard error.

Try it:  consent-agent --check    names the first mistake in the policy with its line, column and remedy.

Exit status: 0 ended or checked, 64 wrong usage, 71 the system gave no resources, 78 the policy cannot be taken.
)";

void block_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGHUP, SIGTERM, SIGINT, SIGCHLD}) { sigaddset(&set, signal); }
    sigprocmask(SIG_BLOCK, &set, nullptr);
    (void)::signal(SIGPIPE, SIG_IGN);  // a host that leaves while we write is an error of that write
}

/// What the agent has inherited is not handed on to its applications. A kernel before 5.11 cannot: then they get it.
void keep_inherited_descriptors() { ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC); }

}  // namespace

int main(int argc, char** argv) {
    block_signals();
    keep_inherited_descriptors();
    consent::agent::Settings settings;
    std::string channel;
    std::string policy;
    std::string drop_in;
    options::options_description described("Options");
    described.add_options()(
        "channel",
        options::value(&channel)->default_value("/dev/virtio-ports/org.openstack.consent.0")->value_name("PATH"),
        "virtio port (or, for trying out, a Unix socket) on which the host asks")(
        "policy", options::value(&policy)->default_value("/etc/consent-agent/policy.yaml")->value_name("FILE"),
        "this machine's policy")(
        "drop-in", options::value(&drop_in)->default_value("/etc/consent-agent/conf.d")->value_name("DIR"),
        "folder of applications, one in each *.yaml; it need not exist")(
        "check", "read the policy, say what is wrong with it or what it means, and exit")(
        "version", "print the version and exit")("help,h", "print this and exit");
    try {
        options::variables_map given;
        options::store(options::command_line_parser(argc, argv).options(described).positional({}).run(), given);
        options::notify(given);
        if (given.count("help") != 0) {
            std::ostringstream text;
            text << described;
            std::printf(manual, text.str().c_str());
            return 0;
        }
        if (given.count("version") != 0) {
            std::puts("consent-agent " CONSENT_VERSION ", guest protocol 1");
            return 0;
        }
        settings = {channel, policy, drop_in};
        consent::AgentPolicy loaded = consent::load_agent_policy(settings.policy, settings.drop_in);
        if (given.count("check") != 0) {
            if (!loaded.rules.empty()) { std::printf("policy good: %zu rules come first\n", loaded.rules.size()); }
            if (loaded.applications.empty()) {
                std::printf("policy good: answer %s\n", std::string(to_string(loaded.answer)).c_str());
            }
            for (const consent::Application& application : loaded.applications) {
                std::printf("policy good: asks %s: %s, at most %lld ms\n", application.name.c_str(),
                            application.command[0].c_str(), static_cast<long long>(application.timeout.count()));
            }
            return 0;
        }
        consent::agent::log("started, policy " + policy);
        consent::agent::Agent(std::move(settings), std::move(loaded)).run();
        return 0;
    } catch (const consent::PolicyError& error) {
        consent::agent::log(error.what());
        return exit_policy;
    } catch (const options::error& error) {
        consent::agent::log(std::string(error.what()) + "; see consent-agent --help");
        return exit_usage;
    } catch (const std::exception& error) {
        consent::agent::log(error.what());
        return exit_system;
    }
}
