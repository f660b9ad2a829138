"""Refusals of the work app."""

from uuid import UUID

from engine.errors import PersonalizationError


class UnknownIntent(PersonalizationError):
    """Nobody performs this kind of intent: the code that asked is newer than the code that runs."""

    code = "unknown_intent"

    def __init__(self, kind: str) -> None:
        super().__init__(f"No installed app performs '{kind}'.")


class LeaseLost(PersonalizationError):
    """Another process has taken this intent over, because this one seemed dead."""

    code = "lease_lost"

    def __init__(self, intent_id: UUID) -> None:
        super().__init__(f"The intent {intent_id} belongs to another process now.")
