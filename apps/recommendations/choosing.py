"""What a list may hold for one person, and which of its places is given to something less known.

Pure: the learned lists come from `selectors`, what is known of a person from whoever asks.
"""

import hashlib
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from apps.recommendations.domain.older_items import EVERYTHING, OlderItems

FOLLOWED: Final = "followed_by"
LIKE_MINDED: Final = "liked_by_like_minded"
SIMILAR: Final = "similar"
LIKE_THIS: Final = "like_this"
POPULAR: Final = "popular"
NEW: Final = "new"
EXPLORING: Final = "exploring"

# Why something is in a list -> the same in words for a visitor.
WORDS: Final[Mapping[str, str]] = {
    FOLLOWED: "Others looked at this next.",
    LIKE_MINDED: "People with tastes like yours liked this.",
    SIMILAR: "People who liked what you looked at liked this, too.",
    LIKE_THIS: "It is like what you looked at.",
    POPULAR: "Many people look at this.",
    NEW: "It is new here.",
    EXPLORING: "Chosen by chance, to find out who likes it.",
}
# Those that rest on what the person themself has done.
PERSONAL: Final = frozenset({FOLLOWED, LIKE_MINDED, SIMILAR, LIKE_THIS})

MAX_DAYS: Final = 3650
OLDER: Final = ""  # in edge.bought: what is beyond the items that are kept by name
POOL: Final = 20  # items of which an exploring place shows one


class Chosen(NamedTuple):
    """One item of a list.

    Attributes:
        score: what it was ranked by; of which unit depends on `why`.
        p: the probability that just this item stands in its place.
    """

    code: str
    score: float
    why: str
    p: float = 1.0


@dataclass(frozen=True, slots=True)
class ForSegment:
    """Items of some categories, or by code, that a segment's members alone may see, or never."""

    segment: str
    categories: frozenset[str] = frozenset()
    items: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Filters:
    """What is never in a list. Fewer items are shown rather than one of these.

    Attributes:
        bought_days: what was bought in so many days and not given back; None: that is shown.
        seen: the last few items that they looked at.
        current: the item that they look at now.
        only: shown to members of a segment alone.
        never: not shown to members of a segment.
    """

    bought_days: int | None = None
    seen: bool = False
    current: bool = True
    only: tuple[ForSegment, ...] = ()
    never: tuple[ForSegment, ...] = ()

    @property
    def is_personal(self) -> bool:
        """Whether they ask for more of a person than the item looked at last."""
        return bool(self.bought_days or self.seen or self.only or self.never)

    @property
    def segments(self) -> frozenset[str]:
        """The keys of the segments that are asked for."""
        return frozenset(one.segment for one in (*self.only, *self.never))

    @property
    def categories(self) -> frozenset[str]:
        """The categories that are asked for."""
        return frozenset().union(*(one.categories for one in (*self.only, *self.never)))


def parsed(document: object) -> Filters:
    """Return the filters of a recommender.

    Raises:
        ValueError: it is not what `Filters` says; the text says what is wrong.
    """
    if not isinstance(document, Mapping):
        raise ValueError("Filters are an object.")
    unknown = sorted(set(document) - {"bought", "seen", "current", "only", "never"})
    if unknown:
        raise ValueError(f"There is no filter “{unknown[0]}”.")
    return Filters(
        _days(document.get("bought", False)),
        _flag(document, "seen", default=False),
        _flag(document, "current", default=True),
        _for_segments(document, "only"),
        _for_segments(document, "never"),
    )


def _days(value: object) -> int | None:
    if value is False or value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_DAYS:
        raise ValueError(f"bought: a number of days from 1 to {MAX_DAYS}, or false.")
    return value


def _flag(document: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = document.get(name, default)
    if not isinstance(value, bool):
        raise ValueError(f"{name}: true or false.")
    return value


def _for_segments(document: Mapping[str, Any], name: str) -> tuple[ForSegment, ...]:
    rows = document.get(name, [])
    if not isinstance(rows, list):
        raise ValueError(f"{name}: a list.")
    return tuple(_for_segment(row, name) for row in rows)


def _for_segment(row: object, name: str) -> ForSegment:
    if not isinstance(row, Mapping) or not isinstance(row.get("segment"), str):
        raise ValueError(f"{name}: each says which segment.")
    named: list[frozenset[str]] = []
    for field_name in ("categories", "items"):
        values = row.get(field_name, [])
        if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
            raise ValueError(f"{name}: {field_name} are a list of texts.")
        named.append(frozenset(values))
    if not any(named):
        raise ValueError(f"{name}: name at least one category or item for “{row['segment']}”.")
    return ForSegment(row["segment"], *named)


@dataclass(frozen=True, slots=True)
class Kept:
    """What may not be shown to one person, as a container of codes.

    Attributes:
        items: by code.
        categories: all items of these.
        category_of: of every item of a category that some filter names.
        older: items that are not kept by name any more; of `named` the latest word is known.
    """

    items: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    category_of: Mapping[str, str] = field(default_factory=dict)
    older: Container[str] = ()
    named: frozenset[str] = frozenset()

    def __contains__(self, code: object) -> bool:
        if code in self.items:
            return True
        if self.older and code in self.older and code not in self.named:
            return True
        if not self.categories or not isinstance(code, str):
            return False
        return self.category_of.get(code) in self.categories


def kept_from(
    filters: Filters,
    *,
    bought: Mapping[str, int],
    seen: Collection[str],
    inside: Collection[str],
    category_of: Mapping[str, str],
    now_s: int,
    besides: Collection[str] = (),
) -> Kept:
    """Return what the filters keep from one person.

    Args:
        bought: as the trait edge.bought has it, see `bought_since`.
        seen: the last items that they looked at.
        inside: keys of the segments that they are in. Whoever is in none sees what is for all.
        besides: codes that are left out whoever it is.
    """
    items = set(besides)
    categories: set[str] = set()
    older: Container[str] = ()
    named: frozenset[str] = frozenset()
    if filters.bought_days is not None:
        since_s = now_s - filters.bought_days * 86_400
        items.update(bought_since(bought, since_s))
        older = bought_earlier(bought, since_s)
        # Of what is kept by name the latest word is known, and counts.
        named = frozenset(bought) if older else named
    if filters.seen:
        items.update(seen)
    for one in filters.only:
        if one.segment not in inside:
            items |= one.items
            categories |= one.categories
    for one in filters.never:
        if one.segment in inside:
            items |= one.items
            categories |= one.categories
    return Kept(frozenset(items), frozenset(categories), category_of, older, named)


def bought_since(bought: object, since_s: float) -> Iterable[str]:
    """Return what was bought since then and not given back.

    Args:
        bought: item -> when it was last bought, Unix s; the same below zero: given back then.
    """
    if not isinstance(bought, Mapping):
        return ()
    return [
        code
        for code, at_s in bought.items()
        if isinstance(at_s, int | float) and at_s >= since_s and at_s > 0
    ]


def bought_earlier(bought: object, since_s: float) -> Container[str]:
    """Return what was bought, beyond what is kept by name; () where all of it is, or was before.

    Its key is OLDER: (when the latest of it was bought in Unix s, `older_items` as text).
    """
    entry = bought.get(OLDER) if isinstance(bought, Mapping) else None
    if not isinstance(entry, list | tuple) or len(entry) != 2 or entry[0] < since_s:
        return ()
    try:
        return OlderItems(entry[1])
    except (TypeError, ValueError):
        return OlderItems(EVERYTHING)  # what cannot be read may have been bought


def explored(
    shown: Sequence[Chosen], pool: Sequence[Chosen], share: float, seed: str
) -> list[Chosen]:
    """Give one place to something less known in a share of lists, and say how probable each is.

    The place and the item are drawn evenly. The same seed draws the same: an answer that is asked
    for again stays as it is.

    Args:
        shown: the list, best first.
        pool: what may stand in for one of them, none of it shown.
        share: of lists that explore, 0 to 1.
    """
    if not shown or not pool or share <= 0:
        return list(shown)
    stays = 1.0 - share / len(shown)
    found = [one._replace(p=stays) for one in shown]
    draw, place, which = _draws(seed)
    if draw < share:
        at, other = int(place * len(shown)), pool[int(which * len(pool))]
        p = share / len(shown) / len(pool)
        found[at] = Chosen(other.code, other.score, EXPLORING, p)
    return found


def _draws(seed: str) -> tuple[float, float, float]:
    """Three numbers in [0, 1) that the seed alone tells."""
    raw = hashlib.blake2b(seed.encode(), digest_size=18).digest()
    whole = float(1 << 48)
    a, b, c = (int.from_bytes(raw[at : at + 6], "big") / whole for at in (0, 6, 12))
    return a, b, c


def spread(
    ranked: Sequence[tuple[str, float]],
    category_of: Mapping[str, str],
    diversity: float,
    count: int,
) -> list[tuple[str, float]]:
    """Choose items one by one: the best, less `diversity` where its category is there already.

    Scores are taken relative to the best one. What has no category is like nothing else.

    Source: maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998), two items being alike
    when they are of one category.
    """
    if diversity <= 0 or len(ranked) < 3 or not category_of or ranked[0][1] <= 0:
        return list(ranked)
    relevance = (1.0 - diversity) / ranked[0][1]
    queues: dict[str, list[tuple[str, float]]] = {}
    for pair in reversed(ranked):  # the best of a category last: it is taken from the end
        code = pair[0]
        queues.setdefault(category_of.get(code) or f"\0{code}", []).append(pair)
    chosen: list[tuple[str, float]] = []
    used: set[str] = set()
    while queues and len(chosen) < count:
        best, best_value = "", float("-inf")
        for name, queue in queues.items():
            value = relevance * queue[-1][1] - (diversity if name in used else 0.0)
            if value > best_value:
                best, best_value = name, value
        chosen.append(queues[best].pop())
        used.add(best)
        if not queues[best]:
            del queues[best]
    return chosen


def allowed(
    codes: Iterable[tuple[str, float]],
    why: str,
    *,
    withheld: Container[str],
    exclude: Container[str],
    without: str | None,
    known: set[str],
    most: int,
) -> list[Chosen]:
    """Return the first of a ranking that may be shown, at most so many; notes them in `known`."""
    found: list[Chosen] = []
    if most <= 0:
        return found
    for code, score in codes:
        if code in known or code == without or code in withheld or code in exclude:
            continue
        known.add(code)
        found.append(Chosen(code, score, why))
        if len(found) == most:
            break
    return found
