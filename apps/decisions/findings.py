"""What an audit found wrong with a site's content: kept until it is not so any more.

Whoever looked at a line can set it aside with a reason. That holds while the line says the same:
when what was found changes, it is there again.
"""

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Count, QuerySet

from apps.access.services import record_audit
from apps.decisions.served_models import ContentFinding


class Found(NamedTuple):
    """One line as a check words it.

    Attributes:
        kind: of the check.
        place: what it is about, such as "variant:<id>"; one line for each kind and place.
        said: what must change for the line to be another one; empty: its text.
        weight: how much it matters, from 0.
    """

    kind: str
    place: str
    name: str
    text: str
    advice: str
    link: str = ""
    weight: int = 0
    said: str = ""


_TOLD = ["name", "text", "advice", "link", "weight", "found_at"]
_NEWS = ["fingerprint", "dismissed_at", "dismissed_by", "dismissed_reason", "first_found_at"]


@transaction.atomic
def keep(*, site_id: UUID, found: Sequence[Found], now: datetime) -> int:
    """Replace what is known of a site by what an audit found now; return how many lines are open.

    Lines that are the same stay set aside; those that are gone are deleted.
    """
    before = {
        (one.kind, one.place): one
        for one in ContentFinding.objects.select_for_update().filter(site_id=site_id)
    }
    new: list[ContentFinding] = []
    told: list[ContentFinding] = []
    for (kind, place), one in {(one.kind, one.place): one for one in found}.items():
        mark = _fingerprint(one)
        line = before.pop((kind, place), None)
        if line is None:
            line = ContentFinding(
                site_id=site_id, kind=kind, place=place, fingerprint=mark, first_found_at=now
            )
            new.append(line)
        else:
            told.append(line)
            if line.fingerprint != mark:
                line.fingerprint, line.first_found_at = mark, now
                line.dismissed_at, line.dismissed_by, line.dismissed_reason = None, None, ""
        line.name, line.text, line.advice = one.name[:250], one.text, one.advice
        line.link, line.weight, line.found_at = one.link[:300], one.weight, now
    ContentFinding.objects.bulk_create(new, batch_size=500)
    ContentFinding.objects.bulk_update(told, [*_TOLD, *_NEWS], batch_size=500)
    ContentFinding.objects.filter(pk__in=[one.pk for one in before.values()]).delete()
    return ContentFinding.objects.filter(site_id=site_id, dismissed_at=None).count()


def _fingerprint(one: Found) -> str:
    said = one.said or f"{one.name}\0{one.text}"
    return blake2b(said.encode(), digest_size=16).hexdigest()


def lines(site_id: UUID, *, kind: str = "", aside: bool = False) -> QuerySet[ContentFinding]:
    """Return the lines of a site, what matters most first.

    Args:
        kind: of one check only; empty: of all.
        aside: those that were set aside, not the open ones.
    """
    rows = ContentFinding.objects.filter(site_id=site_id, dismissed_at__isnull=not aside)
    if kind:
        rows = rows.filter(kind=kind)
    return rows.select_related("dismissed_by").order_by("-weight", "kind", "name", "pk")


def counts(site_id: UUID) -> dict[str, int]:
    """Return how many open lines there are of each kind. One query."""
    rows = ContentFinding.objects.filter(site_id=site_id, dismissed_at=None).order_by()
    return dict(rows.values_list("kind").annotate(Count("pk")))


def looked_at(site_id: UUID) -> datetime | None:
    """Return when the newest audit found anything; None: never. One query."""
    rows = ContentFinding.objects.filter(site_id=site_id).order_by("-found_at")
    return rows.values_list("found_at", flat=True).first()


@transaction.atomic
def dismiss(*, site_id: UUID, finding_id: int, reason: str, actor: Any, now: datetime) -> bool:
    """Set an open line aside; return whether there was one."""
    moved = ContentFinding.objects.filter(site_id=site_id, pk=finding_id, dismissed_at=None).update(
        dismissed_at=now, dismissed_by=actor, dismissed_reason=reason[:300]
    )
    if moved:
        _note(
            "content.finding_dismissed", site_id, finding_id, {"reason": reason[:300]}, actor, now
        )
    return bool(moved)


@transaction.atomic
def take_back(*, site_id: UUID, finding_id: int, actor: Any, now: datetime) -> bool:
    """Put a line that was set aside back; return whether there was one."""
    moved = ContentFinding.objects.filter(
        site_id=site_id, pk=finding_id, dismissed_at__isnull=False
    ).update(dismissed_at=None, dismissed_by=None, dismissed_reason="")
    if moved:
        _note("content.finding_taken_back", site_id, finding_id, {}, actor, now)
    return bool(moved)


def _note(
    action: str, site_id: UUID, finding_id: int, detail: dict[str, str], actor: Any, now: datetime
) -> None:
    record_audit(
        action=action,
        actor=actor,
        site_id=site_id,
        target_kind="decisions.contentfinding",
        target_id=str(finding_id),
        detail=detail,
        now=now,
    )
