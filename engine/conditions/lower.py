"""Leaves that are another way to write an event leaf, turned into what they mean."""

from __future__ import annotations

from engine.conditions.nodes import (
    AbsenceLeaf,
    Aggregate,
    DwellLeaf,
    DwellOn,
    EventLeaf,
    ExperimentLeaf,
    ExposureLeaf,
    Leaf,
    Op,
    PropertyTest,
    Window,
    WindowKind,
)

EXPOSURE = "Exposure"
EXPERIMENT_VIEWED = "Experiment Viewed"

# What is summed where attention is reported with the event itself: (event, property in ms).
REPORTED = {
    DwellOn.SECTION: ("Section Viewed", "visible_ms"),
    DwellOn.ELEMENT: ("Element Hovered", "dwell_ms"),
}


def lowered(leaf: Leaf) -> Leaf:
    """Return the event leaf that a leaf means exactly, or the leaf itself where there is none.

    Exposures are counted, being in an experiment is one exposure to it at any time, an absence that
    waits for nothing is a count of 0, and time on sections and elements is a sum.
    """
    match leaf:
        case ExposureLeaf():
            asked = {"placement": leaf.placement, "block": leaf.block, "variant": leaf.variant}
            return EventLeaf(
                EXPOSURE, _equal(asked), Aggregate.COUNT, None, leaf.window, leaf.op, leaf.value
            )
        case ExperimentLeaf(key, arm):
            asked = {"experiment_id": key, "variation_id": arm}
            ever = Window(WindowKind.EVER)
            return EventLeaf(
                EXPERIMENT_VIEWED, _equal(asked), Aggregate.COUNT, None, ever, Op.GTE, 1
            )
        case AbsenceLeaf(without, window, None):
            return EventLeaf(without.name, without.where, Aggregate.COUNT, None, window, Op.LTE, 0)
        case DwellLeaf() if leaf.on in REPORTED:
            name, of = REPORTED[leaf.on]
            return EventLeaf(name, leaf.where, Aggregate.SUM, of, leaf.window, leaf.op, leaf.value)
    return leaf


def _equal(asked: dict[str, str | None]) -> tuple[PropertyTest, ...]:
    return tuple(PropertyTest(of, Op.EQ, value) for of, value in asked.items() if value is not None)
