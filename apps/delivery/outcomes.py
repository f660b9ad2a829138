"""What came of decisions: exposures and conversions, as events into the inbox.

A decision id says for whom and what; nothing is looked up but consent, in the same round trip as
the rate limit. Both answer like a batch: one bad item never loses the others.
"""

from datetime import datetime
from hashlib import blake2b
from typing import Any

from apps.access.proof import verified_user_id
from apps.access.types import Caller
from apps.decisions.cap_counts import TOKEN_SIZE, showing_of
from apps.decisions.errors import InvalidDecisionId
from apps.decisions.selectors import PROPENSITY_SINCE, DecisionPayload, Showing, verified
from apps.delivery.outcome_bodies import (
    CONVERSION,
    EXPOSURE,
    UNREADABLE,
    Conversion,
    Conversions,
    Exposure,
    Exposures,
    bounded,
)
from apps.delivery.outcome_intake import Answered, Identities, Intake, ItemRefused, Seen
from apps.delivery.questions import id_text
from apps.delivery.user_agents import agent_of
from apps.events.types import Accepted


def record_exposures(
    caller: Caller, given: Exposures, route: str, now: datetime, agent: str = ""
) -> Answered:
    """Queue the exposures of one call for the inbox; return the answer's body and headers.

    Args:
        agent: the User-Agent header: of a browser it is kept as its family and kind of device.

    Raises:
        InvalidRequest: too many.
        RateLimited: too many calls.
    """
    intake = Intake(caller, route, given.sent_at, now)
    items = bounded(given.exposures, "exposures")
    intake.charge_first(items)
    seen: list[Seen] = []
    context = _circumstances(caller, agent)
    for index, raw in enumerate(items):
        message_id = None
        try:
            item = EXPOSURE.decode(raw)
            decided = verified(caller.site_id, item.decision_id)
            own = id_text(item.id, "id")
            message_id = _message_id("exposure", own or item.decision_id)
            event = _exposure(intake, item, decided, message_id)
            event.context = context
            intake.admit((decided.subject,))
            showing, reserved = _counted_as(event, item.decision_id, decided, own)
            seen.append(Seen(event, (decided.subject,), showing, reserved))
        except UNREADABLE:
            intake.refuse(index, message_id, "invalid_exposure")
        except InvalidDecisionId as error:
            intake.refuse(index, message_id, error.code)
        except ItemRefused as error:
            intake.refuse(index, message_id, error.code)
    intake.take_seen(seen)
    return intake.receipt(may_wait=True)


def _circumstances(caller: Caller, agent: str) -> dict[str, Any]:
    """What a browser's own call says of it: which browser, what kind of device, from where.

    By these a split that went wrong is found out. Of a server's call nothing: it is the server's.
    """
    if caller.kind != "pk":
        return {}
    found: dict[str, Any] = {}
    if agent:
        known = agent_of(agent[:512])
        is_robot = known.device == "robot"
        found["userAgent"] = "Robot" if is_robot else known.browser or "Other"
        found["device"] = {"type": known.device}
    if caller.country is not None:
        found["location"] = {"country": caller.country}
    return found


def _exposure(
    intake: Intake, item: Exposure, decided: DecisionPayload, message_id: str
) -> Accepted:
    if not decided.subject:
        raise ItemRefused("decision_without_visitor")
    properties = _decided(item.decision_id, decided)
    if item.position is not None:
        properties["position"] = item.position
    if item.visible_ms is not None:
        properties["visible_ms"] = item.visible_ms
    return _event(
        intake, "exposure", "Exposure", item.seen_at, message_id, decided.subject, properties
    )


def _decided(decision_id: str, decided: DecisionPayload) -> dict[str, Any]:
    told = {
        "decision": _short(decision_id),
        "decided_ms": decided.at_ms,
        "placement": decided.placement,
        "block": decided.block,
        "variant": decided.variant,
        "version": decided.version,
        "snapshot": decided.snapshot,
        "reason": decided.reason,
    }
    if decided.experiment is not None:
        told |= {
            "experiment": decided.experiment,
            "arm": decided.arm,
            "probability": decided.probability,
        }
    is_known = decided.format >= PROPENSITY_SINCE and decided.propensity is not None
    if is_known and (decided.experiment is not None or decided.propensity != 1.0):
        told["propensity"] = decided.propensity
    return told


def _counted_as(
    event: Accepted, decision_id: str, decided: DecisionPayload, own: str | None
) -> tuple[Showing | None, bytes]:
    """Say in an exposure what caps count of it; return that and the token of its reservation."""
    if not decided.caps:
        return None, b""
    # A decision that reserved nothing has its own id for a name.
    reserved = decided.token or blake2b(decision_id.encode(), digest_size=TOKEN_SIZE).digest()
    token = reserved
    if own is not None:  # each of them counts
        token = blake2b(own.encode(), digest_size=TOKEN_SIZE, key=reserved).digest()
    event.properties["caps"] = decided.caps
    event.properties["capToken"] = token.hex()
    return showing_of(event.properties, event.occurred_ms), reserved


def record_conversions(caller: Caller, given: Conversions, route: str, now: datetime) -> Answered:
    """Store the conversions of one call; return the answer's body and headers.

    Raises:
        InvalidRequest: too many.
        RateLimited: too many calls.
    """
    intake = Intake(caller, route, given.sent_at, now)
    items = bounded(given.conversions, "conversions")
    intake.charge_first(items)
    for index, raw in enumerate(items):
        message_id = None
        try:
            item = CONVERSION.decode(raw)
            own = id_text(item.id, "id")
            if own is None:
                raise ItemRefused("id_required")
            message_id = _message_id("conversion", own)
            event, identities = _conversion(intake, item, message_id)
            intake.admit(identities)
            intake.take(event, identities)
        except UNREADABLE:
            intake.refuse(index, message_id, "invalid_conversion")
        except InvalidDecisionId as error:
            intake.refuse(index, message_id, error.code)
        except ItemRefused as error:
            intake.refuse(index, message_id, error.code)
    return intake.receipt()


def _conversion(intake: Intake, item: Conversion, message_id: str) -> tuple[Accepted, Identities]:
    if not 0 < len(item.goal) <= 200 or "\x00" in item.goal:
        raise ItemRefused("invalid_goal")
    properties: dict[str, Any] = {"goal": item.goal}
    for name, value in (("value", item.value), ("currency", item.currency)):
        if value is not None:
            properties[name] = value
    anonymous_id = id_text(item.anonymous_id, "anonymousId")
    user_id = id_text(item.user_id, "userId")
    if intake.caller.kind == "pk" and (item.user_token or intake.caller.is_user_proof_required):
        user_id = verified_user_id(
            intake.caller, user_id, item.user_hash, item.user_token, intake.now
        )
    if item.decision_id is not None:
        decided = verified(intake.caller.site_id, item.decision_id)
        properties |= _decided(item.decision_id, decided)
        if anonymous_id is None and user_id is None and decided.subject:
            kind, _, value = decided.subject.partition(":")
            anonymous_id, user_id = (None, value) if kind == "user_id" else (value, None)
    identities = tuple(
        f"{kind}:{value}"
        for kind, value in (("user_id", user_id), ("anonymous_id", anonymous_id))
        if value is not None
    )
    if not identities:
        raise ItemRefused("identity_required")
    event = _event(
        intake, "conversion", item.goal, item.occurred_at, message_id, identities[0], properties
    )
    event.anonymous_id, event.user_id = anonymous_id, user_id
    return event, identities


def _event(
    intake: Intake,
    type: str,
    name: str,
    at: datetime | None,
    message_id: str,
    subject: str,
    properties: dict[str, Any],
) -> Accepted:
    occurred_ms, original_ms, flags = intake.occurred(at)
    kind, _, value = subject.partition(":")
    is_user = kind == "user_id"
    return Accepted(
        type=type,
        name=name,
        occurred_ms=occurred_ms,
        original_ms=original_ms,
        message_id=message_id,
        anonymous_id=None if is_user else value,
        user_id=value if is_user else None,
        properties=properties,
        traits=None,
        context={},
        epoch=0,
        purposes=0,
        flags=flags,
    )


def _message_id(kind: str, own: str) -> str:
    """A message id of our own name space: an exposure never hides an event with the same id."""
    return f"{kind}:{own}" if len(own) <= 64 else f"{kind}:{_short(own)}"


def _short(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()
