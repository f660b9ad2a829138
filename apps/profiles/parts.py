"""Parts of a profile that higher apps keep: they offer them here, one door serves all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


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
