"""Segments and lists in the OpenAPI document."""

from typing import Any, Final

from apps.segments.list_files import DETAILS, MAX_ROWS
from apps.segments.members import MAX_CHANGES, MAX_MEMBERS

_TEXT: Final = {"type": "string"}
_TIME: Final = {"type": ["string", "null"], "format": "date-time"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_SIZE: Final = {"type": ["integer", "null"], "minimum": 0}
_SHARE: Final = {"type": ["number", "null"]}
_FLAG: Final = {"type": "boolean"}
_IDENTITIES: Final = {
    "type": "array",
    "description": "With `include=external_ids`: the newest twenty.",
    "items": {"type": "object", "properties": {"type": _TEXT, "id": _TEXT}},
}
_BASELINE: Final = {
    "type": ["object", "null"],
    "description": "How members convert, beside everyone: shares of people seen in these days.",
    "properties": {
        "goal": _TEXT, "days": _COUNT, "members": _SIZE, "membersRate": _SHARE,
        "everyoneRate": _SHARE, "lift": _SHARE, "measuredAt": _TIME,
    },
}  # fmt: skip
_SEGMENT: Final = {
    "key": _TEXT, "name": _TEXT, "kind": {"type": "string", "enum": ["rule", "list"]},
    "state": {"type": "string", "enum": ["draft", "building", "live"]},
    "version": _SIZE, "tags": {"type": "array", "items": _TEXT},
    "size": {
        **_SIZE, "description": "Null where nobody is kept as a member, and below `sizeBelow`.",
    },
    "sizeBelow": {
        **_SIZE, "description": "10 where fewer are members: they are not counted aloud.",
    },
    "asOf": {**_TIME, "description": "Everything that was sent until then is in `size`."},
    "lagSeconds": _SHARE, "refreshedAt": _TIME, "refreshEverySeconds": _SIZE,
    "dependsOnRequest": _FLAG,
    "drift": {**_SHARE, "description": "Of the size since publication; 0.5 is half as many again."},
    "needsALook": _FLAG, "baseline": _BASELINE,
}  # fmt: skip
_MEMBER: Final = {
    "profileId": _TEXT, "enteredAt": _TIME, "validUntil": _TIME, "externalIds": _IDENTITIES,
}  # fmt: skip
_CHANGE: Final = {
    "id": _TEXT, "at": _TIME,
    "type": {"type": "string", "enum": ["entered", "left", "merged"]},
    "segment": {**_TEXT, "description": "Not of a merge."},
    "profileId": {**_TEXT, "description": "Of a merge: the one that is no more."},
    "into": {**_TEXT, "description": "Of a merge: the profile that it has become."},
    "late": {**_FLAG, "description": "By an event that came after later ones."},
    "externalIds": _IDENTITIES,
}  # fmt: skip
_UPLOAD: Final = {
    "id": _TEXT, "number": _COUNT,
    "mode": {"type": "string", "enum": ["append", "replace", "remove"]},
    "state": {"type": "string", "enum": ["staged", "applying", "applied", "undone"]},
    "fileName": _TEXT, "sha256": _TEXT, "uploadedAt": _TIME,
    "rows": _COUNT, "refused": _COUNT, "added": _COUNT, "removed": _COUNT,
    "faults": {
        "type": "array",
        "description": "The first hundred refused rows.",
        "items": {
            "type": "object",
            "properties": {
                "line": _COUNT, "code": {"type": "string", "enum": sorted(DETAILS)},
                "detail": _TEXT,
            },
        },
    },
}  # fmt: skip
_NOT_FOUND: Final = {"description": "`segment_not_found`"}
_NO_UPLOAD: Final = {"description": "`list_not_found` or `upload_not_found`"}


def _rows(properties: dict[str, Any], **cursor: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "data": {"type": "array", "items": {"type": "object", "properties": properties}},
            "cursor": {
                "type": "object",
                "required": ["has_more", "next", "limit"],
                "properties": {"has_more": _FLAG, "next": _TEXT, "limit": _COUNT, **cursor},
            },
        },
    }


def _parameter(name: str, description: str, place: str = "query") -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if name == "limit":
        schema = {"type": "integer", "minimum": 1, "maximum": MAX_MEMBERS}
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        "description": description,
        "schema": schema,
    }


def _operation(
    name: str,
    summary: str,
    answer: dict[str, Any],
    parameters: list[dict[str, Any]],
    *,
    tag: str = "segments",
    **responses: dict[str, Any],
) -> dict[str, Any]:
    content = {"application/json": {"schema": answer}}
    return {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "description": "Secret keys only.",
        "parameters": parameters,
        "responses": {
            "200": {"description": "Done.", "content": content},
            "400": {"description": "`invalid_request`"},
            **{status.removeprefix("_"): response for status, response in responses.items()},
        },
    }


_KEY: Final = _parameter("key", "The key of the segment.", "path")
_LIST_KEY: Final = _parameter("key", "The key of the list.", "path")
_UPLOAD_ID: Final = _parameter("upload_id", "As the upload was answered.", "path")
_INCLUDE: Final = _parameter("include", "`external_ids` adds the identities of each person.")
_NEXT: Final = _parameter("next", "`cursor.next` of the page before.")

_upload_answer: Final = {"type": "object", "properties": _UPLOAD}
_upload_post: Final = _operation(
    "upload_list",
    f"Put a CSV file into a list: at most {MAX_ROWS:,} rows, bad ones reported by line.",
    _upload_answer,
    [
        _LIST_KEY,
        _parameter("mode", "`append` (default), `replace` or `remove`."),
        _parameter("fileName", "For the history of the list."),
    ],
    tag="lists",
    _404=_NO_UPLOAD,
    _411={"description": "`length_required`: it came chunked, without Content-Length"},
    _413={"description": "`payload_too_large`"},
    _422={"description": "`invalid_file`: it is no list at all; nothing was changed."},
)
_upload_post["requestBody"] = {
    "required": True,
    "description": "The file itself. `Content-Encoding: gzip` is understood.",
    "content": {"text/csv": {"schema": _TEXT}},
}

PATHS: Final[dict[str, Any]] = {
    "/v1/segments": {
        "get": _operation(
            "list_segments",
            "Every segment by key: how many are in it, and as of when.",
            _rows(_SEGMENT),
            [_parameter("limit", "At most 100."), _NEXT],
        )
    },
    "/v1/segments/{key}/members": {
        "get": _operation(
            "list_members",
            "The members of a segment, in pages.",
            _rows(
                _MEMBER,
                changes={**_TEXT, "description": "On the first page: where to follow changes."},
            ),
            [_KEY, _parameter("limit", f"At most {MAX_MEMBERS:,}."), _NEXT, _INCLUDE],
            _404=_NOT_FOUND,
            _422={"description": "`segment_not_kept`"},
        )
    },
    "/v1/segments/changes": {
        "get": _operation(
            "list_membership_changes",
            "Who came into segments and went out since a cursor, in order, each once.",
            _rows(_CHANGE),
            [
                _parameter("cursor", "`cursor.next` of the call before; `latest` for what comes."),
                _parameter("segment", "The key of one segment."),
                _parameter("limit", f"At most {MAX_CHANGES:,}."),
                _INCLUDE,
            ],
        )
    },
    "/v1/lists/{key}/uploads": {"post": _upload_post},
    "/v1/lists/{key}/uploads/{upload_id}": {
        "get": _operation(
            "read_list_upload",
            "What became of a file.",
            _upload_answer,
            [_LIST_KEY, _UPLOAD_ID],
            tag="lists",
            _404=_NO_UPLOAD,
        )
    },
    "/v1/lists/{key}/uploads/{upload_id}/undo": {
        "post": _operation(
            "undo_list_upload",
            "Take the newest upload of a list back.",
            _upload_answer,
            [_LIST_KEY, _UPLOAD_ID],
            tag="lists",
            _404=_NO_UPLOAD,
            _409={"description": "`upload_not_latest`"},
        )
    },
}
