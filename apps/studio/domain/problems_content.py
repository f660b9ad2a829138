"""What an audit of content looks for, in words: kinds of findings, advice, the line for the home
page. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from apps.studio.types import Problem


@dataclass(frozen=True, slots=True)
class Kind:
    """One check.

    Attributes:
        title: of its lines together.
        short: with a number before it, for one line about all.
        weight: how much it matters; the greatest first.
        level: of a problem on the home page: "warn" or "info".
    """

    title: str
    short: str
    weight: int
    level: str
    advice: str


KINDS: Final[Mapping[str, Kind]] = {
    "refused": Kind(
        "Cannot be published", "cannot be published", 90, "warn",
        "Open it and mend what is said here: until then nothing of this site can be published.",
    ),
    "broken_variable": Kind(
        "Shows something that is not there", "with a broken variable", 80, "warn",
        "Correct the name, or give a fallback: {{ traits.first_name | default: \"there\" }}.",
    ),
    "conflict": Kind(
        "Two for the same people", "in conflict", 70, "warn",
        "Give one of them the greater priority, or other segments: now the key decides.",
    ),
    "shadowed": Kind(
        "Rules that never serve", "shadowed", 65, "warn",
        "Change the order or the condition of the rules, or archive the one that never serves.",
    ),
    "expired": Kind(
        "Over", "expired", 60, "warn",
        "Archive it, or give it a new end.",
    ),
    "ends_soon": Kind(
        "Ends soon", "ending soon", 55, "info",
        "Prepare what comes after it, or give it a later end.",
    ),
    "dead_link": Kind(
        "Links that lead nowhere", "with a doubtful link", 50, "warn",
        "Correct the address, or take the link out.",
    ),
    "no_alt": Kind(
        "Pictures without words", "without an alt text", 45, "info",
        "Say in a few words what the picture shows; leave it empty only for decoration.",
    ),
    "locale_missing": Kind(
        "Not translated", "not translated", 40, "info",
        "Translate it, or leave it: visitors get the first language of the site then.",
    ),
    "no_block": Kind(
        "Placements with nothing in them", "with nothing in it", 35, "warn",
        "Choose a block for the placement, or archive it.",
    ),
    "never_served": Kind(
        "Never served", "never served", 30, "info",
        "See why on the coverage page: nobody is in its segments, or something before it wins.",
    ),
    "stale": Kind(
        "Not changed for long", "stale", 20, "info",
        "Look whether it is still true. If it is, set this line aside with that reason.",
    ),
    "unused_segment": Kind(
        "Segments that nothing speaks to", "that nothing speaks to", 10, "info",
        "Make a variant or a theme for it, use it in a rule, or archive it.",
    ),
}  # fmt: skip


def of_audit(counts: Mapping[str, int], link: str) -> Iterator[Problem]:
    """What the newest audit found and nobody has set aside, as one problem."""
    known = {kind: counts[kind] for kind in KINDS if counts.get(kind)}
    total = sum(known.values())
    if not total:
        return
    said = ", ".join(f"{count:,} {KINDS[kind].short}" for kind, count in list(known.items())[:4])
    rest = sum(list(known.values())[4:])
    more = f" and {rest:,} more" if rest else ""
    level = "warn" if any(KINDS[kind].level == "warn" for kind in known) else "info"
    things = "thing" if total == 1 else "things"
    text = f"{total:,} {things} in the content to look at: {said}{more}."
    yield Problem(level, text, link=link, link_words="Audit")
