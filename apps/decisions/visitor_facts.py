"""What a decision knows of a visitor, from their copy in hot state."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

from apps.access.selectors import known_zone
from apps.consent.gates import granted_now
from apps.consent.types import names_of
from apps.decisions import cap_counts
from apps.decisions.types import HotProfile
from apps.events import history
from apps.segments.live import bindings_in, decode_some, decode_stays, is_inside
from engine.capping import SESSION_IDLE_MS
from engine.facts import TraitMeta
from engine.members import Visitor
from engine.snapshot import CompiledSnapshot


def visitor_of(
    profile: HotProfile,
    *,
    is_allowed: bool,
    site_zone: str = "UTC",
    now_ms: int | None = None,
    segments: Collection[int] | None = None,
) -> Visitor:
    """Return a known visitor; nothing personal of one who has not allowed it.

    Args:
        now_ms: by which it is told whether the session of the newest event goes on; None: it does
            not.
        site_zone: where the site's days begin, for filters that compare events with the request.
        segments: numbers of those that can be asked for; None: any.
    """
    if not is_allowed:
        return Visitor(profile.unit_id, {}, {}, False, True)
    return Visitor(
        profile.unit_id,
        decode_stays(profile.memberships)
        if segments is None
        else decode_some(profile.memberships, segments),
        profile.traits,
        True,
        True,
        history.decode(profile.recent).happenings if profile.recent else (),
        _meta_of(profile),
        _consents(granted_now(profile, now_ms or 0), profile.denied),
        known_zone(site_zone),
        _shown(profile.caps) if profile.caps else _NOTHING_SHOWN,
        _session_since_ms(profile, now_ms),
    )


def _meta_of(profile: HotProfile) -> Mapping[str, TraitMeta]:
    if not profile.scored_ms:
        return profile.trait_meta
    return {
        name: TraitMeta(at_ms) for name, at_ms in profile.scored_ms.items()
    } | profile.trait_meta


@lru_cache(maxsize=4096)
def _shown(section: bytes) -> Mapping[int, Sequence[int]]:
    return {
        number: cap_counts.shown_ms(packed) for number, packed in cap_counts.decode(section).items()
    }


_NOTHING_SHOWN: Mapping[int, Sequence[int]] = {}


def _session_since_ms(profile: HotProfile, now_ms: int | None) -> int | None:
    if now_ms is None or not profile.last_seen_ms:
        return None
    if now_ms - profile.last_seen_ms > SESSION_IDLE_MS:
        return None
    return profile.session_since_ms or profile.last_seen_ms


@lru_cache(maxsize=4096)
def _consents(granted: int, denied: int) -> Mapping[str, bool]:
    return dict.fromkeys(names_of(granted), True) | dict.fromkeys(names_of(denied), False)


def bindings_of(
    stays: Mapping[int, Sequence[Any]],
    compiled: CompiledSnapshot,
    now_ms: int,
    wanted: Collection[int] | None = None,
) -> dict[str, dict[str, Any]]:
    """What the segments that a visitor is in hand to templates, by segment key.

    Args:
        wanted: numbers of those whose values are asked for; None: all.
    """
    if wanted is not None and not wanted:
        return {}
    bound = {number: found for number, stay in stays.items() if (found := bindings_in(stay))}
    if not bound:
        return {}
    keys = {segment.number: key for key, segment in compiled.segments.items()}
    return {
        keys[number]: found
        for number, found in bound.items()
        if number in keys and is_inside(stays[number], now_ms)
    }
