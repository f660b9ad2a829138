"""What other apps receive from segments, and the register of who uses what in the drafts."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Usage:
    """One thing that uses another: `kind` such as "variant" or "rule", `name` for people.

    `url_name` and `object_id` lead to its page in the admin, where it has one.
    """

    kind: str
    name: str
    url_name: str = ""
    object_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class UsageHolder:
    """Where one app uses an object of another: asked before it is archived."""

    name: str
    used_by: Callable[[UUID, str, UUID], list[Usage]]  # (site, kind, id) -> who uses it


_holders: dict[str, UsageHolder] = {}


def register_usage(holder: UsageHolder) -> None:
    """Add a holder; called once from an app's ready(). It is asked for every kind of object.

    Kinds are "segment", "block", "variant", "placement", "theme", "cap", "asset", "rule" and what
    else has a history; a holder answers [] for kinds that it does not know.
    """
    _holders[holder.name] = holder


def usages_of(site_id: UUID, kind: str, object_id: UUID) -> list[Usage]:
    """Return everything that uses an object, in order of registration."""
    return [
        usage for holder in _holders.values() for usage in holder.used_by(site_id, kind, object_id)
    ]


@dataclass(frozen=True, slots=True)
class Stayed:
    """One stay of a profile in a segment. `left_at` None: still in it; `source`: what put it in."""

    segment_key: str
    segment_name: str
    number: int
    since: datetime
    left_at: datetime | None
    valid_until: datetime | None
    source: str = "rule"


@dataclass(frozen=True, slots=True)
class Freshness:
    """How a segment stands, for the overview.

    Attributes:
        size: members as of the last refresh, or now where there were none then; None before the
            first refresh.
        depends_on_request: part of the condition is answered while a page is asked for.
        state: of the newest version: "building", "live"; "draft" when none was published.
    """

    key: str
    name: str
    state: str
    size: int | None
    refreshed_at: datetime | None
    depends_on_request: bool


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What one refresh did. Times in ms.

    Attributes:
        profiles: how many were asked.
        evaluated: how many of them the live path answered again.
        entered, left: membership changes written.
        promoted: versions that went live.
    """

    profiles: int
    evaluated: int
    entered: int
    left: int
    promoted: int
    took_ms: int
