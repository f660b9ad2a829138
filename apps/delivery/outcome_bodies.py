"""What may be said of outcomes, and what is answered: the bodies of exposures and conversions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from apps.access.errors import Fault, InvalidRequest
from apps.delivery.questions import Id

MAX_ITEMS: Final = 2_000


class Exposure(msgspec.Struct, rename="camel"):
    """One decision that was seen. Times are RFC 3339."""

    decision_id: str
    seen_at: datetime | None = None
    visible_ms: int | float | None = None
    position: int | None = None
    id: Id = None


class Exposures(msgspec.Struct, rename="camel"):
    """The body of POST /v1/exposures; each item is read by itself."""

    exposures: list[msgspec.Raw]
    sent_at: datetime | None = None
    write_key: str | None = None


class Conversion(msgspec.Struct, rename="camel"):
    """One thing that a goal counts."""

    goal: str
    id: Id = None
    occurred_at: datetime | None = None
    value: int | float | None = None
    currency: str | None = None
    anonymous_id: Id = None
    user_id: Id = None
    user_hash: str | None = None
    user_token: str | None = None
    decision_id: str | None = None


class Conversions(msgspec.Struct, rename="camel"):
    """The body of POST /v1/conversions; each item is read by itself."""

    conversions: list[msgspec.Raw]
    sent_at: datetime | None = None
    write_key: str | None = None


class Refusal(msgspec.Struct, rename="camel"):
    """An item that was not taken, in the answer."""

    index: int
    message_id: str | None
    code: str
    detail: str


class Receipt(msgspec.Struct):
    """The answer of both calls."""

    accepted: int
    duplicates: int
    rejected: list[Refusal]
    success: bool = True


EXPOSURES: Final = msgspec.json.Decoder(Exposures)
CONVERSIONS: Final = msgspec.json.Decoder(Conversions)
EXPOSURE: Final = msgspec.json.Decoder(Exposure)
CONVERSION: Final = msgspec.json.Decoder(Conversion)
# What an item can be that its list's decoder did not look into: no text, too deep, another type.
UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidRequest)

REFUSALS: Final = {
    "invalid_exposure": "An exposure is an object with a decisionId; times are RFC 3339.",
    "invalid_conversion": "A conversion is an object with a goal and an id; times are RFC 3339.",
    "invalid_decision_id": "This decision id was not made here for this site.",
    "decision_without_visitor": "This decision was made for nobody: it had no id.",
    "event_too_old": "It is older than the site keeps events.",
    "id_required": "A conversion needs an id of its own, so that it counts once.",
    "identity_required": "Give an anonymousId, a userId or a decisionId.",
    "too_many_visitors": "A call with a publishable key is about 20 visitors at most.",
    "invalid_goal": "A goal has 1 to 200 characters, none of them NUL.",
}


def bounded(items: Sequence[msgspec.Raw], name: str) -> Sequence[msgspec.Raw]:
    """Return the items of a call, which its body has under `name`.

    Raises:
        InvalidRequest: too many.
    """
    if len(items) > MAX_ITEMS:
        detail = f"Send at most {MAX_ITEMS:,} in one call."
        fault: Fault = {"pointer": f"/{name}", "code": "out_of_range", "detail": detail}
        raise InvalidRequest(detail, errors=[fault])
    return items
