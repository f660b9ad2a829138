"""The visitor's side of consent in the OpenAPI document: notice, links, opt-in, receipts."""

from typing import Any, Final

from apps.privacy.wording import OFFERED

_ID: Final = {"oneOf": [{"type": "string", "maxLength": 512}, {"type": "integer"}]}
_TEXT: Final = {"type": "string"}
_TEXTS: Final = {"type": "array", "items": _TEXT}


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties}


def _answered(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


_NOTICE: Final = _object(
    ["site", "version", "language", "title", "lead", "words", "purposes", "lasting", "page"],
    site=_TEXT,
    version=_TEXT,
    language=_TEXT,
    title=_TEXT,
    lead={"type": "string", "description": "The first paragraph of the text."},
    textSha256=_TEXT,
    words={"type": "object", "additionalProperties": _TEXT, "description": "Labels of the banner."},
    purposes={
        "type": "array",
        "items": _object(
            ["key", "name", "text", "sends"],
            key={"type": "string", "enum": list(OFFERED)},
            name=_TEXT,
            text=_TEXT,
            sends={**_TEXTS, "description": "The purposes that this choice answers for."},
        ),
    },
    lasting={**_TEXTS, "description": "Versions under which a yes still holds."},
    page={"type": "string", "format": "uri", "description": "The whole notice, for people."},
    preferences={"type": "string", "format": "uri", "description": "The preference centre."},
)
_LINK: Final = _object(
    ["url", "validUntil"],
    url={"type": "string", "format": "uri"},
    validUntil={"type": "string", "format": "date-time"},
)
_RECEIPT: Final = _object(
    ["receipt", "signature", "keys"],
    receipt=_object(
        ["header", "processing", "parties", "events"],
        header={"type": "object"},
        processing={"type": "object"},
        parties={"type": "object"},
        events={"type": "array", "items": {"type": "object"}},
    ),
    signature={
        "type": "string",
        "description": "Detached JWS (EdDSA, unencoded payload) over `receipt` as canonical JSON: "
        "sorted keys, no blanks, UTF-8.",
    },
    keys={"type": "string", "format": "uri"},
)

PATHS: Final[dict[str, Any]] = {
    "/v1/notice": {
        "get": {
            "operationId": "read_notice",
            "tags": ["consent"],
            "summary": "What the consent banner shows. It does not matter who asks.",
            "security": [],
            "parameters": [
                {"name": "writeKey", "in": "query", "schema": _TEXT},
                {
                    "name": "site",
                    "in": "query",
                    "description": "The site's key, instead of `writeKey`.",
                    "schema": _TEXT,
                },
                {"name": "language", "in": "query", "schema": _TEXT},
            ],
            "responses": {
                "200": _answered("The notice that holds now, in the best language.", _NOTICE),
                "404": {"description": "`not_found`"},
            },
        }
    },
    "/v1/consent/link": {
        "post": {
            "operationId": "link_to_preferences",
            "tags": ["consent"],
            "summary": "An address at which this visitor finds their choices and rights.",
            "description": "From a page good for an hour; from a server for 60 days.",
            "requestBody": _body(
                _object(
                    [],
                    anonymousId=_ID,
                    userId=_ID,
                    userHash=_TEXT,
                    userToken=_TEXT,
                    writeKey=_TEXT,
                )
            ),
            "responses": {
                "200": _answered("OK", _LINK),
                "400": {"description": "`invalid_request`"},
            },
        }
    },
    "/v1/consent/opt-in": {
        "post": {
            "operationId": "ask_for_opt_in",
            "tags": ["consent"],
            "summary": "Ask somebody by mail to confirm what they allow (double opt-in).",
            "description": "Nothing is recorded before they press the button behind the link.",
            "requestBody": _body(
                _object(
                    ["email", "purposes"],
                    email={"type": "string", "format": "email"},
                    purposes={
                        "type": "array",
                        "minItems": 1,
                        "items": {"type": "string", "enum": list(OFFERED)},
                    },
                    userId={**_ID, "description": "Secret keys only: whose address it is."},
                    policyVersion=_TEXT,
                    language=_TEXT,
                    writeKey=_TEXT,
                )
            ),
            "responses": {
                "202": _answered("Always the same.", _object(["state"], state={"type": "string"})),
                "400": {"description": "`invalid_request`"},
            },
        }
    },
    "/v1/consent/receipt": {
        "get": {
            "operationId": "read_consent_receipt",
            "tags": ["consent"],
            "summary": "The signed receipt of somebody's choices (ISO/IEC TS 27560).",
            "parameters": [
                {"name": "anonymousId", "in": "query", "schema": _TEXT},
                {
                    "name": "userId",
                    "in": "query",
                    "description": "Secret keys only.",
                    "schema": _TEXT,
                },
            ],
            "responses": {
                "200": _answered("OK", _RECEIPT),
                "400": {"description": "`invalid_request`"},
                "404": {"description": "`not_found`: they have chosen nothing."},
            },
        }
    },
}
