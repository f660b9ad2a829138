"""What may be asked of /v1/decide, as typed JSON. Unknown fields are ignored, never refused."""

import re
from typing import Any, Final

import msgspec

from apps.access.errors import Fault, InvalidRequest

MAX_BODY_BYTES: Final = 65_536
MAX_PLACEMENTS: Final = 50
MAX_KEY_LENGTH: Final = 100
MAX_ITEMS: Final = 100
MAX_ID_LENGTH: Final = 512

_CONTROL: Final = re.compile("[\x00-\x1f\x7f]")

Id = str | int | float | None


class PlacementAsk(msgspec.Struct, gc=False):
    """One placement with options: `limit` items of a recommendations block."""

    key: str
    limit: int | None = None


class Question(msgspec.Struct, rename="camel"):
    """A decide call's body."""

    placements: list[str | PlacementAsk]
    anonymous_id: Id = None
    user_id: Id = None
    user_hash: str | None = None
    user_token: str | None = None
    context: dict[str, Any] | None = None
    facts: dict[str, Any] | None = None
    explain: bool | None = None
    preview: str | None = None
    write_key: str | None = None


QUESTION: Final = msgspec.json.Decoder(Question)


def asked_of(question: Question) -> list[tuple[str, int | None]]:
    """Return (placement key, limit) of each placement, each once, in order.

    Raises:
        InvalidRequest: none or too many, or a key or limit out of bounds.
    """
    wanted = question.placements
    if not 0 < len(wanted) <= MAX_PLACEMENTS:
        detail = f"Ask for 1 to {MAX_PLACEMENTS} placements in one call."
        raise _refused("/placements", "out_of_range", detail)
    found: dict[str, int | None] = {}
    for index, one in enumerate(wanted):
        if type(one) is str:
            key, limit = one, None
        else:
            assert isinstance(one, PlacementAsk)
            key, limit = one.key, one.limit
            if limit is not None and not 0 < limit <= MAX_ITEMS:
                detail = f"A limit is between 1 and {MAX_ITEMS}."
                raise _refused(f"/placements/{index}/limit", "out_of_range", detail)
        if not 0 < len(key) <= MAX_KEY_LENGTH or _CONTROL.search(key):
            detail = f"A placement key has 1 to {MAX_KEY_LENGTH} characters, none of control."
            raise _refused(f"/placements/{index}", "invalid", detail)
        found[key] = limit
    return list(found.items())


def id_text(value: Id, name: str) -> str | None:
    """Return an id as text: numbers are accepted, empty is absent.

    Raises:
        InvalidRequest: too long, or with a NUL, which no store keeps.
    """
    if value is None or value == "":
        return None
    text = value if type(value) is str else _number_text(value)
    if len(text) > MAX_ID_LENGTH or "\x00" in text:
        detail = f"An id has at most {MAX_ID_LENGTH} characters, none of them NUL."
        raise _refused(f"/{name}", "invalid", detail)
    return text


def _number_text(value: Id) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _refused(pointer: str, code: str, detail: str) -> InvalidRequest:
    fault: Fault = {"pointer": pointer, "code": code, "detail": detail}
    return InvalidRequest(detail, errors=[fault])
