// consentctl: the operator's hand. Finds the subcommand; must not know what any of them does.
#include <array>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>

#include "command.hpp"
#include "policy/commands.hpp"

namespace {

using consentctl::Arguments;

struct Command {
    std::string_view name;
    std::string_view summary;
    int (*run)(const Arguments&);
};

constexpr std::array commands{
    Command{"ask", "ask a host's guests whether a migration to it would have their consent; nothing migrates",
            &consentctl::ask},
    Command{"policy", "rules that answer for voters beforehand: check, test, explain, matrix, simulate",
            &consentctl::policy},
};

void help(std::ostream& out) {
    out << "consentctl: live migrations that ask the guests first\n\n"
           "Usage: consentctl COMMAND [OPTIONS]\n"
           "       consentctl COMMAND --help\n"
           "       consentctl --help | --version\n\n"
           "Commands:\n";
    for (const Command& command : commands)
        out << "  " << command.name << std::string(10 - command.name.size(), ' ') << command.summary << '\n';
    out << "\nExit codes: 0 consented, or fine; 1 refused, expired, or the answer is no; 2 usage, or a file that "
           "cannot be\n"
           "taken; 3 our own failure; 130 interrupted.\n";
}

int dispatch(const Arguments& words) {
    if (words.empty()) throw consentctl::UsageError("a command is missing");
    const std::string& first = words.front();
    if (first == "--help" || first == "-h" || first == "help") {
        help(std::cout);
        return 0;
    }
    if (first == "--version") {
        std::cout << "consentctl " CONSENT_VERSION "\n";
        return 0;
    }
    for (const Command& command : commands)
        if (command.name == first) return command.run({words.begin() + 1, words.end()});
    throw consentctl::UsageError("no command " + first);
}

}  // namespace

int consentctl::policy(const Arguments& arguments) { return run_policy(arguments, {std::cout, std::cerr}); }

int main(int argc, char** argv) try {
    return dispatch({argv + 1, argv + argc});
} catch (const consentctl::UsageError& error) {
    std::cerr << "consentctl: " << error.what() << "; see consentctl --help\n";
    return consentctl::usage;
} catch (const std::exception& error) {
    std::cerr << "consentctl: " << error.what() << '\n';
    return consentctl::failed;
}
