"""Does a connection work? Its secret compared, its content system asked. Only which host is kept.

Each finding is a sentence for whoever set the connection up: what is well, or what to do.
"""

import hmac
import json
import ssl
from base64 import b64decode
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

from cryptography.hazmat.primitives.serialization import load_der_public_key

from apps.access import targets
from apps.access.site_time import wall_clock
from apps.integrations.importing import field_names
from apps.integrations.models import Connection, Incoming
from apps.integrations.models import Mapping as Mapped

TIMEOUT_S: Final = 5.0  # of each step; somebody waits for the page
MOST_BYTES: Final = 5 * 1024 * 1024
CONTENTFUL: Final = "https://cdn.contentful.com"
MOST_TYPES: Final = 1_000
QUIET: Final = timedelta(days=7)
_SHOWN: Final = 10  # names in one sentence


class Finding(NamedTuple):
    """One thing that was looked at: "ok", "warn" or "bad", and the sentence."""

    level: str
    words: str


class Question(NamedTuple):
    """What the content system is asked with.

    Attributes:
        address: its origin; of Contentful that of its delivery API.
        space, environment: of Contentful alone.
        token: a key of theirs that may read, for this one call.
    """

    address: str
    space: str
    environment: str
    token: str


# Content type -> the names of its fields, as the content system tells them.
Types = Mapping[str, Collection[str]]


def findings_here(connection: Connection, now: datetime) -> list[Finding]:
    """Return what can be said without asking anybody. Four queries."""
    found = []
    if not connection.is_enabled:
        found.append(Finding("bad", "It is switched off: every call is answered 404."))
    if connection.kind == Connection.Kind.STANDARD and not _can_sign(connection.secret):
        found.append(
            Finding("bad", "The secret is not of this kind: it is “whsec_” and base64 behind it.")
        )
    if connection.tells_of_email:
        return [*found, *_of_email(connection)]
    mapped = list(connection.mappings.select_related("block").order_by("content_type"))
    if not mapped:
        found.append(
            Finding("bad", "No type of entries belongs to a block yet: every entry is refused.")
        )
    found += [
        Finding(
            "bad", f"“{one.content_type}” belongs to the block “{one.block}”, which is archived."
        )
        for one in mapped
        if one.block.archived_at is not None
    ]
    return [*found, _last_call(connection, now)]


def compared(connection: Connection, secret: str) -> Finding:
    """Say whether a secret that was pasted is the one that is kept."""
    given = secret.strip().encode("utf-8", "replace")
    if hmac.compare_digest(connection.secret.encode(), given):
        return Finding("ok", "The secret there and the one kept here are the same.")
    return Finding(
        "bad",
        "The secret that you pasted is not the one kept here. Paste it into the connection, or "
        "set the one that was shown here in the content system.",
    )


def findings_there(connection: Connection, question: Question) -> list[Finding]:
    """Ask the content system which types it has, and compare them with the mappings. One query."""
    host = connection.get_kind_display()
    try:
        types = _asked(connection, question)
    except _NotItsAnswer:
        return [
            Finding("bad", f"What answers there is not {host}: is this the address of its API?")
        ]
    except (OSError, ValueError) as error:
        return [Finding("bad", _why_not(error, connection, question))]
    found = [Finding("ok", f"{host} answers, and the key may read its types ({len(types):,}).")]
    mapped = connection.mappings.select_related("block__type").order_by("content_type")
    return [*found, *(_of_mapping(one, types) for one in mapped)]


def _of_email(connection: Connection) -> list[Finding]:
    found = []
    if connection.kind == Connection.Kind.SENDGRID and not _is_key(connection.secret):
        words = "Paste SendGrid's verification key as the secret: Settings, Mail Settings, Event "
        found.append(Finding("bad", f"{words}Webhook, Signature Verification."))
    elif connection.kind == Connection.Kind.EMAIL and not _can_sign(connection.secret):
        words = "The secret is not of this kind: it is “whsec_” and base64 behind it."
        found.append(Finding("bad", words))
    if connection.last_event_at is None:
        found.append(Finding("warn", "Nothing has come yet: send a test event from there."))
    else:
        found.append(Finding("ok", "Events come in, signed as they have to be."))
    if connection.source is not None and connection.source.consent_mode == "required":
        words = "Without a recorded yes nothing is stored of anybody: see its source."
        found.append(Finding("warn", words))
    return found


def _is_key(text: str) -> bool:
    """Whether it is a public key: base64 of DER."""
    try:
        load_der_public_key(b64decode(text, validate=True))
    except (ValueError, TypeError):
        return False
    return True


def can_be_asked(connection: Connection) -> bool:
    """Whether its kind of system has an API that is known here."""
    return connection.kind in (Connection.Kind.CONTENTFUL, Connection.Kind.STRAPI)


def host_of(address: str) -> str:
    """Return the host of an address, without names, keys and paths in it."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


class _NotItsAnswer(Exception):
    """An answer that this system would not give."""


def _asked(connection: Connection, question: Question) -> Types:
    base = question.address.rstrip("/")
    if connection.kind == Connection.Kind.CONTENTFUL:
        space, environment = (quote(one, safe="") for one in question[1:3])
        path = f"/spaces/{space}/environments/{environment}/content_types?limit={MOST_TYPES}"
    else:
        path = "/api/content-type-builder/content-types"
    body = targets.get(
        base + path,
        {"Authorization": f"Bearer {question.token}", "User-Agent": "Attune/1"},
        timeout_s=TIMEOUT_S,
        most_bytes=MOST_BYTES,
    )
    try:
        said = json.loads(body)
        if connection.kind == Connection.Kind.CONTENTFUL:
            return _types_of_contentful(said)
        return _types_of_strapi(said)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _NotItsAnswer from error


def _types_of_contentful(said: Any) -> Types:
    return {one["sys"]["id"]: [field["id"] for field in one["fields"]] for one in said["items"]}


def _types_of_strapi(said: Any) -> Types:
    """Its hooks name a type by its name in the singular, without what the API adds."""
    return {
        one["schema"].get("singularName") or one["apiID"]: list(one["schema"]["attributes"])
        for one in said["data"]
        if str(one["uid"]).startswith("api::")
    }


def _of_mapping(mapping: Mapped, types: Types) -> Finding:
    name = mapping.content_type
    fields = types.get(name)
    if fields is None:
        near = next((one for one in types if one.lower() == name.lower()), "")
        offered = f"did you mean “{near}”?" if near else f"it has {_few(types)}."
        return Finding("bad", f"There is no type “{name}” there: {offered}")
    named = field_names(mapping.fields)
    if not named:
        schema = mapping.block.fields_schema
        rows = schema if isinstance(schema, list) else []
        named = {row["name"]: row["name"] for row in rows}
        if not set(named) & set(fields):
            return Finding(
                "bad", f"“{name}” and its block have no field of one name: say which is which."
            )
        return Finding("ok", f"“{name}” is there, and fills {_few(set(named) & set(fields))}.")
    odd = [one for one in named if one not in fields]
    if odd:
        return Finding("bad", f"“{name}” has no field {_few(odd)} there: it has {_few(fields)}.")
    return Finding("ok", f"“{name}” is there, with all fields that are named.")


def _why_not(error: Exception, connection: Connection, question: Question) -> str:
    """The sentence for a call that failed."""
    match error:
        case targets.ForbiddenTarget():
            return str(error)
        case targets.UnknownTarget():
            return "There is no host of this name: is the address spelt as in the browser?"
        case targets.NotTaken():
            return _refusal(error, connection, question)
        case ssl.SSLError():
            return "Its certificate cannot be trusted: is the address the one of the certificate?"
        case TimeoutError():
            return f"It did not answer within {TIMEOUT_S:.0f} seconds. Try again in a minute."
        case ConnectionRefusedError():
            return "Nothing listens at this address and port."
        case ValueError():
            return "The key or the address holds a sign that cannot be sent."
    return f"It could not be asked: {error}."


def _refusal(error: targets.NotTaken, connection: Connection, question: Question) -> str:
    is_contentful = connection.kind == Connection.Kind.CONTENTFUL
    match error.status:
        case 401 | 403 if is_contentful:
            return (
                "It refuses the key. Take the one for the Content Delivery API (Settings, API "
                "keys), of this space and environment."
            )
        case 401 | 403:
            return (
                "It refuses the key. Make an API token that may read “Content-type-builder”, "
                "under Settings, API Tokens."
            )
        case 404 if is_contentful:
            return (
                f"It knows no space “{question.space}” with an environment "
                f"“{question.environment}”, or the key is of another one."
            )
        case 404:
            return "There is nothing here. Give Strapi's own address, without /admin or /api."
        case 429:
            return "It is asked too often just now. Try again in a minute."
        case status if 300 <= status < 400:
            return "This address leads on to another one: give that one."
        case status if status >= 500:
            return f"It has trouble of its own (status {status}). Try again later."
    return f"It answered with the status {error.status}."


def _last_call(connection: Connection, now: datetime) -> Finding:
    rows = Incoming.objects.filter(connection=connection).defer("body", "repaired")
    last = rows.order_by("-received_at").first()
    if last is None:
        return Finding("warn", "No call has come yet: publish an entry there, then look here.")
    at = wall_clock(last.received_at, connection.site.time_zone)
    said = f"The last call came {at}"
    if last.state == Incoming.State.REFUSED:
        return Finding("bad", f"{said} and was refused: {last.message}")
    level = "warn" if now - last.received_at > QUIET else "ok"
    return Finding(level, f"{said}: {last.get_state_display()}. Its signature was right.")


def _can_sign(secret: str) -> bool:
    try:
        return bool(b64decode(secret.removeprefix("whsec_"), validate=True))
    except ValueError:
        return False


def _few(names: Collection[str]) -> str:
    shown = ", ".join(f"“{one[:60]}”" for one in sorted(names)[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown or "none"
