"""Recommended products of one call: for a block that is a list of them, and for fields that are."""

from collections.abc import Mapping
from typing import Final, NamedTuple
from uuid import UUID

from apps.delivery import answers
from apps.delivery.answers import Listed, Ready
from apps.recommendations.selectors import lists_of
from engine.snapshot import CompiledPlacement

DEFAULT_ITEMS: Final = 10


class Products(NamedTuple):
    """Where the products of a call come from.

    Attributes:
        item: what was looked at last; None: what is popular is shown.
        kept: of a replay: what was shown then, by placement or "placement#field"; None: look it up.
    """

    site_id: UUID
    item: str | None
    kept: Mapping[str, Listed] | None

    def of_block(self, placement: CompiledPlacement, limit: int | None) -> Listed | None:
        """Return the items of a recommendations block; None when nobody recommends any."""
        if self.kept is not None:
            return self.kept.get(placement.key)
        block = placement.block.doc
        if block.recommender is None:
            return None
        table = lists_of(self.site_id).get(block.recommender)
        if table is None:
            return None
        most = block.limit or DEFAULT_ITEMS
        count = most if limit is None else limit
        return answers.listed(table, block.recommender, self.item, count)

    def of_fields(self, placement: CompiledPlacement, ready: Ready) -> dict[str, Listed]:
        """Return the products of each field that holds a query, by its name."""
        if self.kept is None:
            return answers.field_lists(ready, lists_of(self.site_id), self.item)
        names = {query.field: f"{placement.key}#{query.field}" for query in ready.queries}
        return {field: self.kept[name] for field, name in names.items() if name in self.kept}
