"""Refusals of editors' content. Each code is public and never reused."""

from collections.abc import Sequence
from typing import TypedDict

from engine.errors import PersonalizationError


class FieldError(TypedDict):
    """One place in a refused variant: `pointer` such as `/fields/headline`."""

    pointer: str
    code: str
    detail: str


class InvalidTemplate(PersonalizationError):
    """A template that cannot be published.

    Attributes:
        line: counted from 1 in the editor's text.
        problem: one sentence without the line.
    """

    code = "invalid_template"

    def __init__(self, line: int, problem: str) -> None:
        self.line = line
        self.problem = problem
        super().__init__(f"Line {line}: {problem}")


class InvalidContent(PersonalizationError):
    """A block, variant or placement that contradicts itself; `errors` names each place."""

    code = "invalid_content"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        self.errors = list(errors)
        super().__init__(" ".join(error["detail"] for error in self.errors))


class RenderFailed(PersonalizationError):
    """A variant that could not be rendered with these values: serve the default instead."""

    code = "render_failed"


def refused(pointer: str, detail: str, code: str = "invalid_content") -> InvalidContent:
    """Return the refusal of one place."""
    return InvalidContent([{"pointer": pointer, "code": code, "detail": detail}])
