"""What e-mail providers tell, read into one shape. Pure: no database, nothing is looked up.

Formats: SendGrid Event Webhook v3, Postmark webhooks, Mailgun webhooks v3, and our own, which the
events of Resend fit too (Standard Webhooks).
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from apps.access.errors import InvalidRequest
from apps.integrations.models import Connection

MOST: Final = 2_000  # of one call
LONGEST: Final = 200

DELIVERED: Final = "Email Delivered"
OPENED: Final = "Email Opened"
CLICKED: Final = "Email Clicked"
BOUNCED: Final = "Email Bounced"
SPAM: Final = "Email Marked Spam"
UNSUBSCRIBED: Final = "Email Unsubscribed"


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that became of one message.

    Attributes:
        key: the same for the same thing told twice.
        email, user_id: of the person; at least one is not "".
        at: when, None where it is not said.
        link: where a click led to: host and path, nothing that names who clicked.
        is_machine: a program fetched it (a privacy proxy, a scanner): nobody has read it for that.
        is_hard: a bounce that no later message would escape.
    """

    key: str
    name: str
    email: str
    user_id: str
    at: datetime | None
    campaign: str = ""
    link: str = ""
    is_machine: bool = False
    is_hard: bool = False


def read(kind: str, body: bytes) -> list[Told]:
    """Return what a call tells of messages, without what nothing is made of.

    Raises:
        InvalidRequest: it is no JSON of this provider, or more than MOST.
    """
    try:
        found = json.loads(body)
        rows = list(_READERS[kind](found))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        raise InvalidRequest("What came cannot be read as of this provider.") from None
    if len(rows) > MOST:
        raise InvalidRequest(f"A call tells of {MOST} events at most.")
    return [one for one in rows if one.email or one.user_id]


_OF_SENDGRID: Final = {
    "delivered": DELIVERED,
    "open": OPENED,
    "click": CLICKED,
    "bounce": BOUNCED,
    "spamreport": SPAM,
    "unsubscribe": UNSUBSCRIBED,
    "group_unsubscribe": UNSUBSCRIBED,
}


def _sendgrid(found: Any) -> Iterator[Told]:
    for one in _objects(found):
        name = _OF_SENDGRID.get(str(one.get("event")))
        if name is not None:
            yield Told(
                key=_text(one.get("sg_event_id")) or _digest(one),
                name=name,
                email=_text(one.get("email")),
                user_id=_user(one),
                at=_seconds(one.get("timestamp")),
                campaign=_text(one.get("singlesend_name") or one.get("category")),
                link=_link(one.get("url")),
                is_machine=one.get("sg_machine_open") is True,
                # "blocked" is a refusal of this message, not the end of the address.
                is_hard=name == BOUNCED and one.get("type") != "blocked",
            )


_OF_POSTMARK: Final = {
    "Delivery": DELIVERED,
    "Open": OPENED,
    "Click": CLICKED,
    "Bounce": BOUNCED,
    "SpamComplaint": SPAM,
    "SubscriptionChange": UNSUBSCRIBED,
}
_HARD: Final = frozenset({"HardBounce", "BadEmailAddress"})
# What Apple's mail proxy calls itself when it fetches every picture of every message.
_PROXY: Final = "Mozilla/5.0"


def _postmark(found: Any) -> Iterator[Told]:
    for one in _objects(found):
        name = _OF_POSTMARK.get(str(one.get("RecordType")))
        if name is None:
            continue
        if name == UNSUBSCRIBED and one.get("SuppressSending") is not True:
            continue  # they come back; that is for them to say here
        at = next(
            filter(None, (one.get(f"{word}At") for word in ("Delivered", "Received", "Bounced",
                                                            "Changed"))), None)  # fmt: skip
        yield Told(
            key=_digest([one.get(key) for key in ("RecordType", "MessageID", "ID")] + [at]),
            name=name,
            email=_text(one.get("Recipient") or one.get("Email")),
            user_id=_user(one.get("Metadata") or {}),
            at=_instant(at),
            campaign=_text(one.get("Tag")),
            link=_link(one.get("OriginalLink")),
            is_machine=name == OPENED and one.get("UserAgent") == _PROXY,
            is_hard=one.get("Type") in _HARD,
        )


_OF_MAILGUN: Final = {
    "delivered": DELIVERED,
    "opened": OPENED,
    "clicked": CLICKED,
    "failed": BOUNCED,
    "complained": SPAM,
    "unsubscribed": UNSUBSCRIBED,
}


def _mailgun(found: Any) -> Iterator[Told]:
    one = found["event-data"]
    name = _OF_MAILGUN.get(str(one.get("event")))
    if name is None or (name == BOUNCED and one.get("severity") == "temporary"):
        return
    tags = one.get("tags") or one.get("campaigns")
    yield Told(
        key=_text(one.get("id")) or _digest(one),
        name=name,
        email=_text(one.get("recipient")),
        user_id=_user(one.get("user-variables") or {}),
        at=_seconds(one.get("timestamp")),
        campaign=_text(tags[0] if isinstance(tags, list) and tags else ""),
        link=_link(one.get("url")),
        is_machine=bool((one.get("client-info") or {}).get("bot")),
        is_hard=name == BOUNCED,
    )


_OF_OTHERS: Final = {
    "email.delivered": DELIVERED,
    "email.opened": OPENED,
    "email.clicked": CLICKED,
    "email.bounced": BOUNCED,
    "email.complained": SPAM,
    "email.unsubscribed": UNSUBSCRIBED,
}


def _others(found: Any) -> Iterator[Told]:
    rows = found["events"] if isinstance(found, dict) and "events" in found else found
    for one in _objects(rows):
        name = _OF_OTHERS.get(str(one.get("type")))
        if name is None:
            continue
        said = one["data"] if isinstance(one.get("data"), dict) else one
        to, click, bounce = said.get("to"), said.get("click"), said.get("bounce")
        kind = bounce.get("type") if isinstance(bounce, dict) else bounce
        yield Told(
            key=_text(one.get("id")) or _digest(one),
            name=name,
            email=_text(said.get("email") or (to[0] if isinstance(to, list) and to else to)),
            user_id=_user(said),
            at=_instant(one.get("at") or one.get("created_at")),
            campaign=_text(said.get("campaign")),
            link=_link(said.get("link") or (click or {}).get("link")),
            is_machine=said.get("machineOpen") is True,
            is_hard=str(kind).lower() in ("hard", "permanent"),
        )


_READERS: Final[Mapping[str, Callable[[Any], Iterator[Told]]]] = {
    Connection.Kind.SENDGRID: _sendgrid,
    Connection.Kind.POSTMARK: _postmark,
    Connection.Kind.MAILGUN: _mailgun,
    Connection.Kind.EMAIL: _others,
}


def _objects(found: Any) -> list[dict[str, Any]]:
    rows = found if isinstance(found, list) else [found]
    if not all(isinstance(one, dict) for one in rows):
        raise ValueError("not objects")
    return rows


def _user(said: Mapping[str, Any]) -> str:
    return next((_text(said[key]) for key in ("user_id", "userId") if said.get(key)), "")


def _text(value: Any) -> str:
    if isinstance(value, list):
        value = value[0] if value else ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    text = "".join(sign for sign in str(value).strip() if sign.isprintable())
    return text[:LONGEST]


def _link(value: Any) -> str:
    """Host and path alone: what follows them often names who clicked."""
    if not isinstance(value, str):
        return ""
    parts = urlsplit(value.strip())
    return _text(f"{parts.hostname or ''}{parts.path}")


def _seconds(value: Any) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return datetime.fromtimestamp(value, UTC)


def _instant(value: Any) -> datetime | None:
    if not isinstance(value, str) or not value:
        return None
    found = datetime.fromisoformat(value)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:40]
