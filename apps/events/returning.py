"""Where people opt out, an erased person is back with a sign-in that was signed afterwards."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

import msgspec

from apps.access.proof import SignedIn
from apps.consent import tombstones
from apps.consent.gates import found_for
from apps.consent.regimes import is_opt_in
from apps.consent.tombstones import Choices
from apps.events.permission import subjects_of
from apps.events.types import Accepted, Sender
from apps.work.clock import from_ms

_TOKEN: Final = b'"userToken"'


class _Token(msgspec.Struct, rename="camel"):
    user_token: str | None = None


_token = msgspec.json.Decoder(_Token)


def erased_of(events: Iterable[Accepted], choices: Choices) -> list[Accepted]:
    """Return those of these events that may not be stored because somebody they name was erased."""
    if not choices.barred:
        return []
    return [
        event
        for event in events
        if tombstones.is_barred(choices.barred, subjects_of(event), event.occurred_ms)
    ]


def may_return(
    sender: Sender, dropped: Iterable[Accepted], raw_of: Callable[[Accepted], bytes]
) -> bool:
    """Tell whether any of the dropped events could show a sign-in; costs no statement."""
    return (
        sender.signed_in is not None
        and not is_opt_in(found_for(sender).regime)
        and any(event.user_id is not None and _TOKEN in raw_of(event) for event in dropped)
    )


def let_in(
    sender: Sender,
    dropped: Iterable[Accepted],
    raw_of: Callable[[Accepted], bytes],
    now: datetime,
) -> bool:
    """Open the way for who shows a sign-in that the site's server signed after the erasure.

    The event that shows it is the first that counts. True if any tombstone was opened.
    """
    dropped = list(dropped)
    if not may_return(sender, dropped, raw_of):
        return False
    opened = 0
    for event in sorted(dropped, key=lambda event: event.occurred_ms):
        shown = _signed_in(sender, raw_of(event), now)
        if shown is None or shown.user_id != event.user_id:
            continue
        happened = from_ms(event.occurred_ms)
        if shown.signed_at <= happened:
            opened += tombstones.open_for(
                sender.site_id,
                subjects_of(event),
                how="signed",
                now=now,
                since=happened,
                signed_at=shown.signed_at,
            )
    return opened > 0


def _signed_in(sender: Sender, raw: bytes, now: datetime) -> SignedIn | None:
    assert sender.signed_in is not None, "asked in `may_return`"
    try:
        token = _token.decode(raw).user_token
    except msgspec.MsgspecError:
        return None
    return sender.signed_in(token, now) if token else None
