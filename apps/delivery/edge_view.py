"""What of a publication an edge can decide as the server would, and what it must leave to it.

The edge sees the request and an id, no more: no profile, no caps, no models, no Liquid. A placement
for which one of these could matter is marked with what it needs (`origin`) and comes with its
default only.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from apps.content import rendering
from apps.content.errors import RenderFailed
from apps.delivery.cached import NOBODY
from engine.conditions.nodes import ContextLeaf, Node, PercentLeaf, SegmentLeaf
from engine.conditions.parse import parse_condition
from engine.conditions.scope import leaves_of
from engine.snapshot import (
    BlockDoc,
    CompiledExperiment,
    CompiledPlacement,
    CompiledSegment,
    CompiledSnapshot,
    CompiledVariant,
    ExperimentDoc,
    HoldoutDoc,
    PlacementDoc,
    RuleDoc,
    SegmentDoc,
    VariantDoc,
)
from engine.templating import TemplatePart

# The first that is enough: a worker refuses a form that it does not know, and serves defaults.
PLAIN: Final = 1
FORMAT: Final = 2  # with languages, schedules of variants, or fields that are constants or parts
TOPICS: Final = 3  # with holdouts that are about some placements
# With experiments: a worker of before deals arms to who has not consented to be compared, and knows
# none that change how is decided.
SPLITS: Final = 4
BUCKETING: Final = "growthbook-v2-10000"
# What the edge has the values of.
_AT_THE_EDGE: Final = frozenset({"facts", "context", "intensity"})
# Facts of a request that are about a profile.
_ABOUT_PROFILES: Final = frozenset({"visitor"})


class EdgePlacement(PlacementDoc, frozen=True, omit_defaults=True):
    """A placement as the edge gets it.

    Attributes:
        origin: what only the server has: "recommendations", "liquid", "values", "caps" or
            "profile"; None: the edge decides.
        default: with `origin`: what everybody may see, filled already.
        locale: with `origin`: the language of the default.
    """

    origin: str | None = None
    default: VariantDoc | None = None
    locale: str = ""


class EdgeView(msgspec.Struct, frozen=True):
    """The parts of a publication that the edge reads; conditions look at no stored profile.

    Attributes:
        salts: experiment or holdout -> the seed of its buckets.
        caps: none yet: capped placements are decided by the server.
    """

    placements: list[EdgePlacement]
    rules: list[RuleDoc]
    blocks: list[BlockDoc]
    segments: list[SegmentDoc]
    experiments: list[ExperimentDoc]
    holdouts: list[HoldoutDoc]
    caps: list[int]
    salts: dict[str, str]


def view_of(compiled: CompiledSnapshot) -> EdgeView:
    """Return what the edge may know of a publication."""
    places = [one for one in compiled.placements.values() if _is_public(one)]
    needs = {place.key: _need_of(place, compiled) for place in places}
    own = [place for place in places if needs[place.key] is None]
    blocks = {place.block.key: place.block.doc for place in own}
    keys = {place.key for place in own}
    experiments = [one for place in own for one in _experiments_of(place)]
    segments = {name for place in own for name in _segments_of(place, compiled)}
    return EdgeView(
        placements=[_placement(place, needs[place.key]) for place in places],
        rules=list({doc.key: doc for place in own for doc in _rules_of(place, compiled)}.values()),
        blocks=[_public(block) for block in blocks.values()],
        segments=[
            msgspec.structs.replace(one, name="", hidden=False)
            for one in compiled.doc.segments
            if one.key in segments
        ],
        experiments=[one.doc for one in experiments if one.doc.placement in keys],
        holdouts=_holdouts(compiled, keys),
        caps=[],
        salts={one.key: one.seed for one in experiments}
        | {one.key: one.seed for one in _holdouts(compiled, keys)},
    )


def _holdouts(compiled: CompiledSnapshot, keys: set[str]) -> list[HoldoutDoc]:
    """Those that are about what the edge decides; other placements' keys stay on the server."""
    found = []
    for one in compiled.holdouts:
        if not one.placements:
            found.append(one)
        elif own := sorted(keys.intersection(one.placements)):
            found.append(msgspec.structs.replace(one, placements=own))
    return found


def format_of(view: EdgeView) -> int:
    """Return the form that a worker must know to read a publication rightly."""
    shown = [one for block in view.blocks for one in block.variants]
    shown += [one.default for one in view.placements if one.default is not None]
    has_languages = any(block.locale for block in view.blocks)
    if view.experiments:
        return SPLITS
    if any(one.placements for one in view.holdouts):
        return TOPICS
    return FORMAT if has_languages or any(map(_is_of_now, shown)) else PLAIN


def _is_of_now(doc: VariantDoc) -> bool:
    has_schedule = doc.starts_at_ms is not None or doc.ends_at_ms is not None
    return has_schedule or any(
        isinstance(stored, dict) and stored.get("as") in ("value", "parts")
        for stored in doc.fields.values()
    )


def _is_public(place: CompiledPlacement) -> bool:
    """Flags that no page may read do not leave the server."""
    block = place.block.doc
    return block.kind != "flag" or block.client_visible


def _need_of(place: CompiledPlacement, compiled: CompiledSnapshot) -> str | None:
    """What only the server has and this placement may need; None: nothing."""
    if place.block.doc.kind == "recommendations":
        return "recommendations"
    for variant in _variants_of(place):
        if rendering.queries_of(variant.doc):
            return "recommendations"
        if rendering.uses_liquid(variant.doc):
            return "liquid"
        if not rendering.roots_read(variant.doc) <= _AT_THE_EDGE:
            return "values"
    arms = [arm for one in _experiments_of(place) for arm in one.arms]
    drawn = [arm.caps for arm in arms]
    for form in place.forms:
        drawn += [*form.tagged_caps, *(rule.caps for rule in form.rules)]
    if any(drawn):
        return "caps"
    asked = [rule.node for form in place.forms for rule in form.rules]
    asked += [one.node for one in _experiments_of(place) if one.node is not None]
    tagged = [segment for form in place.forms for segment, _ in form.block.tagged]
    if any(one.contexts for one in _experiments_of(place)):
        return "profile"  # whose shares differ by segment is the server's to say
    if all(_is_known(node, compiled) for node in asked) and all(
        _is_request(segment, compiled) for segment in tagged
    ):
        return None
    return "profile"


def _is_known(node: Node, compiled: CompiledSnapshot) -> bool:
    """Is it about the request and the visitor's id alone?"""
    for leaf in leaves_of(node):
        match leaf:
            case PercentLeaf():
                continue
            case ContextLeaf(name=name) if name not in _ABOUT_PROFILES:
                continue
            case SegmentLeaf(key) if _is_request(compiled.segments[key], compiled):
                continue
        return False
    return True


def _is_request(segment: CompiledSegment, compiled: CompiledSnapshot) -> bool:
    document = segment.doc.request_condition
    return document is not None and _is_known(parse_condition(document), compiled)


def _variants_of(place: CompiledPlacement) -> Iterator[CompiledVariant]:
    """Every variant that it can show."""
    yield place.block.default
    for form in place.forms:
        yield from (variant for _, variant in form.block.tagged)
        yield from (rule.variant for rule in form.rules if rule.variant is not None)
    yield from (arm.variant for one in _experiments_of(place) for arm in one.arms)


def _experiments_of(place: CompiledPlacement) -> list[CompiledExperiment]:
    """Its own, and those that its rules run, each once."""
    choice = None if place.choice is None else place.choice.experiment
    found = [*(rule.experiment for rule in place.rules), place.experiment, choice]
    return list({one.key: one for one in found if one is not None}.values())


def _segments_of(place: CompiledPlacement, compiled: CompiledSnapshot) -> set[str]:
    """The segments that its rules, experiments and tags ask for, and those inside them."""
    nodes = [rule.node for form in place.forms for rule in form.rules]
    nodes += [one.node for one in _experiments_of(place) if one.node is not None]
    found = {segment.doc.key for form in place.forms for segment, _ in form.block.tagged}
    found |= _swapped_in(place)
    waiting = found | {key for node in nodes for key in _named_in(node)}
    found = set()
    while waiting:
        key = waiting.pop()
        found.add(key)
        document = compiled.segments[key].doc.request_condition
        if document is not None:
            waiting |= _named_in(parse_condition(document)) - found
    return found


def _rules_of(place: CompiledPlacement, compiled: CompiledSnapshot) -> list[RuleDoc]:
    """Those that are on, and those that an arm may switch on."""
    if place.choice is None:
        return [rule.doc for rule in place.rules]
    return [rule for rule in compiled.doc.rules if rule.placement == place.key]


def _swapped_in(place: CompiledPlacement) -> set[str]:
    """The segments that arms name."""
    arms = [] if place.choice is None else place.choice.experiment.doc.arms
    changes = [arm.changes for arm in arms if arm.changes is not None]
    return {key for one in changes for pair in one.segments.items() for key in pair}


def _named_in(node: Node) -> set[str]:
    return {leaf.key for leaf in leaves_of(node) if isinstance(leaf, SegmentLeaf)}


def _placement(place: CompiledPlacement, need: str | None) -> EdgePlacement:
    block, enabled = place.block, place.doc.enabled
    if need is None:
        return EdgePlacement(place.key, block.key, enabled)
    return EdgePlacement(
        place.key,
        block.key,
        enabled,
        origin=need,
        default=_filled(block.default.doc),
        locale=block.doc.locale,
    )


def _filled(doc: VariantDoc) -> VariantDoc:
    """A variant as everybody may see it; without what cannot be rendered for nobody."""
    try:
        has_html = doc.template is not None or doc.liquid is not None
        html = rendering.render(doc, NOBODY) if has_html else None
        made = rendering.render_fields(doc, NOBODY)
    except RenderFailed:
        html, made = None, {}
    # Stored once more: an object is stored as a constant.
    fields = {
        name: {"as": "value", "value": value} if isinstance(value, dict) else value
        for name, value in made.items()
    }
    template: list[TemplatePart] | None = None if html is None else [html]
    return VariantDoc(doc.key, doc.version, fields=fields, template=template, value=doc.value)


def _public(block: BlockDoc) -> BlockDoc:
    """A block without what editors keep to themselves."""
    return msgspec.structs.replace(block, cacheable=False, recommender=None, limit=0)
