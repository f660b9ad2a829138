"""What a change cannot be published without: a new block with the placement that it fills."""

from collections.abc import Iterator, Mapping
from uuid import UUID

from apps.decisions import manifests, parts, stored
from apps.decisions.manifests import Name
from engine.snapshot import BlockDoc, ExperimentDoc, PlacementDoc, RuleDoc


def needed(
    site_id: UUID, picked: Mapping[Name, parts.Waiting], waiting: Mapping[Name, parts.Waiting]
) -> set[Name]:
    """Return the names among `waiting` that `picked` needs and that are new: they come along.

    A query or two for each kind, for each step from one thing to the next.
    """
    found: set[Name] = set()
    caps = _caps(site_id, waiting)
    todo = [name for name, row in picked.items() if row.digest]
    while todo:
        more: set[Name] = set()
        variants: dict[str, set[str]] = {}  # by placement: what is served there
        for (kind, _), body in parts.drafted(site_id, todo).items():
            document = manifests.document_in(kind, body)
            more |= _named(document, caps)
            if isinstance(document, RuleDoc):
                variants.setdefault(document.placement, set()).add(document.variant)
            if isinstance(document, ExperimentDoc):
                shown = {arm.variant for arm in document.arms if arm.variant}
                variants.setdefault(document.placement, set()).update(shown)
        placed = {name for name in more if name in waiting and not waiting[name].served}
        placed |= _with_new_variants(site_id, variants, waiting)
        todo = sorted(placed - found - picked.keys())
        found |= placed - picked.keys()
    return found


def _with_new_variants(
    site_id: UUID, variants: Mapping[str, set[str]], waiting: Mapping[Name, parts.Waiting]
) -> set[Name]:
    """The changed blocks that do not serve a variant yet which a rule or an arm shows."""
    placements = parts.drafted(site_id, [("placement", key) for key in variants])
    asked: dict[str, set[str]] = {}
    for (_, key), body in placements.items():
        block = manifests.document_in("placement", body).block if body else ""
        if ("block", block) in waiting:
            asked.setdefault(block, set()).update(variants[key])
    serving = stored.bodies(site_id, [waiting["block", key].served_part for key in asked])
    found: set[Name] = set()
    for key, wanted in asked.items():
        served = serving.get(waiting["block", key].served_part)
        known = manifests.document_in("block", served).variants if served else []
        if not wanted <= {variant.key for variant in known}:
            found.add(("block", key))
    return found


def _named(document: manifests.Doc, caps: Mapping[int, str]) -> set[Name]:
    match document:
        case PlacementDoc():
            return {("block", document.block), *_capped(document.caps, caps)}
        case RuleDoc():
            return {("placement", document.placement), *_capped(document.caps, caps)}
        case ExperimentDoc():
            return {("placement", document.placement), *_changed(document)}
        case BlockDoc():
            numbers = [*document.caps, *(cap for one in document.variants for cap in one.caps)]
            return set(_capped(numbers, caps))
    return set()


def _changed(document: ExperimentDoc) -> Iterator[Name]:
    """What arms put in the place of something."""
    for changes in (arm.changes for arm in document.arms):
        if changes is not None:
            yield from (("rule", other) for other in changes.rules.values() if other is not None)
            yield from (("segment", other) for other in changes.segments.values())


def _capped(numbers: list[int], caps: Mapping[int, str]) -> list[Name]:
    return [("cap", caps[number]) for number in numbers if number in caps]


def _caps(site_id: UUID, waiting: Mapping[Name, parts.Waiting]) -> dict[int, str]:
    """The new caps by number."""
    new = [name for name, row in waiting.items() if row.kind == "cap" and row.digest]
    bodies = parts.drafted(site_id, new)
    return {manifests.document_in("cap", body).number: key for (_, key), body in bodies.items()}
