#include "literal.hpp"

#include <cmath>
#include <cstdint>
#include <utility>

#include "characters.hpp"
#include "number.hpp"

namespace consent {
namespace {

constexpr std::size_t max_decimal_digits = 4300;  // Python 3.11: sys.int_info.default_max_str_digits

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') { return c - '0'; }
    if (c >= 'a' && c <= 'f') { return c - 'a' + 10; }
    if (c >= 'A' && c <= 'F') { return c - 'A' + 10; }
    return -1;
}
constexpr bool in_word(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}

/// Recursive descent over one source; the first fault ends it. Depth is that of brackets.
class Reader {
  public:
    explicit Reader(std::string_view source) : source_(source) {}

    Fault read(Literal& literal) {
        if (source_.find('\0') != std::string_view::npos) { return Fault::value_not_a_literal; }
        while (peek() == ' ' || peek() == '\t') { ++at_; }  // literal_eval() strips these, and these alone
        if (line_starts() && element(literal) && line_ends()) { return Fault::none; }
        return fault_;
    }

  private:
    static constexpr char end = '\0';  // the source holds none

    [[nodiscard]] char peek(std::size_t ahead = 0) const noexcept {
        return at_ + ahead < source_.size() ? source_[at_ + ahead] : end;
    }
    [[nodiscard]] bool at_end() const noexcept { return at_ >= source_.size(); }
    bool take(char c) {
        if (peek() != c) { return false; }
        ++at_;
        return true;
    }
    bool fail(Fault fault) {
        fault_ = fault;
        return false;
    }

    void comment() {
        if (peek() != '#') { return; }
        while (!at_end() && peek() != '\n') { ++at_; }
    }

    /// A backslash and the end of a line that is not the last.
    bool continuation() {
        if (peek() != '\\' || peek(1) != '\n' || at_ + 2 >= source_.size()) { return false; }
        at_ += 2;
        return true;
    }

    /// Blank lines and comments; then no indentation. The end of the source, too, must not be indented.
    bool line_starts() {
        for (;;) {
            std::size_t column = 0;
            std::size_t continued = 0;
            for (bool white = true; white;) {
                switch (peek()) {
                    case ' ':
                    case '\t':
                        ++column;
                        ++at_;
                        break;
                    case '\f':
                        column = 0;
                        ++at_;
                        break;
                    case '\\':
                        if (!continuation()) { return false; }
                        if (continued == 0) { continued = column; }
                        break;
                    default: white = false;
                }
            }
            if (peek() != '#' && peek() != '\n') { return continued == 0 && column == 0; }
            comment();
            if (at_end()) { return true; }
            ++at_;
        }
    }

    bool line_ends() {
        skip();
        if (at_end()) { return true; }
        return take('\n') && line_starts() && at_end();
    }

    /// What may stand between two tokens: within brackets the ends of lines too.
    void skip() {
        for (;;) {
            const char c = peek();
            if (c == ' ' || c == '\t' || c == '\f' || (depth_ > 0 && c == '\n')) {
                ++at_;
            } else if (c == '#') {
                comment();
            } else if (!continuation()) {
                return;
            }
        }
    }

    bool open() {
        if (++depth_ > max_literal_depth) { return fail(Fault::literal_too_deep); }
        skip();
        return true;
    }
    bool close(char bracket) {
        skip();
        if (!take(bracket)) { return false; }
        --depth_;
        return true;
    }

    /// [sign] atom, or [sign] number, + or -, complex number.
    bool element(Literal& literal) {
        if (!signed_atom(literal)) { return false; }
        skip();
        if (peek() != '+' && peek() != '-') { return true; }
        ++at_;
        skip();
        Literal right;
        const bool left_fits = literal.kind == LiteralKind::integer || literal.kind == LiteralKind::real;
        if (!left_fits || !atom(right) || right.kind != LiteralKind::complex || right.is_signed) { return false; }
        literal.kind = LiteralKind::complex;
        literal.is_signed = literal.is_sum = true;
        literal.number_fits = false;
        return true;
    }

    bool signed_atom(Literal& literal) {
        const char sign = peek();
        if (sign != '+' && sign != '-') { return atom(literal); }
        ++at_;
        skip();
        if (!atom(literal) || literal.kind > LiteralKind::complex || literal.is_signed) { return false; }
        literal.is_signed = true;
        if (sign == '-') { literal.number = -literal.number; }
        return true;
    }

    bool atom(Literal& literal) {
        const char c = peek();
        if (c == '(') { return parenthesis(literal); }
        if (c == '[') { return list(literal); }
        if (c == '{') { return braces(literal); }
        if (c == '\'' || c == '"') { return strings(literal); }
        if (c == '.' && peek(1) == '.' && peek(2) == '.') {
            at_ += 3;
            return constant(literal);
        }
        if (is_digit(c) || c == '.') { return number(literal); }
        return word(literal);
    }

    static bool constant(Literal& literal) {
        literal.kind = LiteralKind::constant;
        literal.number_fits = false;
        return true;
    }

    /// The word at the reader: letters, digits, underscores.
    [[nodiscard]] std::string_view word_here() const noexcept {
        std::size_t length = 0;
        while (at_ + length < source_.size() && in_word(source_[at_ + length])) { ++length; }
        return source_.substr(at_, length);
    }

    bool word(Literal& literal) {
        const std::string_view name = word_here();
        if (!name.empty() && name.size() <= 2 && (peek(name.size()) == '\'' || peek(name.size()) == '"')) {
            return strings(literal);
        }
        if (name == "None") {
            at_ += name.size();
            return constant(literal);
        }
        if (name == "True" || name == "False") {
            at_ += name.size();
            constant(literal);
            literal.number_fits = true;
            literal.number = name == "True" ? 1 : 0;
            return true;
        }
        if (name == "set") {
            at_ += name.size();
            return empty_set(literal);
        }
        return false;
    }

    /// set(): the one call that literal_eval() takes.
    bool empty_set(Literal& literal) {
        skip();
        if (!take('(') || !open() || !close(')')) { return false; }
        container(literal, LiteralKind::set, false);
        return true;
    }

    static void container(Literal& literal, LiteralKind kind, bool hashable) {
        literal.kind = kind;
        literal.hashable = hashable;
        literal.number_fits = false;
    }

    /// Elements until `bracket`, a comma between two, one behind the last allowed; the first may be read already.
    template <typename Take>
    bool elements(char bracket, bool first_read, Take&& take_element) {
        bool comma = !first_read;
        for (;;) {
            skip();
            if (peek() == bracket) { return close(bracket); }
            if (!comma) {
                if (!take(',')) { return false; }
                comma = true;
                continue;
            }
            Literal next;
            if (!element(next) || !take_element(next)) { return false; }
            comma = false;
        }
    }

    bool list(Literal& literal) {
        ++at_;
        if (!open()) { return false; }
        container(literal, LiteralKind::list, false);
        return elements(']', false, [&](Literal& next) {
            if (next.kind == LiteralKind::text) { literal.strings.push_back(std::move(next.text)); }
            return true;
        });
    }

    bool parenthesis(Literal& literal) {
        ++at_;
        if (!open()) { return false; }
        if (peek() == ')') {
            container(literal, LiteralKind::tuple, true);
            return close(')');
        }
        // (set)(): a name in parentheses is that name. Only `set` of all names may stand there.
        if (const std::size_t before = at_; word_here() == "set") {
            at_ += 3;
            skip();
            if (peek() == ')') { return close(')') && empty_set(literal); }
            at_ = before;
        } else if (peek() == '(' && name_in_parentheses(literal)) {
            return true;
        }
        if (fault_ != Fault::value_not_a_literal) { return false; }
        if (!element(literal)) { return false; }
        skip();
        if (peek() != ',') { return close(')'); }
        bool hashable = literal.hashable;
        literal = Literal{};
        if (!elements(')', true, [&](const Literal& next) {
                hashable = hashable && next.hashable;
                return true;
            })) {
            return false;
        }
        container(literal, LiteralKind::tuple, hashable);
        return true;
    }

    /// ((set))(), looked for without reading anything twice but brackets and space: `(((set` is as long as the depth allows.
    bool name_in_parentheses(Literal& literal) {
        const std::size_t before = at_;
        const std::size_t depth = depth_;
        std::size_t opened = 1;  // the one that parenthesis() took
        while (peek() == '(' && opened <= max_literal_depth) {
            ++at_;
            ++opened;
            skip();
        }
        if (word_here() == "set" && depth + opened <= max_literal_depth + 1) {
            at_ += 3;
            depth_ = depth + opened - 1;
            bool closed = true;
            for (std::size_t i = 0; i < opened && closed; ++i) { closed = close(')'); }
            if (closed && empty_set(literal)) { return true; }
        }
        at_ = before;
        depth_ = depth;
        return false;
    }

    bool braces(Literal& literal) {
        ++at_;
        if (!open()) { return false; }
        if (peek() == '}') {
            container(literal, LiteralKind::dict, false);
            return close('}');
        }
        Literal first;
        if (!element(first) || !first.hashable) { return false; }
        skip();
        if (peek() != ':') {
            container(literal, LiteralKind::set, false);
            return elements('}', true, [](const Literal& next) { return next.hashable; });
        }
        container(literal, LiteralKind::dict, false);
        for (;;) {
            Literal value;
            if (!take(':')) { return false; }
            skip();
            if (!element(value)) { return false; }
            skip();
            if (peek() == '}') { return close('}'); }
            if (!take(',')) { return false; }
            skip();
            if (peek() == '}') { return close('}'); }
            Literal key;
            if (!element(key) || !key.hashable) { return false; }
            skip();
        }
    }

    /// Digits with single underscores between; appended to `digits` without them.
    template <typename IsDigit>
    bool digits(std::string& out, IsDigit&& is) {
        const std::size_t before = out.size();
        while (is(peek()) || (peek() == '_' && out.size() > before && is(peek(1)))) {
            if (peek() != '_') { out.push_back(peek()); }
            ++at_;
        }
        return out.size() > before;
    }

    bool number(Literal& literal) {
        literal.kind = LiteralKind::integer;
        const char mark = peek(1);
        if (peek() == '0' && (mark == 'x' || mark == 'X')) { return power_of_two(literal, 4); }
        if (peek() == '0' && (mark == 'o' || mark == 'O')) { return power_of_two(literal, 3); }
        if (peek() == '0' && (mark == 'b' || mark == 'B')) { return power_of_two(literal, 1); }
        std::string text;
        const bool whole = digits(text, is_digit);
        const std::size_t whole_digits = text.size();
        if (take('.')) {
            literal.kind = LiteralKind::real;
            text.push_back('.');
            if (!digits(text, is_digit) && !whole) { return false; }
        }
        const std::size_t sign = peek(1) == '+' || peek(1) == '-' ? 2 : 1;
        if ((peek() == 'e' || peek() == 'E') && is_digit(peek(sign))) {
            literal.kind = LiteralKind::real;
            text.append(source_.substr(at_, sign));
            at_ += sign;
            digits(text, is_digit);
        }
        const bool imaginary = peek() == 'j' || peek() == 'J';
        if (imaginary) {
            ++at_;
            literal.kind = LiteralKind::complex;
            literal.number_fits = false;
        }
        if (in_word(peek())) { return false; }
        if (literal.kind == LiteralKind::integer) {
            const bool zero = text.find_first_not_of('0') == std::string::npos;
            if (!zero && (text[0] == '0' || whole_digits > max_decimal_digits)) { return false; }
        }
        literal.number = nearest_double(text);
        if (literal.kind == LiteralKind::integer && std::isinf(literal.number)) { literal.number_fits = false; }
        return true;
    }

    /// 0x, 0o, 0b: `bits` a digit, rounded as Python rounds an int to a float (half to even).
    bool power_of_two(Literal& literal, unsigned bits) {
        at_ += 2;
        const auto fits = [&](char c) { return hex_digit(c) >= 0 && hex_digit(c) < (1 << bits); };
        if (peek() == '_') { ++at_; }
        std::string text;
        if (!digits(text, fits) || in_word(peek())) { return false; }
        std::uint64_t top = 0;
        int shifted_out = 0;
        bool rest = false;
        for (const char c : text) {
            for (unsigned bit = bits; bit-- > 0;) {
                const bool set = ((static_cast<unsigned>(hex_digit(c)) >> bit) & 1U) != 0;
                if ((top >> 63U) == 0) {
                    top = (top << 1U) | (set ? 1U : 0U);
                } else {
                    ++shifted_out;
                    rest = rest || set;
                }
            }
        }
        // 64 bits are more than twice what decides; what fell off only breaks ties.
        literal.number = std::ldexp(static_cast<double>(top | (rest ? 1U : 0U)), shifted_out);
        literal.number_fits = !std::isinf(literal.number);
        return true;
    }

    /// Literals side by side are one; text and bytes do not mix.
    bool strings(Literal& literal) {
        bool first = true;
        for (;;) {
            const std::string_view prefix = word_here();
            const char quote = peek(prefix.size());
            if (prefix.size() > 2 || (quote != '\'' && quote != '"')) { return !first && prefix.empty(); }
            bool raw = false;
            bool bytes = false;
            bool unicode = false;
            for (const char c : prefix) {
                const char lower = static_cast<char>(c | 0x20);
                bool& mark = lower == 'r' ? raw : lower == 'b' ? bytes : unicode;
                if ((lower != 'r' && lower != 'b' && lower != 'u') || mark) { return false; }
                mark = true;
            }
            const auto kind = bytes ? LiteralKind::bytes : LiteralKind::text;
            if ((unicode && prefix.size() > 1) || (!first && kind != literal.kind)) { return false; }
            literal.kind = kind;
            literal.number_fits = false;
            at_ += prefix.size();
            if (!string(literal.text, raw, bytes)) { return false; }
            first = false;
            skip();
        }
    }

    bool string(std::string& out, bool raw, bool bytes) {
        const char quote = peek();
        const bool triple = peek(1) == quote && peek(2) == quote;
        at_ += triple ? 3 : 1;
        for (;;) {
            if (at_end()) { return false; }
            const char c = peek();
            if (c == quote && (!triple || (peek(1) == quote && peek(2) == quote))) {
                at_ += triple ? 3 : 1;
                return true;
            }
            if (c == '\n' && !triple) { return false; }
            if (bytes && static_cast<unsigned char>(c) >= 0x80) { return false; }
            if (c != '\\') {
                out.push_back(c);
                ++at_;
            } else if (raw) {
                if (at_ + 1 >= source_.size() || (bytes && static_cast<unsigned char>(peek(1)) >= 0x80)) {
                    return false;
                }
                out.append(source_.substr(at_, 2));
                at_ += 2;
            } else if (!escape(out, bytes)) {
                return false;
            }
        }
    }

    bool escape(std::string& out, bool bytes) {
        ++at_;
        if (at_end()) { return false; }
        const char c = peek();
        ++at_;
        const auto put = [&](char32_t value) {
            if (bytes) {
                out.push_back(static_cast<char>(static_cast<unsigned char>(value & 0xffU)));
            } else {
                characters::append(out, value);
            }
            return true;
        };
        const auto hex = [&](int count) {
            char32_t value = 0;
            for (int i = 0; i < count; ++i) {
                const int digit = hex_digit(peek());
                if (digit < 0) { return false; }
                value = (value << 4U) | static_cast<char32_t>(digit);
                ++at_;
            }
            return value <= 0x10ffff && put(value);
        };
        switch (c) {
            case '\n': return true;
            case '\\':
            case '\'':
            case '"': return put(static_cast<char32_t>(c));
            case 'a': return put(0x07);
            case 'b': return put(0x08);
            case 'f': return put(0x0c);
            case 'n': return put(0x0a);
            case 'r': return put(0x0d);
            case 't': return put(0x09);
            case 'v': return put(0x0b);
            case 'x': return hex(2);
            case 'u':
                if (!bytes) { return hex(4); }
                break;
            case 'U':
                if (!bytes) { return hex(8); }
                break;
            case 'N':
                if (!bytes) { return fail(Fault::literal_named_escape); }
                break;
            default: break;
        }
        if (c >= '0' && c <= '7') {
            char32_t value = static_cast<char32_t>(c - '0');
            for (int i = 0; i < 2 && peek() >= '0' && peek() <= '7'; ++i) {
                value = value * 8 + static_cast<char32_t>(peek() - '0');
                ++at_;
            }
            return put(value);
        }
        // Not an escape: both characters stand. The second may be the first byte of several, or none of bytes'.
        --at_;
        out.push_back('\\');
        return true;
    }

    std::string_view source_;
    std::size_t at_ = 0;
    std::size_t depth_ = 0;
    Fault fault_ = Fault::value_not_a_literal;
};

}  // namespace

Fault read_literal(std::string_view source, Literal& literal) {
    if (source.find('\r') == std::string_view::npos) { return Reader(source).read(literal); }
    std::string lines;  // Python takes \r and \r\n for \n before it reads, within strings too
    for (std::size_t i = 0; i < source.size(); ++i) {
        if (source[i] != '\r') {
            lines.push_back(source[i]);
        } else {
            lines.push_back('\n');
            if (i + 1 < source.size() && source[i + 1] == '\n') { ++i; }
        }
    }
    return Reader(lines).read(literal);
}

}  // namespace consent
