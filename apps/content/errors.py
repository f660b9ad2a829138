"""Refusals of editors' content. Each code is public and never reused."""

from collections.abc import Sequence
from typing import Any, TypedDict
from uuid import UUID

from apps.segments.types import Usage
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


class EditConflict(PersonalizationError):
    """Somebody else saved the object first.

    Attributes:
        base: what the change began with, None when that is not known.
        theirs: what is saved now.
    """

    code = "edit_conflict"

    def __init__(
        self,
        kind: str,
        object_id: UUID,
        base: dict[str, Any] | None,
        theirs: dict[str, Any] | None,
    ) -> None:
        self.kind = kind
        self.object_id = object_id
        self.base = base
        self.theirs = theirs
        super().__init__(f"Somebody else has saved this {kind} in the meantime.")


class RevisionNotFound(PersonalizationError):
    """The object has no such revision."""

    code = "revision_not_found"

    def __init__(self, name: object) -> None:
        super().__init__(f"There is no revision '{name}'.")


class RestoreRefused(PersonalizationError):
    """An older state that cannot be written any more: its surroundings have changed."""

    code = "restore_refused"


class InUse(PersonalizationError):
    """The object cannot be archived while something uses it; `usages` says what."""

    code = "in_use"

    def __init__(self, label: str, usages: Sequence[Usage]) -> None:
        self.usages = list(usages)
        names = ", ".join(f"{usage.kind} '{usage.name}'" for usage in self.usages)
        super().__init__(f"'{label}' is still used by {names}.")


def refused(pointer: str, detail: str, code: str = "invalid_content") -> InvalidContent:
    """Return the refusal of one place."""
    return InvalidContent([{"pointer": pointer, "code": code, "detail": detail}])
