"""From the document of a publication to the form that decides.

Parses every condition, sorts candidates, prepares templates, and refuses what contradicts itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from engine.allocation import Layer, ranges
from engine.capping import MAX_SHOWINGS, CapDoc
from engine.conditions.compile import compile_condition
from engine.conditions.nodes import Node
from engine.conditions.parse import parse_condition
from engine.conditions.scope import segment_keys
from engine.errors import InvalidCondition, InvalidSnapshot
from engine.snapshot import (
    BlockDoc,
    CompiledArm,
    CompiledBlock,
    CompiledExperiment,
    CompiledPlacement,
    CompiledRule,
    CompiledSegment,
    CompiledSnapshot,
    CompiledVariant,
    ExperimentDoc,
    PlacementDoc,
    RuleDoc,
    SnapshotDoc,
)
from engine.templating import prepare

WEIGHTS_TOLERANCE = 1e-6


def compile_snapshot(
    doc: SnapshotDoc, previous: CompiledSnapshot | None = None
) -> CompiledSnapshot:
    """Return the form that decides.

    Args:
        previous: another one, whose placements, blocks, conditions and segments are taken over
            where their documents are the very same objects.

    Raises:
        InvalidSnapshot: a key used twice or named but absent, a share that is none, a cap that
            allows nothing, or a condition that is refused.
    """
    segments = _segments(doc, {} if previous is None else previous.segments)
    by_number = _keyed("segments", ((segment.number, segment) for segment in segments.values()))
    made = {} if previous is None else previous.blocks
    blocks = _keyed(
        "blocks",
        (
            (block.key, _taken_over(block, made, by_number) or _block(block, by_number))
            for block in doc.blocks
        ),
    )
    for cap in doc.caps:
        _check_cap(cap)
    caps = _keyed("caps", ((cap.number, cap) for cap in doc.caps))
    placements = _places(doc, blocks)
    for holdout in doc.holdouts:
        _share(f"holdouts.{holdout.key}.share", holdout.share)
    making = _Making(
        segments, caps, {key: blocks[place.block] for key, place in placements.items()}
    )
    if previous is not None:
        making.read = {
            rule.key: rule for place in previous.placements.values() for rule in place.rules
        }
        making.made = previous.placements if previous.caps == caps else {}
    _keyed("rules", ((rule.key, rule) for rule in doc.rules))
    making.experiments = _keyed("experiments", ((item.key, item) for item in doc.experiments))
    for experiment in doc.experiments:
        making.add_experiment(experiment, placements)
    for rule in doc.rules:
        making.add_rule(rule, placements)
    return CompiledSnapshot(
        doc,
        doc.site_id,
        doc.number,
        {key: making.placement(place) for key, place in placements.items()},
        blocks,
        segments,
        by_number,
        caps,
        tuple(doc.holdouts),
    )


def _places(doc: SnapshotDoc, blocks: dict[str, CompiledBlock]) -> dict[str, PlacementDoc]:
    """The placements, and one of its own for each flag that is in none of its name."""
    places = _keyed("placements", ((item.key, item) for item in doc.placements))
    for place in doc.placements:
        _named("blocks", blocks, place.block, f"placements.{place.key}")
    for block in doc.blocks:
        if block.kind == "flag" and block.key not in places:
            places[block.key] = PlacementDoc(key=block.key, block=block.key)
    return places


@dataclass(slots=True)
class _Making:
    """What is compiled of a publication, while the rest is."""

    segments: dict[str, CompiledSegment]
    caps: dict[int, CapDoc]
    blocks: dict[str, CompiledBlock]  # of placements
    experiments: dict[str, ExperimentDoc] = field(default_factory=dict)
    rules: dict[str, list[CompiledRule]] = field(default_factory=dict)
    own: dict[str, CompiledExperiment] = field(default_factory=dict)  # of placements
    by_rule: dict[str, CompiledExperiment] = field(default_factory=dict)
    read: dict[str, CompiledRule] = field(default_factory=dict)  # of another publication
    made: dict[str, CompiledPlacement] = field(default_factory=dict)  # likewise, of the same caps

    def add_experiment(self, doc: ExperimentDoc, places: dict[str, PlacementDoc]) -> None:
        path = f"experiments.{doc.key}"
        place = _named("placements", places, doc.placement, path)
        compiled = self._experiment(doc, place, path)
        if not doc.enabled:
            return
        if doc.by_rule:
            self.by_rule[doc.key] = compiled
        elif doc.placement in self.own:
            other = self.own[doc.placement].key
            raise InvalidSnapshot(path, f"the placement runs the experiment '{other}' already")
        else:
            self.own[doc.placement] = compiled

    def _experiment(self, doc: ExperimentDoc, place: PlacementDoc, path: str) -> CompiledExperiment:
        _share(f"{path}.coverage", doc.coverage)
        _keyed(f"{path}.arms", ((arm.key, arm) for arm in doc.arms))
        weights = [arm.weight for arm in doc.arms]
        if min(weights, default=-1.0) < 0 or abs(sum(weights) - 1) > WEIGHTS_TOLERANCE:
            raise InvalidSnapshot(f"{path}.arms", "needs weights of at least 0 whose sum is 1")
        layer = None if doc.layer is None else Layer(*doc.layer)
        if layer is not None and not 0 <= layer.start < layer.end <= 1:
            raise InvalidSnapshot(f"{path}.layer", "needs 0 <= start < end <= 1")
        node = None
        if doc.condition is not None:
            node = _condition(doc.condition, path, self.segments.keys())
        block = self.blocks[doc.placement]
        arms = []
        for arm in doc.arms:
            variant = _named("variants", block.variants, arm.variant, f"{path}.arms.{arm.key}")
            drawn = self._caps(place, block, variant, (), path)
            arms.append(CompiledArm(arm, variant, variant is block.default, drawn))
        return CompiledExperiment(
            doc=doc,
            key=doc.key,
            seed=doc.seed,
            arms=tuple(arms),
            ranges=ranges(weights, doc.coverage),
            layer=layer,
            node=node,
            condition=None if node is None else compile_condition(node),
        )

    def add_rule(self, doc: RuleDoc, places: dict[str, PlacementDoc]) -> None:
        path = f"rules.{doc.key}"
        place = _named("placements", places, doc.placement, path)
        block = self.blocks[doc.placement]
        known = self.read.get(doc.key)
        if known is not None and known.doc is doc:
            node, condition = known.node, known.condition
            _refuse_absent(node, path, self.segments.keys())
        else:
            node = _condition(doc.condition, path, self.segments.keys())
            condition = compile_condition(node)
        variant, experiment = None, None
        drawn = tuple(_named("caps", self.caps, number, path) for number in doc.caps)
        if doc.experiment:
            asked = _named("experiments", self.experiments, doc.experiment, path)
            if asked.placement != doc.placement:
                raise InvalidSnapshot(path, f"'{asked.key}' belongs to another placement")
            experiment = self.by_rule.get(asked.key)
        else:
            variant = _named("variants", block.variants, doc.variant, path)
            drawn = self._caps(place, block, variant, doc.caps, path)
        # A rule whose experiment has ended serves nothing.
        if not doc.enabled or (variant is None and experiment is None):
            return
        self.rules.setdefault(doc.placement, []).append(
            CompiledRule(
                doc=doc,
                key=doc.key,
                node=node,
                condition=condition,
                variant=variant,
                experiment=experiment,
                caps=drawn,
                starts_at_ms=doc.starts_at_ms,
                ends_at_ms=doc.ends_at_ms,
            )
        )

    def placement(self, doc: PlacementDoc) -> CompiledPlacement:
        block, path = self.blocks[doc.key], f"placements.{doc.key}"
        known = self.made.get(doc.key)
        if known is not None and known.doc is doc and known.block is block:
            # What asks or splits is made anew each time, and so is the place that has some.
            is_plain = known.experiment is None and doc.key not in self.own
            if is_plain and not known.rules and doc.key not in self.rules:
                return known
        rules = sorted(self.rules.get(doc.key, ()), key=lambda rule: (-rule.doc.priority, rule.key))
        tagged_caps = tuple(
            self._caps(doc, block, variant, (), path) for _, variant in block.tagged
        )
        return CompiledPlacement(
            doc, doc.key, block, tuple(rules), self.own.get(doc.key), tagged_caps
        )

    def _caps(
        self,
        place: PlacementDoc,
        block: CompiledBlock,
        variant: CompiledVariant,
        more: Sequence[int],
        path: str,
    ) -> tuple[CapDoc, ...]:
        """All caps that showing a variant draws on, each once. The default is never limited."""
        if variant is block.default:
            return ()
        numbers = dict.fromkeys([*variant.doc.caps, *block.doc.caps, *place.caps, *more])
        return tuple(_named("caps", self.caps, number, path) for number in numbers)


def _check_cap(cap: CapDoc) -> None:
    path = f"caps.{cap.key}"
    if cap.most is not None and not 1 <= cap.most <= MAX_SHOWINGS:
        raise InvalidSnapshot(path, f"allows 1 to {MAX_SHOWINGS} showings")
    if (cap.window_ms is not None and cap.window_ms <= 0) or cap.cooldown_ms < 0:
        raise InvalidSnapshot(path, "has a window or a cooldown that is no length of time")
    fatigue = cap.fatigue
    if fatigue is not None and (
        fatigue.half_life_ms <= 0 or fatigue.step < 0 or not 0 <= fatigue.floor <= 1
    ):
        raise InvalidSnapshot(path, "has a half-life, a step or a floor out of bounds")


def _share(path: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise InvalidSnapshot(path, "is a share from 0 to 1")


def _segments(
    doc: SnapshotDoc, previous: Mapping[str, CompiledSegment]
) -> dict[str, CompiledSegment]:
    known = frozenset(segment.key for segment in doc.segments)
    asks: dict[str, frozenset[str]] = {}
    compiled = []
    for segment in doc.segments:
        request = None
        known_one = previous.get(segment.key)
        if known_one is not None and known_one.doc is not segment:
            known_one = None
        if segment.request_condition is not None:
            path = f"segments.{segment.key}"
            node = _condition(segment.request_condition, path, known)
            asks[segment.key] = segment_keys(node)
            request = compile_condition(node) if known_one is None else known_one.request
        if known_one is None:
            known_one = CompiledSegment(segment, segment.number, segment.no_profile, request)
        compiled.append((segment.key, known_one))
    _refuse_cycles(asks)
    return _keyed("segments", compiled)


def _refuse_cycles(asks: dict[str, frozenset[str]]) -> None:
    """Segments answered in the request ask each other while they are read."""
    settled: set[str] = set()

    def visit(key: str, chain: tuple[str, ...]) -> None:
        if key in chain:
            raise InvalidSnapshot(f"segments.{key}", "contains itself")
        if key not in settled:
            for asked in sorted(asks.get(key, ())):
                visit(asked, (*chain, key))
            settled.add(key)

    for key in asks:
        visit(key, ())


def _taken_over(
    doc: BlockDoc, previous: Mapping[str, CompiledBlock], segments: dict[int, CompiledSegment]
) -> CompiledBlock | None:
    """The block as another publication has it, unless a segment that it names has changed."""
    made = previous.get(doc.key)
    if made is None or made.doc is not doc:
        return None
    is_same = all(segments.get(segment.number) is segment for segment, _ in made.tagged)
    return made if is_same else None


def _block(doc: BlockDoc, segments: dict[int, CompiledSegment]) -> CompiledBlock:
    path = f"blocks.{doc.key}"
    variants = _keyed(
        f"{path}.variants",
        (
            (
                item.key,
                CompiledVariant(
                    item,
                    item.key,
                    item.version,
                    None if item.template is None else prepare(item.template),
                    item.key != doc.default
                    and (item.starts_at_ms is not None or item.ends_at_ms is not None),
                ),
            )
            for item in doc.variants
        ),
    )
    tagged = [
        (_named("segments", segments, number, f"{path}.variants.{item.key}"), variants[item.key])
        for item in doc.variants
        for number in item.segments
    ]
    # The sort is stable, so the editor's order decides last.
    tagged.sort(key=lambda pair: (-pair[0].doc.depth, -pair[1].doc.priority))
    default = _named("variants", variants, doc.default, f"{path}.default")
    return CompiledBlock(doc, doc.key, variants, default, tuple(tagged))


def _condition(document: object, path: str, known: Collection[str]) -> Node:
    try:
        node = parse_condition(document)
    except InvalidCondition as error:
        raise InvalidSnapshot(f"{path}.condition.{error.path}", error.problem) from error
    _refuse_absent(node, path, known)
    return node


def _refuse_absent(node: Node, path: str, known: Collection[str]) -> None:
    absent = sorted(key for key in segment_keys(node) if key not in known)
    if absent:
        raise InvalidSnapshot(f"{path}.condition", f"names the segment '{absent[0]}', not here")


Key = TypeVar("Key", str, int)
Item = TypeVar("Item")


def _keyed(path: str, pairs: Iterable[tuple[Key, Item]]) -> dict[Key, Item]:
    found: dict[Key, Item] = {}
    for key, item in pairs:
        if key in found:
            raise InvalidSnapshot(f"{path}.{key}", "is there twice")
        found[key] = item
    return found


def _named(kind: str, items: dict[Key, Item], key: Key, path: str) -> Item:
    if key not in items:
        raise InvalidSnapshot(path, f"names '{key}', which is not among the {kind}")
    return items[key]
