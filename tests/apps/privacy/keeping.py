"""A shop at a moment, things in it that are old or young, and runs of retention."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from apps.access.models import Site
from apps.consent.models import ConsentEvent
from apps.pipeline import fold
from apps.privacy import retention
from apps.privacy.models import Request, RequestEvent, RequestSubject
from apps.work.ids import uuid7
from tests.apps.delivery.conftest import NOW, World, _new_process  # noqa: F401

DAY = timedelta(days=1)


def run(*kinds: str, is_dry: bool = False) -> list[retention.Outcome]:
    return list(retention.run(now=NOW, only=kinds, is_dry=is_dry))


def moments(days: int) -> tuple[datetime, datetime]:
    """One day too old, and one day young enough."""
    return NOW - timedelta(days=days + 1), NOW - timedelta(days=days - 1)


def view(at: datetime, **fields: Any) -> dict[str, Any]:
    return {
        "type": "track", "event": "Product Viewed", "messageId": str(uuid7()),
        "anonymousId": "a1", "timestamp": at.isoformat(), "properties": {"category": "blouses"},
    } | fields  # fmt: skip


def send(world: World, *events: dict[str, Any]) -> None:
    assert world.post("/v1/batch", {"batch": list(events)}, key=world.sk).status_code == 200
    while fold.fold_once(now=NOW) is not fold.NOTHING:
        pass


def keep_for(site: Site, days: int) -> None:
    Site.objects.filter(pk=site.pk).update(retention_days=days)
    from apps.access.keys import KEYS

    KEYS.forget()


def _something(kind: str, at: datetime) -> object:
    if kind == "DateTimeField":
        return at
    if kind == "DateField":
        return at.date()
    return uuid7().hex[-10:]


def a_request(state: str, *, is_ended: bool) -> Callable[[World, datetime], object]:
    def make(world: World, at: datetime) -> object:
        received = at - 60 * DAY if is_ended else at
        values: dict[str, Any] = {
            "site": world.site, "state": state, "received_at": received,
            "ended_at": at if is_ended else None,
        }  # fmt: skip
        for field in Request._meta.concrete_fields:
            if field.name in values or field.has_default() or field.null or field.primary_key:
                continue
            values[field.name] = _something(field.get_internal_type(), at)
        request = Request.objects.create(**values)
        RequestEvent.objects.create(
            site=world.site, request_id=request.pk, at=at, kind="x", state=state, actor_label="x"
        )
        RequestSubject.objects.create(request=request, profile_id=uuid7())
        return request.pk

    return make


def a_choice(world: World, at: datetime, *, profile_id: UUID | None, digest: str) -> UUID:
    return ConsentEvent.objects.create(
        site=world.site, profile_id=profile_id, identity_id=1, subject_digest=digest,
        kind="given", purposes={"analytics": True}, granted_before=0, denied_before=0,
        granted_after=4, denied_after=0, epoch=1, regime="eu_opt_in", method="banner", at=at,
    ).pk  # fmt: skip
