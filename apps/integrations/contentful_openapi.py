"""The doors for clients of Contentful in the OpenAPI document."""

from typing import Any, Final

from apps.integrations.contentful_api import TYPE
from apps.integrations.contentful_asking import MAX_ID, MAX_JSON, MOST_LIMIT
from engine.decide import Reason

_TEXT: Final = {"type": ["string", "null"]}
_OBJECT: Final = {"type": "object"}
_WHERE: Final[list[dict[str, Any]]] = [
    {
        "name": name,
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": r"^[A-Za-z0-9_.~-]{1,64}$"},
        "description": "As in Contentful. The key says whose content is read.",
    }
    for name in ("space", "environment")
]
_ID: Final[dict[str, Any]] = {
    "name": "id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": r"^[A-Za-z0-9_.:~-]{1,200}$"},
}


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, "description": description}


_TOKEN: Final = _query(
    "access_token", {"type": "string"}, "A publishable key, where no header can be sent."
)
_PAGE: Final = [
    _query("limit", {"type": "integer", "minimum": 0, "maximum": MOST_LIMIT}, "100 without it."),
    _query("skip", {"type": "integer", "minimum": 0, "maximum": 999_999_999}, "From which one on."),
]
_ID_TEXT: Final = {"type": "string", "maxLength": MAX_ID}
_JSON_TEXT: Final = {"type": "string", "maxLength": MAX_JSON}
_LANGUAGE: Final = _query("locale", {"type": "string"}, "One of the site's, or `*`: in all.")
_WHO: Final = [
    _query("anonymousId", _ID_TEXT, "For whom; or the header X-Attune-Anonymous-Id."),
    _query("userId", _ID_TEXT, "Of a login; or the header X-Attune-User-Id."),
    _query("userHash", {"type": "string"}, "Proof of a login, where the source demands it."),
    _query("userToken", {"type": "string"}, "The same; or the header X-Attune-User-Token."),
    _query("context", _JSON_TEXT, "JSON: what is known of the request, as for `/v1/decide`."),
    _query("facts", _JSON_TEXT, "JSON: facts of this call, as for `/v1/decide`."),
]
_WHICH: Final = [
    _query("content_type", {"type": "string"}, "Entries of one type."),
    _query("sys.id", {"type": "string"}, "One entry."),
    _query("sys.id[in]", {"type": "string"}, "Some entries: ids with commas between."),
    _query("order", {"type": "string", "enum": ["sys.id", "-sys.id"]}, "By id."),
]
_HOW: Final = [
    _LANGUAGE,
    _query("select", {"type": "string"}, "Fields, as in `fields.title`."),
    _query("include", {"type": "integer", "minimum": 0, "maximum": 10}, "0: no pictures."),
]
_DECIDED: Final[dict[str, Any]] = {
    "type": "object",
    "description": "What was decided.",
    "required": ["placement", "block", "variant", "version", "reason", "decisionId"],
    "properties": {
        "placement": {"type": "string"},
        "block": {"type": "string"},
        "variant": {"type": "string"},
        "version": {"type": "integer"},
        "entry": {**_TEXT, "description": "The entry there that the variant is made of."},
        "reason": {"type": "string", "enum": [reason.value for reason in Reason]},
        "rule": _TEXT,
        "experiment": {"type": ["object", "null"]},
        "decisionId": {"type": "string", "description": "For `/v1/exposures`."},
        "validUntil": {**_TEXT, "format": "date-time"},
    },
}
_ENTRY: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["sys", "fields", "metadata"],
    "properties": {
        "sys": {"type": "object", "required": ["attune"], "properties": {"attune": _DECIDED}},
        "fields": _OBJECT,
        "metadata": _OBJECT,
    },
}
_ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["sys", "message", "requestId"],
    "properties": {
        "sys": {
            "type": "object",
            "required": ["type", "id"],
            "properties": {"type": {"const": "Error"}, "id": {"type": "string"}},
        },
        "message": {"type": "string"},
        "requestId": {"type": "string"},
        "details": _OBJECT,
    },
}
_REFUSALS: Final = {
    "400": "Something is asked for that is not known here.",
    "401": "No key, or one that this server does not know.",
    "403": "A key of another kind, or a secret key in a browser.",
    "404": "There is nothing of this id.",
    "429": "Too many requests: X-Contentful-RateLimit-Reset says for how many seconds.",
    "503": "Something is away for a moment.",
}


def _page_of(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["sys", "total", "skip", "limit", "items"],
        "properties": {
            "sys": _OBJECT,
            "total": {"type": "integer"},
            "skip": {"type": "integer"},
            "limit": {"type": "integer"},
            "items": {"type": "array", "items": item},
            "includes": {**_OBJECT, "description": "The pictures in these entries, as assets."},
        },
    }


def _get(
    name: str, summary: str, parameters: list[dict[str, Any]], answer: dict[str, Any]
) -> dict[str, Any]:
    return {
        "get": {
            "operationId": name,
            "tags": ["integrations"],
            "summary": summary,
            "security": [{"bearer": []}, {"basic": []}, {"apiKey": []}],
            "parameters": parameters,
            "responses": {
                "200": {
                    "description": "As Contentful's delivery API answers.",
                    "content": {TYPE: {"schema": answer}},
                },
                **{
                    status: {"description": words, "content": {TYPE: {"schema": _ERROR}}}
                    for status, words in _REFUSALS.items()
                },
            },
        }
    }


_THERE: Final = "/spaces/{space}/environments/{environment}"
PATHS: Final[dict[str, Any]] = {
    "/spaces/{space}": _get(
        "contentful_space", "The site, and its languages.", [_WHERE[0], _TOKEN], _OBJECT
    ),
    f"{_THERE}/locales": _get(
        "contentful_locales", "The languages of the site.", [*_WHERE, _TOKEN], _page_of(_OBJECT)
    ),
    f"{_THERE}/content_types": _get(
        "contentful_content_types",
        "The types of these entries, with their fields.",
        [*_WHERE, _TOKEN, *_PAGE],
        _page_of(_OBJECT),
    ),
    f"{_THERE}/content_types/{{id}}": _get(
        "contentful_content_type", "One of these types.", [*_WHERE, _ID, _TOKEN], _OBJECT
    ),
    f"{_THERE}/entries": _get(
        "contentful_entries",
        "What a visitor is to see in each place, as entries.",
        [*_WHERE, _TOKEN, *_WHICH, *_PAGE, *_HOW, *_WHO],
        _page_of(_ENTRY),
    ),
    f"{_THERE}/entries/{{id}}": _get(
        "contentful_entry",
        "The same of one place: by its key, or by the id of an entry there.",
        [*_WHERE, _ID, _TOKEN, *_HOW, *_WHO],
        _ENTRY,
    ),
}
