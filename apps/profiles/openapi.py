"""Profile reads in the OpenAPI document."""

from typing import Any, Final

_TIME: Final = {"type": ["string", "null"], "format": "date-time"}
_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_CURSOR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["has_more", "next", "limit"],
    "properties": {"has_more": {"type": "boolean"}, "next": _TEXT, "limit": _COUNT},
}
_ROWS: Final[dict[str, dict[str, Any]]] = {
    "events": {
        "messageId": _TEXT, "type": _TEXT, "event": _TEXT, "properties": {"type": "object"},
        "context": {"type": "object"}, "timestamp": _TIME, "originalTimestamp": _TIME,
        "sentAt": _TIME, "receivedAt": _TIME,
    },
    "external_ids": {"type": _TEXT, "id": _TEXT, "createdAt": _TIME},
    "computed": {
        "key": _TEXT, "name": _TEXT, "text": _TEXT, "unit": _TEXT, "words": _TEXT, "asOf": _TIME,
        "value": {"description": "Null where there is nothing to work it out from; ages in ms."},
        "toldAsOf": {**_TIME, "description": "Templates have what it came to then; null: none."},
    },
    "segments": {
        "key": _TEXT, "enteredAt": _TIME, "validUntil": _TIME,
        "source": {"type": "string", "enum": ["rule", "model", "manual"]},
        "score": {"type": "number", "description": "Of the one model that the condition asks."},
    },
    "consent": {
        "id": _TEXT, "kind": _TEXT, "at": _TIME, "purposes": {"type": "object"}, "epoch": _COUNT,
        "regime": _TEXT, "method": _TEXT, "gpc": {"type": "boolean"},
    },
    "decisions": {
        "requestId": _TEXT, "decidedAt": _TIME, "snapshot": _COUNT,
        "placements": {"type": "array", "items": {"type": "object"}},
    },
}  # fmt: skip
_METADATA: Final[dict[str, Any]] = {
    "profileId": _TEXT, "version": _COUNT, "eventCount": _COUNT, "firstSeenAt": _TIME,
    "lastSeenAt": _TIME, "lastFoldedMessageId": {"type": ["string", "null"]},
    "consentEpoch": _COUNT, "createdAt": _TIME,
}  # fmt: skip
_FILTERS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "traits": (("include", "Names of traits, with commas."),),
    "events": (
        ("message_id", "One event."),
        ("type", "track, page, screen, identify, group, alias, exposure or conversion."),
        ("event", "A name."),
        ("since", "Happened at this time or later."),
        ("until", "Happened before this time."),
    ),
    "segments": (
        ("at", "The segments of that time instead of now's."),
        ("explain", "1: with the trace of each, and the smallest change that would flip it."),
        ("segment", "With explain: this segment only, whether they are in it or not."),
    ),
}
_SUMMARIES: Final = {
    "traits": "What is known of a person.",
    "computed": "What the site's computed traits come to for a person, and how.",
    "events": "What a person did, newest first.",
    "external_ids": "Every identity of a person.",
    "segments": "The segments a person is in. Carries an ETag.",
    "consent": "What a person chose, newest first.",
    "decisions": "What was decided for a person, and why, newest first.",
    "metadata": "Counts and times, and the message folded last.",
}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _answer(part: str) -> dict[str, Any]:
    if part == "metadata":
        return _object(_METADATA)
    if part == "traits":
        return _object({"traits": {"type": "object"}, "cursor": _CURSOR})
    rows = {"type": "array", "items": _object(_ROWS[part])}
    return _object({"data": rows, "cursor": _CURSOR})


def _parameters(part: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": description,
            "schema": {"type": "string"},
        }
        for name, description in (
            ("kind", "`user_id`, `anonymous_id`, `email_sha256` or a kind of the site's own."),
            ("value", "URL-encoded."),
        )
    ]
    queries = list(_FILTERS.get(part, ()))
    most = 200 if part == "traits" else 100
    if part != "metadata":
        queries += [("limit", f"At most {most}."), ("next", "`cursor.next` of the page before.")]
    for name, description in queries:
        schema: dict[str, Any] = {"type": "string"}
        if name == "limit":
            schema = {"type": "integer", "minimum": 1, "maximum": most}
        found.append({"name": name, "in": "query", "description": description, "schema": schema})
    return found


def _path(part: str) -> dict[str, Any]:
    content = {"application/json": {"schema": _answer(part)}}
    responses: dict[str, Any] = {
        "200": {"description": "Found.", "content": content},
        "400": {"description": "`invalid_request`"},
        "404": {"description": "`profile_not_found`: nobody has this identity."},
    }
    if part == "segments":
        responses["304"] = {"description": "As If-None-Match has it."}
    operation = {
        "operationId": f"read_profile_{part}",
        "tags": ["profiles"],
        "summary": _SUMMARIES[part],
        "description": "Secret keys only.",
        "parameters": _parameters(part),
        "responses": responses,
    }
    return {"get": operation}


PATHS: Final[dict[str, Any]] = {
    f"/v1/profiles/{{kind}}:{{value}}/{part}": _path(part) for part in _SUMMARIES
}
