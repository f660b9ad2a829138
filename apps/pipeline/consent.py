"""What the consumer asks consent about: events that waited, showings, traits."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from apps.consent import gates
from apps.consent.regimes import STRICT_UNKNOWN
from apps.consent.types import Purpose
from apps.consent.withdrawing import Waited, refused_since
from apps.events.fold import Placed
from apps.events.types import FLAG_CAPS_ONLY
from apps.profiles import trait_kinds
from apps.profiles.state import StateRow

# Plain members: looking one up costs a tenth of a microsecond, and every event is asked about.
_ANALYTICS = Purpose.ANALYTICS
_PERSONALIZATION = Purpose.PERSONALIZATION
_SENSITIVE = Purpose.SENSITIVE


def still_allowed(placed: Sequence[Placed], rows: Mapping[UUID, StateRow]) -> list[Placed]:
    """Drop what its owner has said no to: withdrawn while it waited, or on a shared device.

    Asked of every event, whatever its epoch: intake asked whoever has the device now, but a late
    event may belong to somebody who had it before. Of those whose epoch has moved the ledger is
    asked too, in one statement: what was taken back meanwhile does not come back by a later yes.
    """
    waited = [
        Waited(one.profile_id, one.batch.received_at, one.event.epoch)
        for one in placed
        if one.event.epoch != rows[one.profile_id].consent_epoch
    ]
    refused = refused_since(waited) if waited else {}
    kept: list[Placed] = []
    for one in placed:
        event, row = one.event, rows[one.profile_id]
        if event.flags & FLAG_CAPS_ONLY:
            continue
        event.purposes = gates.narrowed(event.purposes, row)
        if refused:
            asked = Waited(one.profile_id, one.batch.received_at, event.epoch)
            event.purposes = gates.without(event.purposes, refused.get(asked, 0))
        if not gates.stamp_allows(event.purposes, _ANALYTICS):
            continue
        _cut_traits(one)
        event.epoch = row.consent_epoch
        kept.append(one)
    return kept


def _cut_traits(placed: Placed) -> None:
    """Take the traits that may not be kept out of what is stored with the event."""
    said = placed.event.context.get("traits")
    if said is None:
        return
    if isinstance(said, dict) and gates.stamp_allows(placed.event.purposes, _PERSONALIZATION):
        site_id, purposes = placed.batch.site_id, placed.event.purposes
        gone = [key for key in said if not may_keep_trait(site_id, key, purposes)]
        for key in gone:
            del said[key]
    else:
        del placed.event.context["traits"]


def may_count_showings(row: StateRow) -> bool:
    """Whether what somebody was shown is counted for frequency caps: unless they refused."""
    return gates.stands(row, _PERSONALIZATION, is_vouched=True, regime=STRICT_UNKNOWN, now_ms=0)


def may_keep_trait(site_id: UUID, key: str, stamp: int) -> bool:
    """Whether a trait of an event with this stamp is stored: a sensitive one by a yes of its own.

    No statement, but for what the site says of its traits: one every few seconds.
    """
    if gates.stamp_allows(stamp, _SENSITIVE):
        return True
    return trait_kinds.kinds_of(site_id).of(key) != trait_kinds.SENSITIVE
