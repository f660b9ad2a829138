"""Whom a preview is decided for: nobody, somebody in segments, a persona, a person, the visitor.

People are read from the record alone: a preview leaves no copy of anybody in Redis, and none of
what was found about a masked person gets further than this file.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

import msgspec

from apps.access.errors import InvalidRequest
from apps.access.selectors import zone_of
from apps.consent.types import WIRE_NAMES, Purpose
from apps.decisions.hot_state import hot_profiles_of
from apps.decisions.selectors import Served
from apps.decisions.types import HotProfile
from apps.delivery.deciding import Decided
from apps.delivery.previewing.content import Source
from apps.delivery.previewing.types import (
    AsPerson,
    AsPersona,
    AsSegments,
    AsVisitor,
    Drafts,
    Nobody,
    PreviewSpec,
    Switch,
)
from apps.profiles import state
from apps.profiles.selectors import find_profile
from apps.segments import pretending
from apps.segments.live import encode_stays
from apps.segments.pretending import INSIDE
from apps.work import clock
from engine.conditions.evaluate import Trace
from engine.conditions.scope import segment_keys
from engine.decide import Step
from engine.facts import Facts

UNIT: Final = "preview"  # what somebody without a profile is bucketed by
GONE: Final = "This person is no longer known: erased, or merged into somebody else."
_EVERYTHING: Final = int(~Purpose(0))


@dataclass(slots=True)
class Seen:
    """Who is shown something.

    Attributes:
        profile: as a decision reads it; None for nobody.
        facts: of a persona: the history and traits that its request is answered from.
        mode: consent mode that holds for whoever has not answered.
        is_refused: personalization is refused, whatever else is known.
        is_masked: what is shown must not say anything about a person.
    """

    profile: HotProfile | None
    mode: str = "assumed"
    facts: Facts | None = None
    context: Mapping[str, Any] = field(default_factory=dict)
    is_refused: bool = False
    is_masked: bool = False
    notes: list[str] = field(default_factory=list)


def pretended_by(spec: PreviewSpec) -> frozenset[str]:
    """Return the segments that somebody is said to be in, with those implied. At most one query."""
    if isinstance(spec.who, AsSegments) and spec.who.keys:
        return pretending.implied(spec.site_id, spec.who.keys)
    return frozenset()


def seen_of(
    spec: PreviewSpec,
    source: Source,
    pretended: frozenset[str],
    now_ms: int,
    real_now_ms: int,
    identities: Sequence[str] = (),
) -> Seen:
    """Return whom a preview is decided for.

    Args:
        now_ms: the instant that is previewed; `real_now_ms`: the present one.
        identities: "kind:value" of whoever asks, the user's first.

    Raises:
        InvalidRequest: the persona or the person is not there any more.
    """
    match spec.who:
        case Nobody(is_allowed):
            return Seen(None, is_refused=not is_allowed)
        case AsSegments():
            return _in_segments(spec.who, source.served, pretended)
        case AsPersona(persona_id):
            return _persona(spec, persona_id, source, now_ms)
        case AsPerson(profile_id, is_masked):
            hot = _hot(profile_id)
            if hot is None:
                raise InvalidRequest(GONE)
            seen = _person(spec.site_id, hot, source, now_ms, real_now_ms)
            seen.mode, seen.is_masked = spec.mode, is_masked
            if isinstance(spec.content, Drafts):
                seen.notes.append("Of segments the published conditions count, not their drafts.")
            return seen
        case AsVisitor():
            found = _asking(spec.site_id, identities)
            if found is None:
                return Seen(None)
            return _person(spec.site_id, found, source, now_ms, real_now_ms)


def _made_up(**fields: Any) -> HotProfile:
    nobody = HotProfile(UUID(int=0).bytes, UNIT, 0, 0, _EVERYTHING, 0, b"", {}, [], 0, [])
    return msgspec.structs.replace(nobody, **fields)


def _in_segments(who: AsSegments, served: Served, pretended: frozenset[str]) -> Seen:
    known = served.compiled.segments
    inside = pretended | {key for key, holds in who.answers.items() if holds}
    stays = {known[key].number: INSIDE for key in inside if key in known}
    seen = Seen(_made_up(memberships=encode_stays(stays)))
    more = sorted(pretended - set(who.keys))
    if more:
        names = ", ".join(f"“{_name(served, key)}”" for key in more)
        seen.notes.append(f"Whoever is in these segments is also in {names}.")
    absent = sorted(set(who.keys) - known.keys())
    if absent:
        names = ", ".join(f"“{key}”" for key in absent)
        seen.notes.append(f"Not published, so nothing here asks for it: {names}.")
    return seen


def _name(served: Served, key: str) -> str:
    found = served.compiled.segments.get(key)
    return key if found is None else found.doc.name or key


def switches_of(spec: PreviewSpec, served: Served) -> list[Switch]:
    """Return the hidden parts of rules that the shown placements ask for, as far as unknown."""
    if not isinstance(spec.who, AsSegments):
        return []
    compiled = served.compiled
    asked: dict[str, None] = {}
    for key in spec.placements:
        placement = compiled.placements.get(key)
        forms = () if placement is None else placement.forms
        for rule in (rule for form in forms for rule in form.rules):
            asked.update(dict.fromkeys(sorted(segment_keys(rule.node))))
    return [
        Switch(key, compiled.segments[key].doc.name or key, spec.who.answers.get(key))
        for key in asked
        if key in compiled.segments and compiled.segments[key].doc.hidden
    ]


def _persona(spec: PreviewSpec, persona_id: UUID, source: Source, now_ms: int) -> Seen:
    given = {name: value for name, value in spec.context.items() if not isinstance(value, dict)}
    made = pretending.persona_at(
        spec.site_id,
        persona_id,
        clock.from_ms(now_ms),
        zone_of(spec.site_id),
        source.unpublished,
        {**given, **spec.given},
        drafts=isinstance(spec.content, Drafts),
    )
    if made is None:
        raise InvalidRequest("This persona is not there any more.")
    known = source.served.compiled.segments
    stays = {known[key].number: INSIDE for key in made.inside if key in known}
    granted, denied = 0, 0
    for purpose, is_given in made.consents.items():
        bit = int(WIRE_NAMES.get(purpose, Purpose(0)))
        granted, denied = (granted | bit, denied) if is_given else (granted, denied | bit)
    profile = _made_up(
        memberships=encode_stays(stays),
        traits=dict(made.facts.traits),
        granted=granted,
        denied=denied,
    )
    return Seen(profile, facts=made.facts, context=made.context)


def _hot(profile_id: UUID) -> HotProfile | None:
    found = hot_profiles_of([profile_id])
    return found[0] if found else None


def _asking(site_id: UUID, identities: Iterable[str]) -> HotProfile | None:
    """Whoever asks, read from the record; on a shared device nobody else's."""
    names = list(identities)
    for name in names:
        kind, _, value = name.partition(":")
        profile_id = find_profile(site_id, kind, value)
        hot = None if profile_id is None else _hot(profile_id)
        if hot is None:
            continue
        is_users = name == names[0] or not names[0].startswith("user_id:")
        if is_users or not any(one.startswith("user_id:") for one in hot.identities):
            return hot
        return None
    return None


def _person(site_id: UUID, hot: HotProfile, source: Source, now_ms: int, real_now_ms: int) -> Seen:
    """A real person at an instant: as the record has them, without what caps have counted."""
    profile_id = UUID(bytes=hot.profile_id)
    hot = msgspec.structs.replace(hot, caps=b"")
    seen = Seen(hot)
    if now_ms < real_now_ms:
        (row,) = state.read([profile_id])
        if row.first_seen_ms is None or now_ms < row.first_seen_ms:
            seen.profile = None
            seen.notes.append("They were not here yet at this moment: nobody knew them.")
            return seen
        stays = pretending.stays_at(site_id, profile_id, clock.from_ms(now_ms))
        seen.profile = hot = msgspec.structs.replace(hot, memberships=encode_stays(stays))
        seen.notes.append(
            "Segments are those of that moment, as far as they are kept. Traits and consent are "
            "those of today: how they were is not kept."
        )
    elif now_ms > real_now_ms:
        seen.notes.append(
            "It is assumed that they do nothing until then. A segment whose future cannot be told "
            "so far ahead counts as left."
        )
    if source.unpublished:
        _ask_unpublished(seen, site_id, source, profile_id, now_ms)
    return seen


def _ask_unpublished(
    seen: Seen, site_id: UUID, source: Source, profile_id: UUID, now_ms: int
) -> None:
    """Add the stays in segments that nobody is kept a member of."""
    assert seen.profile is not None
    known = source.served.compiled.segments
    answers = pretending.asked_of_person(site_id, source.unpublished, profile_id, now_ms)
    more = {known[key].number: INSIDE for key, holds in answers.items() if holds and key in known}
    stays = pretending.stays_in(seen.profile.memberships) | more
    seen.profile = msgspec.structs.replace(seen.profile, memberships=encode_stays(stays))


def settle_in(decided: Decided, seen: Seen) -> None:
    """Give a decision what a profile's row cannot: the history of a persona, or a mask."""
    if seen.facts is not None:
        decided.visitor.history = seen.facts.history
        decided.visitor.consents = seen.facts.consents
    if seen.is_masked:
        for root in ("traits", "segments"):
            decided.values[root] = masked(decided.values[root])
        if decided.profile is not None:
            # What follows the last item seen would name it.
            decided.profile = msgspec.structs.replace(decided.profile, last_items=[])


def masked(value: Any, name: str = "") -> Any:
    """Return values of the same shape that say nothing: ‹name›, 0, false."""
    if isinstance(value, Mapping):
        return {key: masked(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [masked(inner, name) for inner in value]
    if isinstance(value, str):
        return f"‹{name}›"
    if isinstance(value, bool):
        return False
    return 0 if isinstance(value, int | float) else value


def stripped(steps: Sequence[Step]) -> list[Step]:
    """Take out of a trace what was found about a person; what was asked and the verdicts stay."""
    return [
        step if step.condition is None else step._replace(condition=bare(step.condition))
        for step in steps
    ]


def bare(trace: Trace) -> Trace:
    """Return a trace without what was found; what was asked and the verdicts stay."""
    parts = tuple(bare(part) for part in trace.parts)
    return replace(trace, value=None, evidence=(), valid_until_ms=None, parts=parts)
