"""The experiments that run and the holdouts, one by one, as a publication would hold each."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from apps.content.selectors import VariantNow, variants_now
from apps.experiments.changes import changes_of
from apps.experiments.models import Experiment, Holdout, Phase
from apps.segments.selectors import gated_in_force, meaning, request_keys
from engine.conditions.canonical import to_json
from engine.conditions.nodes import Node
from engine.conditions.parse import parse_condition
from engine.conditions.scope import segment_keys, split_history
from engine.errors import InvalidCondition
from engine.snapshot import ArmDoc, ContextDoc, ExperimentDoc, HoldoutDoc


class DraftedExperiment(NamedTuple):
    """One experiment that was started.

    Attributes:
        document: None when it is refused, or waits for a block in its placement.
        refusal: why a publication of it would be refused, in a sentence.
        hint: what an editor should know that refuses nothing.
        hidden: conditions of the hidden segments that it needs, by key.
    """

    object_id: UUID
    key: str
    document: ExperimentDoc | None
    refusal: str = ""
    hint: str = ""
    hidden: Mapping[str, Node] = {}


def drafted_experiments(
    site_id: UUID, ids: Collection[UUID] | None = None
) -> list[DraftedExperiment]:
    """Return the site's experiments that run; of `ids` only, where given. Five queries at most."""
    rows = Phase.objects.filter(
        ended_at=None,
        experiment__site_id=site_id,
        experiment__state=Experiment.State.RUNNING,
        experiment__archived_at=None,
    )
    chosen = rows if ids is None else rows.filter(experiment_id__in=list(ids))
    phases = list(chosen.select_related("experiment__placement").order_by("experiment__key"))
    if not phases:
        return []
    first = _first_of_each_placement(rows)
    variants = variants_now(
        {arm["variant"] for one in phases for arm in one.arms if arm["variant"]}
    )
    published = gated_in_force(site_id)
    asking, meant = request_keys(published), meaning(site_id)
    known = frozenset(published)
    return [_drafted(one, first, variants, known, asking, meant) for one in phases]


def hidden_parts(site_id: UUID) -> dict[str, Node]:
    """Return the conditions of hidden segments that running experiments need, by key."""
    return {key: node for one in drafted_experiments(site_id) for key, node in one.hidden.items()}


def drafted_holdouts(site_id: UUID) -> list[tuple[UUID, HoldoutDoc]]:
    """Return the site's holdouts that are in use. One query."""
    rows = Holdout.objects.filter(site_id=site_id, is_enabled=True, archived_at=None, share__gt=0)
    return [
        (
            one.pk,
            HoldoutDoc(
                key=one.key, seed=one.seed, share=one.share, placements=sorted(one.placements)
            ),
        )
        for one in rows.order_by("key")
    ]


def _first_of_each_placement(rows: QuerySet[Phase]) -> dict[UUID, UUID]:
    """The experiment of each placement that was started first: a placement runs one."""
    found: dict[UUID, UUID] = {}
    for experiment_id, placement_id in rows.order_by("started_at", "pk").values_list(
        "experiment_id", "experiment__placement_id"
    ):
        found.setdefault(placement_id, experiment_id)
    return found


def _drafted(
    phase: Phase,
    first: Mapping[UUID, UUID],
    variants: Mapping[str, VariantNow],
    published: frozenset[str],
    asking: frozenset[str],
    meant: Callable[[Node], Node],
) -> DraftedExperiment:
    experiment = phase.experiment
    placement, key, pk = experiment.placement, experiment.key, experiment.pk
    name = f"The experiment '{experiment.name}'"
    if placement.archived_at is not None or placement.block_id is None:
        return DraftedExperiment(pk, key, None, hint=f"{name} waits: no block fills its placement.")
    if first[placement.pk] != pk:
        return DraftedExperiment(pk, key, None, f"{name} is in a placement that runs another one.")
    wrong = _wrong_arm(phase, variants, placement.block_id)
    if wrong:
        return DraftedExperiment(pk, key, None, f"{name} shows in {wrong}.")
    node: Node | None = None
    hidden: Mapping[str, Node] = {}
    if phase.condition is not None:
        try:
            whole = meant(parse_condition(phase.condition))
        except InvalidCondition as error:
            return DraftedExperiment(pk, key, None, f"{name}: who takes part is refused: {error}.")
        absent = sorted(segment_keys(whole) - published)
        if absent:
            return DraftedExperiment(
                pk, key, None, f"{name} names the segment '{absent[0]}', which is not published."
            )
        node, hidden = split_history(whole, asking)
    unknown = _segment_absent(phase, published)
    if unknown:
        return DraftedExperiment(
            pk, key, None, f"{name} changes the segment '{unknown}': not published."
        )
    document = ExperimentDoc(
        key=key,
        placement=placement.key,
        seed=phase.seed,
        arms=_arms(phase, variants),
        coverage=phase.coverage,
        layer=(phase.layer_key, phase.layer_start, phase.layer_end) if phase.layer_key else None,
        condition=None if node is None else to_json(node),
        by_change=_is_by_change(phase),
        contexts=contexts_of(phase, [arm["key"] for arm in phase.arms], published),
    )
    return DraftedExperiment(pk, key, document, hidden=hidden)


def _wrong_arm(phase: Phase, variants: Mapping[str, VariantNow], block_id: UUID) -> str:
    """What an arm shows that cannot be served, in words; empty: all can."""
    for arm in phase.arms:
        if not arm["variant"]:
            continue
        variant = variants.get(arm["variant"])
        if variant is None or variant.is_archived:
            return f"'{arm['name']}' a variant that is archived"
        if variant.block_id != block_id:
            return f"'{arm['name']}' a variant of another block"
    return ""


def _arms(phase: Phase, variants: Mapping[str, VariantNow]) -> list[ArmDoc]:
    """A stopped arm keeps its place, so that nobody else is moved, and shows the control."""
    if _is_by_change(phase):
        return [
            ArmDoc(
                key=arm["key"],
                variant="",
                weight=arm["weight"],
                changes=changes_of(arm["changes"]),
                stopped=arm["key"] in phase.stopped,
            )
            for arm in phase.arms
        ]
    control = next(arm["variant"] for arm in phase.arms if arm["is_control"])
    return [
        ArmDoc(
            key=arm["key"],
            variant=variants[control if arm["key"] in phase.stopped else arm["variant"]].key,
            weight=arm["weight"],
        )
        for arm in phase.arms
    ]


def _segment_absent(phase: Phase, published: frozenset[str]) -> str:
    """The first segment that an arm's changes name and that is not published; empty: none."""
    for arm in phase.arms:
        changes = None if arm["variant"] else changes_of(arm["changes"])
        if changes is not None:
            for key in (*changes.segments.values(), *changes.segments):
                if key not in published:
                    return key
    return ""


def _is_by_change(phase: Phase) -> bool:
    return not any(arm["variant"] for arm in phase.arms)


def contexts_of(phase: Phase, arms: Sequence[str], published: Collection[str]) -> list[ContextDoc]:
    """Return the shares of published segments as a publication has them, as the phase names them.

    Args:
        arms: keys, in the order of the document.
    """
    known = phase.bandit.get("contexts", {})
    return [
        ContextDoc(segment=key, weights=[known[key][arm] for arm in arms])
        for key in phase.segments
        if key in known and key in published
    ]
