"""Expressions against oslo.utils: random (expression, value) pairs must come to the same in both.

    python corpus.py ./expression_answers [--pairs N] [--seed N]

Needs oslo.utils 10.1.1 and Python 3.11, whose ast.literal_eval and float are the reference. Prints
its seed, the share of each result and the pairs of each operator; ends with 1 when there is a
difference (the first 20 are shown), or when the corpus is too thin to say much.
"""

from __future__ import annotations

import argparse
import collections
import random
import subprocess
import sys
import time
import warnings

import pyparsing
from oslo_utils import specs_matcher

OPERATORS = [*specs_matcher.op_methods, ""]
NUMERIC = ["=", "!=", "<=", "<", "==", ">=", ">"]
TEXT = ["s!=", "s<", "s<=", "s==", "s>", "s>="]
WORDS = [
    "a",
    "b",
    "aes",
    "mmx",
    "gcc",
    "x86_64",
    "2.1.0",
    "10",
    "é",
    "ß",
    "日本",
    "😀",
    "a<or>b",
    "s",
    "s=",
    "!",
    "-",
    "a=b",
    "]",
    "or>",
    "None",
    "\u200b",
    "\x00",
]
# Each kind of white space, what begins an operator, what ends or escapes a literal.
ODD = [
    *" \t\n\r\x0b\x0c\x1c\x1f\x85\xa0\u2003\u2028\u3000",
    "<",
    ">",
    "=",
    "!",
    "s<",
    "<in>",
    "<or>",
    "<all-in>",
    "<range-in>",
    "'",
    '"',
    "\\",
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    ",",
    "#",
    "+",
    "-",
    "_",
    ".",
    "e",
    "j",
    "0",
    "\x00",
    "\ufeff",
    "é",
    "\u0661",
    "\\\n",
]
BLANKS = [" "] * 12 + ["", "  ", "\t", "\n", " \r\n ", "\x0b", "\xa0"]


class Maker:
    """Makes pairs; `random` alone decides."""

    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)

    def one(self, *choices):
        return self.r.choice(choices)

    def odds(self, share: float) -> bool:
        return self.r.random() < share

    def decimal(self, around: int | None = None) -> str:
        n = around if around is not None and self.odds(0.5) else self.r.randint(-3, 12)
        if self.odds(0.65):
            return str(n)
        return self.one(
            f"{n}.0",
            f"{n}.5",
            f"+{abs(n)}",
            f"{n}.",
            f"{n}e0",
            f"{n}E+1",
            f"{n}e-1",
            f" {n} ",
            f"{abs(n)}_0",
            f"1__{n}",
            f"{n}_",
            f"_{n}",
            "inf",
            "-inf",
            "nan",
            "Infinity",
            "-NaN",
            "iNf",
            "infin",
            "1e309",
            "-1e400",
            "1e-400",
            "4.9e-324",
            "2.4e-324",
            "0x1f",
            "1e",
            "e1",
            ".",
            "+",
            "",
            ".5",
            "-.5e1",
            "\u0661٢",
            "\u0967.\u096b",
            "\uff11",
            f"\u2003{n}\xa0",
            f"{n}\x1c",
            f"\x1c{n}\xa0",
            "1,5",
            "1 2",
            "True",
            "0" * 30 + str(abs(n)),
            "1" * 400,
            "9007199254740993",
            "9007199254740992.99999999999999999999",
            "0.1",
            "0.1000000000000000055511151231257827",
            "1.7976931348623158e308",
            "1.7976931348623159e308",
            "179769313486231580793" + "0" * 288,
            "1e00000000000000000005",
            "0e99999999999",
            "1e99999999999999999999",
            "1e-99999999999999999999",
            "\U0001d7d8\U0001d7d9",
            "1e1_0",
            "1_0.0_1",
            "1._0",
            "--1",
            "+-1",
            "- 1",
        )

    def word(self) -> str:
        return (
            self.r.choice(WORDS)
            if self.odds(0.8)
            else "".join(self.r.choice("abs<>=![]'é1 ") for _ in range(self.r.randint(1, 4)))
        )

    def spaced(self, *parts: str) -> str:
        return "".join(p + self.r.choice(BLANKS) for p in parts)

    def mutated(self, text: str) -> str:
        for _ in range(self.r.randint(1, 2)):
            at = self.r.randint(0, len(text))
            cut = at + self.one(0, 0, 1)
            text = text[:at] + self.r.choice(ODD) + text[cut:]
        return text

    # Literals, of every kind that ast.literal_eval takes, and near misses.

    def gap(self) -> str:
        return (
            ""
            if self.odds(0.7)
            else self.one(" ", "  ", "\t", "\n", "\f", "#c\n", "\\\n", "\r\n", "\r", "\x0b", "\xa0")
        )

    def string(self, content: str) -> str:
        quote = self.one("'", "'", '"', '"""', "'''")
        prefix = (
            "" if self.odds(0.75) else self.one("r", "u", "R", "U", "b", "rb", "Br", "f", "ur", "x")
        )
        if self.odds(0.25):
            content = "".join(
                self.one(
                    c,
                    f"\\x{ord(c):02x}" if ord(c) < 256 else c,
                    f"\\u{ord(c):04x}" if ord(c) < 65536 else c,
                    f"\\U{ord(c):08x}",
                    f"\\{ord(c):03o}" if ord(c) < 512 else c,
                )
                for c in content
            )
        if self.odds(0.08):
            content += self.one(
                "\\",
                "\\\\",
                "\\n",
                "\\x4",
                "\\q",
                "\\8",
                "\\'",
                "\\U00110000",
                "\\ud800",
                "\\\n",
                "\n",
                "\\777",
                "\\é",
                "\\0",
            )
        made = prefix + quote + content + quote
        return made + self.gap() + self.string(content) if self.odds(0.03) else made

    def number(self) -> str:
        return self.one(
            str(self.r.randint(0, 12)),
            str(self.r.randint(0, 12)),
            "5.",
            ".5",
            "1e3",
            "1_0",
            "1__0",
            "1_",
            "007",
            "00",
            "0_0",
            "0x1F",
            "0X_f",
            "0o17",
            "0b101",
            "0b12",
            "0xg",
            "5j",
            "1.5J",
            "1e5j",
            "01.5",
            "01j",
            "5L",
            "1if",
            "1e",
            "1e999",
            "0x" + "f" * 256,
            "0x" + "f" * 255,
            "1" * 309,
            "1" * 308,
            "1" * 4300,
            "1" * 4301,
            "1" * 4301 + ".",
            "0" * 5000,
            "0x20000000000001",
            "0x20000000000003",
            "9007199254740993",
            "1_0.0_1e1_0",
            "1._0",
            "..",
            "1..",
            "\u0663",
        )

    def literal(self, depth: int, words: list[str]) -> str:
        kind = self.r.randint(0, 15) if depth < 4 else self.r.randint(0, 6)
        g = self.gap
        if kind <= 3:
            return self.string(self.r.choice(words) if words and self.odds(0.6) else self.word())
        if kind <= 5:
            sign = "" if self.odds(0.6) else self.one("-", "+", "- ", "--", "~")
            number = sign + self.number()
            return (
                number
                + g()
                + self.one("+", "-")
                + g()
                + self.one("2j", "1e1j", "-2j", "3", "(2j)", "True")
                if self.odds(0.08)
                else number
            )
        if kind == 6:
            return self.one(
                "None",
                "True",
                "False",
                "...",
                "set()",
                "set ( )",
                "(set)()",
                "((set))()",
                "set",
                "set(1)",
                "()",
                "[]",
                "{}",
                "none",
                "x",
                "1<2",
                "not 1",
                "lambda: 1",
                "-True",
                "+'a'",
                "(-1)",
                "-(1)",
                "-(-1)",
                "(1+2j)",
                "(1)+(2j)",
                "1+2j+3j",
                "-1-2j",
                "True+1j",
                "((((1))))",
            )
        inner = [g() + self.literal(depth + 1, words) + g() for _ in range(self.r.randint(0, 3))]
        tail = self.one("", "", "", ",", ",,")
        joined = ",".join(inner) + (tail if inner else self.one("", "", ","))
        if kind <= 10:
            return f"[{joined}]"
        if kind <= 12:
            return f"({joined})"
        if kind == 13:
            return "{" + joined + "}"
        if kind == 14:
            return (
                "{"
                + ",".join(f"{k}:{g()}{self.literal(depth + 1, words)}" for k in inner)
                + self.one("", "", ",")
                + "}"
            )
        return (
            self.one("*", "**", "")
            + f"[{joined}]"
            + self.one("", "", "[0]", ".x", "()", "*2", " if 1 else 2", " for x in y")
        )

    def listed(self, words: list[str]) -> str:
        """A list literal, mostly as str() of a list writes it, with those words or without one of them."""
        chosen = (
            list(words)
            if self.odds(0.62)
            else self.r.sample(words, self.r.randint(0, len(words) - 1))
        )
        chosen += [self.word() for _ in range(self.r.randint(0, 3))]
        self.r.shuffle(chosen)
        if self.odds(0.7):
            return str(chosen)
        body = ",".join(
            self.gap() + (self.string(c) if self.odds(0.8) else self.literal(1, words)) + self.gap()
            for c in chosen
        )
        lead = self.one(
            "", "", "", " ", "\t", "\n", "\n ", "\f", " \f", "#c\n", "\\\n", "\r\n", " \n\t\n"
        )
        end = self.one(
            "",
            "",
            "",
            " ",
            "\n",
            "\n ",
            "\n \n",
            " #c",
            "\n#c\n",
            "\n #c",
            "\\\n",
            "\\\n ",
            "\f",
            "\n\f",
            "\n\\\n",
            "\n\\\n\n",
            "\r",
        )
        return (
            lead
            + self.one(
                "[{}]", "[{}]", "[{},]", "([{}])", "(([{}]))", "({})", "[{}],", "[[{}]]"
            ).format(body)
            + end
        )

    # One expression and values for it.

    def expression(self, op: str) -> tuple[str, list[str], int]:
        around = self.r.randint(-2, 11)
        if op in NUMERIC:
            word = self.decimal(around).strip(" ") or "1"
            return self.spaced(op, word) + self.one("", "", "", "x", "9"), [word], around
        if op == "<range-in>":
            low, high = around - self.r.randint(0, 4), around + self.r.randint(0, 6)
            bounds = (
                [str(low), str(high)]
                if self.odds(0.85)
                else [self.decimal(low).strip(" ") or "1", self.decimal(high).strip(" ") or "9"]
            )
            brackets = (
                [self.one("[", "("), self.one("]", ")")]
                if self.odds(0.95)
                else [self.word(), self.word()]
            )
            return (
                self.spaced(op, brackets[0], *bounds, brackets[1]) + self.one("", "", "", "x"),
                bounds,
                around,
            )
        words = [
            self.word()
            for _ in range(self.r.randint(1, 3 if op in ("<all-in>", "<or>", "") else 1))
        ]
        if op == "<or>":
            text = "".join(self.spaced(op, w) for w in words) + self.one(
                "", "", "", "<or>", "x", "s== b"
            )
        else:
            text = (
                self.spaced(op, *words) if op else self.one("", "", " ", "\n") + self.spaced(*words)
            )
        return text, words, around

    def value(self, op: str, text: str, words: list[str], around: int) -> str:
        if op in NUMERIC:
            return (
                self.one(words[0], self.decimal(around), self.decimal(around), str(around))
                if op in ("==", "=", "!=", ">=", "<=")
                else self.decimal(around)
            )
        if op == "<range-in>":
            if self.odds(0.8):
                n = around + self.r.randint(-3, 3)
                return self.one(
                    str(n),
                    f"{n}.5",
                    f"'{n}'",
                    f"b'{n}'",
                    f" {n}",
                    f"+{abs(n)}",
                    f"({n})",
                    f"{n}.",
                    words[0],
                    words[1],
                )
            return self.literal(0, words)
        if op == "<all-in>":
            return self.listed(words) if self.odds(0.93) else self.literal(0, words)
        word = self.r.choice(words)
        if op == "<in>":
            return (
                self.one("", "x", "['", self.word())
                + word * self.one(0, 1, 1)
                + self.one("", "y", "']", self.word())
            )
        if op in ("s<", "s>", "s!=", "s<=", "s>="):
            return self.one(
                word, word + "x", self.word(), word[:-1], "", "z", "\U0010ffff", "\uffff", "0"
            )
        if not op:
            word = words[0] if self.odds(0.8) else word
        return (
            word if self.odds(0.62) else self.one(self.word(), text, text.strip(), word + " ", "")
        )

    def pairs(self, op: str):
        text, words, around = self.expression(op)
        if self.odds(0.06):
            text = self.mutated(text)
        for _ in range(8):
            value = self.value(op, text, words, around)
            yield text, self.mutated(value) if self.odds(0.06) else value


class Oslo:
    """specs_matcher.match, the grammar made once and each expression read once: a match costs 1 ms otherwise."""

    def __init__(self) -> None:
        self.grammar = specs_matcher.make_grammar()
        self.read: dict[str, list[str]] = {}

    def tree(self, text: str) -> list[str]:
        if text not in self.read:
            try:
                self.read[text] = list(self.grammar.parseString(text))
            except pyparsing.ParseException:
                self.read[text] = [text]
        return self.read[text]

    def match(self, value: str, text: str) -> str:
        tree = self.tree(text)
        try:
            holds = (
                tree[0] == value
                if len(tree) == 1
                else specs_matcher.op_methods[tree[0]](value, *tree[1:])
            )
        except Exception:  # noqa: BLE001 - whatever oslo.utils raises
            return "raises"
        return "yes" if holds else "no"

    def uncached_agrees(self, value: str, text: str, said: str) -> bool:
        try:
            holds = specs_matcher.match(value, text)
        except Exception:  # noqa: BLE001 - whatever oslo.utils raises
            return said == "raises"
        return said == ("yes" if holds else "no")


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("--pairs", type=int, default=200_000)
    arguments.add_argument("--seed", type=int, default=None)
    asked = arguments.parse_args()
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(2**32)
    print(f"seed {seed}", flush=True)
    warnings.simplefilter("ignore")
    started = time.monotonic()
    maker, oslo = Maker(seed), Oslo()
    goal = max(asked.pairs // 20, 1)
    pairs: list[tuple[str, str, str]] = []
    made = collections.Counter()
    counted = collections.Counter()
    results = collections.Counter()
    by_operator: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    while len(pairs) < asked.pairs or min(counted[op] for op in OPERATORS) < goal:
        # The operator made least often, not the one read least often:
        # `<or> <or>` is read as `<`, and must not stand for it.
        meant = min(OPERATORS, key=lambda op: made[op])
        for text, value in maker.pairs(meant):
            made[meant] += 1
            if len(text.encode()) > 1024:
                continue
            said = oslo.match(value, text)
            tree = oslo.tree(text)
            op = tree[0] if len(tree) > 1 else ""
            counted[op] += 1
            results[said] += 1
            by_operator[op][said] += 1
            pairs.append((text, value, said))
    for text, value, said in maker.r.sample(pairs, min(200, len(pairs))):
        assert oslo.uncached_agrees(value, text, said), (text, value, said)
    lines = "".join(f"{text.encode().hex()}\t{value.encode().hex()}\n" for text, value, _ in pairs)
    done = subprocess.run(
        [asked.program], input=lines, capture_output=True, text=True, check=True, timeout=600
    )
    answers = done.stdout.splitlines()
    assert len(answers) == len(pairs)
    differences = 0
    faults = collections.Counter()
    for (text, value, said), line in zip(pairs, answers, strict=True):
        answer = line.split()[0]
        if answer not in ("yes", "no"):
            faults[answer] += 1
            answer = "raises"
        if answer != said:
            differences += 1
            if differences <= 20:
                print(f"DIFFERS: {text!a} on {value[:200]!a}: oslo.utils {said}, ours {line}")
    total = len(pairs)
    print(
        f"{total} pairs, {len(set(pairs))} distinct, {len(oslo.read)} expressions, {time.monotonic() - started:.0f} s"
    )
    print(
        ", ".join(
            f"{said} {results[said]} ({100 * results[said] / total:.1f} %)"
            for said in ("yes", "no", "raises")
        )
    )
    for op in OPERATORS:
        told = by_operator[op]
        print(
            f"  {op or '(none)':12} {counted[op]:7}  yes {told['yes']:6}  no {told['no']:6}  raises {told['raises']:6}"
        )
    print("faults: " + ", ".join(f"{name} {count}" for name, count in sorted(faults.items())))
    print(f"{differences} differences")
    thin = min(results["yes"], results["no"]) < total / 4 or not results["raises"]
    if thin:
        print("too thin: a quarter must hold, a quarter must not, some must raise")
    return 1 if differences or thin else 0


if __name__ == "__main__":
    sys.exit(main())
