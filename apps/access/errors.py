"""Refusals of the doors, each with its public code."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

from engine.errors import PersonalizationError


class Fault(TypedDict):
    """One thing wrong with a request: where (JSON pointer), what (a code) and a sentence."""

    pointer: str
    code: str
    detail: str


class RequestRefused(PersonalizationError):
    """A refusal of a request as a whole.

    Attributes:
        errors: the single faults, for the caller's developer.
        headers: what the answer must carry.
    """

    def __init__(
        self,
        sentence: str,
        *,
        errors: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(sentence)
        self.errors = list(errors)
        self.headers = dict(headers or {})


class Unauthenticated(RequestRefused):
    """No key, or a key that we do not know (401)."""

    code = "unauthorized"

    def __init__(self, sentence: str = "Send a key that this server knows.") -> None:
        # Bearer, because a Basic challenge makes browsers open a login box.
        super().__init__(sentence, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(RequestRefused):
    """A known key without the right (403)."""

    code = "forbidden"

    def __init__(self, sentence: str = "This kind of key may not do that.") -> None:
        super().__init__(sentence)


class SecretKeyInBrowser(RequestRefused):
    """A secret key came with an Origin header: it is in a page that anyone can read (403)."""

    code = "secret_key_in_browser"

    def __init__(self) -> None:
        super().__init__(
            "A secret key was sent by a browser: rotate it, and use a publishable key there."
        )


class InvalidRequest(RequestRefused):
    """A malformed request (400)."""

    code = "invalid_request"

    def __init__(self, sentence: str, *, errors: Sequence[Fault] = ()) -> None:
        super().__init__(sentence, errors=errors)


class NotFound(RequestRefused):
    """There is nothing here (404)."""

    code = "not_found"

    def __init__(self, sentence: str = "There is nothing at this address.") -> None:
        super().__init__(sentence)


class MethodNotAllowed(RequestRefused):
    """The address exists, but not with this method (405)."""

    code = "method_not_allowed"

    def __init__(self, allowed: Sequence[str]) -> None:
        names = ", ".join(allowed)
        super().__init__(f"Use {names} here.", headers={"Allow": names})


class IdempotencyKeyInUse(RequestRefused):
    """A call with this Idempotency-Key is still running (409)."""

    code = "idempotency_key_in_use"

    def __init__(self) -> None:
        super().__init__("The first call with this Idempotency-Key is still running: ask again.")


class IdempotencyKeyReused(RequestRefused):
    """The Idempotency-Key came with another call within a day (422)."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key came with another call before: give a new one.")


class LengthRequired(RequestRefused):
    """A file came in pieces, without saying its length (411)."""

    code = "length_required"

    def __init__(self) -> None:
        super().__init__("Say the file's length: send Content-Length, and not chunked.")


class PayloadTooLarge(RequestRefused):
    """More bytes than the address takes, as sent or after decompression (413)."""

    code = "payload_too_large"

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body may have at most {limit} bytes, after decompression too.")


class RateLimited(RequestRefused):
    """Too many requests of one key or one address (429)."""

    code = "rate_limited"

    def __init__(self, *, retry_after_s: int, headers: Mapping[str, str] | None = None) -> None:
        self.retry_after_s = retry_after_s
        # Whole seconds: clients do not parse dates.
        super().__init__(
            f"Too many requests: try again in {retry_after_s} s.",
            headers={**(headers or {}), "Retry-After": str(retry_after_s)},
        )


class Unavailable(RequestRefused):
    """Something we need is away for now; nothing was stored (503)."""

    code = "unavailable"

    def __init__(
        self,
        sentence: str = "The record is away for a moment: try again.",
        *,
        retry_after_s: int = 1,
    ) -> None:
        super().__init__(sentence, headers={"Retry-After": str(retry_after_s)})


class ApprovalRequired(PersonalizationError):
    """The site wants a second pair of eyes: make a release, and have somebody approve it."""

    code = "approval_required"

    def __init__(self) -> None:
        super().__init__(
            "At this site somebody else approves what is published: put the changes into a "
            "release (Publish, in the menu) and send it for approval."
        )
