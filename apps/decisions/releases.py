"""Releases: changes frozen together, looked at by somebody else, published now or at a time.

open -> submitted -> approved or refused -> scheduled -> published, failed or cancelled. Every step
is checked here and not on a page: an approver is neither who submitted it nor who wrote any of it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Max

from apps.access.selectors import needs_approval
from apps.decisions import parts, publishing
from apps.decisions import release_contents as contents
from apps.decisions.errors import ReleaseRefused
from apps.decisions.manifests import Name
from apps.decisions.models import Release, ReleaseVote
from apps.decisions.release_contents import SEGMENT_DRAFT
from apps.decisions.release_publishing import end_release, publish_release, run
from apps.decisions.release_steps import RUN, Actor, ask_to_run, audit, held
from apps.segments.awaiting import awaiting_segments

__all__ = [
    "RUN",
    "approve",
    "cancel",
    "create_release",
    "end_release",
    "keep_ours",
    "leave_out",
    "publish_release",
    "refuse",
    "run",
    "submit",
    "take_in",
]

MAX_NAME: Final = 120
LEAST_REASON: Final = 3  # characters
_STATE = Release.State
_EDITABLE: Final = {_STATE.OPEN, _STATE.REFUSED, _STATE.FAILED}
_CANCELLABLE: Final = {*_EDITABLE, _STATE.SUBMITTED, _STATE.APPROVED, _STATE.SCHEDULED}


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
    audit("decisions.release_made", release, actor, now, items=release.items.count())
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
    release = held(release_id, _EDITABLE)
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
    audit("decisions.release_submitted", release, actor, now)
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
    release = held(release_id, {_STATE.SUBMITTED})
    contents.refuse_unseen(release, looked_at)
    why = contents.own_hand(release, actor.pk)
    if why:
        raise ReleaseRefused(why)
    _vote(release, actor, ReleaseVote.Verdict.APPROVED, reason, now)
    _approved(release, now)
    release.save(update_fields=["state"])
    audit("decisions.release_approved", release, actor, now)
    return release


@transaction.atomic
def refuse(*, release_id: UUID, actor: AbstractBaseUser, reason: str, now: datetime) -> Release:
    """Refuse a release, with a reason that its author reads.

    Raises:
        ReleaseRefused: it does not wait for approval, or the reason is missing.
    """
    release = held(release_id, {_STATE.SUBMITTED, _STATE.APPROVED, _STATE.SCHEDULED})
    if len(reason.strip()) < LEAST_REASON:
        raise ReleaseRefused("Say why, so that the author can mend it.")
    _vote(release, actor, ReleaseVote.Verdict.REFUSED, reason.strip(), now)
    release.state = _STATE.REFUSED
    release.save(update_fields=["state"])
    audit("decisions.release_refused", release, actor, now)
    return release


@transaction.atomic
def cancel(*, release_id: UUID, actor: Actor, now: datetime) -> Release:
    """Put a release aside. The drafts stay; what is published stays too.

    Raises:
        ReleaseRefused: it is published already.
    """
    release = held(release_id, _CANCELLABLE)
    release.state = _STATE.CANCELLED
    release.save(update_fields=["state"])
    audit("decisions.release_cancelled", release, actor, now)
    return release


@transaction.atomic
def take_in(*, release_id: UUID, actor: Actor, now: datetime) -> Release:
    """Freeze the drafts of a release's things anew; it is open again and wants another review.

    What serves already, as the drafts have it, leaves the release.

    Raises:
        ReleaseRefused: it is published or cancelled, or nothing would be left.
        PublicationRefused: a draft cannot be published.
    """
    release = held(release_id, _CANCELLABLE)
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
    release = held(release_id, _CANCELLABLE)
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
    release = held(release_id, _CANCELLABLE)
    serving = contents.serving_of(release.site_id)
    found = serving.get(name)
    release.items.filter(kind=name[0], key=name[1]).update(
        base="" if found is None else found.content
    )
    return _opened_again(release, "decisions.release_changed", actor, now)


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
    ask_to_run(release, release.starts_at, now)


def _opened_again(release: Release, action: str, actor: Actor, now: datetime) -> Release:
    release.state = _STATE.OPEN
    release.save(update_fields=["state"])
    audit(action, release, actor, now)
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
