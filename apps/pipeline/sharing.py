"""A device that several people sign in from: each keeps the events of their own time at it."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

from apps.events import fold as event_fold
from apps.profiles import services as profiles
from apps.profiles.identities import Known, Name
from apps.profiles.state import uuid_array
from apps.work import clock

Spans = list[tuple[int, UUID]]  # (since ms, profile), ascending


class Settled(NamedTuple):
    """Whose an identity is now, and every profile that gained or lost events."""

    owner: UUID
    touched: set[UUID]


def spans_of(known: Mapping[Name, Known]) -> dict[int, Spans]:
    """The links of the shared identities among these, by identity. A statement only if any is."""
    shared = [place.id for place in known.values() if place.is_shared]
    return profiles.links_of(shared) if shared else {}


def owner_at(spans: Spans, at_ms: int) -> UUID:
    """The profile of the latest link at or before an instant; before all of them, the first."""
    place = bisect_right(spans, at_ms, key=lambda span: span[0])
    return spans[max(place - 1, 0)][1]


def settle(identity_id: int, profile_ids: Iterable[UUID]) -> Settled:
    """Rewrite an identity's links from its identify events and move its events accordingly.

    The answer depends on the stored events alone, not on the order in which they came. Events that
    carry a user id of their own stay with that user.
    """
    places = uuid_array(set(profile_ids))
    spans: Spans = []
    for at, profile_id in event_fold.identifications(identity_id, places):
        if not spans or spans[-1][1] != profile_id:
            spans.append((clock.to_ms(at), profile_id))
    profiles.replace_links(identity_id, spans)
    everyone = set(profile_ids) | {profile_id for _, profile_id in spans}
    event_fold.place_by_links(identity_id, uuid_array(everyone))
    return Settled(spans[-1][1], everyone)
