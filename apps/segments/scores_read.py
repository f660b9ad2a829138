"""Which scores of models decide about something: for whoever writes them, and for hot state.

Segments are asked anew only of people whose score crosses a number that a live condition compares
it with. And where a publication reads a score that is worked out in the request, a person's newest
events go to where that is done.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import F

from apps.events.history import Wanted
from apps.predictions import selectors as predictions
from apps.predictions.types import UNREAD, InForce
from apps.profiles.state import SCORE_PREFIX
from apps.segments.models import LiveSet, SegmentVersion
from apps.segments.publication_checks import with_policy
from apps.segments.selectors import in_force
from engine.conditions.nodes import ModelLeaf, Node, Op, ScoreLeaf, TraitLeaf
from engine.conditions.policy import NO_POLICY
from engine.conditions.scope import leaves_of, trait_names

PROPERTIES: Final = frozenset({"category"})  # of an event, that models answered online read
_EDGES: Final = frozenset({Op.EQ, Op.NE, Op.GT, Op.GTE, Op.LT, Op.LTE})
_PRESENCE: Final = frozenset({Op.IS_SET, Op.IS_MISSING})

# One entry a site: the versions that were read, and what they say.
_known: dict[UUID, tuple[frozenset[UUID], Mapping[str, InForce]]] = {}


def watched(site_id: UUID) -> Mapping[str, InForce]:
    """Return how a site's segments read scores, by trait. One query, two when they have changed."""
    live = (SegmentVersion.State.LIVE, SegmentVersion.State.BUILDING)
    versions = SegmentVersion.objects.filter(
        segment__site_id=site_id, segment__is_archived=False, state__in=live
    )
    ids = frozenset(versions.values_list("pk", flat=True))
    known = _known.get(site_id)
    if known is not None and known[0] == ids:
        return known[1]
    nodes, policies = in_force(site_id)
    read = reads_of(with_policy(node, policies.get(key, NO_POLICY)) for key, node in nodes.items())
    _known[site_id] = ids, read
    return read


def reads_of(nodes: Iterable[Node]) -> dict[str, InForce]:
    """Return how conditions read scores, by trait. Pure."""
    found: dict[str, InForce] = {}
    for node in nodes:
        told = list(_read_in(node))
        others = trait_names(node) - {name for name, _ in told}
        told += [(name, InForce(is_any=True)) for name in others if name.startswith(SCORE_PREFIX)]
        for name, read in told:
            found[name] = found.get(name, UNREAD) | read
    return found


def _read_in(node: Node) -> Iterator[tuple[str, InForce]]:
    for leaf in leaves_of(node):
        match leaf:
            case ModelLeaf(name, op, value, max_age_ms):
                yield SCORE_PREFIX + name, _read(op, value, max_age_ms)
            case TraitLeaf(name, op, value) if name.startswith(SCORE_PREFIX):
                yield name, _read(op, value)
            case ScoreLeaf():
                for source in leaf.traits:
                    if source.test.name.startswith(SCORE_PREFIX):
                        yield source.test.name, _read(source.test.op, source.test.value)


def _read(op: Op, value: object, max_age_ms: int = 0) -> InForce:
    """How one comparison reads a score. What is asked for at all is told from what nobody reads."""
    values: Sequence[object] = ()
    if op in _EDGES:
        values = (value,)
    elif op is Op.BETWEEN and isinstance(value, list | tuple):
        values = value
    edges = [
        float(edge)
        for edge in values
        if isinstance(edge, int | float) and not isinstance(edge, bool)
    ]
    if op in _PRESENCE:
        # Whether there is one: no number is an edge of that, but it is read.
        return InForce((float("-inf"),), max_age_ms)
    if not edges:
        return InForce((), max_age_ms, is_any=True)
    return InForce(tuple(sorted(set(edges))), max_age_ms)


def document_of(
    site_id: UUID, nodes: Sequence[Node], paths: Sequence[Sequence[str]]
) -> dict[str, Any]:
    """Return what a publication reads of scores, as the live set keeps it. At most one query.

    Args:
        paths: of the values that templates read.
    """
    read = {name for node in nodes for name in trait_names(node)}
    read |= {path[1] for path in paths if len(path) > 1 and path[0] == "traits"}
    scores = sorted(name for name in read if name.startswith(SCORE_PREFIX))
    return _documented(site_id, scores)


def _documented(site_id: UUID, scores: Sequence[str]) -> dict[str, Any]:
    if not scores:
        return {}
    online = predictions.online_traits(site_id)
    found = [name for name in scores if any(_is_of(name, trait) for trait in online)]
    return {"scores": list(scores), **({"online": found} if found else {})}


def _is_of(name: str, trait: str) -> bool:
    return name == trait or name.startswith(f"{trait}.")


def wanted_of(document: Mapping[str, Any]) -> Wanted | None:
    """The properties of events that models read in the request; None where none is answered."""
    return Wanted(PROPERTIES) if document.get("online") else None


def follow_model(instance: Any, **_: Any) -> None:
    """A model was saved: where it is answered online from now on, or no more, events follow."""
    with transaction.atomic():
        live = LiveSet.objects.select_for_update().filter(site_id=instance.site_id).first()
        if live is None or "scores" not in live.request_reads:
            return
        read = _documented(instance.site_id, live.request_reads["scores"])
        if read.get("online") == live.request_reads.get("online"):
            return
        others = {key: own for key, own in live.request_reads.items() if key != "online"}
        live.request_reads = others | read
        live.number = F("number") + 1
        live.save(update_fields=["request_reads", "number"])
