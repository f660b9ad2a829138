"""Releases: changes frozen together, looked at by somebody else, published now or at a time.

open -> submitted -> approved or refused -> scheduled -> published, failed or cancelled. Every step
is checked here and not on a page: an approver is neither who submitted it nor who wrote any of it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Max

from apps.access.selectors import needs_approval
from apps.access.services import record_audit
from apps.decisions import parts, publishing
from apps.decisions import release_contents as contents
from apps.decisions.errors import ApprovalRequired, ReleaseConflict, ReleaseRefused
from apps.decisions.manifests import Entry, Name
from apps.decisions.models import Publication, Release, ReleaseItem, ReleaseVote
from apps.decisions.release_contents import SEGMENT_DRAFT
from apps.segments.awaiting import awaiting_segments
from apps.work.services import ask
from engine.errors import PersonalizationError

RUN: Final = "decisions.release"
MAX_NAME: Final = 120
LEAST_REASON: Final = 3  # characters
_STATE = Release.State
_EDITABLE: Final = {_STATE.OPEN, _STATE.REFUSED, _STATE.FAILED}
_CANCELLABLE: Final = {*_EDITABLE, _STATE.SUBMITTED, _STATE.APPROVED, _STATE.SCHEDULED}
_PUBLISHABLE: Final = _CANCELLABLE - {_STATE.REFUSED}

Actor = AbstractBaseUser | None


@transaction.atomic
def create_release(
    *,
    site_id: UUID,
    name: str,
    note: str = "",
    only: Mapping[Name, str],
    actor: Actor,
    now: datetime,
) -> Release:
    """Freeze the named changes as a release, with what they need.

    Args:
        only: (kind, key) -> the digest that was looked at; the kind SEGMENT_DRAFT is a segment.

    Raises:
        PublicationRefused, DraftsMoved: as `publishing.publish`.
        ReleaseRefused: there is nothing in it.
    """
    publishing.lock(site_id)
    if not only:
        raise ReleaseRefused("Tick at least one change for the release.")
    last = Release.objects.filter(site_id=site_id).aggregate(last=Max("number"))["last"]
    release = Release.objects.create(
        site_id=site_id,
        number=(last or 0) + 1,
        name=name.strip()[:MAX_NAME] or f"Changes of {now:%d %b %Y}",
        note=note[:200],
        created_by_id=None if actor is None else actor.pk,
        created_at=now,
    )
    contents.fill(release, only, now)
    _audit("decisions.release_made", release, actor, now, items=release.items.count())
    return release


@transaction.atomic
def submit(
    *,
    release_id: UUID,
    actor: Actor,
    now: datetime,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> Release:
    """Send a release for approval; where none is needed it is approved by that.

    Args:
        starts_at, ends_at: when it is to be published, and taken back; None: by hand, and never.

    Raises:
        ReleaseRefused: it is not open, or the times are over.
        PublicationRefused: with what serves now it contradicts itself.
    """
    release = _held(release_id, _EDITABLE)
    if starts_at is not None and starts_at <= now:
        raise ReleaseRefused("The start is in the past: choose a later one, or none.")
    if ends_at is not None and ends_at <= (starts_at or now):
        raise ReleaseRefused("A release must end after it starts.")
    _check(release)
    release.starts_at, release.ends_at = starts_at, ends_at
    release.submitted_by_id, release.submitted_at = None if actor is None else actor.pk, now
    release.trouble = ""
    if needs_approval(release.site_id):
        release.state = _STATE.SUBMITTED
    else:
        _approved(release, now)
    release.save()
    _audit("decisions.release_submitted", release, actor, now)
    return release


@transaction.atomic
def approve(
    *,
    release_id: UUID,
    actor: AbstractBaseUser,
    reason: str = "",
    now: datetime,
    looked_at: str | None = None,
) -> Release:
    """Approve what a release says, by somebody who had no part in it.

    With a start it is scheduled by that. Else it waits for somebody to publish it.

    Args:
        looked_at: `contents_of` the release as this person saw it; None: as it is now.

    Raises:
        ReleaseRefused: it does not wait for approval, this person wrote or submitted it, or it
            says something else by now.
    """
    release = _held(release_id, {_STATE.SUBMITTED})
    contents.refuse_unseen(release, looked_at)
    why = contents.own_hand(release, actor.pk)
    if why:
        raise ReleaseRefused(why)
    _vote(release, actor, ReleaseVote.Verdict.APPROVED, reason, now)
    _approved(release, now)
    release.save(update_fields=["state"])
    _audit("decisions.release_approved", release, actor, now)
    return release


@transaction.atomic
def refuse(*, release_id: UUID, actor: AbstractBaseUser, reason: str, now: datetime) -> Release:
    """Refuse a release, with a reason that its author reads.

    Raises:
        ReleaseRefused: it does not wait for approval, or the reason is missing.
    """
    release = _held(release_id, {_STATE.SUBMITTED, _STATE.APPROVED, _STATE.SCHEDULED})
    if len(reason.strip()) < LEAST_REASON:
        raise ReleaseRefused("Say why, so that the author can mend it.")
    _vote(release, actor, ReleaseVote.Verdict.REFUSED, reason.strip(), now)
    release.state = _STATE.REFUSED
    release.save(update_fields=["state"])
    _audit("decisions.release_refused", release, actor, now)
    return release


@transaction.atomic
def cancel(*, release_id: UUID, actor: Actor, now: datetime) -> Release:
    """Put a release aside. The drafts stay; what is published stays too.

    Raises:
        ReleaseRefused: it is published already.
    """
    release = _held(release_id, _CANCELLABLE)
    release.state = _STATE.CANCELLED
    release.save(update_fields=["state"])
    _audit("decisions.release_cancelled", release, actor, now)
    return release


@transaction.atomic
def take_in(*, release_id: UUID, actor: Actor, now: datetime) -> Release:
    """Freeze the drafts of a release's things anew; it is open again and wants another review.

    What serves already, as the drafts have it, leaves the release.

    Raises:
        ReleaseRefused: it is published or cancelled, or nothing would be left.
        PublicationRefused: a draft cannot be published.
    """
    release = _held(release_id, _CANCELLABLE)
    publishing.lock(release.site_id)
    parts.refresh_parts(release.site_id)
    names = set(release.items.values_list("kind", "key"))
    only = {
        (row.kind, row.key): row.digest
        for row in parts.waiting(release.site_id)
        if (row.kind, row.key) in names
    }
    drafts = [
        one for one in awaiting_segments(release.site_id) if (SEGMENT_DRAFT, one.key) in names
    ]
    only |= {(SEGMENT_DRAFT, one.key): one.digest for one in drafts}
    if not only:
        raise ReleaseRefused("The drafts of all that is in it serve already. Cancel it instead.")
    release.items.all().delete()
    contents.fill(release, only, now)
    return _opened_again(release, "decisions.release_taken_in", actor, now)


@transaction.atomic
def leave_out(*, release_id: UUID, name: Name, actor: Actor, now: datetime) -> Release:
    """Take one thing out of a release; it is open again and wants another review.

    Raises:
        ReleaseRefused: it is published or cancelled, or holds nothing else.
    """
    release = _held(release_id, _CANCELLABLE)
    if release.items.exclude(kind=name[0], key=name[1]).count() == 0:
        raise ReleaseRefused("Nothing else is in it: cancel it instead.")
    release.items.filter(kind=name[0], key=name[1]).delete()
    return _opened_again(release, "decisions.release_changed", actor, now)


@transaction.atomic
def keep_ours(*, release_id: UUID, name: Name, actor: Actor, now: datetime) -> Release:
    """Let a release have its way about a thing that was published otherwise meanwhile.

    Raises:
        ReleaseRefused: it is published or cancelled.
    """
    release = _held(release_id, _CANCELLABLE)
    serving = contents.serving_of(release.site_id)
    found = serving.get(name)
    release.items.filter(kind=name[0], key=name[1]).update(
        base="" if found is None else found.content
    )
    return _opened_again(release, "decisions.release_changed", actor, now)


@transaction.atomic
def publish_release(
    *, release_id: UUID, actor: Actor, now: datetime, looked_at: str | None = None
) -> Publication:
    """Publish a release: its things take the place of their like in what serves.

    Args:
        looked_at: as `approve`.

    Raises:
        ApprovalRequired: nobody has approved what it says now.
        ReleaseRefused: it is not ready, or over, or says something else by now.
        ReleaseConflict: something of it was published otherwise since.
        PublicationRefused: with what serves it contradicts itself.
    """
    release = _held(release_id, _PUBLISHABLE)
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
        _ask(release, release.ends_at, now)
    _audit("decisions.release_published", release, actor, now, number=made.number)
    return made


@transaction.atomic
def end_release(*, release_id: UUID, now: datetime) -> Publication:
    """Take a release back: what served before it serves again. Segments stay as they are.

    Raises:
        ReleaseRefused: it does not serve.
        ReleaseConflict: something of it was published otherwise since.
        PublicationRefused: without it, what serves contradicts itself.
    """
    release = _held(release_id, {_STATE.PUBLISHED})
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
    _audit("decisions.release_ended", release, None, now, number=made.number)
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
                _ask(release, release.starts_at, now)
                return
            publish_release(release_id=release_id, actor=None, now=now)
        elif release.state == _STATE.PUBLISHED and release.ended_number is None:
            if release.ends_at is None or release.ends_at > now:
                if release.ends_at is not None:
                    _ask(release, release.ends_at, now)
                return
            end_release(release_id=release_id, now=now)
    except PersonalizationError as error:
        changes: dict[str, Any] = {"trouble": str(error)}
        if release.state == _STATE.SCHEDULED:
            changes["state"] = _STATE.FAILED
        Release.objects.filter(pk=release_id).update(**changes)
        _audit("decisions.release_failed", release, None, now)


def _check(release: Release) -> None:
    """Refuse early what could not be published, as far as that can be known now."""
    # What a segment's draft makes possible is known once it is published.
    if not release.items.filter(kind=SEGMENT_DRAFT).exists():
        publishing.check(release.site_id, contents.release_changes(release))


def _approved(release: Release, now: datetime) -> None:
    if release.starts_at is None:
        release.state = _STATE.APPROVED
        return
    release.state = _STATE.SCHEDULED
    _ask(release, release.starts_at, now)


def _ask(release: Release, at: datetime, now: datetime) -> None:
    ask(
        RUN,
        key=release.pk.hex,
        site_id=release.site_id,
        payload={"release": str(release.pk)},
        queue="fast",
        run_after=max(at, now + timedelta(milliseconds=1)),
        now=now,
    )


def _opened_again(release: Release, action: str, actor: Actor, now: datetime) -> Release:
    release.state = _STATE.OPEN
    release.save(update_fields=["state"])
    _audit(action, release, actor, now)
    return release


def _vote(
    release: Release, actor: AbstractBaseUser, verdict: str, reason: str, now: datetime
) -> None:
    ReleaseVote.objects.create(
        release=release,
        by_id=actor.pk,
        verdict=verdict,
        reason=reason.strip(),
        at=now,
        contents=contents.contents_of(release),
    )


def _held(release_id: UUID, states: set[Any]) -> Release:
    """Lock a release that is in one of these states.

    Raises:
        ReleaseRefused: it is in none, or gone.
    """
    release = Release.objects.select_for_update().filter(pk=release_id).first()
    if release is None:
        raise ReleaseRefused("This release is gone.")
    if release.state not in states:
        said = release.get_state_display()
        raise ReleaseRefused(f"This release cannot do that now. It says: {said}.")
    return release


def _audit(action: str, release: Release, actor: Actor, now: datetime, **detail: object) -> None:
    record_audit(
        action=action,
        actor=actor,
        site_id=release.site_id,
        target_kind="decisions.release",
        target_id=str(release.number),
        detail=detail,
        now=now,
    )
