"""Drafts as an earlier publication had them, from the history of their saves.

A published form cannot be turned back into what an editor wrote. So an earlier save is made the
draft again, and only if it says to the letter what was published then.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from apps.content.revisions import restore, revisions_of
from apps.decisions import parts, stored
from apps.decisions.errors import UnknownPublication
from apps.decisions.manifests import Name
from apps.decisions.models import Part
from engine.errors import PersonalizationError

TRIED: Final = 20  # saves of one thing, the newest first
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
    done: list[Name] = []
    unknown: list[Name] = []
    for kind, key in names:
        entry = manifest.get((kind, key))
        row = Part.objects.filter(site_id=site_id, kind=kind, key=key).first()
        if entry is None or row is None or row.object_id is None or kind not in KINDS:
            unknown.append((kind, key))
            continue
        saves = [
            one.number
            for one in revisions_of(kind, row.object_id, limit=200)
            if one.at <= publication.published_at
        ]
        is_back = any(
            _says(site_id, kind, row.object_id, save, entry.content, actor, now)
            for save in saves[:TRIED]
        )
        (done if is_back else unknown).append((kind, key))
    return done, unknown


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
