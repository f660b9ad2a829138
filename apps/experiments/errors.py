"""Refusals of experiments."""

from collections.abc import Sequence
from typing import TypedDict

from engine.errors import PersonalizationError


class FieldProblem(TypedDict):
    """One wrong place: a JSON pointer, the code, and a sentence that says what to do."""

    pointer: str
    code: str
    detail: str


class InvalidExperiment(PersonalizationError):
    """A design that cannot be run as it is. `errors`: every wrong place."""

    code = "invalid_experiment"

    def __init__(self, errors: Sequence[FieldProblem]) -> None:
        self.errors = list(errors)
        super().__init__(" ".join(one["detail"] for one in errors))


class NotAsItStands(PersonalizationError):
    """What was asked for does not fit the state an experiment is in."""

    code = "experiment_state"


def problem(place: str, detail: str) -> FieldProblem:
    """Return one wrong place of a design."""
    return {"pointer": f"/{place}", "code": InvalidExperiment.code, "detail": detail}
