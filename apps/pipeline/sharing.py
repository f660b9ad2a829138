"""A device that several people sign in from: each keeps the events of their own time at it."""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from uuid import UUID

from apps.events import fold as event_fold
from apps.profiles import services as profiles
from apps.profiles.identities import Known, Name
from apps.profiles.state import uuid_array
from apps.work import clock

Spans = list[tuple[int, UUID]]  # (since ms, profile), ascending

# The link of somebody whose hold on the device no identify event tells: an alias did it.
_FROM_THE_FIRST = 0


def spans_of(known: Mapping[Name, Known]) -> dict[int, Spans]:
    """The links of the shared identities among these, by identity. A statement only if any is."""
    shared = [place.id for place in known.values() if place.is_shared]
    return profiles.links_of(shared) if shared else {}


def owner_at(spans: Spans, at_ms: int) -> UUID:
    """The profile of the latest link at or before an instant; before all of them, the first."""
    place = bisect_right(spans, at_ms, key=lambda span: span[0])
    return spans[max(place - 1, 0)][1]


def settle(identity_id: int, before: UUID, spans: Spans, candidates: Collection[UUID]) -> UUID:
    """Rewrite an identity's links from its identify events and move its events accordingly.

    The answer depends on the stored events, not on the order in which they came. Events that carry
    a user id of their own stay with that user.

    Args:
        before: whose the identity was until now.
        spans: its links until now, none for one that was not shared.
        candidates: every profile that may hold events of it, those two included.

    Returns:
        Whose it is now.
    """
    places = uuid_array(candidates)
    said = event_fold.identifications(identity_id, places)
    first = spans[:1] if spans and spans[0][0] == _FROM_THE_FIRST else []
    if not spans and before not in {profile_id for _, profile_id in said}:
        first = [(_FROM_THE_FIRST, before)]
    # Without an identify event in store, of those who may not be stored, nothing changes.
    links = _links(first, said) or spans
    if spans or any(profile_id != before for _, profile_id in links):
        profiles.replace_links(identity_id, links)
        event_fold.place_by_links(identity_id, places)
    return links[-1][1]


def _links(first: Spans, said: Iterable[tuple[datetime, UUID]]) -> Spans:
    """One link for each time that somebody else came; of two in one millisecond the later."""
    links = list(first)
    for at, profile_id in said:
        at_ms = clock.to_ms(at)
        if links and links[-1][0] == at_ms:
            links.pop()
        if not links or links[-1][1] != profile_id:
            links.append((at_ms, profile_id))
    return links
