"""Taking in a call: is it from who it says, is it new; then it is kept, and imported later."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from apps.access.errors import NotFound
from apps.integrations.domain.entries import event_of
from apps.integrations.domain.signatures import check_contentful, check_standard, check_strapi
from apps.integrations.esp_signatures import check_mailgun, check_postmark, check_sendgrid
from apps.integrations.models import Connection, Incoming
from apps.work import services as work

IMPORT: Final = "integrations.import"


def connection_for(connection_id: UUID) -> Connection:
    """Return a connection that is switched on. One query.

    Raises:
        NotFound
    """
    found = (
        Connection.objects.select_related("site", "source")
        .filter(pk=connection_id, is_enabled=True)
        .first()
    )
    if found is None:
        raise NotFound("There is no connection of this id, or it is switched off.")
    return found


def check(
    connection: Connection,
    *,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
) -> None:
    """Return if the call knows the connection's secret. `headers` are by lower-case name.

    Raises:
        InvalidSignature
    """
    seconds = now.timestamp()
    match connection.kind:
        case Connection.Kind.CONTENTFUL:
            seen = connection.seen_path or path
            check_contentful(connection.secret, method, seen, headers, body, seconds)
        case Connection.Kind.STRAPI:
            check_strapi(connection.secret, headers)
        case Connection.Kind.SENDGRID:
            check_sendgrid(connection.secret, headers, body, seconds)
        case Connection.Kind.POSTMARK:
            check_postmark(connection.secret, headers)
        case Connection.Kind.MAILGUN:
            check_mailgun(connection.secret, body, seconds)
        case _:
            check_standard(connection.secret, headers, body, seconds)


@transaction.atomic
def keep(
    connection: Connection, headers: Mapping[str, str], body: bytes, now: datetime
) -> tuple[Incoming, bool]:
    """Keep a call that was checked, and ask for its import; return it and whether it is new.

    A sender without ids of its own says the time in the body, so the digest tells calls apart.
    """
    event = printable(event_of(connection.kind, headers))
    delivery = hashlib.sha256(f"{event}\n".encode() + body).hexdigest()
    if connection.kind == Connection.Kind.STANDARD:
        delivery = printable(headers.get("webhook-id", ""))[:200]
    incoming, is_new = Incoming.objects.get_or_create(
        connection=connection,
        delivery=delivery,
        defaults={"event": event, "body": body, "received_at": now},
    )
    if is_new:
        ask_import(incoming, now)
    return incoming, is_new


def ask_import(incoming: Incoming, now: datetime) -> None:
    """Have a worker import the call."""
    work.ask(
        IMPORT,
        key=incoming.pk.hex,
        site_id=incoming.connection.site_id,
        payload={"incoming": str(incoming.pk)},
        queue="fast",
        now=now,
    )


def run_again(incoming: Incoming, now: datetime, repaired: str | None = None) -> None:
    """Import a call once more, with another body where one is given.

    A body that was repaired stands beside what came, which is never changed.
    """
    with transaction.atomic():
        row = Incoming.objects.select_for_update(of=("self",)).get(pk=incoming.pk)
        row.state, row.code, row.message, row.ended_at = Incoming.State.WAITING, "", "", None
        if repaired is not None:
            row.repaired = repaired
        row.save(update_fields=["state", "code", "message", "ended_at", "repaired"])
        ask_import(row, now)


def printable(text: str) -> str:
    """Return the text with what no database or page can hold made visible."""
    return "".join(one if one.isprintable() else "\ufffd" for one in text)
