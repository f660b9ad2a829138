"""What a person takes along to somebody else: what they told and what was observed, as messages.

`messages` are calls of the Segment specification: posted to /v1/import (ours or another's) in this
order they make the same profile again. `choices` are bodies of /v1/consent. Scores, segments and
decisions are the site's own conclusions and stay out (GDPR article 20(1)).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from apps.consent.types import WIRE_NAMES
from apps.privacy.models.requests import Request
from apps.privacy.packages import people_of
from apps.privacy.subjects import subjects_of
from apps.profiles.holders import holders

SCHEMA: Final = "attune.portability/1"
_TOLD: Final = ("profiles", "events", "consent")
# As Event.Kind; what was shown and what it led to are observations that no sender may send.
_TYPES: Final[Mapping[int, str]] = {
    1: "track", 2: "page", 3: "screen", 4: "identify", 5: "group", 6: "alias",
}  # fmt: skip
_GROUP: Final = "group."
_OFFICER: Final = "officer"

JSON = Any  # a JSON value


def contents_of(request: Request, *, now: datetime) -> dict[str, JSON]:
    """Return the portable data of the persons of a request."""
    people = people_of(subjects_of(request))
    told = {
        holder.name: [item for one in people for item in holder.export(one)]
        for holder in holders()
        if holder.name in _TOLD
    }
    identities = [row for row in told["profiles"] if "identity" in row]
    changes = [row for row in told["profiles"] if "trait" in row]
    return {
        "schema": SCHEMA,
        "reference": request.public_ref,
        "madeAt": now.isoformat(),
        "site": {"key": request.site.key, "name": request.site.name},
        "identities": [{"type": row["identity"], "id": row["value"]} for row in identities],
        "traits": _traits(changes),
        "messages": sorted(
            _messages(told["events"], changes, identities), key=lambda one: str(one["timestamp"])
        ),
        "choices": list(_choices(told["consent"], identities)),
        "observed": [_observed(event) for event in told["events"] if event["kind"] not in _TYPES],
    }


def count_of(content: dict[str, JSON]) -> int:
    """Return how many things there are to take along."""
    return sum(len(content[part]) for part in ("identities", "traits", "messages", "choices"))


def _was_told(change: Mapping[str, JSON]) -> bool:
    """Whether the person told a trait, rather than the site concluding it."""
    source = str(change["source"])
    return source in _TYPES.values() or source.startswith(_OFFICER)


def _traits(changes: Sequence[Mapping[str, JSON]]) -> dict[str, JSON]:
    """Each trait as it is now, and all it ever was."""
    found: dict[str, JSON] = {}
    for change in sorted(filter(_was_told, changes), key=lambda one: str(one["observedAt"])):
        entry = found.setdefault(change["trait"], {"value": None, "history": []})
        entry["value"] = change["value"]
        entry["history"].append({"value": change["value"], "at": change["observedAt"]})
    return found


def _messages(
    events: Sequence[Mapping[str, JSON]],
    changes: Sequence[Mapping[str, JSON]],
    identities: Sequence[Mapping[str, JSON]],
) -> Iterator[dict[str, JSON]]:
    told = [change for change in changes if _was_told(change)]
    by_message: dict[str, dict[str, JSON]] = {}
    for change in told:
        by_message.setdefault(change["messageId"], {})[change["trait"]] = change["value"]
    for event in events:
        kind = _TYPES.get(event["kind"])
        if kind is not None:
            yield _message(kind, event, by_message.pop(event["messageId"], {}))
    # Of traits whose event is not kept any more, or that an officer put right.
    owner = _owner(identities)
    for change in told:
        if owner and change["messageId"] in by_message:
            yield {
                "type": "identify",
                "messageId": change["messageId"] or f"{change['trait']}@{change['observedAt']}",
                "timestamp": change["observedAt"],
                "traits": {change["trait"]: change["value"]},
                **owner,
            }


def _message(kind: str, event: Mapping[str, JSON], traits: dict[str, JSON]) -> dict[str, JSON]:
    names: Mapping[str, str] = event["identities"]
    message: dict[str, JSON] = {
        "type": kind,
        "messageId": event["messageId"],
        "timestamp": event["occurredAt"],
        "context": event["context"],
    }
    if "anonymous_id" in names:
        message["previousId" if kind == "alias" else "anonymousId"] = names["anonymous_id"]
    if "user_id" in names:
        message["userId"] = names["user_id"]
    if kind == "track":
        message["event"] = event["name"]
    if kind in ("track", "page", "screen"):
        message["properties"] = event["properties"]
    elif kind == "identify":
        message["traits"] = traits
    elif kind == "group":
        # What else the message left (of which groups somebody is) follows from the call again.
        own = {key: value for key, value in traits.items() if key.startswith(_GROUP)}
        group = {key.removeprefix(_GROUP): value for key, value in own.items()}
        message["groupId"] = group.pop("id", "")
        message["traits"] = group
    return message


def _choices(
    events: Sequence[Mapping[str, JSON]], identities: Sequence[Mapping[str, JSON]]
) -> Iterator[dict[str, JSON]]:
    owner = _owner(identities)
    for event in events:
        purposes = {
            name: is_yes
            for name, is_yes in event["purposes"].items()
            if name in WIRE_NAMES and isinstance(is_yes, bool)
        }
        if owner and purposes:
            yield {
                "at": event["at"],
                "purposes": purposes,
                "policyVersion": event["policyVersion"],
                "method": event["method"],
                **owner,
            }


def _owner(identities: Sequence[Mapping[str, JSON]]) -> dict[str, str]:
    """By whom the person is named where an event does not say it: the login, else a device."""
    for kind, wire in (("user_id", "userId"), ("anonymous_id", "anonymousId")):
        for row in identities:
            if row["identity"] == kind:
                return {wire: row["value"]}
    return {}


def _observed(event: Mapping[str, JSON]) -> dict[str, JSON]:
    return {
        "name": event["name"],
        "at": event["occurredAt"],
        "messageId": event["messageId"],
        "properties": event["properties"],
    }
