"""What e-mail providers tell, taken in: as events of people who are known here and allow it.

An address is looked up in the blind index and then forgotten: it is in no event. Who is not known,
or is not one person alone, leaves no trace. Events go the way of all others: by consent, once.
Unsubscribing is a choice: it is written into the consent ledger whatever else may be kept.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from apps.access import services as access
from apps.consent import services as consent
from apps.events.services import record_told
from apps.integrations.esp_reading import BOUNCED, UNSUBSCRIBED, Told, read
from apps.integrations.models import Connection
from apps.profiles import contacts
from apps.profiles import selectors as profiles

logger = logging.getLogger(__name__)

METHOD: Final = "esp"
EMAIL: Final = "email"  # what an address is looked up by
UNDELIVERABLE: Final = "email_undeliverable"
SUBSCRIBED: Final = "email_subscribed"
TOLD_EVERY: Final = timedelta(minutes=1)

Name = tuple[str, str]  # kind, value


@dataclass(slots=True)
class Taken:
    """What became of what was told; `unknown` of people who are not here, or are several."""

    accepted: int = 0
    duplicates: int = 0
    without_consent: int = 0
    unknown: int = 0

    def document(self) -> dict[str, int]:
        """As the answer has it."""
        return {
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "withoutConsent": self.without_consent,
            "unknown": self.unknown,
        }


def take(connection: Connection, body: bytes, now: datetime) -> Taken:
    """Take in a call whose signature was right. Everything is durable when this returns.

    Told twice, it counts once. About six statements for each thing told.

    Raises:
        InvalidRequest: it cannot be read.
    """
    told = read(connection.kind, body)
    source = connection.source or _source(connection, now)
    taken = Taken()
    known: dict[tuple[str, str], list[Name]] = {}
    for one in told:
        who = (one.user_id, one.email.lower())
        if who not in known:
            known[who] = _names(connection, one)
        _take(source, one, known[who], taken, now)
    if connection.last_event_at is None or connection.last_event_at < now - TOLD_EVERY:
        Connection.objects.filter(pk=connection.pk).update(last_event_at=now)
    logger.info("esp.taken", extra={"connection": connection.pk, **taken.document()})
    return taken


def _take(source: Any, one: Told, names: Sequence[Name], taken: Taken, now: datetime) -> None:
    if not names:
        taken.unknown += 1
        return
    with transaction.atomic():
        receipt = record_told(source, _items(one, names), now=now)
        # A choice that is told again is not made again: they may have come back in between.
        if one.name == UNSUBSCRIBED and not receipt.duplicates:
            _unsubscribe(source, one, names, now)
    if receipt.without_consent:
        taken.without_consent += 1
    elif receipt.duplicates:
        taken.duplicates += 1
    elif receipt.accepted:
        taken.accepted += 1


def _items(one: Told, names: Sequence[Name]) -> list[dict[str, Any]]:
    """The event, and the trait that goes with it."""
    by_kind = dict(reversed(names))
    who = {
        key: by_kind[kind]
        for key, kind in (("userId", "user_id"), ("anonymousId", "anonymous_id"))
        if kind in by_kind
    }
    if "userId" in who:
        who.pop("anonymousId", None)
    when = {} if one.at is None else {"timestamp": one.at.isoformat()}
    said = {
        "campaign": one.campaign,
        "link": one.link,
        "machine_open": one.is_machine or None,
        "bounce": ("hard" if one.is_hard else "soft") if one.name == BOUNCED else None,
    }
    message_id = f"esp-{one.key}"[:90]
    event = {
        "type": "track",
        "event": one.name,
        "messageId": message_id,
        "properties": {key: value for key, value in said.items() if value},
        **who,
        **when,
    }
    trait = None
    if one.name == UNSUBSCRIBED:
        trait = {SUBSCRIBED: False}
    elif one.name == BOUNCED and one.is_hard:
        trait = {UNDELIVERABLE: True}
    if trait is None:
        return [event]
    told = {"type": "identify", "messageId": f"{message_id}-trait", "traits": trait, **who, **when}
    return [event, told]


def _unsubscribe(source: Any, one: Told, names: Sequence[Name], now: datetime) -> None:
    consent.record_choice(
        site_id=source.site_id,
        source_id=source.pk,
        identities=names,
        purposes={"triggers": False},
        method=METHOD,
        policy_version="",
        gpc=False,
        signals={},
        client_at=one.at,
        regime=source.site.regime,
        now=now,
        said_at=one.at,
    )


def _names(connection: Connection, one: Told) -> list[Name]:
    """The identities of the one person it is about, none where that is nobody or several."""
    site_id = connection.site_id
    if one.user_id and profiles.find_profile(site_id, "user_id", one.user_id) is not None:
        return [("user_id", one.user_id)]
    people = contacts.profiles_by(site_id, EMAIL, one.email.lower()) if one.email else []
    if len(people) != 1:
        return []
    kinds: Mapping[str, int] = {"user_id": 0, "anonymous_id": 1}
    names = [name for name in profiles.own_names_of(people[0]) if name[0] in kinds]
    return sorted(names, key=lambda name: kinds[name[0]])


@transaction.atomic
def _source(connection: Connection, now: datetime) -> Any:
    """Make the source of a connection's events: silence is what the law makes of it."""
    row = Connection.objects.select_for_update(of=("self",)).get(pk=connection.pk)
    if row.source is None:
        row.source = access.create_source(
            site_id=row.site_id,
            name=f"{row.name} (e-mail)"[:120],
            now=now,
            kind="server",
            consent_mode="by_regime",
        )
        row.save(update_fields=["source"])
    return row.source
