// The command line of a policy subcommand, read in one way for all of them.
#pragma once

#include <boost/program_options.hpp>
#include <optional>
#include <string>
#include <vector>

#include "commands.hpp"

namespace consentctl {

namespace options = boost::program_options;

/// What `--help` prints before and after the options.
struct Lesson {
    const char* introduction;
    const char* examples;
};

/// The options given; nothing: --help was asked for and is printed. Words without an option are those of `positional`,
/// an option of `known`; "": there are none. Throws UsageError.
[[nodiscard]] std::optional<options::variables_map> read_options(const Arguments& arguments,
                                                                 options::options_description known,
                                                                 const char* positional, const Lesson& lesson,
                                                                 std::ostream& out);

/// All values of an option that may be repeated; none when it was not given.
[[nodiscard]] std::vector<std::string> all(const options::variables_map& given, const char* name);

}  // namespace consentctl
