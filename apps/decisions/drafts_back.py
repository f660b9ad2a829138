"""Drafts as an earlier publication had them, from the history of their saves.

A published form cannot be turned back into what an editor wrote. So the save that was published
then is found by the publications, made the draft again, and kept only if it says to the letter what
was published.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from apps.content.revisions import restore, save_at
from apps.decisions import parts, stored
from apps.decisions.errors import UnknownPublication
from apps.decisions.manifests import Name
from apps.decisions.models import Part
from apps.decisions.origins import Origin, Origins
from engine.errors import PersonalizationError

KINDS: Final = ("block", "placement", "rule", "cap")


class _NotTheOne(Exception):
    """A save that says something else than what was published."""


def differing(site_id: UUID, number: int, most: int) -> list[Name]:
    """Return what the drafts say otherwise than a publication, and has a history. Three queries.

    Raises:
        UnknownPublication: the site has no such number.
        InvalidSnapshot: another version of this code stored it.
    """
    publication = stored.find(site_id, number)
    if publication is None:
        raise UnknownPublication(number)
    parts.refresh_parts(site_id, is_patient=False)
    manifest, _ = stored.opened(publication)
    rows = Part.objects.filter(site_id=site_id, kind__in=KINDS, object_id__isnull=False)
    return [
        (kind, key)
        for kind, key, digest in rows.order_by("kind", "key").values_list("kind", "key", "digest")
        if (kind, key) in manifest and manifest[kind, key].content != digest
    ][:most]


@transaction.atomic
def drafts_as_of(
    *,
    site_id: UUID,
    number: int,
    names: Collection[Name],
    actor: AbstractBaseUser | None,
    now: datetime,
) -> tuple[list[Name], list[Name]]:
    """Make the drafts of these things say what a publication says, each as a new save.

    Returns what was brought back, and what no save is known of. What serves stays.

    Raises:
        UnknownPublication, InvalidSnapshot: as `differing`.
    """
    publication = stored.find(site_id, number)
    if publication is None:
        raise UnknownPublication(number)
    manifest, _ = stored.opened(publication)
    wanted = {name: manifest[name].content for name in names if name in manifest}
    origins = Origins(site_id, wanted)
    done: list[Name] = []
    unknown: list[Name] = []
    for name in names:
        row = Part.objects.filter(site_id=site_id, kind=name[0], key=name[1]).first()
        is_back = False
        if name in wanted and row is not None and row.object_id is not None and name[0] in KINDS:
            save = _save_of(name, row.object_id, origins.of(name, number))
            is_back = save is not None and _says(
                site_id, name[0], row.object_id, save, wanted[name], actor, now
            )
        (done if is_back else unknown).append(name)
    return done, unknown


def _save_of(name: Name, object_id: UUID, origin: Origin | None) -> int | None:
    """The number of the save that was published; None: it is not known."""
    if origin is None:
        return None
    if origin.item is not None:
        return origin.item.revision or None
    return save_at(name[0], object_id, origin.publication.published_at)


def _says(
    site_id: UUID,
    kind: str,
    object_id: UUID,
    number: int,
    content: str,
    actor: AbstractBaseUser | None,
    now: datetime,
) -> bool:
    """Make a save the draft if it says this content; else leave everything as it is."""
    try:
        with transaction.atomic():
            restore(kind, object_id, number, actor=actor, now=now)
            parts.refresh_parts(site_id)
            rows = Part.objects.filter(site_id=site_id, kind=kind, object_id=object_id)
            if not rows.filter(digest=content).exists():
                raise _NotTheOne
    except (_NotTheOne, PersonalizationError):
        return False
    return True
