#include "options.hpp"

namespace consentctl {

std::optional<options::variables_map> read_options(const Arguments& arguments, options::options_description known,
                                                   const char* positional, const Lesson& lesson, std::ostream& out) {
    known.add_options()("help,h", "this text");
    options::options_description hidden;
    options::positional_options_description words;
    if (*positional != '\0') {
        hidden.add_options()(positional, options::value<std::vector<std::string>>());
        words.add(positional, -1);
    }
    options::variables_map given;
    try {
        options::options_description whole;
        whole.add(known).add(hidden);
        options::store(options::command_line_parser(arguments).options(whole).positional(words).run(), given);
        options::notify(given);
    } catch (const options::error& error) { throw UsageError(error.what()); }
    if (given.count("help") == 0) { return given; }
    out << lesson.introduction << '\n' << known << lesson.examples;
    return std::nullopt;
}

std::vector<std::string> all(const options::variables_map& given, const char* name) {
    return given.count(name) != 0 ? given[name].as<std::vector<std::string>>() : std::vector<std::string>{};
}

}  // namespace consentctl
