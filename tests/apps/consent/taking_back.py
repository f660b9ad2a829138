"""What tests of withdrawals share: a visitor with a past, and everything that is kept of them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from apps.consent import services, withdrawing
from apps.consent.withdrawing import CLEAR
from apps.events import history
from apps.pipeline import fold
from apps.profiles import state
from apps.profiles.models import Identity
from apps.profiles.state import StateRow
from apps.segments.models import Membership
from apps.segments.refresh import refresh_site
from apps.work import clock, performing
from apps.work.ids import uuid7
from apps.work.models import Intent
from tests.apps.consent.conftest import Chooser
from tests.apps.delivery.conftest import NOW

VIEW = {"type": "track", "event": "Product Viewed", "properties": {"category": "blouses"}}
# In the request's context, as pages of the tracker send it.
DEVICE = {"device": {"type": "desktop", "advertisingId": "ad-7"}}


def view(who: str = "a1", **fields: Any) -> dict[str, Any]:
    return {**VIEW, "anonymousId": who, "messageId": str(uuid7()), **fields}


def told(who: str = "a1", **traits: Any) -> dict[str, Any]:
    return {
        "type": "identify", "anonymousId": who, "userId": f"user-{who}", "traits": traits,
        "messageId": str(uuid7()),
    }  # fmt: skip


def send(shop: Chooser, *events: dict[str, Any]) -> dict[str, Any]:
    response = shop.world.post("/v1/batch", {"batch": list(events)}, key=shop.pk)
    assert response.status_code == 200, response.content
    return response.json()  # type: ignore[no-any-return]


def fold_all(now: datetime = NOW) -> int:
    total = 0
    while (folded := fold.fold_once(now=now)) is not fold.NOTHING:
        total += folded.events
    while fold.fold_due(now=now):
        pass
    return total


def profile_of(who: str = "a1") -> UUID:
    return Identity.objects.get(kind="anonymous_id", value=who).profile_id


def row_of(who: str = "a1") -> StateRow:
    (row,) = state.read([profile_of(who)])
    return row


def history_of(who: str = "a1") -> int:
    """How many events the state row holds."""
    return len(history.decode(row_of(who).history).times)


def inside(shop: Chooser, who: str = "a1") -> set[str]:
    """The keys of the segments whose membership is open."""
    rows = Membership.objects.filter(profile_id=profile_of(who), left_at=None)
    return set(rows.values_list("segment__key", flat=True))


def reason(shop: Chooser, **body: Any) -> str:
    answer = shop.world.ask("home.hero", key=shop.pk, **({"anonymousId": "a1"} | body))
    return answer["placements"]["home.hero"]["reason"]  # type: ignore[no-any-return]


def stamps(who: str = "a1") -> list[int]:
    """The purposes that the stored events may serve, in their order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT purposes FROM events_event WHERE profile_id = %s ORDER BY occurred_at, id",
            [str(profile_of(who))],
        )
        return [purposes for (purposes,) in cursor.fetchall()]


def personal_events(who: str = "a1") -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM events_personal WHERE profile_id = %s", [str(profile_of(who))]
        )
        return int(cursor.fetchone()[0])


def clear_all(now: datetime | None = None) -> int:
    """Carry out the clearings that were asked for, those for later too; how many there were."""
    waiting = list(Intent.objects.filter(kind=CLEAR, state=Intent.State.WAITING))
    at = (now or NOW) + withdrawing.AGAIN + timedelta(seconds=1)
    return sum(performing.perform(intent.pk, now=at) for intent in waiting)


def clear_due() -> int:
    """Carry out those whose time has come by the clock; how many."""
    waiting = list(Intent.objects.filter(kind=CLEAR, state=Intent.State.WAITING))
    return sum(performing.perform(intent.pk, now=clock.now()) for intent in waiting)


def choose(shop: Chooser, who: str, purposes: dict[str, bool], now: datetime = NOW) -> None:
    services.record_choice(
        site_id=shop.world.site.pk,
        source_id=shop.source.pk,
        identities=[("anonymous_id", who)],
        purposes=purposes,
        method="api",
        policy_version="",
        gpc=False,
        signals={},
        client_at=None,
        regime="us_opt_out",
        now=now,
    )


def open_shop(shop: Chooser) -> None:
    """The hero is published and its segment is evaluated from now on."""
    shop.world.hero()
    refresh(shop)


def refresh(shop: Chooser, now: datetime = NOW) -> None:
    refresh_site(site_id=shop.world.site.pk, read_clock=lambda: now)
