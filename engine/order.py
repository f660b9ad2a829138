"""The steps by which a placement chooses, as data: for a picture, and to check a trace against."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from engine.snapshot import CompiledPlacement, CompiledRule, CompiledSnapshot

# What is asked in turn, in an editor's words. The first that answers is shown.
ORDER: tuple[tuple[str, str], ...] = (
    ("placement", "Switched off: everybody gets the default."),
    ("consent", "Without consent to personalization: the default."),
    ("holdout", "Held out, to measure what personalization earns: the default."),
    ("experiment", "An experiment about how this place chooses: its arm changes what follows."),
    ("rule", "Rules, the greatest priority first."),
    ("experiment", "The placement's own experiment."),
    ("segment", "Variants for the visitor's segments, the most specific first."),
    ("default", "The default variant, for everybody else."),
)


class Stage(NamedTuple):
    """One step.

    Attributes:
        step: a name of `ORDER`.
        key: of the placement, purpose, holdout, rule, experiment, segment or variant.
        serves: the keys of the variants that it may show; of an experiment one for each arm.
        caps: the keys of the caps that may take it out of the order.
        starts_at_ms, ends_at_ms: of the rule or of the one variant.
    """

    step: str
    key: str
    serves: tuple[str, ...] = ()
    caps: tuple[str, ...] = ()
    starts_at_ms: int | None = None
    ends_at_ms: int | None = None


def stages_of(snapshot: CompiledSnapshot, placement: CompiledPlacement) -> list[Stage]:
    """Return the steps of a placement in the order in which `engine.decide` takes them."""
    default = placement.block.default.key
    found = [Stage("placement", placement.key, (default,))]
    if placement.block.doc.purpose == "personalization":
        found.append(Stage("consent", placement.block.doc.purpose, (default,)))
    about = [one for one in snapshot.holdouts if one.is_about(placement.key)]
    found += (Stage("holdout", one.key, (default,)) for one in about)
    if placement.choice is not None:
        places = [one for one in placement.choice.places if one is not None]
        shown = dict.fromkeys(key for one in places for key in _shown(one))
        found.append(Stage("experiment", placement.choice.experiment.key, tuple(shown)))
    found += map(_of_rule, placement.rules)
    if placement.experiment is not None:
        arms = placement.experiment.arms
        caps = tuple(dict.fromkeys(cap.key for arm in arms for cap in arm.caps))
        serves = tuple(arm.variant.key for arm in arms)
        found.append(Stage("experiment", placement.experiment.key, serves, caps))
    found += _of_segments(placement)
    return [*found, Stage("default", default, (default,))]


def _shown(place: CompiledPlacement) -> Iterator[str]:
    """The keys of the variants that a form of a placement may serve."""
    yield from (rule.variant.key for rule in place.rules if rule.variant is not None)
    yield from (variant.key for _, variant in place.block.tagged)
    yield place.block.default.key


def _of_rule(rule: CompiledRule) -> Stage:
    serves: tuple[str, ...] = ()
    if rule.variant is not None:
        serves = (rule.variant.key,)
    elif rule.experiment is not None:
        serves = tuple(arm.variant.key for arm in rule.experiment.arms)
    caps = tuple(cap.key for cap in rule.caps)
    return Stage("rule", rule.key, serves, caps, rule.starts_at_ms, rule.ends_at_ms)


def _of_segments(placement: CompiledPlacement) -> Iterator[Stage]:
    for (segment, variant), caps in zip(placement.block.tagged, placement.tagged_caps, strict=True):
        yield Stage(
            "segment",
            segment.doc.key,
            (variant.key,),
            tuple(cap.key for cap in caps),
            variant.doc.starts_at_ms if variant.is_scheduled else None,
            variant.doc.ends_at_ms if variant.is_scheduled else None,
        )
