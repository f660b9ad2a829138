"""What a preview is decided by: the part of a publication, a release or the drafts that it shows.

Compiling takes a hundred times what deciding does, and grows with what is compiled. So only what is
looked at is: the placements and blocks asked for, with the rules that can fill them. Nobody is held
out of a preview, and nothing here writes: segments that a draft needs and that are not published
are made up in memory.
"""

import hashlib
from collections.abc import Collection, Mapping
from time import monotonic
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from apps.access.errors import InvalidRequest, Unavailable
from apps.content import selectors as content
from apps.decisions import selectors
from apps.decisions.selectors import Served
from apps.decisions.types import Bounded
from apps.delivery.previewing.types import (
    Drafts,
    OfPublication,
    OfRelease,
    PreviewSpec,
    Serving,
    Split,
    place_of,
)
from apps.rules.selectors import rule_documents, rules_in_use, split_conditions, triggers_in
from apps.segments import pretending
from apps.work import record_watch
from engine.compiling import compile_snapshot
from engine.conditions.nodes import Node
from engine.conditions.parse import parse_condition
from engine.conditions.scope import segment_keys
from engine.snapshot import ExperimentDoc, PlacementDoc, SnapshotDoc, encode_snapshot

DRAFT_S: Final = 1.0  # for so long nobody looks whether drafts have changed
KEPT: Final = 64


class Source(NamedTuple):
    """What a preview is decided by.

    Attributes:
        unpublished: conditions of the segments that are not published, by key.
    """

    served: Served
    unpublished: Mapping[str, Node]


class _Kept(NamedTuple):
    """Something compiled before.

    Attributes:
        until: time.monotonic() until which it is taken as it is.
        digest: of what it was compiled from.
    """

    until: float
    digest: str
    source: Source


_kept: Final[Bounded[_Kept]] = Bounded(KEPT)
_drafts: Final[Bounded[tuple[float, SnapshotDoc, Mapping[str, Node]]]] = Bounded(KEPT)
_NOTHING: Final[Mapping[str, Node]] = {}


def forget() -> None:
    """Compile all anew (tests)."""
    _kept.clear()
    _drafts.clear()


def source_of(spec: PreviewSpec, pretended: Collection[str] = ()) -> Source:
    """Return what a preview is decided by.

    Args:
        pretended: keys of segments that somebody is said to be in, also of those that are
            otherwise answered by the request.

    Raises:
        Unavailable: it is not known now.
        InvalidRequest: there is no such publication or release.
        InvalidContent, InvalidCondition, InvalidSnapshot: the drafts contradict themselves.
    """
    arms = (f"{key}={arm}" for key, arm in sorted(spec.arms.items()))
    wanted = "\n".join(
        (
            ",".join(spec.placements),
            ",".join(spec.blocks),
            ",".join(sorted(pretended)),
            ",".join(arms),
        )
    )
    match spec.content:
        case Serving():
            name = f"{spec.site_id.hex}\n{wanted}"
            return _whole(spec, pretended, _serving(spec.site_id), name)
        case OfPublication(number):
            name = f"{spec.site_id.hex} {number}\n{wanted}"
            known = _kept.get(name)
            if known is not None:
                return known.source  # a publication never changes
            then = selectors.publication_document(spec.site_id, number)
            if then is None:
                raise InvalidRequest(f"This site has no publication {number}.")
            return _whole(spec, pretended, then, name)
        case OfRelease(release_id):
            composed = selectors.release_document(spec.site_id, release_id)
            if composed is None:
                raise InvalidRequest("This release is not there any more.")
            name = f"{spec.site_id.hex} {release_id.hex}\n{wanted}"
            part, unpublished = _completed(spec, narrowed(composed, spec, pretended))
            return _compiled(name, part, unpublished, 0.0)
        case Drafts():
            name = f"{spec.site_id.hex} drafts\n{wanted}"
            known = _kept.get(name)
            if known is not None and monotonic() < known.until:
                return known.source
            draft, unpublished = _draft(spec)
            return _compiled(name, narrowed(draft, spec, pretended), unpublished, DRAFT_S)


def _serving(site_id: UUID) -> SnapshotDoc:
    """What serves, as decisions read it. One query."""
    latest = selectors.latest_publication(site_id)
    served = selectors.current(site_id, b"%d" % latest.number if latest is not None else None)
    if served is None:
        raise Unavailable("What this site shows is not known for a moment: try again.")
    return served.compiled.doc


def _whole(
    spec: PreviewSpec, pretended: Collection[str], document: SnapshotDoc, name: str
) -> Source:
    """A part of a publication; the same number is the same document."""
    known = _kept.get(name)
    if known is not None and known.source.served.number == document.number:
        return known.source
    return _compiled(name, narrowed(document, spec, pretended), _NOTHING, 0.0)


def _compiled(
    name: str, document: SnapshotDoc, unpublished: Mapping[str, Node], fresh_s: float
) -> Source:
    digest = hashlib.sha256(encode_snapshot(document)).hexdigest()
    known = _kept.get(name)
    if known is not None and known.digest == digest:
        source = known.source
    else:
        source = Source(Served(compile_snapshot(document)), unpublished)
    _kept.put(name, _Kept(monotonic() + fresh_s, digest, source))
    return source


def narrowed(document: SnapshotDoc, spec: PreviewSpec, pretended: Collection[str]) -> SnapshotDoc:
    """Return the part of a document that a preview shows.

    A segment that somebody is said to be in is not asked of the request; an experiment of which an
    arm was chosen deals that one to everybody who is meant.
    """
    asked, alone = set(spec.placements), set(spec.blocks)
    places = [one for one in document.placements if one.key in asked]
    known = {one.key for one in document.blocks}
    places += [PlacementDoc(key=place_of(key), block=key) for key in spec.blocks if key in known]
    blocks = {one.block for one in places} | alone
    flags = asked - {one.key for one in places}
    return msgspec.structs.replace(
        document,
        placements=places,
        blocks=[
            one
            for one in document.blocks
            if one.key in blocks or (one.kind == "flag" and one.key in flags)
        ],
        rules=[one for one in document.rules if one.placement in asked],
        experiments=[
            _dealing(one, spec.arms.get(one.key, ""))
            for one in document.experiments
            if one.placement in asked
        ],
        holdouts=[],
        segments=[
            msgspec.structs.replace(one, request_condition=None) if one.key in pretended else one
            for one in document.segments
        ],
    )


def _dealing(experiment: ExperimentDoc, arm: str) -> ExperimentDoc:
    """The experiment with one arm for all of its visitors; as it is where it has no such arm."""
    if all(one.key != arm for one in experiment.arms):
        return experiment
    arms = [msgspec.structs.replace(one, weight=float(one.key == arm)) for one in experiment.arms]
    return msgspec.structs.replace(experiment, arms=arms, coverage=1.0, layer=None)


def splits_of(spec: PreviewSpec, served: Served) -> list[Split]:
    """Return the experiments that run in the placements shown, by placement."""
    found: dict[str, Split] = {}
    for key in spec.placements:
        placement = served.compiled.placements.get(key)
        if placement is None:
            continue
        for one in (*(rule.experiment for rule in placement.rules), placement.experiment):
            if one is not None and one.doc.enabled:
                arms = [(arm.doc.key, arm.variant.key) for arm in one.arms]
                chosen = spec.arms.get(one.key, "")
                is_one = any(arm == chosen for arm, _ in arms)
                found[one.key] = Split(one.key, key, arms, chosen if is_one else "")
        if placement.choice is not None:
            experiment = placement.choice.experiment.doc
            arms = [(arm.key, "") for arm in experiment.arms if not arm.stopped]
            chosen = spec.arms.get(experiment.key, "")
            is_one = any(arm == chosen for arm, _ in arms)
            found[experiment.key] = Split(experiment.key, key, arms, chosen if is_one else "")
    return list(found.values())


def _draft(spec: PreviewSpec) -> tuple[SnapshotDoc, Mapping[str, Node]]:
    """The drafts of what is shown; several pictures side by side read them once."""
    name = "\n".join((spec.site_id.hex, ",".join(spec.placements), ",".join(spec.blocks)))
    known = _drafts.get(name)
    if known is not None and monotonic() < known[0]:
        return known[1], known[2]
    record_watch.require()
    document, unpublished = _drafted(spec)
    _drafts.put(name, (monotonic() + DRAFT_S, document, unpublished))
    return document, unpublished


def _drafted(spec: PreviewSpec) -> tuple[SnapshotDoc, Mapping[str, Node]]:
    """The drafts of what is shown, and the conditions that they need and nobody has published.

    About twenty queries and five for each placement, however much else the site has. Nothing of a
    block that is not shown is read, so what is wrong with it does not stand in the way.
    """
    site_id = spec.site_id
    found = [content.find_placement(site_id, key) for key in spec.placements]
    ids = {one.pk for one in found if one is not None}
    places = content.placement_documents(site_id, ids=ids)
    # A flag stands in a placement of its own name that nobody has made.
    names = {one.block for one in places} | {*spec.blocks, *spec.placements}
    blocks = [content.find_block(site_id, name) for name in sorted(names)]
    documents = content.block_documents(site_id, ids={one.pk for one in blocks if one is not None})
    tagged = {number for one in documents for each in one.variants for number in each.segments}
    segments = pretending.with_unpublished(site_id, {}, tagged)
    document = SnapshotDoc(
        site_id=str(site_id),
        number=0,
        published_at_ms=0,
        placements=places,
        blocks=documents,
        segments=segments.documents,
        rules=rule_documents(site_id, ids=_leading_to(site_id, ids)),
        caps=content.cap_documents(site_id),
    )
    whole, hidden = _completed(spec, document)
    return whole, {**segments.nodes, **hidden}


def _leading_to(site_id: UUID, placement_ids: Collection[UUID]) -> set[UUID]:
    """The ids of the rules and triggers that can fill these placements."""
    rules = rules_in_use(site_id).filter(placement_id__in=placement_ids)
    found = set(rules.values_list("pk", flat=True))
    for placement_id in placement_ids:
        found |= {one.pk for one in triggers_in(site_id, placement_id)}
    return found


def _completed(spec: PreviewSpec, document: SnapshotDoc) -> tuple[SnapshotDoc, Mapping[str, Node]]:
    """Add the hidden segments that its rules name and that publishing would make."""
    known = {one.key for one in document.segments}
    named: set[str] = set()
    for rule in document.rules:
        named |= segment_keys(parse_condition(rule.condition))
    if named <= known:
        return document, _NOTHING
    ids = rules_in_use(spec.site_id).filter(placement__key__in=spec.placements)
    hidden = split_conditions(spec.site_id, ids.values_list("pk", flat=True)).hidden
    parts = {key: node for key, node in hidden.items() if key in named}
    segments = pretending.with_unpublished(spec.site_id, parts, (), document.segments)
    return msgspec.structs.replace(document, segments=segments.documents), segments.nodes


def known_segments(site_id: UUID, keys: Collection[str]) -> frozenset[str]:
    """Return which of these keys name a segment of the site that people see. One query."""
    return frozenset(pretending.names_of(site_id, keys))
