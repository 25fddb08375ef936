// What every subcommand of consentctl is made of. A later one is a file with one such function and a line in main.cpp.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace consentctl {

/// Exit codes, the same for all subcommands.
enum Exit : int {
    consented = 0,
    not_consented = 1,  ///< refused, or expired
    usage = 2,
    failed = 3,         ///< our own machinery, or libvirt: nobody's answer
    interrupted = 130,  ///< as a shell shows SIGINT
};

/// A command line that cannot be meant. what(): one sentence for whoever typed it.
struct UsageError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

using Arguments = std::vector<std::string>;  ///< behind the subcommand's name

/// consentctl ask. Throws UsageError.
int ask(const Arguments& arguments);

/// consentctl policy: its subcommands stand in policy/.
int policy(const Arguments& arguments);

}  // namespace consentctl
