"""Recommended products of one call: for a block that is a list of them, and for fields that are.

Who does not allow what a recommender is for gets what is popular: nothing of theirs is looked at.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from apps.consent.types import Purpose
from apps.decisions.types import HotProfile
from apps.delivery import answers
from apps.delivery.answers import Listed, Ready
from apps.delivery.decided import Decided
from apps.recommendations.selectors import Kept, Table, Tables, kept_from, lists_of
from apps.segments.live import decode_some
from engine.decide import Reason
from engine.members import Members
from engine.snapshot import CompiledPlacement

DEFAULT_ITEMS: Final = 10
BOUGHT: Final = "edge.bought"  # the trait: item -> Unix s, below zero when it was given back
HOUR_MS: Final = 3_600_000
_PERSONALIZATION: Final = int(Purpose.PERSONALIZATION)
_NOTHING_BOUGHT: Final[Mapping[str, int]] = {}


def met_of(profile: HotProfile | None) -> list[tuple[str, float]]:
    """Return (item, strength) of what somebody looked at last, the newest first.

    Each counts as one event of now: their times do not go with a person to where decisions are
    made.
    """
    return [] if profile is None else [(item, 1.0) for item in profile.last_items]


class Products:
    """Where the products of a call come from.

    Args:
        decided: the call, with the visitor taken in. Where it is a replay, its `kept_lists` are
            shown and nothing is looked up.
        item: what they look at now, where the caller says it; None: what they looked at last.
        besides: codes that the caller does not want.
        reason: of the placement's decision: who is held out of everything is nobody here, too.
    """

    __slots__ = ("_besides", "_decided", "_is_held_out", "_item")

    def __init__(
        self,
        decided: Decided,
        item: str | None = None,
        besides: Collection[str] = (),
        reason: Reason | None = None,
    ) -> None:
        self._decided = decided
        self._is_held_out = reason is Reason.HOLDOUT
        self._item = item
        self._besides = frozenset(besides)

    def of_block(self, placement: CompiledPlacement, limit: int | None) -> Listed | None:
        """Return the items of a recommendations block; None when nobody recommends any."""
        kept = self._decided.kept_lists
        if kept is not None:
            return kept.get(placement.key)
        block = placement.block.doc
        if block.recommender is None:
            return None
        table = self._tables().get(block.recommender)
        if table is None:
            return None
        most = block.limit or DEFAULT_ITEMS
        count = most if limit is None else limit
        return self.of(table, block.recommender, count, placement.key)

    def of_fields(self, placement: CompiledPlacement, ready: Ready) -> dict[str, Listed]:
        """Return the products of each field that holds a query, by its name.

        One whose recommender serves nothing stays empty.
        """
        kept = self._decided.kept_lists
        if kept is not None:
            names = {query.field: f"{placement.key}#{query.field}" for query in ready.queries}
            return {field: kept[name] for field, name in names.items() if name in kept}
        tables = self._tables()
        return {
            query.field: self.of(
                tables[query.recommender],
                query.recommender,
                query.limit,
                f"{placement.key}#{query.field}",
            )
            for query in ready.queries
            if query.recommender in tables
        }

    def of(self, table: Table, name: str, count: int, place: str) -> Listed:
        """Return up to `count` items of a recommender for this visitor.

        Args:
            place: where they are shown: places explore apart from each other.
        """
        decided = self._decided
        asked = _PERSONALIZATION | table.settings.purpose
        is_refused = not table.settings.purpose or decided.permitted & asked != asked
        if is_refused or self._is_held_out:
            return self._for_anybody(table, name, count)
        own = self._made_beforehand(name)
        met = met_of(decided.profile)
        if self._item is not None:
            met = [(self._item, 1.0), *((item, by) for item, by in met if item != self._item)]
        if table.is_plain and not self._besides and not own:
            return answers.listed(table, name, met[0][0] if met else None, count)
        seed = f"{decided.visitor.unit_id}|{place}|{decided.call.now_ms // HOUR_MS}"
        exclude = self._kept_from(table, frozenset(item for item, _ in met))
        current = met[0][0] if met else None
        found = answers.chosen(
            table, met, count, exclude=exclude, current=current, seed=seed, own=own
        )
        if found.is_personal or exclude == table.kept_from_nobody(self._besides):
            return found
        return found._replace(is_personal=True)

    def _made_beforehand(self, name: str) -> Sequence[tuple[str, float, str]]:
        """Their list for letters, unless they have come since: then this moment knows better."""
        own = self._decided.call.own_lists.get(name)
        profile = self._decided.profile
        if own is None or profile is None or profile.last_seen_ms > own.as_of_ms:
            return ()
        return own.items

    def _for_anybody(self, table: Table, name: str, count: int) -> Listed:
        # Which item a page is about says nothing of who looks at it.
        met = [] if self._item is None else [(self._item, 1.0)]
        if not self._besides and not met:
            return answers.listed(table, name, None, count)
        exclude = table.kept_from_nobody(self._besides)
        return answers.chosen(table, met, count, exclude=exclude, current=self._item, seed="")

    def _kept_from(self, table: Table, seen: Collection[str]) -> Kept:
        decided, filters = self._decided, table.settings.filters
        if not filters.is_personal:
            return table.kept_from_nobody(self._besides)
        traits = {} if decided.profile is None else decided.profile.traits
        bought: Any = traits.get(BOUGHT, _NOTHING_BOUGHT)
        return kept_from(
            filters,
            bought=bought,
            seen=seen,
            inside=self._inside(filters.segments) if filters.segments else (),
            category_of=table.catalogue.category_of,
            now_s=decided.call.now_ms // 1000,
            besides=self._besides,
        )

    def _inside(self, keys: Collection[str]) -> list[str]:
        """Those of the segments that the visitor is in now. One that is not published has none."""
        decided = self._decided
        compiled = decided.served.compiled
        known = [compiled.segments[key] for key in keys if key in compiled.segments]
        visitor = decided.visitor
        numbers = {one.number for one in known} - visitor.memberships.keys()
        if numbers and decided.stays:
            # The placements themselves do not ask for these.
            more = decode_some(decided.stays, numbers)
            visitor = replace(visitor, memberships={**visitor.memberships, **more})
        members = Members(compiled, visitor, decided.context, decided.call.now_ms)
        return [one.doc.key for one in known if members.has(one)]

    def _tables(self) -> Tables:
        return lists_of(self._decided.call.caller.site_id)
