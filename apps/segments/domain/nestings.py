"""Which segments stand on which, as a tree: the broadest at the top, what narrows them below."""

from collections.abc import Mapping, Set
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Branch:
    """One segment and those that stand on it.

    Attributes:
        is_repeated: it stands on several; what is below it was listed at its first place.
    """

    key: str
    depth: int
    is_repeated: bool


def nesting(stands_on: Mapping[str, Set[str]]) -> list[Branch]:
    """Return the tree in reading order, from "key -> the keys that it stands on".

    Segments that stand on nothing known come first level. A cycle, which publication refuses, ends
    where it meets itself: what only a cycle leads to is listed at the first level.
    """
    above: dict[str, list[str]] = {key: [] for key in stands_on}
    for key in sorted(stands_on):
        for base in stands_on[key] & stands_on.keys():
            above[base].append(key)
    listed: list[Branch] = []
    seen: set[str] = set()

    def add(key: str, depth: int) -> None:
        again = key in seen
        listed.append(Branch(key, depth, again and bool(above[key])))
        if again:
            return
        seen.add(key)
        for narrower in above[key]:
            add(narrower, depth + 1)

    for key in sorted(stands_on):
        if not stands_on[key] & stands_on.keys():
            add(key, 0)
    for key in sorted(stands_on.keys() - seen):
        if key not in seen:
            add(key, 0)
    return listed
