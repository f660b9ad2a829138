"""Who else has typed or saved something in the objects that somebody is about to publish."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Max, Q

from apps.content.models import Block, Revision, Unsaved, Variant

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


def stands_on(block_ids: Collection[UUID]) -> dict[UUID, list[tuple[str, UUID]]]:
    """Return the (kind, id) of the theme and the type whose words each block shows. Two queries.

    Who changes one of these changes what every such block says.
    """
    if not block_ids:
        return {}
    ids = list(block_ids)
    types = Block.objects.filter(pk__in=ids, type__isnull=False)
    found = {pk: [("blocktype", type_id)] for pk, type_id in types.values_list("pk", "type_id")}
    variants = Variant.objects.filter(block_id__in=ids, theme__isnull=False, archived_at=None)
    themes = variants.values_list("block_id", "theme_id").distinct().order_by("theme__key")
    for block_id, theme_id in themes:
        found.setdefault(block_id, []).append(("theme", theme_id))
    return found


def blocks_on(shared_ids: Collection[UUID]) -> dict[UUID, set[UUID]]:
    """Return the blocks that show the words of each theme or type. Two queries."""
    if not shared_ids:
        return {}
    ids = list(shared_ids)
    pairs = list(Block.objects.filter(type_id__in=ids).values_list("type_id", "pk"))
    variants = Variant.objects.filter(theme_id__in=ids, archived_at=None)
    pairs += variants.values_list("theme_id", "block_id").distinct().order_by()
    found: dict[UUID, set[UUID]] = {}
    for shared, block in pairs:
        found.setdefault(shared, set()).add(block)
    return found


def showed(block_id: UUID, shared_id: UUID, at: datetime) -> bool:
    """Tell whether a block had a theme or a type at an instant, by its history. One query.

    Of what has no history then nothing is known: it had not.
    """
    rows = Revision.objects.filter(kind="block", object_id=block_id, at__lte=at)
    held = rows.order_by("-number").values_list("document", flat=True).first() or {}
    variants = [one for one in held.get("variants", {}).values() if not one.get("archived_at")]
    return str(shared_id) in {held.get("type"), *(one.get("theme") for one in variants)}


def writers_of(
    objects: Sequence[tuple[UUID, datetime | None]], serving: Mapping[UUID, datetime]
) -> Mapping[UUID, list[str]]:
    """Return who saved each object after an instant (None: ever), the last one first.

    Who saved the theme or the type of a block since is among its writers. Three queries.

    Args:
        serving: since when the words of a theme or a type serve in some block: words that were
            looked at with one block are not new in another. Absent: they serve nowhere.
    """
    if not objects:
        return {}
    under = stands_on([object_id for object_id, _ in objects])
    asked: dict[UUID, list[tuple[UUID, datetime | None]]] = {}  # what was saved -> for what, since
    for object_id, since in objects:
        asked.setdefault(object_id, []).append((object_id, since))
        for _, saved in under.get(object_id, ()):
            asked.setdefault(saved, []).append((object_id, serving.get(saved)))
    wanted = Q()
    for saved, wants in asked.items():
        instants = [since for _, since in wants]
        own = Q(object_id=saved)
        wanted |= own if None in instants else own & Q(at__gt=min(filter(None, instants)))
    rows = Revision.objects.filter(wanted, by__isnull=False).order_by("-at")
    found: dict[UUID, list[str]] = {}
    for saved, name, at in rows.values_list("object_id", "by__username", "at"):
        for object_id, since in asked[saved]:
            names = found.setdefault(object_id, [])
            if (since is None or at > since) and name not in names:
                names.append(name)
    return found


def wrote_since(
    user_id: int,
    objects: Sequence[tuple[UUID, datetime | None]],
    serving: Mapping[UUID, datetime],
) -> bool:
    """Tell whether somebody saved one of these, its theme or its type after its instant.

    Three queries. Arguments as for `writers_of`.
    """
    under = stands_on([object_id for object_id, _ in objects])
    since: dict[UUID, datetime | None] = {}
    for object_id, at in objects:
        shared = [(one, serving.get(one)) for _, one in under.get(object_id, ())]
        for saved, own in ((object_id, at), *shared):
            known = since.get(saved, own)
            since[saved] = None if own is None or known is None else min(own, known)
    rows = Revision.objects.filter(by_id=user_id, object_id__in=list(since))
    found = rows.values("object_id").annotate(last=Max("at")).values_list("object_id", "last")
    return any(since[saved] is None or at > since[saved] for saved, at in found)
