"""Parts of a profile that higher apps keep: they offer them here, one door serves all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from apps.access.errors import Fault, InvalidRequest


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of one part: whose, how much, and from where on.

    Attributes:
        limit: rows wanted, at least 1.
        after: the cursor of the page before, empty for the first.
        query: the other query parameters.
    """

    site_id: UUID
    profile_id: UUID
    limit: int
    after: str
    query: Mapping[str, str]
    now: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of a part and the cursor of the next page, empty when there is none."""

    rows: list[dict[str, Any]]
    next: str = ""


Reader = Callable[[Asked], Page]

_readers: dict[str, Reader] = {}


def offer_part(name: str, reader: Reader) -> None:
    """Serve `/v1/profiles/{kind}:{value}/{name}` by this reader; called from an app's ready()."""
    _readers[name] = reader


def reader_of(name: str) -> Reader | None:
    """The reader of a part, None when nobody offers it."""
    return _readers.get(name)


def part_names() -> list[str]:
    """The parts that are offered, sorted."""
    return sorted(_readers)


def instant(at: datetime | None) -> str | None:
    """A time as the API writes it: RFC 3339, UTC, milliseconds."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def asked_instant(asked: Asked, name: str) -> datetime | None:
    """Read a query parameter that is a time; None when it was not given.

    Raises:
        InvalidRequest: not RFC 3339; a time without an offset is UTC.
    """
    text = asked.query.get(name)
    if not text:
        return None
    try:
        # "+" of an offset arrives as a blank when it was not encoded.
        at = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _unreadable(name, "Give a time such as 2026-03-01T12:00:00Z.") from None


def uuid_after(cursor: str) -> UUID:
    """Read a cursor that is an id.

    Raises:
        InvalidRequest: a cursor that was not handed out here.
    """
    try:
        return UUID(cursor)
    except ValueError:
        raise foreign_cursor() from None


def foreign_cursor() -> InvalidRequest:
    """The refusal of a `next` that no page of this part has answered."""
    return _unreadable("next", "Pass `cursor.next` of the page before, or leave it out.")


def _unreadable(name: str, detail: str) -> InvalidRequest:
    fault: Fault = {"pointer": f"/{name}", "code": "invalid", "detail": detail}
    return InvalidRequest(f"`{name}` cannot be read.", errors=[fault])
