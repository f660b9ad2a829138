"""Refusals. Each has a public code that is documented and never reused."""

from __future__ import annotations


class PersonalizationError(Exception):
    """A refusal the caller can act on. `code` is public."""

    code = "error"


class InvalidCondition(PersonalizationError):
    """A condition document that the engine does not understand, with the place of the trouble.

    Attributes:
        path: where in the document, below `where`: "all[1].value".
        problem: what was expected there: "expected a number".
    """

    code = "invalid_condition"

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}")


class InvalidSnapshot(PersonalizationError):
    """A publication that contradicts itself: it names something that it does not contain."""

    code = "invalid_snapshot"

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}")
