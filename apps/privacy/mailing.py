"""E-mail of the privacy desk: asked for in a transaction, sent by a worker, then forgotten.

The address and the words wait encrypted, and are emptied once the message is out, refused for good
or too old. A template is a file `templates/privacy/mail/<name>.txt`: its first line is the subject.
"""

import hashlib
import smtplib
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email
from django.db.models import F
from django.template.loader import render_to_string

from apps.access.errors import InvalidRequest
from apps.privacy.models.outbox import Message
from apps.privacy.sealed_text import seal, unseal
from apps.profiles import contacts, identities, splitting
from apps.profiles.holders import Subject, found_by_name
from apps.work import services as work

SEND: Final = "privacy.send_message"
WAITS: Final = timedelta(days=2)  # for a mail server that is away
KEPT: Final = timedelta(days=730)  # as long as the requests that messages belong to
FILES_KEPT: Final = timedelta(days=7)  # messages written to files, where nothing is sent
MAX_ADDRESS: Final = 254
_USE: Final = "mail"


class _Words(msgspec.Struct):
    """What is encrypted: whom it is for, and what the template is filled with."""

    to: str
    values: dict[str, Any]


class NotSent(Exception):
    """The mail server did not take a message; it is tried again. Says only the kind of error."""


def ask_to_send(
    *,
    site_id: UUID,
    to: str,
    template: str,
    values: Mapping[str, Any],
    now: datetime,
    is_for_known: bool = False,
) -> UUID:
    """Have a message sent once the caller's transaction has committed; return its id.

    What the caller does is the same for every address, so an answer tells nobody who is known here:
    with `is_for_known` it is the worker who finds out, and closes what is for nobody.

    Args:
        to: one address.
        template: name of a file in templates/privacy/mail, without `.txt`.
        values: what it is filled with, as JSON values.

    Raises:
        InvalidRequest: `to` is no address.
    """
    address = address_of(to)
    words = msgspec.msgpack.encode(_Words(address, dict(values)))
    message = Message(
        site_id=site_id,
        template=template,
        is_for_known=is_for_known,
        created_at=now,
        expires_at=now + WAITS,
    )
    message.sealed = seal(_USE, words, bound=message.pk.bytes)
    message.save(force_insert=True)
    _hand_over(message, now)
    return message.pk


def address_of(text: str) -> str:
    """Return one e-mail address, without blanks around it.

    Raises:
        InvalidRequest: it is none.
    """
    address = text.strip()
    try:
        validate_email(address)
    except ValidationError:
        raise _no_address() from None
    if len(address) > MAX_ADDRESS:
        raise _no_address()
    return address


def _no_address() -> InvalidRequest:
    return InvalidRequest("Give one e-mail address, such as ada@example.com.")


def names_of(address: str) -> list[tuple[str, str]]:
    """Return the identities that an e-mail address can be: its digest, or a login of that name."""
    plain = address.strip()
    digest = hashlib.sha256(plain.lower().encode()).hexdigest()
    logins = dict.fromkeys((plain, plain.lower()))
    return [("email_sha256", digest), *(("user_id", login) for login in logins)]


def known_names(site_id: UUID, address: str) -> list[tuple[str, str]]:
    """Return identities, one of each profile that an e-mail address leads to here."""
    found = identities.find([(site_id, kind, value) for kind, value in names_of(address)])
    names = {known.profile_id: (kind, value) for (_, kind, value), known in found.items()}
    for profile_id in contacts.profiles_by(site_id, "email", address):
        own = () if profile_id in names else splitting.identities_of(profile_id)
        for identity in own:
            names.setdefault(profile_id, (identity.kind, identity.value))
    return list(names.values())


def send_again(*, message_ids: list[UUID], now: datetime) -> int:
    """Give failed messages another two days; return how many there were."""
    failed = Message.objects.filter(pk__in=message_ids, state=Message.State.FAILED)
    count = 0
    for message in failed:
        message.state, message.expires_at = Message.State.WAITING, now + WAITS
        message.save(update_fields=["state", "expires_at"])
        _hand_over(message, now)
        count += 1
    return count


def _hand_over(message: Message, now: datetime) -> None:
    payload = {"message": message.pk.hex}
    work.ask(
        SEND, key=message.pk.hex, site_id=message.site_id, payload=payload, queue="fast", now=now
    )


def send(message_id: UUID, *, now: datetime, is_last: bool) -> None:
    """Send one message if it still waits. Twice: the second finds it sent.

    A worker that dies between the mail server's yes and ours sends it again: an address gets a link
    twice rather than never.

    Args:
        is_last: nobody tries again by themselves after this time.

    Raises:
        NotSent: the mail server is away or refused it.
    """
    message = Message.objects.filter(pk=message_id, state=Message.State.WAITING).first()
    if message is None:
        return
    words = _words_of(message)
    if words is None or message.expires_at <= now or not _is_meant(message, words.to):
        _end(message, Message.State.CLOSED, now)
        return
    subject, _, body = render_to_string(
        f"privacy/mail/{message.template}.txt", words.values
    ).partition("\n")
    mail = EmailMessage(subject.strip(), body.strip() + "\n", settings.EMAIL_FROM, [words.to])
    try:
        mail.send()
    except (OSError, smtplib.SMTPException) as error:
        _note(message, error, is_last=is_last)
        # Its words name the address: they go no further.
        raise NotSent(message.error) from None
    _end(message, Message.State.SENT, now)


def close_old(now: datetime) -> int:
    """Empty what was not sent in time, forget old rows and files; how many rows. Repeatable."""
    late = Message.objects.filter(state__in=["waiting", "failed"], expires_at__lte=now)
    closed = late.update(state=Message.State.CLOSED, sealed=b"", ended_at=now)
    Message.objects.filter(created_at__lt=now - KEPT).delete()
    folder = Path(settings.EMAIL_FILE_PATH) if settings.EMAIL_FILE_PATH else None
    oldest = (now - FILES_KEPT).timestamp()
    for file in folder.glob("*.log") if folder is not None and folder.is_dir() else ():
        if file.stat().st_mtime < oldest:
            file.unlink(missing_ok=True)
    return closed


def forget(subject: Subject) -> int:
    """Close what still waits to be sent to somebody who is erased; how many. Repeatable."""
    own, profiles = set(subject.names), set(subject.profile_ids)
    waiting = Message.objects.filter(site_id=subject.site_id, state__in=["waiting", "failed"])
    theirs = []
    for message in waiting.order_by("pk").iterator(chunk_size=500):
        words = _words_of(message)
        if words is None:
            continue
        is_named = not own.isdisjoint(names_of(words.to))
        if is_named or not profiles.isdisjoint(
            contacts.profiles_by(subject.site_id, "email", words.to)
        ):
            theirs.append(message.pk)
    return Message.objects.filter(pk__in=theirs).update(
        state=Message.State.CLOSED, sealed=b"", error=""
    )


# Before the tables of addresses are emptied, by which somebody may be found.
HOLDER: Final = found_by_name("messages", ("privacy_message",), forget, "live")


def _words_of(message: Message) -> _Words | None:
    plain = unseal(_USE, bytes(message.sealed), bound=message.pk.bytes)
    return None if plain is None else msgspec.msgpack.decode(plain, type=_Words)


def _is_meant(message: Message, address: str) -> bool:
    return not message.is_for_known or bool(known_names(message.site_id, address))


def _end(message: Message, state: str, now: datetime) -> None:
    Message.objects.filter(pk=message.pk).update(
        state=state, sealed=b"", error="", attempts=F("attempts") + 1, ended_at=now
    )


def _note(message: Message, error: Exception, *, is_last: bool) -> None:
    code = getattr(error, "smtp_code", None)
    message.error = f"{type(error).__name__}{f' {code}' if code else ''}"[:120]
    Message.objects.filter(pk=message.pk).update(
        state=Message.State.FAILED if is_last else Message.State.WAITING,
        error=message.error,
        attempts=F("attempts") + 1,
    )
