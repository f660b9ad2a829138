"""Refusals of what content systems send. Each code is public and never reused."""

from engine.errors import PersonalizationError


class InvalidSignature(PersonalizationError):
    """A call whose signature or secret is missing, wrong or too old (401); it is not kept."""

    code = "invalid_signature"


class EntryRefused(PersonalizationError):
    """An entry of a content system that cannot become a draft; the call is kept for repair.

    Attributes:
        reason: a stable word for what is wrong, kept with the call.
    """

    code = "entry_refused"

    def __init__(self, reason: str, sentence: str) -> None:
        self.reason = reason
        super().__init__(sentence)
