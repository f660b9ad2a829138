"""From the document of a publication to the form that decides.

Parses every condition, sorts candidates, prepares templates, and refuses what contradicts itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as with_other

from engine.allocation import Layer, ranges
from engine.capping import CapDoc
from engine.changing import changed
from engine.checking import (
    check_cap,
    check_share,
    check_weights,
    keyed,
    named,
    read_condition,
    refuse_absent,
)
from engine.conditions.compile import compile_condition
from engine.conditions.scope import segment_keys
from engine.errors import InvalidSnapshot
from engine.snapshot import (
    BlockDoc,
    CompiledArm,
    CompiledBlock,
    CompiledChoice,
    CompiledExperiment,
    CompiledPlacement,
    CompiledRule,
    CompiledSegment,
    CompiledShares,
    CompiledSnapshot,
    CompiledVariant,
    ContextDoc,
    ExperimentDoc,
    PlacementDoc,
    RuleDoc,
    SnapshotDoc,
)
from engine.templating import prepare


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
    by_number = keyed("segments", ((segment.number, segment) for segment in segments.values()))
    made = {} if previous is None else previous.blocks
    blocks = keyed(
        "blocks",
        (
            (block.key, _taken_over(block, made, by_number) or _block(block, by_number))
            for block in doc.blocks
        ),
    )
    for cap in doc.caps:
        check_cap(cap)
    caps = keyed("caps", ((cap.number, cap) for cap in doc.caps))
    placements = _places(doc, blocks)
    for holdout in doc.holdouts:
        check_share(f"holdouts.{holdout.key}.share", holdout.share)
    filled = {key: blocks[place.block] for key, place in placements.items()}
    making = _Making(segments, by_number, caps, filled)
    if previous is not None:
        making.read = {
            rule.key: rule for place in previous.placements.values() for rule in place.rules
        }
        making.made = previous.placements if previous.caps == caps else {}
    keyed("rules", ((rule.key, rule) for rule in doc.rules))
    making.experiments = keyed("experiments", ((item.key, item) for item in doc.experiments))
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
    places = keyed("placements", ((item.key, item) for item in doc.placements))
    for place in doc.placements:
        named("blocks", blocks, place.block, f"placements.{place.key}")
    for block in doc.blocks:
        if block.kind == "flag" and block.key not in places:
            places[block.key] = PlacementDoc(key=block.key, block=block.key)
    return places


@dataclass(slots=True)
class _Making:
    """What is compiled of a publication, while the rest is."""

    segments: dict[str, CompiledSegment]
    by_number: dict[int, CompiledSegment]
    caps: dict[int, CapDoc]
    blocks: dict[str, CompiledBlock]  # of placements
    experiments: dict[str, ExperimentDoc] = field(default_factory=dict)
    rules: dict[str, list[CompiledRule]] = field(default_factory=dict)
    there: dict[str, list[RuleDoc]] = field(default_factory=dict)  # those that are off, too
    own: dict[str, CompiledExperiment] = field(default_factory=dict)  # of placements
    by_rule: dict[str, CompiledExperiment] = field(default_factory=dict)
    choices: dict[str, CompiledExperiment] = field(default_factory=dict)  # by change, likewise
    read: dict[str, CompiledRule] = field(default_factory=dict)  # of another publication
    made: dict[str, CompiledPlacement] = field(default_factory=dict)  # likewise, of the same caps

    def add_experiment(self, doc: ExperimentDoc, places: dict[str, PlacementDoc]) -> None:
        path = f"experiments.{doc.key}"
        place = named("placements", places, doc.placement, path)
        compiled = self._experiment(doc, place, path)
        if not doc.enabled:
            return
        if doc.by_rule and not doc.by_change:
            self.by_rule[doc.key] = compiled
            return
        other = self.own.get(doc.placement) or self.choices.get(doc.placement)
        if other is not None:
            raise InvalidSnapshot(path, f"the placement runs the experiment '{other.key}' already")
        (self.choices if doc.by_change else self.own)[doc.placement] = compiled

    def _experiment(self, doc: ExperimentDoc, place: PlacementDoc, path: str) -> CompiledExperiment:
        check_share(f"{path}.coverage", doc.coverage)
        keyed(f"{path}.arms", ((arm.key, arm) for arm in doc.arms))
        weights = [arm.weight for arm in doc.arms]
        check_weights(f"{path}.arms", weights)
        layer = None if doc.layer is None else Layer(*doc.layer)
        if layer is not None and not 0 <= layer.start < layer.end <= 1:
            raise InvalidSnapshot(f"{path}.layer", "needs 0 <= start < end <= 1")
        node = None
        if doc.condition is not None:
            node = read_condition(doc.condition, path, self.segments.keys())
        block = self.blocks[doc.placement]
        arms = []
        for arm in doc.arms:
            if doc.by_change:
                if arm.variant:
                    raise InvalidSnapshot(f"{path}.arms.{arm.key}", "changes, and shows nothing")
                continue
            if arm.changes is not None or arm.stopped:
                raise InvalidSnapshot(f"{path}.arms.{arm.key}", "shows, and changes nothing")
            variant = named("variants", block.variants, arm.variant, f"{path}.arms.{arm.key}")
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
            contexts=tuple(self._shares(one, doc, path) for one in doc.contexts),
        )

    def _shares(self, context: ContextDoc, doc: ExperimentDoc, path: str) -> CompiledShares:
        where = f"{path}.contexts.{context.segment}"
        if len(context.weights) != len(doc.arms):
            raise InvalidSnapshot(where, "needs a weight for each arm")
        check_weights(where, context.weights)
        segment = named("segments", self.segments, context.segment, where)
        shares = ranges(context.weights, doc.coverage)
        return CompiledShares(segment, tuple(context.weights), shares)

    def add_rule(self, doc: RuleDoc, places: dict[str, PlacementDoc]) -> None:
        path = f"rules.{doc.key}"
        place = named("placements", places, doc.placement, path)
        made = self._rule(doc, place, self.blocks[doc.placement], path)
        self.there.setdefault(doc.placement, []).append(doc)
        # A rule whose experiment has ended serves nothing.
        if doc.enabled and (made.variant is not None or made.experiment is not None):
            self.rules.setdefault(doc.placement, []).append(made)

    def _rule(
        self, doc: RuleDoc, place: PlacementDoc, block: CompiledBlock, path: str
    ) -> CompiledRule:
        known = self.read.get(doc.key)
        if known is not None and known.doc is doc:
            node, condition = known.node, known.condition
            refuse_absent(node, path, self.segments.keys())
        else:
            node = read_condition(doc.condition, path, self.segments.keys())
            condition = compile_condition(node)
        variant, experiment = None, None
        drawn = tuple(named("caps", self.caps, number, path) for number in doc.caps)
        if doc.experiment:
            asked = named("experiments", self.experiments, doc.experiment, path)
            if asked.placement != doc.placement:
                raise InvalidSnapshot(path, f"'{asked.key}' belongs to another placement")
            experiment = self.by_rule.get(asked.key)
        else:
            variant = named("variants", block.variants, doc.variant, path)
            drawn = self._caps(place, block, variant, doc.caps, path)
        return CompiledRule(
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

    def placement(self, doc: PlacementDoc) -> CompiledPlacement:
        block = self.blocks[doc.key]
        known = self.made.get(doc.key)
        if known is not None and known.doc is doc and known.block is block:
            # What asks or splits is made anew each time, and so is the place that has some.
            is_plain = known.experiment is None and doc.key not in self.own
            is_plain = is_plain and known.choice is None and doc.key not in self.choices
            if is_plain and not known.rules and doc.key not in self.rules:
                return known
        rules = self.rules.get(doc.key, [])
        made = self._form(doc, block, rules)
        choice = self.choices.get(doc.key)
        if choice is None:
            return made
        if any(rule.experiment is not None for rule in rules):
            where = f"experiments.{choice.key}"
            raise InvalidSnapshot(where, "a rule of its placement runs an experiment")
        return with_other(made, choice=self._choice(choice, made))

    def _form(
        self, doc: PlacementDoc, block: CompiledBlock, rules: Iterable[CompiledRule], arm: str = ""
    ) -> CompiledPlacement:
        path = f"placements.{doc.key}"
        tagged_caps = tuple(
            self._caps(doc, block, variant, (), path) for _, variant in block.tagged
        )
        return CompiledPlacement(
            doc,
            doc.key,
            block,
            tuple(sorted(rules, key=lambda rule: (-rule.doc.priority, rule.key))),
            self.own.get(doc.key),
            tagged_caps,
            arm=arm,
        )

    def _choice(self, experiment: CompiledExperiment, own: CompiledPlacement) -> CompiledChoice:
        """The form of the placement by which each arm decides."""
        rules = self.there.get(own.key, [])
        made = {rule.key: rule for rule in own.rules}
        numbers = {key: segment.number for key, segment in self.segments.items()}
        places: list[CompiledPlacement | None] = []
        for arm in experiment.doc.arms:
            path = f"experiments.{experiment.key}.arms.{arm.key}"
            if arm.stopped or arm.changes is None:
                places.append(None if arm.stopped else own)
                continue
            docs, block_doc = changed(rules, own.block.doc, arm.changes, numbers, path)
            block = own.block
            if block_doc is not block.doc:
                block = _block(block_doc, self.by_number)
            kept = [
                made[doc.key]
                if block is own.block and doc.key in made and made[doc.key].doc is doc
                else self._rule(doc, own.doc, block, f"rules.{doc.key}")
                for doc in docs
            ]
            places.append(self._form(own.doc, block, kept, arm.key))
        return CompiledChoice(experiment, tuple(places))

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
        return tuple(named("caps", self.caps, number, path) for number in numbers)


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
            node = read_condition(segment.request_condition, path, known)
            asks[segment.key] = segment_keys(node)
            request = compile_condition(node) if known_one is None else known_one.request
        if known_one is None:
            known_one = CompiledSegment(segment, segment.number, segment.no_profile, request)
        compiled.append((segment.key, known_one))
    _refuse_cycles(asks)
    return keyed("segments", compiled)


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
    variants = keyed(
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
        (named("segments", segments, number, f"{path}.variants.{item.key}"), variants[item.key])
        for item in doc.variants
        for number in item.segments
    ]
    # The sort is stable, so the editor's order decides last.
    tagged.sort(key=lambda pair: (-pair[0].doc.depth, -pair[1].doc.priority))
    default = named("variants", variants, doc.default, f"{path}.default")
    return CompiledBlock(doc, doc.key, variants, default, tuple(tagged))
