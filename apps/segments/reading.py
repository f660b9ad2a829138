"""What a live definition reads of a person, so that only what can have changed is asked again."""

from collections.abc import Iterable
from dataclasses import dataclass

from apps.events.history import Wanted
from engine.conditions.nodes import ANY_EVENT, Node, SegmentLeaf
from engine.conditions.scope import (
    PAGE_VIEW_ID,
    Reach,
    consent_purposes,
    event_names,
    event_properties,
    history_leaves,
    leaves_of,
    needs_any_event,
    reach,
    segment_keys,
    trait_names,
)


@dataclass(frozen=True, slots=True)
class Reads:
    """What one condition reads.

    Attributes:
        names: of the events that can change it; unless `any_event`, no other event can.
        any_event: every event can.
        traits: names of the traits that can change it.
        segments: keys of segments whose membership it asks for.
        stands_on: those, and the segments that were put in place.
        wanted: the properties of events that it reads.
        reach: how far back it looks.
    """

    names: frozenset[str]
    any_event: bool
    traits: frozenset[str]
    reads_consent: bool
    segments: frozenset[str]
    stands_on: frozenset[str]
    wanted: Wanted
    reach: Reach


def reads_of(node: Node) -> Reads:
    """Return what a condition reads, its nested segments in place."""
    by_name: dict[str, frozenset[str]] = {}
    every: set[str] = set()
    any_event = False
    for leaf in history_leaves(node):
        own, properties = event_names(leaf), event_properties(leaf)
        # What names no event is moved by each of them: the time in a session.
        any_event |= not own or needs_any_event(leaf)
        if ANY_EVENT in own:
            every |= properties
        elif PAGE_VIEW_ID in properties:
            every.add(PAGE_VIEW_ID)
        for name in own - {ANY_EVENT}:
            by_name[name] = by_name.get(name, frozenset()) | properties
    return Reads(
        event_names(node) - {ANY_EVENT},
        any_event,
        trait_names(node),
        bool(consent_purposes(node)),
        frozenset(leaf.key for leaf in leaves_of(node) if isinstance(leaf, SegmentLeaf)),
        segment_keys(node),
        Wanted(frozenset(every), by_name),
        reach(node),
    )


def joint_wanted(reads: Iterable[Reads]) -> Wanted:
    """The properties that any of several conditions reads."""
    return all_wanted(one.wanted for one in reads)


def all_wanted(parts: Iterable[Wanted]) -> Wanted:
    """The properties that are wanted in any of several places."""
    every: set[str] = set()
    by_name: dict[str, set[str]] = {}
    for one in parts:
        every |= one.every
        for name, properties in one.by_name.items():
            by_name.setdefault(name, set()).update(properties)
    return Wanted(frozenset(every), {name: frozenset(own) for name, own in by_name.items()})


def joint_reach(reads: Iterable[Reads]) -> Reach:
    """How far back several conditions look, together."""
    joint = Reach()
    for one in reads:
        joint |= one.reach
    return joint
