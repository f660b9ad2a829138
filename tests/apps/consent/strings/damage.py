"""Strings that are cut, flipped, mixed and made up, and what must hold for each of them."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from time import thread_time_ns
from typing import Final

from apps.consent.strings import Signal, read_gpp, read_tcf, read_usp, signal_of
from apps.consent.types import ALL_PURPOSES
from tests.apps.consent.strings.writing import (
    LETTERS,
    NOW,
    VENDOR,
    Asked,
    alike,
    gpp,
    rewritten,
    us,
)
from tests.vectors import vectors

_ASKED = Asked()
# Strings that grant, that refuse, that opt out, and the longest that can be read.
TCF: list[str] = [
    _ASKED.text(),
    replace(_ASKED, consents=range(1, 12)).text(),
    replace(_ASKED, consents=()).text(),
    replace(_ASKED, consented=((1, 900),), disclosed=((1, 900),), restrictions=(
        (5, 0, ((VENDOR, VENDOR),)), (8, 1, ((1, 20), (30, 30))))).text(),
    replace(_ASKED, consented=((1, 65_535),) * 650).text(),
    *(case["tcString"] for case in vectors("consent_tcf")),
]  # fmt: skip
GPP: list[str] = [
    gpp({2: _ASKED.text()}),
    gpp({2: replace(_ASKED, consents=range(1, 12)).text(), 6: "1YNN", 7: us(7, gpc=False)}),
    gpp({2: _ASKED.text(), 8: us(8, sale_opt_out=1, gpc=True)}),
    *(case["gpp"] for case in vectors("consent_gpp")),
]
USP = [f"1{a}{b}{c}" for a in "YN-" for b in "YN-" for c in "YN-"]
_SLOW_US: Final = 300.0
_ODD = "=+/ .~\n\0\u00e9\u0661\U0001f600\udc80"


@dataclass
class Told:
    """What a run came to: how many strings, how many could be read, how many granted anything, and
    the longest that one took, in microseconds of the processor."""

    strings: int = 0
    readable: int = 0
    granting: int = 0
    worst_us: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)


def run(count: int, seed: int) -> Told:
    """Make so many strings and hold each to the laws.

    Raises:
        AssertionError: a law is broken.
        Exception: a reader raised; the string is in the notes of the exception.
    """
    told = Told()
    for kind, text, whole in made(count, seed):
        told.strings += 1
        told.kinds[kind] += 1
        try:
            took_us = taken_us(text)
            is_readable, is_granting = check(kind, text, whole)
        except BaseException as error:
            error.add_note(f"{kind}: {text!r}")
            raise
        told.readable += is_readable
        told.granting += is_granting
        told.worst_us = max(told.worst_us, took_us)
    return told


def taken_us(text: str) -> float:
    """Return how long all readers together take for a text, in microseconds of the processor.

    What seems slow is read again: the least of five tells the reader from its neighbours.
    """
    took_us = float("inf")
    for _ in range(5):
        began = thread_time_ns()
        signal_of(tcf=text, gpp=text, usp=text, vendor_id=VENDOR, now=NOW)
        took_us = min(took_us, (thread_time_ns() - began) / 1000)
        if took_us < _SLOW_US:
            break
    return took_us


def check(kind: str, text: str, whole: str) -> tuple[bool, bool]:
    """Hold one string to the laws; say whether a reader can read it and whether it grants."""
    tcf, platform, usp = read_tcf(text), read_gpp(text), read_usp(text)
    one, other = heard_as_tcf(text), heard_as_gpp(text)
    for signal in (one, other):
        assert not signal.yes & signal.no
        assert not (signal.yes | signal.no) & ~ALL_PURPOSES
        assert len(set(signal.notes)) == len(signal.notes)
    if kind == "cut":
        # What is missing grants nothing that the whole does not.
        assert not one.yes & ~heard_as_tcf(whole).yes
        assert not other.yes & ~heard_as_gpp(whole).yes
    if tcf is not None:
        # Whatever a reader takes for whole says exactly what was read, so a grant is in the text.
        assert alike(rewritten(tcf), text)
    if one.yes:
        assert tcf is not None and tcf.is_service_specific and tcf.disclosed is not None
        assert VENDOR in tcf.disclosed and VENDOR in tcf.vendor_consents
    if other.yes:
        assert platform is not None and not platform.unread
    if usp is not None:
        assert signal_of(usp=text, vendor_id=VENDOR, now=NOW).yes == 0
    is_readable = tcf is not None or platform is not None or usp is not None
    return is_readable, bool(one.yes | other.yes)


def heard_as_tcf(text: str) -> Signal:
    """What it means as a TCF string."""
    return signal_of(tcf=text, vendor_id=VENDOR, now=NOW)


def heard_as_gpp(text: str) -> Signal:
    """What it means as a GPP string."""
    return signal_of(gpp=text, vendor_id=VENDOR, now=NOW)


def made(count: int, seed: int) -> Iterator[tuple[str, str, str]]:
    """Yield (how it was made, the string, the whole one that it was made from)."""
    dice = random.Random(seed)
    wholes = TCF + GPP + USP
    ways = {
        "cut": cut, "flipped": flipped, "replaced": replaced, "swapped": swapped,
        "made up": made_up, "odd": odd, "endless": endless,
    }  # fmt: skip
    names = list(ways)
    for _ in range(count):
        # A twentieth of them is long, which takes the longest to make.
        name = dice.choices(names, (20, 30, 15, 10, 15, 9, 1))[0]
        whole = dice.choice(wholes)
        yield name, ways[name](dice, whole), whole


def cut(dice: random.Random, whole: str) -> str:
    """Leave out the end, or a whole segment or section, but not what stands first."""
    if dice.random() < 0.5:
        return whole[: dice.randrange(len(whole) + 1)]
    mark = dice.choice(".~")
    parts = whole.split(mark)
    if len(parts) > 1:
        del parts[dice.randrange(1, len(parts))]
    return mark.join(parts)


def flipped(dice: random.Random, whole: str) -> str:
    """Flip one to three bits."""
    text = list(whole)
    for _ in range(dice.randint(1, 3)):
        place = dice.randrange(len(text)) if text else 0
        if text and text[place] in LETTERS:
            text[place] = LETTERS[LETTERS.index(text[place]) ^ (1 << dice.randrange(6))]
    return "".join(text)


def replaced(dice: random.Random, whole: str) -> str:
    """Put other letters in the place of some."""
    text = list(whole)
    for _ in range(dice.randint(1, 5)):
        if text:
            text[dice.randrange(len(text))] = dice.choice(LETTERS + "..~~")
    return "".join(text)


def swapped(dice: random.Random, whole: str) -> str:
    """Join the beginning of one string with the end of another."""
    other = dice.choice(TCF + GPP)
    return whole[: dice.randrange(len(whole) + 1)] + other[dice.randrange(len(other) + 1) :]


def made_up(dice: random.Random, whole: str) -> str:
    """Letters by chance, begun as strings begin."""
    start = dice.choice(["C", "DB", "DBA", "1", "", whole[:30]])
    return start + "".join(dice.choices(LETTERS + ".~", k=dice.randrange(80)))


def odd(dice: random.Random, whole: str) -> str:
    """With letters that no such string has."""
    place = dice.randrange(len(whole) + 1)
    return whole[:place] + dice.choice(_ODD) + whole[place:]


def endless(dice: random.Random, whole: str) -> str:
    """As long as can be read, or a little longer, of one thing again and again."""
    piece = dice.choice(["A", "_", ".A", "~A", "~1YNN", whole[-20:] or "B", "CA", "f"])
    start = dice.choice([whole[:60], "C", "DBABrGA", ""])
    text: str = start + piece * 5000
    return text[: dice.choice([4095, 4096, 4097])]
