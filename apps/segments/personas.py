"""Which segments an invented visitor is in at an instant. Nothing is written, nobody is counted.

Their events are laid before the instant and each condition is answered by its meaning
(`engine.conditions.evaluate`). What a segment remembers of a stay is folded over these events as it
would be over those of a real person.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.contrib.auth.models import AbstractBaseUser

from apps.access.selectors import zone_of
from apps.access.services import record_audit
from apps.segments.defining import define
from apps.segments.domain.personas import Invented, parse_persona
from apps.segments.models import ComputedTrait, Persona, Segment, SegmentVersion
from apps.segments.past import Past
from apps.segments.publication_checks import with_policy
from apps.segments.remembering import remembered
from apps.work import clock
from engine.conditions.canonical import to_json
from engine.conditions.computed import computed_keys, inline_computed, parse_computed
from engine.conditions.describe import describe
from engine.conditions.evaluate import truth
from engine.conditions.nodes import Node
from engine.conditions.parse import parse_condition
from engine.conditions.policy import NO_POLICY, Policy, gated, parse_policy, policy_json
from engine.conditions.scope import inline_segments, segment_keys
from engine.errors import InvalidCondition
from engine.facts import Facts, Happening

DEVICE: Final = 1  # all that they do, they do on one device


@dataclass(frozen=True, slots=True)
class PersonaSegment:
    """Whether an invented visitor is in one segment.

    Attributes:
        words: what the segment asks, as one sentence part; what is wrong with it if it cannot be
            asked: then nobody is in it.
    """

    key: str
    number: int
    name: str
    is_in: bool
    words: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The segments of a site that can be asked. `broken`: what is wrong, by key."""

    known: list[tuple[str, int, str]]  # (key, number, name)
    nodes: dict[str, Node]
    policies: dict[str, Policy]
    broken: dict[str, str] = field(default_factory=dict)


def create_persona(
    *,
    site_id: UUID,
    key: str,
    name: str,
    description: str = "",
    document: Mapping[str, Any],
    actor: AbstractBaseUser | None,
    now: datetime,
) -> Persona:
    """Invent a visitor; `document` as `domain.personas` has it.

    Raises:
        InvalidPersona: with the path of what is wrong.
        IntegrityError: the site has one of this key.
    """
    parsed = parse_persona(dict(document)).document()
    made = Persona.objects.create(
        site_id=site_id, key=key, name=name, description=description, created_at=now, **parsed
    )
    record_audit(
        action="segments.persona_created",
        actor=actor,
        site_id=site_id,
        target_kind="segments.persona",
        target_id=str(made.pk),
        detail={"key": key},
        now=now,
    )
    return made


def choices(site_id: UUID) -> list[tuple[UUID, str]]:
    """Return the personas of a site that are in use, by name. One query."""
    found = Persona.objects.filter(site_id=site_id, archived_at=None).order_by("name")
    return list(found.values_list("pk", "name"))


def segments_of(
    site_id: UUID,
    persona_id: UUID,
    at: datetime,
    *,
    drafts: bool,
    context: Mapping[str, object] | None = None,
    with_hidden: bool = False,
) -> list[PersonaSegment]:
    """Return every segment of a site, by key, and whether a persona is in it. Four queries.

    Args:
        at: when one looks; what happened to them is laid before it.
        drafts: ask the drafts; else what serves, or is about to.
        context: facts of the request by dotted name, added to the persona's own.
        with_hidden: also those that a publication made for parts of rules; they have no drafts.

    Raises:
        Persona.DoesNotExist: no such persona in this site.
    """
    persona = _persona(site_id, persona_id)
    asked = asked_of(site_id, drafts=drafts, with_hidden=with_hidden)
    return answered(asked, facts_of(persona, at, zone_of(site_id), context), at)


def meets(
    site_id: UUID,
    persona_id: UUID,
    at: datetime,
    nodes: Mapping[str, Node],
    *,
    drafts: bool,
    context: Mapping[str, object] | None = None,
) -> dict[str, bool]:
    """Say which conditions that are no segments a persona meets, by the names given. Four queries.

    Raises:
        Persona.DoesNotExist: no such persona in this site.
        InvalidCondition: a condition names a computed trait that the site does not have.
    """
    persona = _persona(site_id, persona_id)
    asked = asked_of(site_id, drafts=drafts)
    facts = facts_of(persona, at, zone_of(site_id), context)
    inside = {one.key: one.is_in for one in answered(asked, facts, at)}
    facts = replace(facts, memberships=inside, cache={})
    definitions = _computed(site_id)
    at_ms = clock.to_ms(at)
    return {
        name: truth(_meant(node, definitions), facts, at_ms) is True for name, node in nodes.items()
    }


def _persona(site_id: UUID, persona_id: UUID) -> Invented:
    return invented(Persona.objects.get(site_id=site_id, pk=persona_id))


def invented(persona: Persona) -> Invented:
    """A stored persona as a checked document."""
    return parse_persona(document_of(persona))


def document_of(persona: Persona) -> dict[str, Any]:
    """A stored persona as it is edited."""
    return {
        "traits": persona.traits,
        "events": persona.events,
        "context": persona.context,
        "consents": persona.consents,
    }


def facts_of(
    persona: Invented, at: datetime, zone: str, context: Mapping[str, object] | None = None
) -> Facts:
    """Return a persona as conditions see them at an instant.

    The hour and the weekday are those of the instant, in the visitor's time zone or else the
    site's, unless the persona, or the request, says otherwise.
    """
    at_ms = clock.to_ms(at)
    return Facts(
        traits=persona.traits,
        history=tuple(
            Happening(at_ms - one.ago_ms, one.name, DEVICE, dict(one.properties))
            for one in persona.events
        ),
        context=_request(persona, at, zone, context or {}),
        unit_id="persona",
        consents=persona.consents,
        site_zone=zone,
    )


def _request(
    persona: Invented, at: datetime, zone: str, context: Mapping[str, object]
) -> dict[str, object]:
    own: dict[str, object] = {**persona.context, **context}
    name = own.get("timezone", zone)
    try:
        local = at.astimezone(ZoneInfo(str(name)))
    except (ZoneInfoNotFoundError, ValueError):
        return own
    return {"timezone": name, "local_hour": local.hour, "weekday": local.isoweekday(), **own}


# What is asked

_IN_FORCE = (SegmentVersion.State.LIVE, SegmentVersion.State.BUILDING)


def asked_of(site_id: UUID, *, drafts: bool, with_hidden: bool = False) -> Asked:
    """Read what the segments of a site ask: their drafts, or what is in force. Two queries."""
    if drafts:
        rows = Segment.objects.filter(site_id=site_id, is_archived=False, is_hidden=False)
        found = list(rows.values_list("key", "number", "name", "draft", "draft_policy"))
    else:
        versions = SegmentVersion.objects.filter(
            segment__site_id=site_id, segment__is_archived=False, state__in=_IN_FORCE
        )
        if not with_hidden:
            versions = versions.filter(segment__is_hidden=False)
        found = list(
            versions.order_by("number").values_list(
                "segment__key", "segment__number", "segment__name", "condition", "policy"
            )
        )
    return _read(found, _computed(site_id))


def _computed(site_id: UUID) -> dict[str, Any]:
    rows = ComputedTrait.objects.filter(site_id=site_id).values_list("key", "definition")
    return {key: parse_computed(document) for key, document in rows}


def _meant(node: Node, definitions: Mapping[str, Any]) -> Node:
    return inline_computed(node, definitions) if computed_keys(node) else node


def _read(rows: Iterable[Sequence[Any]], definitions: Mapping[str, Any]) -> Asked:
    known: dict[str, tuple[str, int, str]] = {}
    asked = Asked([], {}, {})
    for key, number, name, condition, policy in rows:
        known[key] = (key, number, name)
        try:
            asked.nodes[key] = _meant(parse_condition(condition), definitions)
            asked.policies[key] = parse_policy(policy or {})
            asked.broken.pop(key, None)
        except InvalidCondition as error:
            asked.nodes.pop(key, None)
            asked.broken[key] = str(error)
    asked.known.extend(known[key] for key in sorted(known))
    return asked


# Answers


def answered(asked: Asked, facts: Facts, at: datetime) -> list[PersonaSegment]:
    """Answer all segments for one person's facts. Pure."""
    at_ms = clock.to_ms(at)
    nodes, policies = asked.nodes, asked.policies
    inside = _remembered(asked, facts, at_ms)
    facts = replace(facts, memberships=inside, cache={})
    placed = {
        key: node
        for key, node in gated(nodes, {k: policies.get(k, NO_POLICY) for k in nodes}).items()
        if key not in inside
    }
    found = []
    for key, number, name in asked.known:
        is_in, words = inside.get(key, False), asked.broken.get(key, "")
        if key in nodes:
            words = describe(nodes[key])
        if key in placed:
            try:
                is_in = truth(inline_segments(placed[key], placed), facts, at_ms) is True
            except InvalidCondition as error:
                words = str(error)
        found.append(PersonaSegment(key, number, name, is_in, words))
    return found


def _remembered(asked: Asked, facts: Facts, at_ms: int) -> dict[str, bool]:
    """Who of the segments that remember holds this person, folded over their events."""
    remembering = {key for key, policy in asked.policies.items() if policy.remembers}
    remembering &= asked.nodes.keys()
    if not remembering:
        return {}
    numbers = {key: number for key, number, _ in asked.known}
    rows = [
        (numbers[key], key, to_json(asked.nodes[key]), policy_json(asked.policies[key]))
        for key in sorted(_standing(remembering, asked))
    ]
    past = Past(facts)
    inside: dict[str, bool] = {}
    # Those that ask for another's membership come after it.
    for definition in define(0, rows, facts.site_zone).definitions:
        if definition.latched is not None:
            stay = remembered(definition, past, None, at_ms)
            past.remembers(definition.key, stay[0], stay[4])
            inside[definition.key] = stay[0]
    return inside


def _standing(keys: Iterable[str], asked: Asked) -> set[str]:
    """These, all that they stand on, and all that share an exclusive group with one of them."""
    found: set[str] = set()
    waiting = list(keys)
    while waiting:
        key = waiting.pop()
        if key in found or key not in asked.nodes:
            continue
        found.add(key)
        policy = asked.policies.get(key, NO_POLICY)
        waiting.extend(segment_keys(with_policy(asked.nodes[key], policy)))
        if policy.group is not None:
            waiting.extend(
                other for other, rules in asked.policies.items() if rules.group == policy.group
            )
    return found
