"""OpenDSR in the OpenAPI document."""

from typing import Any, Final

from apps.privacy.opendsr import STATUS
from apps.privacy.opendsr_bodies import (
    IDENTITIES,
    MAX_CALLBACKS,
    MAX_IDENTITIES,
    REGULATIONS,
    TYPES,
)

_SIGNED: Final[dict[str, Any]] = {
    "X-OpenDSR-Processor-Domain": {"schema": {"type": "string"}},
    "X-OpenDSR-Signature": {
        "schema": {"type": "string"},
        "description": "Base64 of RSA-SHA256 (PKCS #1 v1.5) over the body, by the certificate.",
    },
}
_ID: Final[dict[str, Any]] = {"type": "string", "format": "uuid"}
_TIME: Final[dict[str, Any]] = {"type": "string", "format": "date-time"}
_ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "integer"},
                "message": {"type": "string"},
                "errors": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            name: {"type": "string"} for name in ("domain", "reason", "message")
                        },
                    },
                },
            },
        }
    },
}
_REQUEST: Final[dict[str, Any]] = {
    "type": "object",
    "required": [
        "regulation", "subject_request_id", "subject_request_type", "submitted_time",
    ],
    "properties": {
        "regulation": {"type": "string", "enum": list(REGULATIONS)},
        "subject_request_id": {**_ID, "description": "Lower case, version 4."},
        "subject_request_type": {"type": "string", "enum": list(TYPES)},
        "submitted_time": _TIME,
        "subject_identities": {
            "type": "array",
            "maxItems": MAX_IDENTITIES,
            "items": {
                "type": "object",
                "required": ["identity_type", "identity_format", "identity_value"],
                "properties": {
                    "identity_type": {
                        "type": "string",
                        "enum": sorted({kind for kind, _ in IDENTITIES}),
                    },
                    "identity_format": {
                        "type": "string",
                        "enum": sorted({form for _, form in IDENTITIES}),
                    },
                    "identity_value": {"type": "string", "maxLength": 512},
                },
            },
        },
        "status_callback_urls": {
            "type": "array",
            "maxItems": MAX_CALLBACKS,
            "items": {"type": "string", "format": "uri"},
        },
        "extensions": {
            "type": "object",
            "description": "Under this server's domain: `anonymous_ids`, a list of visitor ids.",
        },
    },
}  # fmt: skip


def _answer(words: str, properties: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties}
    content = {"application/json": {"schema": schema}}
    return {"description": words, "headers": _SIGNED, "content": content}


def _refusals(*statuses: int) -> dict[str, Any]:
    content = {"application/json": {"schema": _ERROR}}
    return {
        str(status): {"description": "Refused.", "headers": _SIGNED, "content": content}
        for status in (*statuses, 401, 403, 429)
    }


_ECHO: Final[dict[str, Any]] = {
    "controller_id": {"type": "string"},
    "received_time": _TIME,
    "subject_request_id": _ID,
    "api_version": {"type": "string"},
}
_PLACE: Final[list[dict[str, Any]]] = [
    {"name": "subject_request_id", "in": "path", "required": True, "schema": _ID}
]
_KEYED: Final[dict[str, Any]] = {"tags": ["OpenDSR"], "security": [{"bearer": []}]}
PATHS: Final[dict[str, Any]] = {
    "/opendsr/v2/discovery": {
        "get": {
            **_KEYED,
            "operationId": "opendsr_discovery",
            "summary": "What can be asked, and how answers are signed",
            "responses": {
                "200": _answer(
                    "What is supported.",
                    {
                        "api_version": {"type": "string"},
                        "supported_identities": {"type": "array", "items": {"type": "object"}},
                        "supported_subject_request_types": {
                            "type": "array",
                            "items": {"type": "string"},
                        },
                        "processor_certificate": {"type": "string", "format": "uri"},
                        "processor_certificate_is_self_signed": {"type": "boolean"},
                    },
                ),
                **_refusals(),
            },
        }
    },
    "/opendsr/v2/certificate.pem": {
        "get": {
            "tags": ["OpenDSR"],
            "security": [],
            "operationId": "opendsr_certificate",
            "summary": "The certificate that signatures are checked with",
            "responses": {"200": {"description": "PEM."}},
        }
    },
    "/opendsr/v2/requests": {
        "post": {
            **_KEYED,
            "operationId": "opendsr_submit",
            "summary": "Send a request of a person",
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": _REQUEST}},
            },
            "responses": {
                "201": _answer(
                    "Received, now or before.",
                    {
                        **_ECHO,
                        "expected_completion_time": _TIME,
                        "encoded_request": {"type": "string", "format": "byte"},
                    },
                ),
                **_refusals(400, 413),
            },
        }
    },
    "/opendsr/v2/requests/{subject_request_id}": {
        "get": {
            **_KEYED,
            "operationId": "opendsr_status",
            "summary": "How a request stands",
            "parameters": _PLACE,
            "responses": {
                "200": _answer(
                    "Its status.",
                    {
                        "controller_id": {"type": "string"},
                        "expected_completion_time": _TIME,
                        "subject_request_id": _ID,
                        "request_status": {
                            "type": "string",
                            "enum": list(dict.fromkeys(STATUS.values())),
                        },
                        "results_url": {"type": "string", "format": "uri"},
                        "results_count": {"type": "integer"},
                        "api_version": {"type": "string"},
                    },
                ),
                **_refusals(400, 404),
            },
        },
        "delete": {
            **_KEYED,
            "operationId": "opendsr_cancel",
            "summary": "Take a pending request back",
            "parameters": _PLACE,
            "responses": {"202": _answer("Cancelled.", _ECHO), **_refusals(400, 404)},
        },
    },
}
