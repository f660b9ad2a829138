"""Refusals of the privacy desk, each with its public code."""

from engine.errors import PersonalizationError


class RequestNotOpen(PersonalizationError):
    """The request is in a state that does not allow this (409)."""

    code = "request_not_open"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)


class RequestNotVerified(PersonalizationError):
    """Nobody has checked yet that the request comes from the person (409)."""

    code = "request_not_verified"

    def __init__(self) -> None:
        super().__init__(
            "First make sure that the request comes from the person: a duplicate, too, is verified."
        )


class ReasonRequired(PersonalizationError):
    """The decision needs a written reason that the person is told (422)."""

    code = "reason_required"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)


class SecondOfficerRequired(PersonalizationError):
    """Several people at once need the yes of a second officer (403)."""

    code = "second_officer_required"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)


class ErasureIncomplete(RuntimeError):
    """A step has not come to its end; time cures it, so it is no refusal. The text names nobody."""


class UnknownPerson(PersonalizationError):
    """Nothing leads to anybody: an erasure needs a profile or an identity (422)."""

    code = "unknown_person"

    def __init__(self) -> None:
        super().__init__("Name a profile, or at least one identity of the person.")
