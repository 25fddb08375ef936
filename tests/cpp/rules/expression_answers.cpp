// Answers for corpus.py: a line in, `expression TAB value` in hexadecimal; a line out, `yes`, `no` or the fault's name, and the
// operator's number.
#include <algorithm>
#include <iostream>
#include <string>
#include <string_view>

#include "consent/expression.hpp"

namespace {

std::string from_hex(std::string_view digits) {
    const auto half = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    std::string bytes;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
        bytes.push_back(static_cast<char>(half(digits[i]) * 16 + half(digits[i + 1])));
    }
    return bytes;
}

}  // namespace

int main() {
    std::ios::sync_with_stdio(false);
    for (std::string line; std::getline(std::cin, line);) {
        const std::string_view text = line;
        const std::size_t tab = std::min(text.find('\t'), text.size() - 1);
        const consent::Expression expression(from_hex(text.substr(0, tab)));
        const consent::Match match = expression.match(from_hex(text.substr(tab + 1)));
        std::cout << (match.fault != consent::Fault::none ? to_string(match.fault) : to_string(match.truth)) << ' '
                  << static_cast<int>(expression.op()) << '\n';
    }
    return 0;
}
