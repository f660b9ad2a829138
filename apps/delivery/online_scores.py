"""Scores worked out for one call, from the newest events: they stand in for the stored ones.

Only what the publication asks for, and only of whom that allows what the model is for. The copy of
the profile carries them from then on, so that conditions, templates and the decision log see one
value; a replay reads it from the log and works nothing out.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import msgspec

from apps.decisions.selectors import Reads
from apps.decisions.types import HotProfile
from apps.events import history
from apps.predictions.selectors import Online, online_of
from apps.profiles.state import SCORE_PREFIX
from engine.decide import Step

# How long an answer is good: hours since an event go on while nothing happens.
LASTS_MS: Final = 30_000
SAID: Final = "worked out for this decision, from the newest events"


def with_online(
    profile: HotProfile, reads: Reads, site_id: UUID, zone: str, permitted: int, now_ms: int
) -> HotProfile:
    """Return the profile with what models say of it now, or as it is. No statement.

    It is as it is where nothing is asked, where its newest events are not at hand, and where a
    model cannot tell: the stored score stands then, and a condition asks how old that is.

    Args:
        reads: what the placements can look at.
        zone: of the site, IANA.
        permitted: the purposes that are allowed, as bits.
    """
    if not profile.recent:
        return profile
    asked = _scores_in(reads.traits)
    if not asked and not reads.every_trait:
        return profile
    online = online_of(site_id)
    if not online:
        return profile
    found: dict[str, Any] = {}
    kept = history.decode(profile.recent)
    for model in _models(online.values() if reads.every_trait else map(online.get, asked)):
        if permitted & model.purpose:
            refused_ms = kept.refused_ms.get(model.purpose)
            found |= model.said(
                kept.happenings, now_ms, zone, kept.complete_from_ms, refused_ms=refused_ms
            )
    if not found:
        return profile
    return msgspec.structs.replace(
        profile,
        traits=profile.traits | found,
        scored_ms=profile.scored_ms | dict.fromkeys(found, now_ms),
    )


def afresh(profile: HotProfile | None, reads: Reads | None, now_ms: int) -> list[str]:
    """Return which scores were worked out for this very decision, of those that it could read."""
    if profile is None:
        return []
    return sorted(
        trait
        for trait, at_ms in profile.scored_ms.items()
        if at_ms == now_ms and (reads is None or reads.every_trait or trait in reads.traits)
    )


def steps(scores: Iterable[str]) -> list[Step]:
    """Return the lines of a trace that say so."""
    return [Step("model", trait, SAID) for trait in scores]


def _models(found: Iterable[Online | None]) -> list[Online]:
    """Each model once, however many of its traits are asked for."""
    return list({one.version_id: one for one in found if one is not None}.values())


@lru_cache(maxsize=4096)
def _scores_in(traits: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(name for name in traits if name.startswith(SCORE_PREFIX)))
