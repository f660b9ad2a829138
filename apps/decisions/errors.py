"""Refusals of publishing."""

from collections.abc import Sequence
from typing import TypedDict

from apps.access.errors import ApprovalRequired
from engine.errors import PersonalizationError

__all__ = [
    "ApprovalRequired",
    "DraftsMoved",
    "InvalidDecisionId",
    "PublicationRefused",
    "Reason",
    "ReleaseConflict",
    "ReleaseRefused",
    "UnknownPublication",
]


class Reason(TypedDict):
    """One thing that stands against a publication: `pointer` such as `/blocks/hero`."""

    pointer: str
    code: str
    detail: str


class PublicationRefused(PersonalizationError):
    """The draft contradicts itself; nothing was published. `errors` names each place."""

    code = "publication_refused"

    def __init__(self, reasons: Sequence[Reason]) -> None:
        self.errors = list(reasons)
        super().__init__(" ".join(reason["detail"] for reason in reasons))


class DraftsMoved(PersonalizationError):
    """What was looked at is not what the drafts say by now."""

    code = "drafts_moved"

    def __init__(self) -> None:
        super().__init__("The drafts have changed since this page was opened. Look at them again.")


class ReleaseRefused(PersonalizationError):
    """A step that this release cannot take now, or not by this person."""

    code = "release_refused"


class ReleaseConflict(PersonalizationError):
    """Something of a release was published otherwise since it was frozen; `names` says what."""

    code = "release_conflict"

    def __init__(self, names: Sequence[tuple[str, str]]) -> None:
        self.names = list(names)
        said = ", ".join(f"the {kind} '{key}'" for kind, key in names)
        super().__init__(
            f"Published otherwise since this release was put together: {said}. "
            "Open the release and say which is to stay."
        )


class UnknownPublication(PersonalizationError):
    """There is no publication of this number to bring back."""

    code = "publication_not_found"

    def __init__(self, number: int) -> None:
        super().__init__(f"This site has no publication {number}.")


class InvalidDecisionId(PersonalizationError):
    """A decision id that this server has not signed for this site."""

    code = "invalid_decision_id"

    def __init__(self) -> None:
        super().__init__("This decision id was not made here, or was changed on the way.")
