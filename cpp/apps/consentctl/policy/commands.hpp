// The subcommands of `consentctl policy`, each in a file of its own: words in, text out, an exit code.
//
// Exit codes, the same for all: 0 fine; 1 the answer is no (a file with a fault, an example that fails, a decision that
// changes); 2 the command line, or a file that the command needs, cannot be taken; 3 our own failure. Each throws UsageError and
// consent::PolicyError for whoever started it to show.
#pragma once

#include <ostream>

#include "../command.hpp"

namespace consentctl {

/// Where a command writes: its result, and what is wrong.
struct Streams {
    std::ostream& out;
    std::ostream& err;
};

int policy_check(const Arguments& arguments, Streams streams);
int policy_test(const Arguments& arguments, Streams streams);
int policy_explain(const Arguments& arguments, Streams streams);
int policy_matrix(const Arguments& arguments, Streams streams);
int policy_simulate(const Arguments& arguments, Streams streams);
int policy_facts(const Arguments& arguments, Streams streams);
int policy_schema(const Arguments& arguments, Streams streams);

/// `consentctl policy ...` as a whole: finds the subcommand, and shows what it throws.
int run_policy(const Arguments& arguments, Streams streams);

}  // namespace consentctl
