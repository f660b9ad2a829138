"""What a publication reads of a person in the request, noted with the site's live set.

Rules and segments that depend on the request read the newest events, and where traits came from;
templates read computed traits. Whoever writes hot state takes these along, and nothing else.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from apps.events.history import Wanted
from apps.profiles import services as profiles
from apps.profiles import state
from apps.segments import computed_state, scores_read
from apps.segments.models import LiveSet
from apps.segments.reading import joint_wanted, reads_of
from apps.work import clock
from apps.work import services as work
from apps.work.types import Progress
from engine.conditions.nodes import FactOf, Node, Op, ScoreLeaf, TraitLeaf
from engine.conditions.scope import leaves_of, matches_of

# {"events": {name: properties}, "every": properties of all events, "traits": names, "computed":
# {key: definition}, "scores": names, "online": names}. "events" is there only when some filter
# compares an event with the request, "computed" only when some template reads computed traits, and
# "online" only when a score that is read is worked out in the request.
Document = Mapping[str, Any]

TELL = "segments.tell_computed"  # kind of the intent to look at everybody


def note(
    site_id: UUID,
    nodes: Iterable[Node],
    paths: Iterable[Sequence[str]] = (),
    *,
    now: datetime | None = None,
) -> None:
    """Note what the conditions of a publication read; the live set moves if that is news.

    The consumers then keep the properties and hand the rest to hot state with each person's next
    event. New computed traits do not wait for that: everybody is looked at soon. Call it inside a
    transaction, with the site's publications locked.

    Args:
        paths: of the values that templates read.
    """
    nodes, paths = list(nodes), list(paths)
    document = document_of(nodes) | scores_read.document_of(site_id, nodes, paths)
    computed = computed_state.definitions_read(site_id, paths)
    if computed:
        document["computed"] = computed
    sets = LiveSet.objects.select_for_update()
    if document:
        current, _ = sets.get_or_create(site_id=site_id)
    else:
        found = sets.filter(site_id=site_id).first()
        if found is None:
            return
        current = found
    if current.request_reads != document:
        if computed and computed != current.request_reads.get("computed"):
            work.ask(TELL, key="all", site_id=site_id, now=now or clock.now())
        current.request_reads = document
        current.number += 1
        current.save(update_fields=["request_reads", "number"])


_EVERYBODY = """
SELECT profile_id FROM profiles_profilestate
WHERE site_id = %s AND merged_into IS NULL AND event_count > 0 ORDER BY last_seen_at DESC NULLS LAST
"""
_BATCH = 1_000  # profiles, spread over as many milliseconds of the timers' time


def look_at_everybody(site_id: UUID, *, now: datetime, progress: Progress) -> None:
    """Have the consumer evaluate everybody who has done something, the newest first. Repeatable.

    About a thousand a second, so that what visitors do meanwhile does not wait.
    """
    with connection.cursor() as cursor:
        cursor.execute(_EVERYBODY, [str(site_id)])
        ids = [profile_id for (profile_id,) in cursor.fetchall()]
    for start in range(0, len(ids), _BATCH):
        batch = ids[start : start + _BATCH]
        with transaction.atomic():
            living = [row.profile_id for row in state.lock(batch) if row.merged_into is None]
            profiles.look_at(living, now=now + timedelta(milliseconds=start))
        progress(min(start + _BATCH, len(ids)), len(ids), "profiles")


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
    """The properties of events that requests read; None when none reads any."""
    online = scores_read.wanted_of(document)
    if "events" not in document:
        return online
    wanted = Wanted(
        frozenset(document["every"]),
        {name: frozenset(own) for name, own in document["events"].items()},
    )
    return wanted if online is None else wanted | online


def traits_of(document: Document) -> frozenset[str]:
    """The traits of which requests ask when they changed, or who said so."""
    return frozenset(document.get("traits", ()))


def computed_of(document: Document) -> computed_state.KeptTraits | None:
    """The computed traits that templates read; None where none does."""
    return computed_state.kept_traits(document.get("computed", {}))


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
