"""Consent in the OpenAPI document."""

from typing import Any, Final

from apps.consent.strings.meaning import NOTES
from apps.consent.types import CONSENT_MODE_NAMES, PURPOSE_NAMES, WIRE_NAMES

_ID: Final = {"oneOf": [{"type": "string", "maxLength": 512}, {"type": "integer"}]}
_ANSWER: Final = {"oneOf": [{"type": "boolean"}, {"type": "string", "enum": ["granted", "denied"]}]}
_YES_OR_NO: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {name: {"type": "boolean"} for name in WIRE_NAMES},
}
_FINER: Final = [name for name in PURPOSE_NAMES if name not in WIRE_NAMES]
_STATE: Final[dict[str, Any]] = {
    "type": "object",
    "required": [
        "purposes",
        "finer",
        "recorded",
        "consentMode",
        "epoch",
        "regime",
        "regimeSource",
        "askAgainAt",
        "gpc",
        "signalHonoured",
    ],
    "properties": {
        "purposes": {**_YES_OR_NO, "description": "What may be done now, by purpose."},
        "finer": {
            "type": "object",
            "properties": {name: {"type": "boolean"} for name in _FINER},
            "description": "The same of finer purposes: never wider than their category.",
        },
        "recorded": {**_YES_OR_NO, "description": "What was said; a purpose not asked is absent."},
        "consentMode": {
            "type": "object",
            "properties": {
                key: {"type": "string", "enum": ["granted", "denied"]} for key in CONSENT_MODE_NAMES
            },
            "description": "The same as `purposes`, for Google Consent Mode.",
        },
        "epoch": {"type": "integer", "minimum": 0, "description": "Raised by every choice."},
        "regime": {
            "type": "string",
            "enum": ["eu_opt_in", "us_opt_out", "strict_unknown"],
            "description": "The rules that apply to this person here and now.",
        },
        "regimeSource": {
            "type": "string",
            "enum": ["declared", "proxy", "site", "unknown"],
            "description": "How it was found.",
        },
        "askAgainAt": {
            "oneOf": [{"type": "string", "format": "date-time"}, {"type": "null"}],
            "description": "Do not ask this person again before; null: they may be asked.",
        },
        "signalHonoured": {
            "type": "boolean",
            "description": "An opt-out signal is in force against advertising and sale.",
        },
        "gpc": {"type": "boolean", "description": "This request's opt-out signal was honoured."},
    },
}
_STRING: Final = "What it refuses is refused; kept as evidence."
_NOTES: Final[dict[str, Any]] = {
    "type": "array",
    "items": {"type": "string", "enum": list(NOTES)},
    "description": "Where strings came along: what they came to. "
    + " ".join(f"`{code}`: {words}" for code, words in NOTES.items()),
}
_CHOICE: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["purposes"],
    "properties": {
        "anonymousId": _ID,
        "userId": _ID,
        "userHash": {"type": "string"},
        "userToken": {"type": "string"},
        "purposes": {
            "type": "object",
            "minProperties": 1,
            "properties": dict.fromkeys([*PURPOSE_NAMES, *CONSENT_MODE_NAMES], _ANSWER),
            "additionalProperties": False,
        },
        "policyVersion": {"type": "string", "maxLength": 40},
        "jurisdiction": {"type": "string", "description": "Kept as evidence; it loosens nothing."},
        "method": {"type": "string", "maxLength": 40, "examples": ["banner", "preferences"]},
        "tcString": {"type": "string", "description": f"A TCF string. {_STRING}"},
        "gpp": {"type": "string", "description": f"A GPP string. {_STRING}"},
        "usPrivacy": {"type": "string", "description": f"A US Privacy string. {_STRING}"},
        "proof": {"description": "Anything that shows how consent was asked; kept as it came."},
        "language": {
            "type": "string",
            "maxLength": 40,
            "description": "Of the notice that was shown.",
        },
        "controls": {
            "type": "object",
            "additionalProperties": {"type": "string", "maxLength": 40},
            "description": "Which control of which interface was used; kept as evidence.",
            "examples": [{"control": "refuse_all", "interface": "banner 3"}],
        },
        "gpc": {
            "type": "boolean",
            "description": "The page's script has read navigator.globalPrivacyControl: as Sec-GPC.",
        },
        "conflictShown": {
            "type": "boolean",
            "description": "The person was shown that their browser's signal stands against this "
            "yes: of somebody signed in it is kept then.",
        },
        "residence": {
            "type": "string",
            "description": "Where the person lives, as declared to the site. Secret keys only.",
            "examples": ["DE", "US-CA"],
        },
        "underAge": {
            "type": "boolean",
            "description": "The person is a child: from then on only what is necessary is done, "
            "until it is said that they are not. Secret keys only.",
        },
        "sentAt": {"type": "string", "format": "date-time"},
        "writeKey": {"type": "string"},
    },
}


_CONFLICTS: Final = {
    "type": "array",
    "items": {"type": "string", "enum": ["advertising", "sale"]},
    "description": "Of what was agreed to: what an opt-out signal stands against. Tell the person; "
    "see `conflictShown`.",
}
_RECORDED: Final = {
    **_STATE,
    "properties": {**_STATE["properties"], "notes": _NOTES, "conflicts": _CONFLICTS},
}


def _answered(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


PATHS: Final[dict[str, Any]] = {
    "/v1/consent": {
        "post": {
            "operationId": "record_consent",
            "tags": ["consent"],
            "summary": "Append a choice. The next decision obeys it.",
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": _CHOICE}},
            },
            "responses": {
                "200": _answered("Recorded, and in force.", _RECORDED),
                "400": {"description": "`invalid_request`"},
                "413": {"description": "`payload_too_large`"},
            },
        },
        "get": {
            "operationId": "read_consent",
            "tags": ["consent"],
            "summary": "What is recorded, and what may be done.",
            "parameters": [
                {"name": "anonymousId", "in": "query", "schema": {"type": "string"}},
                {
                    "name": "userId",
                    "in": "query",
                    "description": "Secret keys only.",
                    "schema": {"type": "string"},
                },
            ],
            "responses": {
                "200": _answered(
                    "The present state; of somebody unknown, the source's default.", _STATE
                ),
                "400": {"description": "`invalid_request`"},
            },
        },
    },
    "/.well-known/gpc.json": {
        "get": {
            "operationId": "gpc_support",
            "tags": ["consent"],
            "summary": "This server honours Global Privacy Control (W3C).",
            "security": [],
            "responses": {
                "200": {
                    "description": "OK",
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["gpc", "lastUpdate"],
                                "properties": {
                                    "gpc": {"type": "boolean"},
                                    "lastUpdate": {"type": "string", "format": "date"},
                                },
                            }
                        }
                    },
                }
            },
        }
    },
}
