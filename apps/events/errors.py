"""Refusals of intake. The codes are public and documented; none is ever reused."""

from typing import ClassVar

from apps.events.types import Rejection
from engine.errors import PersonalizationError


class InvalidBody(PersonalizationError):
    """The body as a whole cannot be read: not JSON, not an object, `batch` is not a list."""

    code = "invalid_request"

    def __init__(self, sentence: str, pointer: str = "") -> None:
        self.errors = [{"pointer": pointer, "code": "malformed", "detail": sentence}]
        super().__init__(sentence)


class TooManyEvents(PersonalizationError):
    """A batch with more events than one call may bring (413)."""

    code = "payload_too_large"

    def __init__(self, limit: int) -> None:
        super().__init__(f"A batch may have {limit:,} events.")


class EventRefused(PersonalizationError):
    """One event cannot be let in. `code` is one of CODES; `pointer` (RFC 6901) names the field.

    In a batch it is listed under `rejected` and the rest goes on; a single-event call answers 400.
    """

    # code -> what it means, as the API documentation prints it.
    CODES: ClassVar[dict[str, str]] = {
        "invalid_event": "A field is missing or has the wrong type; `errors` names it.",
        "invalid_json": "The event is not JSON.",
        "invalid_text": "A string holds a NUL, a lone surrogate or bytes that are not UTF-8.",
        "invalid_number": "A number is NaN, infinite or outside the range of a double.",
        "event_too_large": "The event is larger than 32,768 bytes.",
        "event_too_deep": "The event is nested deeper than 20 levels.",
        "event_too_wide": "An object of the event has more than 500 keys.",
        "event_too_old": "The event is older than the site keeps events.",
        "sensitive_inference": "A trait with `context.evidence` infers what may not be inferred: "
        "belief, health, politics, sexuality or origin. Nothing of the event is kept.",
        "event_not_in_plan": "The site's tracking plan is strict and does not declare this name.",
    }

    def __init__(
        self, code: str, sentence: str, *, pointer: str = "", problem: str = "invalid"
    ) -> None:
        self.code = code
        self.pointer = pointer
        self.errors = [{"pointer": pointer, "code": problem, "detail": sentence}] if pointer else []
        super().__init__(sentence)

    @classmethod
    def of(cls, rejection: Rejection) -> "EventRefused":
        """Return the refusal that a rejection lists."""
        refusal = cls(rejection.code, rejection.detail)
        refusal.errors = rejection.errors
        return refusal
