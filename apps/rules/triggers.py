"""Writes to triggers: checked as a whole, numbered, with the cap of what they show."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max

from apps.access import targets
from apps.consent.declared import problem_of
from apps.content.services import create_cap
from apps.rules.errors import InvalidRule
from apps.rules.models import Trigger
from apps.segments.selectors import request_segments
from apps.segments.services import create_segment

MAX_MESSAGE: Final = 1_000  # characters of JSON


def check_trigger(trigger: Trigger) -> None:
    """Refuse a trigger that contradicts itself or its site. At most two queries.

    Raises:
        InvalidRule: with the field that is wrong.
    """
    site_id = trigger.site_id
    for name in ("segment", "placement"):
        row = getattr(trigger, name)
        if row is not None and row.site_id != site_id:
            raise InvalidRule(name, f"This {name} belongs to another site.")
    if trigger.segment.key in request_segments(site_id):
        raise InvalidRule(
            "segment",
            "This segment depends on what a page tells when it asks (a device, an hour), so nobody "
            "comes into it at any moment. Take one that depends on what people do.",
        )
    _check_content(trigger)
    starts_at, ends_at = trigger.starts_at, trigger.ends_at
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        raise InvalidRule("ends_at", "A trigger must end after it starts.")
    if trigger.window_ms and trigger.most is None:
        raise InvalidRule("most", "Say how many times in that span.")
    if trigger.webhook_address:
        try:
            targets.check(trigger.webhook_address)
        except targets.ForbiddenTarget as error:
            raise InvalidRule("webhook_address", str(error)) from error
    recipient = trigger.recipient
    if recipient is not None and recipient.site_id != site_id:
        raise InvalidRule("recipient", "This recipient belongs to another site.")
    if trigger.is_enabled:
        _check_declared(trigger)
    if trigger.is_enabled and not _does_something(trigger):
        raise InvalidRule(
            "is_enabled",
            "It does nothing yet: give it content, a message or a webhook before it is on.",
        )


def _check_declared(trigger: Trigger) -> None:
    """Refuse to switch on what does not say what it is for, or who is told."""
    problem = problem_of(trigger.purpose)
    if problem is not None:
        raise InvalidRule("purpose", problem)
    recipient = trigger.recipient
    if trigger.webhook_address and recipient is not None and not recipient.may_be_told:
        raise InvalidRule(
            "recipient",
            f"{recipient.name} does not say what it uses the data for: give it purposes first.",
        )


def _check_content(trigger: Trigger) -> None:
    placement, variant = trigger.placement, trigger.variant
    if (placement is None) is not (variant is None):
        wrong = "variant" if variant is None else "placement"
        raise InvalidRule(wrong, "Choose both a placement and a variant, or neither.")
    if placement is None or variant is None:
        return
    if placement.block_id != variant.block_id:
        raise InvalidRule("variant", "The variant is not of the block that fills the placement.")
    if trigger.on == Trigger.On.LEFT:
        raise InvalidRule(
            "variant",
            "Content can be shown to people who are in a segment. For those who left one, make a "
            "segment of them, or send a message or a webhook.",
        )
    if trigger.for_ms:
        raise InvalidRule(
            "variant",
            "Content is shown from the moment somebody comes into the segment. Put the span into "
            "the segment's condition instead, such as “has not bought for 30 minutes”.",
        )


def _does_something(trigger: Trigger) -> bool:
    return bool(trigger.variant_id or trigger.message is not None or trigger.webhook_address)


def number_trigger(trigger: Trigger) -> None:
    """Give a new trigger its number. One editor of a site at a time."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM access_site WHERE id = %s FOR NO KEY UPDATE", [str(trigger.site_id)]
        )
    last = Trigger.objects.filter(site_id=trigger.site_id).aggregate(last=Max("number"))["last"]
    trigger.number = (last or 0) + 1


def settle_cap(trigger: Trigger) -> None:
    """Have what a trigger shows drawn on a cap with the trigger's own numbers. Saves the trigger.

    The cap stays when the trigger shows nothing any more: what was shown is kept by its number.
    """
    cap = trigger.cap
    if trigger.variant_id is None or (trigger.most is None and not trigger.cooldown_ms):
        trigger.cap = None
    elif cap is None:
        trigger.cap = create_cap(
            site_id=trigger.site_id,
            key=_free_cap_key(trigger),
            name=f"Trigger: {trigger.name}"[:120],
            most=trigger.most,
            window_ms=trigger.window_ms,
            cooldown_ms=trigger.cooldown_ms,
        )
    else:
        cap.most, cap.window_ms = trigger.most, trigger.window_ms
        cap.cooldown_ms = trigger.cooldown_ms
        cap.save(update_fields=["most", "window_ms", "cooldown_ms"])
    trigger.save(update_fields=["cap"])


def _free_cap_key(trigger: Trigger) -> str:
    """A key for its cap: the one of an earlier cap of the same name stays taken."""
    key = f"trigger.{trigger.key}"
    caps = Trigger._meta.get_field("cap").related_model._default_manager
    taken = set(
        caps.filter(site_id=trigger.site_id, key__startswith=key).values_list("key", flat=True)
    )
    return key if key not in taken else f"{key}.{len(taken) + 1}"


@transaction.atomic
def save_trigger(trigger: Trigger) -> Trigger:
    """Write a new trigger, or one that was changed, after a look at the whole of it.

    Raises:
        InvalidRule: it contradicts itself or its site.
    """
    check_trigger(trigger)
    if trigger._state.adding:
        number_trigger(trigger)
        trigger.save(force_insert=True)
    else:
        trigger.save()
    settle_cap(trigger)
    return trigger


# Where to begin


@dataclass(frozen=True, slots=True)
class Start:
    """A trigger that many want: a segment and what is usual for it."""

    key: str
    name: str
    words: str
    segment_name: str
    description: str
    where: Mapping[str, Any]
    message: Mapping[str, Any]
    most: int
    window_ms: int
    cooldown_ms: int


def _event(window: Any, op: str, value: int) -> dict[str, Any]:
    return {
        "kind": "event", "name": "*", "aggregate": "count", "window": window, "op": op,
        "value": value,
    }  # fmt: skip


_DAY: Final = 86_400_000
STARTS: Final = (
    Start(
        "cart-left",
        "Cart left behind",
        "Something was put into the cart, and nothing bought for 30 minutes.",
        "Cart left for 30 minutes",
        "Put something into the cart within the last day and has not bought for 30 minutes.",
        {
            "kind": "absence",
            "after": {"name": "Product Added"},
            "without": {"name": "Order Completed"},
            "for": "30m",
            "window": {"last": "1d"},
        },
        {"show": "cart-reminder"},
        1,
        7 * _DAY,
        _DAY,
    ),
    Start(
        "back-again",
        "Back after a month",
        "Here again, after nothing was seen of them for 30 days.",
        "Back after 30 days",
        "Here in the last half hour, not in the 30 days before that, but earlier than that.",
        {
            "all": [
                _event({"last": "30m"}, "gte", 1),
                _event({"between_ago": {"from": "30d", "to": "30m"}}, "eq", 0),
                _event({"between_ago": {"from": "1800d", "to": "30d"}}, "gte", 1),
            ]
        },
        {"show": "welcome-back"},
        1,
        30 * _DAY,
        0,
    ),
    Start(
        "long-visit",
        "Long visit",
        "Ten minutes of attention on the site in one visit.",
        "Ten minutes on the site",
        "Has looked at pages for more than 10 minutes in this visit.",
        {"kind": "dwell", "on": "site", "window": "session", "op": "gt", "value": "10m"},
        {"show": "offer-help"},
        1,
        7 * _DAY,
        _DAY,
    ),
)


def start(key: str) -> Start | None:
    """Return the start of this key."""
    return next((one for one in STARTS if one.key == key), None)


@transaction.atomic
def begin_with(*, site_id: UUID, start_key: str, actor: Any, now: datetime) -> Trigger:
    """Make a segment and a trigger from a start: both drafts to look over, nothing is switched on.

    A segment of that key which the site has already is taken as it is.

    Raises:
        InvalidRule: there is no such start.
    """
    chosen = start(start_key)
    if chosen is None:
        raise InvalidRule("start", f"There is no start '{start_key}'.")
    segments = Trigger._meta.get_field("segment").related_model._default_manager
    rows = segments.filter(site_id=site_id, key=chosen.key, is_archived=False)
    segment: Any = rows.first()
    if segment is None:
        segment = create_segment(
            site_id=site_id,
            key=_free(segments, site_id, chosen.key),
            name=chosen.segment_name,
            description=chosen.description,
            condition={"v": 1, "where": dict(chosen.where)},
            now=now,
            actor=actor,
        )
    return save_trigger(
        Trigger(
            site_id=site_id,
            key=_free(Trigger.objects, site_id, chosen.key),
            name=chosen.name,
            segment=segment,
            message=dict(chosen.message),
            most=chosen.most,
            window_ms=chosen.window_ms,
            cooldown_ms=chosen.cooldown_ms,
        )
    )


def _free(rows: Any, site_id: UUID, key: str) -> str:
    taken = set(rows.filter(site_id=site_id, key__startswith=key).values_list("key", flat=True))
    return next(
        one for one in (key, *(f"{key}-{n}" for n in range(2, len(taken) + 3))) if one not in taken
    )
