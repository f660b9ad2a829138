"""One event of the Segment spec, read: named, in our time, with its batch's context, minimised."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from apps.events.domain import evidence
from apps.events.domain.instants import corrected, parse_ms
from apps.events.domain.minimise import reduce_context, truncated_address, without_queries
from apps.events.errors import EventRefused
from apps.events.types import FLAG_CLOCK_AHEAD, Accepted

MAX_ID_LENGTH = 512
MAX_MESSAGE_ID_LENGTH = 100
MAX_NAME_LENGTH = 200
MAX_TRAIT_LENGTH = 120
SESSION = "session:"  # before the id of a session that stands in for an anonymousId
# What an event without a name of its own is called.
NAMES = {
    "page": "Page Viewed",
    "screen": "Screen Viewed",
    "identify": "Identify",
    "group": "Group",
    "alias": "Alias",
}
TYPES = frozenset({"track", *NAMES})
_KNOWN = frozenset(
    {"type", "event", "name", "category", "messageId", "anonymousId", "userId", "previousId"}
    | {"groupId", "timestamp", "originalTimestamp", "sentAt", "receivedAt", "properties", "traits"}
    | {"context", "integrations", "writeKey", "userHash", "userToken"}
)
Prove = Callable[[str, Any, Any], str | None]


@dataclass(frozen=True, slots=True)
class Frame:
    """What holds for every event of one call.

    `type` is the type that the path names, None in a batch. `sent_ms` is the sender's clock for the
    batch, `received_ms` ours, both ms since 1970; events before `oldest_ms` are past retention.
    `context` and `integrations` lie under those of each event. `is_browser` (a publishable key)
    takes the truncated `address` of the connection, whatever the event claims. `prove` returns the
    user id if (userId, userHash, userToken) prove it; None when the source asks for no proof.
    `cookie_id` stands in for an anonymousId that is missing.
    """

    type: str | None
    received_ms: int
    sent_ms: int | None
    oldest_ms: int
    context: dict[str, Any] | None
    integrations: dict[str, Any] | None
    is_browser: bool
    address: str | None
    prove: Prove | None
    new_id: Callable[[], object]
    cookie_id: str | None = None


def missing(pointer: str, sentence: str) -> EventRefused:
    """The refusal of an event without a field that it needs."""
    return EventRefused("invalid_event", sentence, pointer=pointer, problem="required")


def wrong(pointer: str, sentence: str) -> EventRefused:
    """The refusal of an event with a field of the wrong type or size."""
    return EventRefused("invalid_event", sentence, pointer=pointer, problem="invalid")


def read_id(item: dict[str, Any], key: str, max_length: int = MAX_ID_LENGTH) -> str | None:
    """Return an id as a string, numbers turned into one; None when absent, null or empty.

    Raises:
        EventRefused: another type, or too long.
    """
    value = item.get(key)
    if value is None or value == "":
        return None
    kind = type(value)
    if kind is str:
        text: str = value
    elif kind is int or kind is float:
        text = str(int(value)) if value == int(value) else str(value)
    else:
        raise wrong(f"/{key}", f"`{key}` is a string or a number.")
    if len(text) > max_length:
        raise wrong(f"/{key}", f"`{key}` may have {max_length} characters.")
    return text


def readable_id(
    item: dict[str, Any] | None, key: str, max_length: int = MAX_ID_LENGTH
) -> str | None:
    """Return an id of an event that may have been refused, or None if it cannot be read."""
    if item is None:
        return None
    try:
        text = read_id(item, key, max_length)
    except EventRefused:
        return None
    return text if text is None or "\x00" not in text else None


def read_event(item: dict[str, Any], frame: Frame, *, has_queries: bool) -> Accepted:
    """Return the event as it will be stored, consent not yet looked at (epoch 0, purposes 0).

    `has_queries` says that some string of it may be a URL with a query. `item` is used up: parts of
    it become parts of the answer.

    Raises:
        EventRefused: `invalid_event` with the field, or `event_too_old`.
    """
    kind = frame.type or item.get("type")
    if type(kind) is not str or kind not in TYPES:
        raise wrong("/type", "`type` is track, page, screen, identify, group or alias.")
    anonymous_id = read_id(item, "anonymousId")
    user_id = read_id(item, "userId")
    if user_id is not None and frame.prove is not None:
        user_id = frame.prove(user_id, item.get("userHash"), item.get("userToken"))
    previous_id = read_id(item, "previousId") if kind == "alias" else None
    group_id = read_id(item, "groupId") if kind == "group" else None
    if anonymous_id is None and user_id is None and kind != "alias":
        anonymous_id = _stand_in(item, frame)
    _require_ids(kind, anonymous_id, user_id, previous_id, group_id)
    name = _name_of(kind, item)
    properties = _object(item, "properties") or {}
    if kind == "page" or kind == "screen":
        _name_the_view(properties, item)
    occurred, original, flags = _when(item, frame)
    context = _context(item, frame)
    traits = None
    if kind == "identify" or kind == "group":
        traits = _object(item, "traits")
        if kind == "identify" and type(context.get("traits")) is dict:
            traits = {**context.pop("traits"), **(traits or {})}
        # Those of a group are kept as "group.name".
        _require_short_names(traits, MAX_TRAIT_LENGTH - (6 if kind == "group" else 0))
    if evidence.EVIDENCE in context:
        evidence.check(context, traits, is_browser=frame.is_browser)
    if has_queries:
        properties, context = without_queries(properties), without_queries(context)
    return Accepted(
        type=kind,
        name=name,
        occurred_ms=occurred,
        original_ms=original,
        message_id=read_id(item, "messageId", MAX_MESSAGE_ID_LENGTH) or str(frame.new_id()),
        anonymous_id=anonymous_id,
        user_id=user_id,
        properties=properties,
        traits=traits,
        context=context,
        epoch=0,
        purposes=0,
        flags=flags,
        previous_id=previous_id,
        group_id=group_id,
    )


def _stand_in(item: dict[str, Any], frame: Frame) -> str | None:
    """The next best id of an event that names nobody: a cookie's, else its session's."""
    if frame.cookie_id is not None:
        return frame.cookie_id
    for context in (item.get("context"), frame.context):
        if type(context) is dict:
            for key in ("sessionId", "session_id"):
                session = readable_id(context, key, MAX_ID_LENGTH - len(SESSION))
                if session is not None:
                    return f"{SESSION}{session}"
    return None


def _require_ids(
    kind: str,
    anonymous_id: str | None,
    user_id: str | None,
    previous_id: str | None,
    group_id: str | None,
) -> None:
    if kind == "alias":
        if user_id is None:
            raise missing("/userId", "An alias event needs a userId.")
        if previous_id is None:
            raise missing("/previousId", "An alias event needs a previousId.")
    elif anonymous_id is None and user_id is None:
        raise missing("/userId", "An event needs a userId or an anonymousId.")
    if kind == "group" and group_id is None:
        raise missing("/groupId", "A group event needs a groupId.")


def _name_of(kind: str, item: dict[str, Any]) -> str:
    if kind != "track":
        return NAMES[kind]
    name = item.get("event")
    if name is None or name == "":
        raise missing("/event", "A track event needs a name.")
    if type(name) is not str or name.isspace():
        raise wrong("/event", "The name of a track event is a string.")
    if len(name) > MAX_NAME_LENGTH:
        raise wrong("/event", f"The name of an event may have {MAX_NAME_LENGTH} characters.")
    return name


def _require_short_names(traits: dict[str, Any] | None, most: int) -> None:
    if traits and max(map(len, traits)) > most:
        raise wrong("/traits", f"The name of a trait may have {most} characters.")


def _name_the_view(properties: dict[str, Any], item: dict[str, Any]) -> None:
    """A page call says its name and category beside the properties; the properties keep them."""
    for key in ("name", "category"):
        if type(item.get(key)) is str:
            properties.setdefault(key, item[key])


def _object(item: dict[str, Any], key: str) -> dict[str, Any] | None:
    value = item.get(key)
    if value is not None and type(value) is not dict:
        raise wrong(f"/{key}", f"`{key}` is an object.")
    return value


def _when(item: dict[str, Any], frame: Frame) -> tuple[int, int | None, int]:
    """Return (occurred at, what the sender's clock said or None, flags), times in ms."""
    stamps: list[int | None] = []
    for key in ("timestamp", "originalTimestamp"):
        value = item.get(key)
        ms = parse_ms(value)
        if ms is None and value is not None:
            raise wrong(f"/{key}", f"`{key}` is a time such as 2026-01-31T12:00:00.000Z.")
        stamps.append(ms)
    said, original = stamps
    if said is None:
        said = original
    sent = frame.sent_ms
    if sent is None:
        sent = parse_ms(item.get("sentAt"))
    occurred, is_ahead = corrected(said, sent_ms=sent, received_ms=frame.received_ms)
    if occurred < frame.oldest_ms:
        raise EventRefused(
            "event_too_old", "The event is older than the site keeps events.", pointer="/timestamp"
        )
    return occurred, said if original is None else original, FLAG_CLOCK_AHEAD if is_ahead else 0


def _context(item: dict[str, Any], frame: Frame) -> dict[str, Any]:
    """Return the event's context over its batch's, minimised, with what else the event carried."""
    context = _object(item, "context")
    if frame.context is not None:
        context = merged_under(frame.context, context or {})
    elif context is None:
        context = {}
    if frame.is_browser:
        context.pop("ip", None)
        if frame.address is not None:
            context["ip"] = frame.address
    elif "ip" in context:
        claimed = context.pop("ip")
        address = truncated_address(claimed) if type(claimed) is str else None
        if address is not None:
            context["ip"] = address
    reduce_context(context)
    integrations = item.get("integrations")
    if frame.integrations is not None:
        integrations = {
            **frame.integrations,
            **(integrations if type(integrations) is dict else {}),
        }
    if integrations and type(integrations) is dict:
        context["integrations"] = integrations
    others = item.keys() - _KNOWN
    if others:
        context["other"] = {key: item[key] for key in sorted(others) if item[key] is not None}
    if item.get("sentAt") is not None and frame.type is None:
        # The batch keeps one sending time; an event that names its own keeps that, too.
        context["sentAt"] = item["sentAt"]
    return context


def merged_under(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return a new object with the keys of both; objects merge, else `over` wins."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if type(value) is dict and type(below) is dict:
            value = merged_under(below, value)
        merged[key] = value
    return merged
