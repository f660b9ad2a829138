"""What the conditions that a request answers read of a person, noted with the site's live set.

A publication says it: rules and segments that depend on the request. Whoever writes hot state
takes along the newest events, and where traits came from, for these conditions and no others.
"""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from uuid import UUID

from apps.events.history import Wanted
from apps.segments.models import LiveSet
from apps.segments.reading import joint_wanted, reads_of
from engine.conditions.nodes import FactOf, Node, Op, ScoreLeaf, TraitLeaf
from engine.conditions.scope import leaves_of, matches_of

# {"events": {name: properties}, "every": properties of all events, "traits": names}. "events" is
# there only when some filter compares an event with the request.
Document = Mapping[str, Any]


def note(site_id: UUID, nodes: Iterable[Node]) -> None:
    """Note what the conditions of a publication read; the live set moves if that is news.

    The consumers then keep the properties and hand the rest to hot state with each person's next
    event. Call it inside a transaction, with the site's publications locked.
    """
    document = document_of(nodes)
    sets = LiveSet.objects.select_for_update()
    if document:
        current, _ = sets.get_or_create(site_id=site_id)
    else:
        found = sets.filter(site_id=site_id).first()
        if found is None:
            return
        current = found
    if current.request_reads != document:
        current.request_reads = document
        current.number += 1
        current.save(update_fields=["request_reads", "number"])


def document_of(nodes: Iterable[Node]) -> dict[str, Any]:
    """What conditions as a request answers them read, as it is stored. Pure."""
    nodes = list(nodes)
    found: dict[str, Any] = {}
    comparing = [reads_of(node) for node in nodes if compares_with_request(node)]
    if comparing:
        wanted = joint_wanted(comparing)
        found["events"] = {name: sorted(own) for name, own in sorted(wanted.by_name.items())}
        found["every"] = sorted(wanted.every)
    traits = sorted({name for node in nodes for name in traits_with_meta(node)})
    if traits:
        found["traits"] = traits
    return found


@lru_cache(maxsize=256)
def decode(text: str | None) -> Document:
    """Read a stored document; None is that of a site that has published nothing."""
    document: Document = json.loads(text or "{}")
    return document


def wanted_of(document: Document) -> Wanted | None:
    """The properties of events that requests read; None when none compares events."""
    if "events" not in document:
        return None
    return Wanted(
        frozenset(document["every"]),
        {name: frozenset(own) for name, own in document["events"].items()},
    )


def traits_of(document: Document) -> frozenset[str]:
    """The traits of which requests ask when they changed, or who said so."""
    return frozenset(document.get("traits", ()))


def compares_with_request(node: Node) -> bool:
    """Does a filter of some leaf compare an event with a fact of the request?"""
    return any(
        isinstance(test.value, FactOf)
        for leaf in leaves_of(node)
        for match in matches_of(leaf)
        for test in match.where
    )


def traits_with_meta(node: Node) -> set[str]:
    """The traits of which a condition asks more than the value."""
    tests: list[TraitLeaf] = []
    for leaf in leaves_of(node):
        if isinstance(leaf, TraitLeaf):
            tests.append(leaf)
        elif isinstance(leaf, ScoreLeaf):
            tests += [source.test for source in leaf.traits]
    return {
        test.name
        for test in tests
        if test.op is Op.CHANGED_WITHIN
        or test.source is not None
        or test.min_confidence is not None
    }
