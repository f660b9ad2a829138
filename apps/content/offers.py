"""What editors choose from while they type: a few of what a site has, never all of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from apps.access import small_cells
from apps.content.capping import caps_of, words
from apps.content.models import Block, Placement
from apps.content.selectors import segments_for_tagging

MOST: Final = 20
KINDS: Final = ("segments", "caps", "blocks", "placements")


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing to choose: `key` is what is sent, `note` what helps to choose."""

    key: str
    name: str
    note: str


def offered(
    kind: str, site_id: UUID, *, query: str = "", keys: Sequence[str] | None = None
) -> tuple[list[Offer], bool]:
    """Return what a text finds by name or key, at most `MOST`, and whether there is more.

    Names that begin with the text come first. With `keys`, these very things. Two queries.
    """
    rows = choices(kind, site_id)
    if keys is not None:
        rows = rows.filter(key__in=list(keys)[:200])
    else:
        for word in query.split()[:5]:
            rows = rows.filter(Q(name__icontains=word) | Q(key__icontains=word))
        begins = When(Q(name__istartswith=query) | Q(key__istartswith=query), Value(0))
        rows = rows.order_by(Case(begins, default=Value(1), output_field=IntegerField()), "name")
    most = MOST if keys is None else 200
    found = list(rows[: most + 1])
    return [_offer(kind, row) for row in found[:most]], len(found) > most


def choices(kind: str, site_id: UUID | None) -> QuerySet[Any]:
    """Return everything of a kind that may be chosen at a site.

    Raises:
        KeyError: there is no such kind.
    """
    if site_id is None:
        return Block.objects.none()
    match kind:
        case "segments":
            return segments_for_tagging(site_id).prefetch_related("versions")
        case "caps":
            return caps_of(site_id).filter(archived_at=None)
        case "blocks":
            return Block.objects.filter(site_id=site_id, archived_at=None)
        case "placements":
            return Placement.objects.filter(site_id=site_id, archived_at=None)
    raise KeyError(kind)


def size_of(segment: Any) -> str:
    """Return how many people are in a segment, as last counted; its versions come with it."""
    sizes = [version.size for version in segment.versions.all() if version.state == "live"]
    if not sizes:
        return "never published"
    if sizes[0] is None:
        return "not counted"
    return f"{small_cells.words(sizes[0])} members"


def _offer(kind: str, row: Any) -> Offer:
    match kind:
        case "segments":
            note = size_of(row)
        case "caps":
            note = words(row)
        case "blocks":
            note = str(row.kind)
        case _:
            note = ""
    return Offer(row.key, row.name, note)
