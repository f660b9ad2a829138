"""The patterns of conditions: a regular-expression subset that always matches in linear time.

A pattern is read into a small tree, which `matching` runs, and `to_postgres` and `to_javascript`
write for other evaluators. Accepted is what docs/conditions.md lists, all else is refused in words.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import punctuation

from engine.conditions.pattern_parts import (
    ANY,
    CLASSES,
    TOP,
    Chars,
    Edge,
    Options,
    Part,
    Ranges,
    Repeat,
    Run,
    complement,
    size_of,
    union,
)

MAX_PATTERN = 256  # characters
MAX_STATES = 1000
MAX_REPEAT = 100
MAX_GROUPS = 20  # within each other


class InvalidPattern(ValueError):
    """What is wrong with a pattern, in words; places count from 1."""


_UNSUPPORTED_GROUPS = {
    "=": "look-ahead",
    "!": "look-ahead",
    "<": "look-behind or named groups",
    "P": "named groups",
    ">": "atomic groups",
    "#": "comments",
    "(": "conditional groups",
}


def parse_pattern(pattern: str) -> Part:
    """Return the tree of a pattern.

    Raises:
        InvalidPattern: a syntax error, something outside the subset, or a limit passed.
    """
    if len(pattern) > MAX_PATTERN:
        raise InvalidPattern(f"expected a pattern of at most {MAX_PATTERN} characters")
    return _Reader(pattern).whole()


class _Reader:
    """One pass over a pattern."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.depth = 0

    def whole(self) -> Part:
        part = self.options()
        if self.peek() == ")":
            raise self.problem("this ) closes nothing (write \\) for the character)")
        return part

    def peek(self) -> str:
        return self.pattern[self.at] if self.at < len(self.pattern) else ""

    def take(self) -> str:
        char = self.peek()
        self.at += 1
        return char

    def problem(self, what: str, at: int | None = None) -> InvalidPattern:
        place = (self.at if at is None else at) + 1
        return InvalidPattern(f"at character {place} of the pattern: {what}")

    def options(self) -> Part:
        parts = [self.run()]
        while self.peek() == "|":
            self.at += 1
            parts.append(self.run())
        return self.limited(parts[0] if len(parts) == 1 else Options(tuple(parts)))

    def run(self) -> Part:
        parts: list[Part] = []
        while self.peek() not in ("", "|", ")"):
            parts.append(self.quantified())
        return self.limited(parts[0] if len(parts) == 1 else Run(tuple(parts)))

    def limited(self, part: Part) -> Part:
        if size_of(part) > MAX_STATES:
            raise InvalidPattern(
                f"the pattern is too large: its repetitions need more than {MAX_STATES} states"
            )
        return part

    def quantified(self) -> Part:
        start = self.at
        part = self.atom()
        limits = self.quantifier()
        if limits is None:
            return part
        if self.pattern[start] in "^$":
            raise self.problem(f"{self.pattern[start]} cannot be repeated", start)
        follows = self.peek()
        if follows == "?":
            raise self.problem("lazy quantifiers are not supported; the match is the same without")
        if follows == "+":
            raise self.problem("possessive quantifiers are not supported")
        if follows and follows in "*{":
            raise self.problem("nothing to repeat (write ( ) around what is repeated already)")
        return self.limited(Repeat(part, *limits))

    def quantifier(self) -> tuple[int, int | None] | None:
        match self.peek():
            case "*":
                self.at += 1
                return 0, None
            case "+":
                self.at += 1
                return 1, None
            case "?":
                self.at += 1
                return 0, 1
            case "{":
                return self.counted()
        return None

    def counted(self) -> tuple[int, int | None]:
        start = self.at
        end = self.pattern.find("}", start)
        inside = self.pattern[start + 1 : end] if end > start else ""
        low, comma, high = inside.partition(",")
        if not _is_count(low) or (high and not _is_count(high)):
            raise self.problem("expected {m}, {m,} or {m,n} (write \\{ for the character {)", start)
        self.at = end + 1
        least = int(low)
        most = least if not comma else int(high) if high else None
        if least > MAX_REPEAT or (most or 0) > MAX_REPEAT:
            raise self.problem(f"expected at most {MAX_REPEAT} repetitions", start)
        if most is not None and most < least:
            raise self.problem("expected the smaller number first", start)
        return least, most

    def atom(self) -> Part:
        start = self.at
        char = self.take()
        match char:
            case ".":
                return ANY
            case "^" | "$":
                return Edge(char == "$")
            case "(":
                return self.group(start)
            case "[":
                return self.set(start)
            case "\\":
                return Chars(self.escape(start))
            case "*" | "+" | "?":
                raise self.problem("nothing to repeat (write a \\ before the character)", start)
            case "{":
                raise self.problem("nothing to repeat (write \\{ for the character)", start)
        return Chars(((ord(char), ord(char)),))

    def group(self, start: int) -> Part:
        if self.peek() == "?":
            kind = self.pattern[self.at + 1 : self.at + 2]
            if kind != ":":
                named = _UNSUPPORTED_GROUPS.get(kind, "flags")
                raise self.problem(f"{named} are not supported", start)
            self.at += 2
        self.depth += 1
        if self.depth > MAX_GROUPS:
            raise self.problem(f"expected at most {MAX_GROUPS} groups within each other", start)
        part = self.options()
        self.depth -= 1
        if self.take() != ")":
            raise self.problem("this ( is never closed", start)
        return part

    def escape(self, start: int) -> Ranges:
        char = self.take()
        if char in CLASSES and char:
            return CLASSES[char]
        if char and char in punctuation:
            return ((ord(char), ord(char)),)
        if not char:
            raise self.problem("a \\ with nothing after it", start)
        if char.isdigit():
            raise self.problem("back-references are not supported", start)
        raise self.problem("only \\d \\w \\s \\D \\W \\S and escaped punctuation are known", start)

    def set(self, start: int) -> Part:
        negated = self.peek() == "^"
        if negated:
            self.at += 1
        found: list[tuple[int, int]] = []
        first = self.at
        while self.peek() != "]":
            if not self.peek():
                raise self.problem("this [ is never closed (write \\[ for the character)", start)
            found.extend(self.member(first))
        if not found:
            raise self.problem("expected something between [ and ] (write \\] for a ])", start)
        self.at += 1
        ranges = union(found)
        if negated:
            ranges = complement(ranges)
        if not ranges:
            raise self.problem("no character is in this set", start)
        return Chars(ranges)

    def member(self, first: int) -> Ranges:
        """One character, class or range of a set."""
        start = self.at
        low = self.member_end(first)
        follows = self.pattern[self.at + 1 : self.at + 2]
        if self.peek() != "-" or follows in ("]", ""):
            return low
        self.at += 1
        high = self.member_end(first)
        if len(low) > 1 or len(high) > 1 or low[0][0] != low[0][1] or high[0][0] != high[0][1]:
            raise self.problem("a range needs a character at each end", start)
        if low[0][0] > high[0][0]:
            raise self.problem("expected the smaller character of the range first", start)
        return ((low[0][0], high[0][0]),)

    def member_end(self, first: int) -> Ranges:
        start = self.at
        char = self.take()
        if char == "\\":
            return self.escape(start)
        if char == "[":
            raise self.problem("write \\[ for the character [ within a set", start)
        if char == "-" and start != first and self.peek() != "]":
            raise self.problem("write \\- for the character - within a set", start)
        return ((ord(char), ord(char)),)


def _is_count(digits: str) -> bool:
    return digits.isascii() and digits.isdigit() and len(digits) <= 4


# The same pattern for other engines


def to_postgres(pattern: str) -> str:
    """Return the pattern as an advanced regular expression of Postgres, for `text ~ pattern`.

    Classes are spelt out in ASCII and ranges go by code point, so no collation has a say. Texts of
    Postgres hold no NUL and no surrogate, so sets leave these out.

    Raises:
        InvalidPattern: as `parse_pattern`.
    """
    return _Writer(any_char=".", escaped=frozenset(punctuation)).text(parse_pattern(pattern))


def to_javascript(pattern: str) -> str:
    """Return the source of a JavaScript RegExp with the flag `u`, meant for `test`.

    JavaScript backtracks, so there it is equal in its answer, not in its time.

    Raises:
        InvalidPattern: as `parse_pattern`.
    """
    return _Writer(any_char="[^]", escaped=_SYNTAX).text(parse_pattern(pattern))


_SYNTAX = frozenset("^$\\.*+?()[]{}|/-")


@dataclass(frozen=True, slots=True)
class _Writer:
    any_char: str
    escaped: frozenset[str]

    def text(self, part: Part) -> str:
        match part:
            case Chars():
                return self.chars(part.ranges)
            case Edge(is_end):
                return "$" if is_end else "^"
            case Run(parts):
                return "".join(self.grouped(each, Options) for each in parts)
            case Options(parts):
                return "|".join(self.text(each) for each in parts)
            case Repeat(each, least, most):
                return self.grouped(each, (Run, Options, Repeat, Edge)) + _limits(least, most)

    def grouped(self, part: Part, kinds: type | tuple[type, ...]) -> str:
        """In brackets where it would not hold together, and where it is empty."""
        written = self.text(part)
        return f"(?:{written})" if isinstance(part, kinds) else written

    def chars(self, ranges: Ranges) -> str:
        if ranges == ANY.ranges:
            return self.any_char
        if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
            return self.char(ranges[0][0], within=False)
        # A set up to the last character is the complement of a small one.
        negated = ranges[-1][1] == TOP
        members = (self.range(*each) for each in (complement(ranges) if negated else ranges))
        return f"[{'^' if negated else ''}{''.join(members)}]"

    def range(self, low: int, high: int) -> str:
        low = 0xE000 if 0xD800 <= low <= 0xDFFF else max(low, 1)
        high = 0xD7FF if 0xD800 <= high <= 0xDFFF else high
        if low >= high:
            return self.char(low, within=True) if low == high else ""
        return f"{self.char(low, within=True)}-{self.char(high, within=True)}"

    def char(self, code: int, *, within: bool) -> str:
        char = chr(code)
        if char == "-" and not within:
            return char
        return f"\\{char}" if char in self.escaped else char


def _limits(least: int, most: int | None) -> str:
    short = {(0, None): "*", (1, None): "+", (0, 1): "?"}.get((least, most))
    if short is not None:
        return short
    if most is None:
        return f"{{{least},}}"
    return f"{{{least}}}" if least == most else f"{{{least},{most}}}"
