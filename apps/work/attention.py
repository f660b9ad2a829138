"""What wants a person, for the home page: told by apps that the page does not know."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Notice:
    """One line. `level` is "bad", "warn" or "info"; `link_words` stand on `link`."""

    level: str
    text: str
    link: str
    link_words: str


Teller = Callable[[UUID, datetime], Iterable[Notice]]

_tellers: Final[dict[str, tuple[str, Teller]]] = {}


def register(name: str, *, permission: str, tell: Teller) -> None:
    """Have `tell` (site, now) be asked for whoever has the permission; from an app's ready()."""
    _tellers[name] = (permission, tell)


def notices(may: Callable[[str], bool], site_id: UUID, now: datetime) -> list[Notice]:
    """Return what somebody with these permissions is told about a site."""
    return [
        notice
        for permission, tell in _tellers.values()
        if may(permission)
        for notice in tell(site_id, now)
    ]
