"""The copy of a state row that decisions read, made of what the consumer has at hand."""

from collections.abc import Sequence

from apps.decisions.cap_counts import session_since_ms
from apps.decisions.hot_state import HotProfile
from apps.events import history
from apps.events.history import History
from apps.profiles.state import StateRow, scored_ms, told_meta
from apps.segments.live import LiveDefinitions


def hot_of(
    row: StateRow, kept: History, definitions: LiveDefinitions, keys: Sequence[bytes]
) -> HotProfile:
    """Return the copy of a saved row.

    Args:
        kept: its history, unpacked.
        keys: the wrapped keys of its encrypted traits.
    """
    times = kept.times
    return HotProfile(
        profile_id=row.profile_id.bytes,
        unit_id=row.unit_id,
        epoch=row.consent_epoch,
        version=row.version,
        granted=row.granted,
        denied=row.denied,
        memberships=row.memberships,
        traits=row.trait_values(),
        last_items=[item for _, item in kept.items],
        # Of what may be used: the row counts what is only stored, too.
        last_seen_ms=times[-1] if times else 0,
        identities=row.identities[::-1],
        scored_ms=scored_ms(row.traits),
        trait_meta=told_meta(row.traits, definitions.shown_traits),
        recent=history.recent(kept),
        consent_until_ms=row.consent_until_ms,
        holds=row.holds,
        residence=row.residence,
        caps=row.caps,
        session_since_ms=session_since_ms(times, bool(row.caps)),
        keys=list(keys),
    )
