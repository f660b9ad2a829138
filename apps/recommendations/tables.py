"""The lists of one recommender in memory, and what is chosen of them for one request. No numpy."""

import json
import sys
from array import array
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from operator import itemgetter, mul
from typing import Any, Final, NamedTuple
from uuid import UUID

from apps.consent.types import Purpose
from apps.recommendations import choosing
from apps.recommendations.choosing import FOLLOWED, LIKE_THIS, NEW, POPULAR, Chosen, Filters, Kept
from apps.recommendations.domain import kernel
from apps.recommendations.domain.followers import Ranked

CONTENT: Final = "content"
# Of the list of each item met, so many at least are scored exactly, and as many as are wanted: what
# stands further down in all of them is hardly ever among the best (`make bench-models`).
NEAR: Final = 14
MOST_MET: Final = 5
LOOKED_AT: Final = 4  # times the length of a list: what mixing categories chooses from
_WHYS: Final[Mapping[str, str]] = {
    "followed_by": FOLLOWED,
    "session": FOLLOWED,
    "als": choosing.LIKE_MINDED,
    "neighbours": choosing.SIMILAR,
    CONTENT: LIKE_THIS,
}
_SUMMED: Final = frozenset({"als", "neighbours"})
_number_of: Final = itemgetter(1)


class Row(NamedTuple):
    """One list as it is stored: see `models.ItemList`."""

    item: str
    previous: str
    method: str
    ranked: Sequence[Sequence[Any]]
    vector: Sequence[float] | None


@dataclass(frozen=True, slots=True)
class Settings:
    """What a recommender says besides what was learned.

    Attributes:
        purpose: the bit of what it is for; 0: it says nothing, and nothing of it is personal.
        catalogue_at: when what is offered changed last.
        per_person: everybody has a list that was made beforehand, for e-mail.
    """

    purpose: int = int(Purpose.RECOMMENDATION)
    filters: Filters = field(default_factory=Filters)
    diversity: float = 0.0
    exploration: float = 0.0
    catalogue_at: datetime | None = None
    per_person: bool = False


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What the lists need to know of items.

    Attributes:
        withheld: not available, or none left.
        category_of: of every item of a category that some filter names.
        sorts: item -> category, of listed items, to mix them.
    """

    withheld: frozenset[str] = frozenset()
    category_of: Mapping[str, str] = field(default_factory=dict)
    sorts: Mapping[str, str] = field(default_factory=dict)


class _List:
    """One ranking, small in memory: shared codes, and numbers without an object each."""

    __slots__ = ("codes", "scores", "square", "vector")

    def __init__(
        self, ranking: Sequence[Sequence[Any]], vector: Sequence[float] | None = None
    ) -> None:
        self.codes = tuple(sys.intern(one[0]) for one in ranking)
        self.scores = array("d", [one[1] for one in ranking])
        # A tuple: its numbers are multiplied again and again, and an array makes them anew.
        self.vector = None if vector is None else tuple(map(float, vector))
        self.square = 0.0 if self.vector is None else kernel.square(self.vector)

    def pairs(self) -> Iterable[tuple[str, float]]:
        return zip(self.codes, self.scores, strict=True)


_NOTHING: Final = _List([])


class Learned:
    """What one training has left: lists by item, by pairs of items, alike items, popular ones."""

    __slots__ = ("alike", "alpha", "half_life_days", "lists", "method", "new", "pairs", "popular")

    def __init__(
        self,
        rows: Iterable[Row],
        popular: Ranked,
        method: str = "followed_by",
        params: Mapping[str, Any] | None = None,
    ) -> None:
        params = params or {}
        self.method = method
        self.alpha = float(params.get("alpha", 1.0))
        self.half_life_days = float(params.get("half_life_days", 21.0))
        self.new: tuple[str, ...] = tuple(params.get("new", ()))
        self.popular = _List(popular)
        self.lists: dict[str, _List] = {}
        self.pairs: dict[tuple[str, str], _List] = {}
        self.alike: dict[str, _List] = {}
        for row in rows:
            made = _List(row.ranked, row.vector)
            if row.previous:
                self.pairs[row.previous, row.item] = made
            elif row.method == CONTENT and method != CONTENT:
                self.alike[row.item] = made
            else:
                self.lists[row.item] = made

    @property
    def is_summed(self) -> bool:
        """Whether the lists of all that was met count, not of the last item alone."""
        return self.method in _SUMMED


class Table:
    """The lists of one recommender version, with what its recommender says of them.

    `said`: which training and method, as records of decisions keep it.
    """

    __slots__ = ("catalogue", "learned", "said", "settings", "version_id")

    def __init__(
        self,
        version_id: UUID,
        followers: Mapping[str, Ranked] | None = None,
        popular: Ranked | None = None,
        *,
        learned: Learned | None = None,
        settings: Settings | None = None,
        catalogue: Catalogue | None = None,
    ) -> None:
        """Take what was learned, or plain lists of what follows what."""
        self.version_id = version_id
        rows = (Row(item, "", FOLLOWED, own, None) for item, own in (followers or {}).items())
        self.learned = learned or Learned(rows, popular or [])
        self.settings = settings or Settings()
        self.catalogue = catalogue or Catalogue()
        said = {"version": str(version_id), "method": self.learned.method}
        self.said = json.dumps(said).encode()

    @property
    def is_plain(self) -> bool:
        """Whether the same item before gives the same list, whoever asks and when."""
        learned, settings = self.learned, self.settings
        return not (
            learned.is_summed
            or learned.pairs
            or settings.exploration
            or settings.filters.is_personal
        )

    def kept_from_nobody(self, besides: Collection[str] = ()) -> Kept:
        """Return what may not be shown to somebody of whom nothing is known."""
        return choosing.kept_from(
            self.settings.filters,
            bought={},
            seen=(),
            inside=(),
            category_of=self.catalogue.category_of,
            now_s=0,
            besides=besides,
        )

    def has(self, item: str) -> bool:
        """Whether anything was learned to go with an item."""
        return item in self.learned.lists

    def lookup(self, item: str | None, count: int) -> list[tuple[str, float, str]]:
        """Return up to `count` (item, score, why): what goes with `item`, then what is popular.

        One look-up in memory, of the lists as they were learned, the item itself included. An
        unknown item, or none, gets the popular ones.
        """
        known = self.learned.lists.get(item, _NOTHING) if item is not None else _NOTHING
        why = _WHYS.get(self.learned.method, POPULAR)
        codes = known.codes[:count]
        found = [(code, score, why) for code, score in zip(codes, known.scores, strict=False)]
        if len(found) < count:
            for code, score in self.learned.popular.pairs():
                if code not in codes:
                    found.append((code, score, POPULAR))
                    if len(found) == count:
                        break
        return found

    def choose(
        self,
        met: Sequence[tuple[str, float]],
        count: int,
        *,
        exclude: Container[str] = (),
        current: str | None = None,
        seed: str = "",
        own: Sequence[tuple[str, float, str]] = (),
    ) -> list[Chosen]:
        """Return what to show to somebody, at most `count`: filtered, each with its reason.

        What suits what they have met comes first, then what is popular, then what is new.

        Args:
            met: (item, strength) of what they have met, the newest first; none: for anybody.
            exclude: what may not be shown, as `choosing.kept_from` has it.
            current: what they look at now.
            seed: of the exploring place: who, where and when; empty: nothing is explored.
            own: (item, score, why) of a list that was made for them beforehand: it comes first.
        """
        settings = self.settings
        share = settings.exploration if seed else 0.0
        wanted = count + (choosing.POOL if share else 0)
        without = current if settings.filters.current else None
        known: set[str] = set()
        found: list[Chosen] = []
        beforehand = ((why, ((code, score),)) for code, score, why in own)
        for why, ranking in chain(beforehand, self._sources(met, wanted)):
            found += choosing.allowed(
                ranking,
                why,
                withheld=self.catalogue.withheld,
                exclude=exclude,
                without=without,
                known=known,
                most=wanted - len(found),
            )
            if len(found) == wanted:
                break
        if not share:
            return found
        return choosing.explored(found[:count], found[count:], share, seed)

    def _sources(
        self, met: Sequence[tuple[str, float]], wanted: int
    ) -> Iterable[tuple[str, Iterable[tuple[str, float]]]]:
        """Rankings with why their items are there, the most telling first."""
        learned = self.learned
        if met:
            why = _WHYS.get(learned.method, POPULAR)
            if learned.is_summed:
                for ranking in self._suiting(met[:MOST_MET], wanted):
                    yield why, ranking
            else:
                yield why, self._followed(met)
            # Of an item that the method knows too little of: those that are alike.
            if met[0][0] not in learned.lists:
                yield LIKE_THIS, learned.alike.get(met[0][0], _NOTHING).pairs()
        yield POPULAR, learned.popular.pairs()
        yield NEW, ((code, 0.0) for code in learned.new)

    def _followed(self, met: Sequence[tuple[str, float]]) -> Iterable[tuple[str, float]]:
        learned, last = self.learned, met[0][0]
        own = learned.pairs.get((met[1][0], last)) if learned.pairs and len(met) > 1 else None
        return (own or learned.lists.get(last, _NOTHING)).pairs()

    def _suiting(
        self, met: Sequence[tuple[str, float]], wanted: int
    ) -> Iterable[Sequence[tuple[str, float]]]:
        """The best of what goes with anything met; then, if that is not enough, all of it."""
        lists = self.learned.lists
        own = [(lists[code], by) for code, by in met if code in lists]
        if not own:
            return
        near = max(NEAR, wanted)
        scored = self._scored_by_vectors if self.learned.method == "als" else _added_up
        for most in (near, 200):
            found = sorted(scored(own, most), key=_number_of, reverse=True)
            yield choosing.spread(
                found, self.catalogue.sorts, self.settings.diversity, wanted * LOOKED_AT
            )

    def _scored_by_vectors(
        self, own: Sequence[tuple[_List, float]], most: int
    ) -> list[tuple[str, float]]:
        """The first of each list with the scores that a training with what was met would give."""
        lists = self.learned.lists
        known = [(vector, by) for one, by in own if (vector := one.vector) is not None]
        if not known:
            return []
        vectors = [vector for vector, _ in known]
        counts = kernel.coefficients(vectors, [by for _, by in known], self.learned.alpha)
        person = [sum(map(mul, counts, column)) for column in zip(*vectors, strict=True)]
        codes = dict.fromkeys(code for one, _ in own for code in one.codes[:most])
        near = [
            (code, item.vector, item.square)
            for code in codes
            if (item := lists.get(code)) is not None and item.vector
        ]
        scores = kernel.multiplied(person, [(its_own, of_it) for _, its_own, of_it in near])
        return [(code, score) for (code, _, _), score in zip(near, scores, strict=True)]


def _added_up(own: Sequence[tuple[_List, float]], most: int) -> Iterable[tuple[str, float]]:
    """The sum of the lists, each by how strongly its item was liked."""
    rows = [(one.codes[:most], one.scores[:most], by) for one, by in own]
    return kernel.summed(rows).items()


Tables = Mapping[str, Table]  # by recommender key
