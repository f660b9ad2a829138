"""What others reach releases by: the intent to run one, and who asks what uses a thing."""

from datetime import datetime
from typing import Final
from uuid import UUID

from django.contrib.auth import get_user_model

from apps.decisions import parts, publishing, releases
from apps.decisions.errors import DraftsMoved
from apps.decisions.models import Release, ReleaseItem
from apps.decisions.release_contents import SEGMENT_DRAFT
from apps.segments.types import Usage, UsageHolder
from apps.work import services as work
from apps.work.selectors import open_work
from apps.work.types import Standing

REFRESH: Final = "decisions.parts"
PUBLISH: Final = "decisions.publish"
LONG_WORK: Final = (REFRESH, PUBLISH)
_KINDS = {"segment": SEGMENT_DRAFT}


@work.performs(releases.RUN)
def run_release(task: work.Work, now: datetime) -> None:
    """Carry out what is due of a release: its start or its end. Safe to run twice."""
    releases.run(UUID(task.payload["release"]), now)


@work.performs(REFRESH)
def refresh_parts(task: work.Work, now: datetime) -> None:
    """Carry out the intent to look through many changed drafts. Safe to run twice."""
    assert task.site_id is not None
    left = total = parts.left_to_look_at(task.site_id)
    while left > parts.AT_ONCE:
        # Each step is committed: who looks meanwhile sees how far it is, and nobody waits long.
        task.progress(total - left, total, "Looking through what was changed")
        parts.refresh_parts(task.site_id, most=parts.AT_ONCE)
        left = parts.left_to_look_at(task.site_id)
        total = max(total, left)
    parts.refresh_parts(task.site_id)


@work.performs(PUBLISH)
def publish_many(task: work.Work, now: datetime) -> None:
    """Carry out the intent to publish all that waited, for who asked for it. Safe to run twice.

    Raises:
        DraftsMoved: something else waits by now: nobody has looked at that.
        PublicationRefused, ApprovalRequired: as `publishing.publish`.
    """
    assert task.site_id is not None
    parts.refresh_parts(task.site_id)
    rows = [row for row in parts.waiting(task.site_id) if row.is_listed]
    if not rows:
        return  # done by the run before
    if parts.token_of(rows) != task.payload["token"]:
        raise DraftsMoved
    publishing.publish(
        site_id=task.site_id,
        actor=get_user_model().objects.get(pk=task.payload["actor"]),
        note=task.payload["note"],
        now=now,
        only={(row.kind, row.key): row.digest for row in rows},
    )


def long_work(site_id: UUID) -> Standing | None:
    """Return how far the work on very many changes is; None: there is none. One query."""
    return open_work(site_id, LONG_WORK)


def ask_to_refresh(site_id: UUID, now: datetime) -> None:
    """Ask for the drafts of a site to be looked through, where no page should wait for it."""
    work.ask(REFRESH, key="all", site_id=site_id, now=now)


def ask_to_publish(site_id: UUID, *, token: str, actor_id: int, note: str, now: datetime) -> None:
    """Ask for all that waits to be published, as long as it is what this token stands for."""
    payload = {"token": token, "actor": actor_id, "note": note}
    work.ask(PUBLISH, key=token[:32], site_id=site_id, payload=payload, now=now)


def releases_with(site_id: UUID, kind: str, object_id: UUID) -> list[Usage]:
    """Return the open releases that hold a change of a thing. One query."""
    over = (Release.State.PUBLISHED, Release.State.CANCELLED)
    items = ReleaseItem.objects.filter(
        release__site_id=site_id, object_id=object_id, kind=_KINDS.get(kind, kind)
    ).exclude(digest="")
    rows = items.exclude(release__state__in=over).select_related("release")
    return [
        Usage("release", str(item.release), "admin:release", item.release.pk)
        for item in rows.order_by("release__number")
    ]


HOLDER = UsageHolder("decisions.releases", releases_with)
