"""What an experiment or a holdout would change for visitors, in words."""

from collections.abc import Callable, Iterator
from typing import Any

from apps.studio.types import Detail
from engine.change_words import change_words
from engine.snapshot import ArmDoc, ExperimentDoc, HoldoutDoc

Say = Callable[[object], str]  # a condition's words


def experiment_said(doc: ExperimentDoc, condition: Say) -> Iterator[Detail]:
    """Return what a new experiment does."""
    yield Detail("in", after=doc.placement)
    yield Detail("shares", after=_arms(doc))
    yield Detail("takes part", after=_audience(doc, condition))


def experiment_differs(old: ExperimentDoc, new: ExperimentDoc, condition: Say) -> Iterator[Detail]:
    """Return what an experiment does otherwise."""
    if old.placement != new.placement:
        yield Detail("another placement", old.placement, new.placement)
    if old.seed != new.seed:
        yield Detail("everybody is dealt anew: a new phase")
    if old.arms != new.arms:
        yield Detail("other shares", _arms(old), _arms(new))
    if (old.coverage, old.condition, old.layer) != (new.coverage, new.condition, new.layer):
        yield Detail("takes part", _audience(old, condition), _audience(new, condition))


def holdout_words(doc: HoldoutDoc) -> str:
    """Return whom a holdout leaves out."""
    return f"{doc.share:.1%} of the visitors see nothing personalized"


def holdout_differs(old: HoldoutDoc, new: HoldoutDoc) -> Iterator[Detail]:
    """Return what a holdout does otherwise."""
    if old.share != new.share:
        yield Detail("holds out", holdout_words(old), holdout_words(new))
    if old.seed != new.seed:
        yield Detail("others are held out now")


def _arms(doc: ExperimentDoc) -> str:
    return ", ".join(f"{arm.key} {_does(doc, arm)} to {arm.weight:.1%}" for arm in doc.arms)


def _does(doc: ExperimentDoc, arm: ArmDoc) -> str:
    if not doc.by_change:
        return f"shows {arm.variant}"
    if arm.stopped:
        return "is stopped: it would be dealt"
    return f"decides ({'; '.join(change_words(arm.changes))})"


def _audience(doc: ExperimentDoc, condition: Say) -> str:
    whom: Any = "everybody" if doc.condition is None else condition(doc.condition)
    part = "" if doc.layer is None else f", with {doc.layer[2] - doc.layer[1]:.0%} of a layer"
    return f"{doc.coverage:.0%} of {whom}{part}"
