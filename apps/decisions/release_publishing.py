"""A release goes out and is taken back: by hand, or when its time has come."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.access.selectors import needs_approval
from apps.decisions import parts, publishing
from apps.decisions import release_contents as contents
from apps.decisions.errors import ApprovalRequired, ReleaseConflict, ReleaseRefused
from apps.decisions.manifests import Entry
from apps.decisions.models import Publication, Release, ReleaseItem
from apps.decisions.release_contents import SEGMENT_DRAFT
from apps.decisions.release_steps import Actor, ask_to_run, audit, held
from engine.errors import PersonalizationError

_STATE = Release.State
_PUBLISHABLE = {_STATE.OPEN, _STATE.SUBMITTED, _STATE.APPROVED, _STATE.SCHEDULED, _STATE.FAILED}


@transaction.atomic
def publish_release(
    *, release_id: UUID, actor: Actor, now: datetime, looked_at: str | None = None
) -> Publication:
    """Publish a release: its things take the place of their like in what serves.

    Args:
        looked_at: `contents_of` the release as this person saw it; None: as it is now.

    Raises:
        ApprovalRequired: nobody has approved what it says now.
        ReleaseRefused: it is not ready, or over, or says something else by now.
        ReleaseConflict: something of it was published otherwise since.
        PublicationRefused: with what serves it contradicts itself.
    """
    release = held(release_id, _PUBLISHABLE)
    contents.refuse_unseen(release, looked_at)
    if needs_approval(release.site_id) and not contents.is_approved(release):
        raise ApprovalRequired
    latest = publishing.lock(release.site_id)
    items = list(release.items.all())
    contents.publish_segments(release, items, actor, now)
    parts.refresh_parts(release.site_id)
    serving = contents.serving_of(release.site_id)
    ours = [item for item in items if item.kind != SEGMENT_DRAFT]
    clashes = contents.conflicts(ours, serving)
    if clashes:
        raise ReleaseConflict(clashes)
    for item in ours:
        old = serving.get((item.kind, item.key))
        item.base, item.replaced = ("", "") if old is None else (old.content, old.part)
    ReleaseItem.objects.bulk_update(ours, ["base", "replaced"])
    made = publishing.put_in_place(
        release.site_id,
        latest,
        contents.with_segments(
            release.site_id, {(one.kind, one.key): contents.entry_in(one) for one in ours}
        ),
        {},
        actor=actor,
        note=release.note or release.name,
        now=now,
        release=release,
    )
    release.state, release.published_number, release.trouble = _STATE.PUBLISHED, made.number, ""
    release.save(update_fields=["state", "published_number", "trouble"])
    if release.ends_at is not None:
        ask_to_run(release, release.ends_at, now)
    audit("decisions.release_published", release, actor, now, number=made.number)
    return made


@transaction.atomic
def end_release(*, release_id: UUID, now: datetime) -> Publication:
    """Take a release back: what served before it serves again. Segments stay as they are.

    Raises:
        ReleaseRefused: it does not serve.
        ReleaseConflict: something of it was published otherwise since.
        PublicationRefused: without it, what serves contradicts itself.
    """
    release = held(release_id, {_STATE.PUBLISHED})
    if release.ended_number is not None:
        raise ReleaseRefused("It was taken back already.")
    latest = publishing.lock(release.site_id)
    parts.refresh_parts(release.site_id)
    serving = contents.serving_of(release.site_id)
    ours = [item for item in release.items.all() if item.kind != SEGMENT_DRAFT]
    moved = [
        (item.kind, item.key)
        for item in ours
        if contents.content_in(serving, item) not in {item.digest, item.base}
    ]
    if moved:
        raise ReleaseConflict(moved)
    back = {
        (one.kind, one.key): Entry(one.kind, one.key, one.base, one.replaced) if one.base else None
        for one in ours
    }
    made = publishing.put_in_place(
        release.site_id,
        latest,
        contents.with_segments(release.site_id, back),
        {},
        actor=None,
        note=f"Ends the release {release.number}: {release.name}",
        now=now,
        release=release,
    )
    release.ended_number, release.trouble = made.number, ""
    release.save(update_fields=["ended_number", "trouble"])
    audit("decisions.release_ended", release, None, now, number=made.number)
    return made


def run(release_id: UUID, now: datetime) -> None:
    """Do what is due of a release: publish it, or take it back. Repeatable.

    What cannot be done is noted with the release, for the home page: time does not cure it.
    """
    release = Release.objects.filter(pk=release_id).first()
    if release is None:
        return
    try:
        if release.state == _STATE.SCHEDULED and release.starts_at is not None:
            if release.starts_at > now:
                ask_to_run(release, release.starts_at, now)
                return
            publish_release(release_id=release_id, actor=None, now=now)
        elif release.state == _STATE.PUBLISHED and release.ended_number is None:
            if release.ends_at is None or release.ends_at > now:
                if release.ends_at is not None:
                    ask_to_run(release, release.ends_at, now)
                return
            end_release(release_id=release_id, now=now)
    except PersonalizationError as error:
        changes: dict[str, Any] = {"trouble": str(error)}
        if release.state == _STATE.SCHEDULED:
            changes["state"] = _STATE.FAILED
        Release.objects.filter(pk=release_id).update(**changes)
        audit("decisions.release_failed", release, None, now)
