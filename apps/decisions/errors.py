"""Refusals of publishing."""

from collections.abc import Sequence
from typing import TypedDict

from engine.errors import PersonalizationError


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
