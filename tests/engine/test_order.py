"""The steps of a placement as data are the steps that a decision takes."""

from __future__ import annotations

from engine.compiling import compile_snapshot
from engine.decide import Step, decide_placement
from engine.members import Visitor
from engine.order import ORDER, Stage, stages_of
from tests.engine.choices import Seeded
from tests.sdk import publications

STEPS = [step for step, _ in ORDER]


def test_the_trace_of_any_decision_walks_along_the_stages() -> None:
    walked = 0
    for seed in range(300):
        snapshot = compile_snapshot(publications.publication(Seeded(seed)))
        for key, placement in snapshot.placements.items():
            stages = [(one.step, one.key) for one in stages_of(snapshot, placement)]
            trace: list[Step] = []
            visitor = Visitor("u1", {}, {})
            decide_placement(snapshot, key, visitor, {}, publications.NOW_MS, trace)
            position = 0
            for step in trace:
                if step.step in ("cap", "variant"):
                    continue  # about the candidate of a stage
                # An experiment that a rule runs is part of the rule's stage.
                if step.step == "experiment" and (step.step, step.key) not in stages:
                    continue
                position = stages.index((step.step, step.key), position)
                walked += 1
    assert walked > 500


def test_stages_stand_in_the_order_that_is_told() -> None:
    for seed in range(100):
        snapshot = compile_snapshot(publications.publication(Seeded(seed)))
        for placement in snapshot.placements.values():
            position = 0
            for stage in stages_of(snapshot, placement):
                position = STEPS.index(stage.step, position)


def test_the_default_is_last_and_serves_itself() -> None:
    snapshot = compile_snapshot(publications.publication(Seeded(1)))
    placement = snapshot.placements["home.hero"]
    assert stages_of(snapshot, placement)[-1] == Stage("default", "plain", ("plain",))
