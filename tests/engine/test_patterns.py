"""Patterns: what is accepted, and that every engine finds the same, in linear time."""

from __future__ import annotations

import re
import shutil
import subprocess
from random import Random

import msgspec
import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.conditions.matching import MAX_REMEMBERED, Matcher
from engine.conditions.pattern_parts import size_of
from engine.conditions.patterns import (
    InvalidPattern,
    parse_pattern,
    to_javascript,
    to_postgres,
)

ALPHABET = "ab1_- \n.é\u2028\U0001f6d2"

LITERALS = ["a", "b", "1", "_", "-", " ", "é", "\U0001f6d2", "\\.", "\\-", "\\\\", "\\*", "]", "}"]
SETS = ["[ab]", "[^a]", "[a-z0-9_]", "[^\\d]", "[\\w-]", "[-a]", "[\\s\\S]", "[à-ÿ]", "[^\\W_]"]
SETS += ["[\\]a]", "[.*]", "[^\\n-]".replace("\\n", "\n"), "[\u0080-\U0010ffff]", "[b^]"]
CLASSES = ["\\d", "\\w", "\\s", "\\D", "\\W", "\\S", "."]
LIMITS = ["*", "+", "?", "{2}", "{1,}", "{0,2}", "{0}", "{2,3}"]

atoms = st.sampled_from([*LITERALS, *SETS, *CLASSES])


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    group = st.builds("{}{})".format, st.sampled_from(["(", "(?:"]), inner)
    return st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("{}|{}".format, inner, inner),
        st.builds("{}{}".format, st.one_of(atoms, group), st.sampled_from(LIMITS)),
        st.sampled_from(["^{}", "{}$", "(^|{})", "({}|$)"]).flatmap(
            lambda form: inner.map(form.format)
        ),
        group,
    )


patterns = st.recursive(st.one_of(atoms, st.just("")), _larger, max_leaves=8).filter(
    lambda pattern: len(pattern) <= 256
)
texts = st.text(ALPHABET, max_size=8)


def as_python(pattern: str) -> re.Pattern[str]:
    """The same for `re`: `$` and `\\d` mean less there, and `.` more."""
    whole = re.sub(r"(\\.|\[(?:\\.|[^\\\]])*\])|(\$)", lambda m: m[1] or r"\Z", pattern)
    return re.compile(whole, re.ASCII | re.DOTALL)


@given(patterns, st.lists(texts, min_size=1, max_size=6))
@settings(max_examples=600, deadline=None)
def test_a_pattern_finds_what_re_finds(pattern: str, found: list[str]) -> None:
    matcher, expected = Matcher(pattern), as_python(pattern)
    for text in found:
        assert matcher.found_in(text) is (expected.search(text) is not None), (pattern, text)


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("(a", "character 1 of the pattern: this ( is never closed"),
        ("a)", "this ) closes nothing"),
        ("[a", "this [ is never closed"),
        ("[]", "between [ and ]"),
        ("[^]", "between [ and ]"),
        ("[z-a]", "the smaller character of the range first"),
        ("[a-\\d]", "a range needs a character at each end"),
        ("[a[b]", "write \\[ for the character ["),
        ("[a-b-c]", "write \\- for the character -"),
        ("[^\\d\\D]", "no character is in this set"),
        ("*a", "nothing to repeat"),
        ("a|+", "nothing to repeat"),
        ("a**", "nothing to repeat"),
        ("a{2}{3}", "nothing to repeat"),
        ("^*", "^ cannot be repeated"),
        ("a*?", "lazy quantifiers are not supported"),
        ("a++", "possessive quantifiers are not supported"),
        ("{2}", "nothing to repeat"),
        ("a{,2}", "expected {m}, {m,} or {m,n}"),
        ("a{x}", "expected {m}, {m,} or {m,n}"),
        ("a{2", "expected {m}, {m,} or {m,n}"),
        ("a{101}", "at most 100 repetitions"),
        ("a{3,2}", "the smaller number first"),
        ("a{99999}", "expected {m}, {m,} or {m,n}"),
        ("(a)\\1", "back-references are not supported"),
        ("(?=a)", "look-ahead are not supported"),
        ("(?<=a)b", "look-behind"),
        ("(?P<n>a)", "named groups"),
        ("(?i)a", "flags are not supported"),
        ("(?>a)", "atomic groups"),
        ("\\b", "only \\d \\w \\s"),
        ("\\n", "only \\d \\w \\s"),
        ("\\é", "only \\d \\w \\s"),
        ("a\\", "a \\ with nothing after it"),
        ("((a{100}){100}){100}", "more than 1000 states"),
        ("(((){100}){100}){100}", "more than 1000 states"),
        ("(" * 21 + "a" + ")" * 21, "at most 20 groups within each other"),
        ("(" * 256, "at most 20 groups within each other"),
        ("a" * 257, "at most 256 characters"),
    ],
)
def test_what_is_outside_the_subset_is_refused_in_words(pattern: str, problem: str) -> None:
    with pytest.raises(InvalidPattern, match=re.escape(problem)):
        parse_pattern(pattern)


@pytest.mark.parametrize("depth", [1, 20])
def test_brackets_may_nest_twenty_deep(depth: int) -> None:
    pattern = "(" * depth + "a" + ")" * depth

    assert Matcher(pattern).found_in("ba")
    assert size_of(parse_pattern(pattern)) == 1
    assert to_postgres(pattern) == "a"


@pytest.mark.parametrize(
    "pattern", ["^(a+)+$", "^(a|a)*$", "(a*)*b", "^(a|aa)+$", "(.*.*.*.*)*x", "(a?){50}a{50}b"]
)
def test_a_pattern_bomb_takes_one_step_for_each_character(pattern: str) -> None:
    """Backtracking would need longer than the universe has been there."""
    matcher = Matcher(pattern)
    steps = 0
    close = matcher._closed

    def counted(*args: object, **named: object) -> object:
        nonlocal steps
        steps += 1
        return close(*args, **named)  # type: ignore[arg-type]  # passed on as they came

    matcher._closed = counted  # type: ignore[assignment,method-assign]  # the same, counted
    assert not matcher.found_in("a" * 5000 + "c")
    assert steps <= 5002


def test_what_a_matcher_remembers_is_bounded() -> None:
    """This needs 2^20 states of an automaton that keeps them all."""
    matcher = Matcher("(a|b)*a(a|b){20}c")
    random = Random(7)
    text = "".join(random.choice("ab") for _ in range(5000))

    assert not matcher.found_in(text)
    assert matcher.found_in(text + "a" + "b" * 20 + "c")
    assert sum(len(nodes) + 1 for nodes in matcher.states) <= MAX_REMEMBERED


WHOLE = [f"^{each}$" for each in [*LITERALS, *SETS, *CLASSES]]
WHOLE += [f"^a{limits}b$" for limits in LIMITS]
WHOLE += ["a|", "()", "()*a", "(^)*a", "($|b)+", "(a|b)*c{2,}", "^(?:ab|1_)+$", "(^a|^b)$"]
FOUND = ["", "ab", "aab", "aaab", "aaaab", "acc", "ab1_ab", "a\n", "\na", *ALPHABET, *"*.\\]}E"]
FOUND += ["\u0130"]
CASES = [(pattern, text) for pattern in WHOLE for text in FOUND]


@pytest.mark.django_db
def test_postgres_finds_the_same() -> None:
    rows = [[to_postgres(pattern), text] for pattern, text in CASES]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.text ~ t.pattern FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY"
            " AS t(pattern, text, n) ORDER BY n",
            [[row[0] for row in rows], [row[1] for row in rows]],
        )
        answers = [row[0] for row in cursor.fetchall()]

    differing = [
        (case, answer)
        for case, answer in zip(CASES, answers, strict=True)
        if Matcher(case[0]).found_in(case[1]) is not answer
    ]
    assert differing == []


@pytest.mark.django_db
@given(st.lists(st.tuples(patterns, texts), min_size=1, max_size=20))
@settings(max_examples=40, deadline=None)
def test_postgres_finds_the_same_by_any_pattern(cases: list[tuple[str, str]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.text ~ t.pattern FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY"
            " AS t(pattern, text, n) ORDER BY n",
            [[to_postgres(pattern) for pattern, _ in cases], [text for _, text in cases]],
        )
        answers = [row[0] for row in cursor.fetchall()]
    assert answers == [Matcher(pattern).found_in(text) for pattern, text in cases]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_javascript_finds_the_same() -> None:
    cases = [[to_javascript(pattern), text] for pattern, text in CASES]
    program = (
        "const c=JSON.parse(require('fs').readFileSync(0,'utf8'));"
        "console.log(JSON.stringify(c.map(([p,t])=>new RegExp(p,'u').test(t))))"
    )
    ran = subprocess.run(
        ["node", "-e", program],
        input=msgspec.json.encode(cases),
        capture_output=True,
        check=True,
    )
    expected = [Matcher(pattern).found_in(text) for pattern, text in CASES]
    assert msgspec.json.decode(ran.stdout) == expected
