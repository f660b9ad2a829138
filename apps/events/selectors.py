"""Reads of stored events: one profile's, newest first."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from apps.consent.types import names_of
from apps.events.fold import GROUP_PREFIX
from apps.events.models import Event
from apps.profiles.parts import Asked, Page, asked_instant, foreign_cursor, instant
from apps.work import clock

_KINDS = {kind.name.lower(): kind for kind in Event.Kind}
_WITH_TRAITS = (int(Event.Kind.IDENTIFY), int(Event.Kind.GROUP))
_MAX_BIGINT = 2**63 - 1

# Traits are kept as observations of the profile, each with the message that brought it.
_EVENTS = """
SELECT e.id, e.kind, e.name, e.message_id, e.occurred_at, e.original_at, e.sent_at, e.received_at,
  e.properties::text, e.context::text, e.consent_epoch, e.purposes, d.kind, d.value, u.value,
  CASE WHEN e.kind IN %s THEN (
    SELECT jsonb_object_agg(t.key, t.value)::text FROM profiles_traitchange t
    WHERE t.profile_id = e.profile_id AND t.message_id = e.message_id) END
FROM events_event e
LEFT JOIN profiles_identity d ON d.id = e.identity_id
LEFT JOIN profiles_identity u ON u.id = e.user_identity_id
WHERE e.profile_id = %s AND e.site_id = %s {filters}
ORDER BY e.occurred_at DESC, e.id DESC
LIMIT %s
"""


def events_of(asked: Asked) -> Page:
    """Return the events of a profile as they were taken in, newest first. One statement.

    Filters: `message_id`, `type`, `event` (a name), `since` (inclusive) and `until` (exclusive),
    both by the time at which it happened.

    Raises:
        InvalidRequest: a time or a cursor that cannot be read.
    """
    filters, values = _filters(asked)
    statement = _EVENTS.format(filters="".join(f" AND {one}" for one in filters))
    parameters = [_WITH_TRAITS, str(asked.profile_id), str(asked.site_id), *values, asked.limit + 1]
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        found = cursor.fetchall()
    shown = found[: asked.limit]
    more = f"{clock.to_ms(shown[-1][4])}.{shown[-1][0]}" if len(found) > asked.limit else ""
    return Page([_row(columns) for columns in shown], more)


def _filters(asked: Asked) -> tuple[list[str], list[Any]]:
    """The conditions that were asked for, as constant SQL, and their values."""
    query = asked.query
    filters: list[str] = []
    values: list[Any] = []
    for name, column in (("message_id", "message_id"), ("event", "name")):
        if query.get(name):
            filters.append(f"e.{column} = %s")
            values.append(query[name])
    if query.get("type"):
        kind = _KINDS.get(query["type"])
        # An unknown type has no events; it is no fault of the request.
        filters.append("e.kind = %s")
        values.append(0 if kind is None else int(kind))
    for name, sign in (("since", ">="), ("until", "<")):
        at = asked_instant(asked, name)
        if at is not None:
            filters.append(f"e.occurred_at {sign} %s")
            values.append(at)
    if asked.after:
        at, number = _place(asked.after)
        # The first says the same more loosely: it is what partitions are left out by.
        filters.append("e.occurred_at <= %s AND (e.occurred_at, e.id) < (%s, %s)")
        values += [at, at, number]
    return filters, values


def _place(cursor: str) -> tuple[datetime, int]:
    ms, _, number = cursor.partition(".")
    try:
        if int(number) > _MAX_BIGINT:
            raise ValueError
        return clock.from_ms(int(ms)), int(number)
    except (ValueError, OverflowError, OSError):
        raise foreign_cursor() from None


def _row(columns: Sequence[Any]) -> dict[str, Any]:
    (_, kind, name, message_id, occurred, original, sent, received, *rest) = columns
    properties, context, epoch, purposes, device_kind, device, user, traits = rest
    type_name = Event.Kind(kind).name.lower()
    row: dict[str, Any] = {
        "messageId": message_id,
        "type": type_name,
        "event": name,
        "anonymousId": device if device_kind == "anonymous_id" else None,
        "userId": user or (device if device_kind == "user_id" else None),
        "properties": json.loads(properties),
        "context": json.loads(context),
        "timestamp": instant(occurred),
        "originalTimestamp": instant(original),
        "sentAt": instant(sent),
        "receivedAt": instant(received),
        "consent": {"epoch": epoch, "purposes": names_of(purposes)},
    }
    if traits is not None:
        said: dict[str, Any] = json.loads(traits)
        if kind == Event.Kind.GROUP:
            row["groupId"] = said.pop(f"{GROUP_PREFIX}id", None)
            said = {key.removeprefix(GROUP_PREFIX): value for key, value in said.items()}
        row["traits"] = said
    return row
