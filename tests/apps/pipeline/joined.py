"""Two people who were joined by mistake: how tests join them, and undo it."""

from datetime import timedelta
from itertools import count

from apps.consent import services as consent
from apps.events.types import Accepted
from apps.pipeline.splitting import split_profile
from apps.profiles.models import MergeRecord
from apps.profiles.state import StateRow
from apps.segments import refresh
from apps.segments import services as segments
from apps.segments.stays import decode_stays, is_inside
from apps.work import clock
from tests.apps.pipeline.conftest import NOW, World, event

LATER = NOW + timedelta(minutes=5)


def alias(at_s: float, previous_id: str, user_id: str) -> Accepted:
    return event(at_s, type="alias", name="Alias", previous_id=previous_id, user_id=user_id)


def undo(world: World, *, reason: str = "Two people at one desk.") -> None:
    record = MergeRecord.objects.filter(site=world.site, undone_at=None).latest("pk")
    split_profile(merge_id=record.pk, actor=None, reason=reason, now=LATER)


def publish(world: World, key: str, leaf: dict[str, object]) -> None:
    made = segments.create_segment(
        site_id=world.site.id, key=key, name=key, condition={"v": 1, "where": leaf}, now=NOW
    )
    segments.publish_segment(site_id=world.site.id, segment_id=made.pk, actor=None, now=NOW)
    refresh.refresh_site(site_id=world.site.id, read_clock=lambda: NOW)


def counted(op: str, value: int) -> dict[str, object]:
    return {
        "kind": "event", "name": "Product Viewed", "aggregate": "count", "op": op, "value": value,
        "window": {"last": "30d"},
    }  # fmt: skip


def inside(world: World, row: StateRow) -> set[str]:
    stays = decode_stays(row.memberships)
    now_ms = clock.to_ms(LATER)
    names = dict(world.site.segments.values_list("number", "key"))
    return {names[number] for number, stay in stays.items() if is_inside(stay, now_ms)}


_said = count()  # of two choices at one time the refusal would stand


def say(world: World, kind: str, value: str, **purposes: bool) -> None:
    consent.record_choice(
        site_id=world.site.id, source_id=None, identities=[(kind, value)], purposes=purposes,
        method="api", policy_version="", gpc=False, signals={}, client_at=None, regime="eu_opt_in",
        now=NOW + timedelta(milliseconds=next(_said)),
    )  # fmt: skip
