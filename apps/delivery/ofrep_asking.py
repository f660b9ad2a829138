"""What an OpenFeature client asks: whom it speaks of, and what it says of the request."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from apps.access.proof import verified_user_id
from apps.access.types import Caller
from apps.decisions.types import HotProfile
from apps.delivery.questions import MAX_ID_LENGTH
from apps.work import clock

TARGETING_KEY: Final = "targetingKey"
USER_TOKEN: Final = "userToken"

GENERAL: Final = "GENERAL"
PARSE_ERROR: Final = "PARSE_ERROR"
INVALID_CONTEXT: Final = "INVALID_CONTEXT"
FLAG_NOT_FOUND: Final = "FLAG_NOT_FOUND"
TARGETING_KEY_MISSING: Final = "TARGETING_KEY_MISSING"


class NotEvaluated(Exception):
    """No value, in OpenFeature's words.

    Attributes:
        code: an error code of OpenFeature.
        details: a sentence for the caller's developer.
        status: 400, 404 or 500; clients understand no other.
    """

    def __init__(self, code: str, details: str, status: int = 400) -> None:
        super().__init__(details)
        self.code = code
        self.details = details
        self.status = status


class Body(msgspec.Struct, rename="camel"):
    """The body of both calls. The context is read by hand: its faults have a code of their own."""

    context: Any = None
    write_key: str | None = None


BODY: Final = msgspec.json.Decoder(Body)


@dataclass(frozen=True, slots=True)
class Targeted:
    """Whom a call speaks of.

    Attributes:
        identities: "kind:value", in the order in which they are looked for; empty for nobody.
        is_either: the identities are two readings of one id, so whichever is found is meant.
        unit_id: what a visitor without a profile is bucketed by; empty for nobody.
        context: the rest of the evaluation context.
        facts: the same, and what it holds below `facts`: a rule may ask by either name.
    """

    identities: list[str]
    is_either: bool
    unit_id: str
    context: dict[str, Any]
    facts: dict[str, Any]

    def subject(self, profile: HotProfile | None) -> str:
        """The identity that is decided for, "kind:value"; empty for nobody."""
        if not self.identities:
            return ""
        if self.is_either and profile is not None:
            for name in self.identities:
                if name in profile.identities:
                    return name
        return self.identities[0]


def targeted(caller: Caller, given: Any, now_ms: int) -> Targeted:
    """Read an evaluation context.

    A secret key's targetingKey is a userId or else an anonymousId. A publishable key's is an
    anonymousId, as any page may claim any userId: a valid `userToken` in the context names one.

    Raises:
        NotEvaluated: it is not an object, or its targetingKey is no id.
    """
    if given is None:
        given = {}
    if not isinstance(given, dict):
        raise NotEvaluated(INVALID_CONTEXT, "`context` is an object.")
    rest = dict(given)
    target = _id(rest.pop(TARGETING_KEY, None))
    token = rest.pop(USER_TOKEN, None)
    inner = rest.get("facts")
    facts = {**rest, **inner} if isinstance(inner, dict) else rest
    if caller.kind == "sk":
        names = [f"user_id:{target}", f"anonymous_id:{target}"] if target else []
        return Targeted(names, True, target, rest, facts)
    user = None
    if isinstance(token, str) and token:
        user = verified_user_id(caller, None, None, token, clock.from_ms(now_ms))
    if user is None:
        return Targeted([f"anonymous_id:{target}"] if target else [], False, target, rest, facts)
    names = [f"user_id:{user}"]
    if target and target != user:
        names.append(f"anonymous_id:{target}")
    return Targeted(names, False, target or user, rest, facts)


def _id(value: Any) -> str:
    """The targetingKey as text; numbers are accepted, empty is absent."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise NotEvaluated(INVALID_CONTEXT, "`targetingKey` is a text or a number.")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value)
    if len(text) > MAX_ID_LENGTH or "\x00" in text:
        details = f"`targetingKey` has at most {MAX_ID_LENGTH} characters, none of them NUL."
        raise NotEvaluated(INVALID_CONTEXT, details)
    return text
