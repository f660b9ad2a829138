"""Three-way merging of documents, field by field. Pure.

A document is JSON. Objects are merged member by member as far as the document's kind is made of
members; everything else, a list or a whole condition, is one field: two editors who both changed it
must choose.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from apps.content.domain.fields import JSON

Path = tuple[str, ...]
Document = dict[str, JSON]


# (path of an object) -> it is made of fields of its own; False: it is one field.
IsOpen = Callable[[Path], bool]


class Absent:
    """The type of `ABSENT`: there is no such member. `None` is a value."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()


@dataclass(frozen=True, slots=True)
class Clash:
    """One field that two people changed in different ways; a member that is gone is `ABSENT`."""

    path: Path
    base: JSON | Absent
    theirs: JSON | Absent
    mine: JSON | Absent


@dataclass(frozen=True, slots=True)
class Merged:
    """What both changes make together. Where they clash, the document holds `mine`."""

    document: Document
    clashes: list[Clash]


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that two documents hold differently."""

    path: Path
    before: JSON | Absent
    after: JSON | Absent


def everywhere(path: Path) -> bool:
    """Say of every object that it is made of fields."""
    return True


def merged(
    base: Document | None, theirs: Document, mine: Document, is_open: IsOpen = everywhere
) -> Merged:
    """Join two changes of one document.

    Args:
        base: what both began with; None when that is not known: every difference is a clash then.
    """
    clashes: list[Clash] = []
    document = _joined((), ABSENT if base is None else base, theirs, mine, clashes, is_open)
    assert isinstance(document, dict)
    return Merged(document, clashes)


def differences(
    before: Document, after: Document, is_open: IsOpen = everywhere
) -> list[Difference]:
    """Return the fields in which two documents differ, in the order of their paths."""
    return list(_differing((), before, after, is_open))


def with_values(document: Document, chosen: Mapping[Path, JSON | Absent]) -> Document:
    """Return a copy of a document with other values at some paths; `ABSENT` takes a member away."""
    changed = document
    for path, value in chosen.items():
        changed = _put(changed, path, value)
    return changed


def at(document: JSON, path: Path) -> JSON | Absent:
    """Return what a document holds at a path."""
    found: JSON | Absent = document
    for name in path:
        if not isinstance(found, dict) or name not in found:
            return ABSENT
        found = found[name]
    return found


def is_same(one: JSON | Absent, other: JSON | Absent) -> bool:
    """Tell whether two values are equal, `true` and 1 being two."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return one == other


def _joined(
    path: Path,
    base: JSON | Absent,
    theirs: JSON | Absent,
    mine: JSON | Absent,
    clashes: list[Clash],
    is_open: IsOpen,
) -> JSON | Absent:
    if is_same(theirs, mine) or is_same(theirs, base):
        return mine
    if is_same(mine, base):
        return theirs
    is_object = isinstance(base, dict) or base is ABSENT
    if is_object and isinstance(theirs, dict) and isinstance(mine, dict) and is_open(path):
        known = base if isinstance(base, dict) else {}
        document: Document = {}
        for name in dict.fromkeys((*theirs, *mine)):
            value = _joined(
                (*path, name),
                known.get(name, ABSENT),
                theirs.get(name, ABSENT),
                mine.get(name, ABSENT),
                clashes,
                is_open,
            )
            if not isinstance(value, Absent):
                document[name] = value
        return document
    clashes.append(Clash(path, base, theirs, mine))
    return mine


def _differing(
    path: Path, before: JSON | Absent, after: JSON | Absent, is_open: IsOpen
) -> Iterator[Difference]:
    if is_same(before, after):
        return
    # An object that came or went is told by its members, a flat one included.
    if not is_open(path):
        yield Difference(path, before, after)
        return
    one = before if isinstance(before, dict) else {} if before is ABSENT else None
    other = after if isinstance(after, dict) else {} if after is ABSENT else None
    if one is None or other is None or not (one or other):
        yield Difference(path, before, after)
        return
    for name in sorted({*one, *other}):
        pair = one.get(name, ABSENT), other.get(name, ABSENT)
        yield from _differing((*path, name), *pair, is_open)


def _put(document: Document, path: Path, value: JSON | Absent) -> Document:
    name, rest = path[0], path[1:]
    changed = dict(document)
    if rest:
        inner = changed.get(name)
        changed[name] = _put(inner if isinstance(inner, dict) else {}, rest, value)
    elif isinstance(value, Absent):
        changed.pop(name, None)
    else:
        changed[name] = value
    return changed
