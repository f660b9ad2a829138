"""Who else has typed or saved something in the objects that somebody is about to publish."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from apps.content.models import Revision, Unsaved

_MODELS = {
    "block": "content.block",
    "placement": "content.placement",
    "cap": "content.cap",
    "rule": "rules.rule",
}


def typing_in(
    objects: Collection[tuple[str, UUID]], *, but: int, since: datetime
) -> dict[UUID, list[str]]:
    """Return the names of other people with unsaved changes, by the id of the object. One query.

    Args:
        objects: (kind, id) of each.
        but: the id of whoever asks.
    """
    refs = {str(object_id): object_id for kind, object_id in objects if kind in _MODELS}
    if not refs:
        return {}
    rows = Unsaved.objects.filter(
        kind__in=set(_MODELS.values()), object_ref__in=list(refs), at__gte=since
    ).exclude(user_id=but)
    found: dict[UUID, set[str]] = {}
    for ref, name in rows.values_list("object_ref", "user__username"):
        found.setdefault(refs[ref], set()).add(name)
    return {object_id: sorted(names) for object_id, names in found.items()}


def writers_of(objects: Sequence[tuple[UUID, datetime | None]]) -> Mapping[UUID, list[str]]:
    """Return who saved each object after an instant (None: ever), the last one first. One query."""
    if not objects:
        return {}
    wanted = Q()
    for object_id, since in objects:
        own = Q(object_id=object_id)
        wanted |= own if since is None else own & Q(at__gt=since)
    rows = Revision.objects.filter(wanted, by__isnull=False).order_by("-at")
    found: dict[UUID, list[str]] = {}
    for object_id, name in rows.values_list("object_id", "by__username"):
        names = found.setdefault(object_id, [])
        if name not in names:
            names.append(name)
    return found
