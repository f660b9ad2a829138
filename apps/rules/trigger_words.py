"""A trigger as a sentence, and how it stands."""

from datetime import datetime
from urllib.parse import urlsplit

from apps.access.site_time import wall_clock
from apps.rules.domain.trigger_words import Said, sentence
from apps.rules.models import Trigger


def trigger_words(trigger: Trigger) -> str:
    """Return what a trigger does; its segment, placement and variant come with it."""
    return sentence(
        Said(
            segment=trigger.segment.name,
            has_left=trigger.on == Trigger.On.LEFT,
            for_ms=trigger.for_ms,
            variant="" if trigger.variant is None else trigger.variant.name,
            placement="" if trigger.placement is None else trigger.placement.name,
            tells_pages=trigger.message is not None,
            webhook_host=host_of(trigger.webhook_address),
            most=trigger.most,
            window_ms=trigger.window_ms,
            cooldown_ms=trigger.cooldown_ms,
        )
    )


def host_of(address: str) -> str:
    """Return the host of an address; the address may be none."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def state_words(trigger: Trigger, now: datetime, *, is_published: bool) -> str:
    """Return whether a trigger listens now, and if not, why. Its site comes with it."""
    zone = trigger.site.time_zone
    if trigger.archived_at is not None:
        return "archived"
    if trigger.paused_at is not None:
        return f"paused itself {wall_clock(trigger.paused_at, zone)}: too many at once"
    if not trigger.is_enabled:
        return "off"
    if not is_published:
        return "waits: its segment is not published"
    if trigger.starts_at is not None and now < trigger.starts_at:
        return f"starts {wall_clock(trigger.starts_at, zone)} {zone}"
    if trigger.ends_at is not None and now >= trigger.ends_at:
        return f"ended {wall_clock(trigger.ends_at, zone)} {zone}"
    if trigger.webhook_parked_at is not None:
        return "on, but its webhook does not answer and is parked"
    return "on"
