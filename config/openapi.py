"""One OpenAPI document for both kinds of endpoint.

The REST framework describes its own. The hot ones are described by hand, in `openapi.py` of their
app: a dict PATHS of path items.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from django.apps import apps

from config.error_codes import meanings, status_of

_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "RFC 9457, with a stable `code` and `message` for Segment-spec clients.",
    "required": ["type", "title", "status", "instance", "detail", "code", "message", "traceId"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "instance": {"type": "string"},
        "detail": {"type": "string"},
        "code": {"$ref": "#/components/schemas/ErrorCode"},
        "message": {"type": "string"},
        "traceId": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "RFC 6901."},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
_SECURITY: Final[dict[str, Any]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "Any key."},
    "basic": {"type": "http", "scheme": "basic", "description": "The key as user, no password."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "writeKey": {
        "type": "apiKey",
        "in": "query",
        "name": "writeKey",
        "description": "Publishable keys only.",
    },
}
_KEYED: Final[list[dict[str, list[str]]]] = [{name: []} for name in _SECURITY]
# What any keyed endpoint may answer besides its own.
_USUAL: Final = {
    "401": "`unauthorized`: no key, or one that this server does not know.",
    "403": "`forbidden`, or `secret_key_in_browser`.",
    "429": "`rate_limited`; Retry-After says how many seconds to wait.",
    "503": "`unavailable`; Retry-After says how many seconds to wait.",
}
_OWN: Final[dict[str, Any]] = {
    path: {
        "get": {
            "operationId": path.strip("/"),
            "tags": ["operations"],
            "summary": summary,
            "security": [],
            "responses": {"200": {"description": "Yes."}, **more},
        }
    }
    for path, summary, more in (
        ("/healthz", "Does the process live?", {}),
        (
            "/readyz",
            "Is everything there that answers need?",
            {"503": {"description": "No; `checks` names what is away."}},
        ),
        (
            "/metrics",
            "Counts as Prometheus text, for this machine and trusted networks.",
            {"404": {"description": "Not for you."}},
        ),
    )
}
_METHODS: Final = frozenset({"get", "put", "post", "delete", "patch"})


def add_hot_paths(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Merge the apps' hand-written paths, the problem schema and the keys into the document.

    A drf-spectacular post-processing hook.
    """
    paths: dict[str, Any] = result.setdefault("paths", {})
    paths.update(_OWN)
    for config in apps.get_app_configs():
        name = f"{config.name}.openapi"
        if config.name.startswith("apps.") and find_spec(name) is not None:
            paths.update(import_module(name).PATHS)
    components: dict[str, Any] = result.setdefault("components", {})
    components.setdefault("securitySchemes", {}).update(_SECURITY)
    schemas: dict[str, Any] = components.setdefault("schemas", {})
    known = meanings()
    schemas["Problem"] = _PROBLEM
    schemas["ErrorCode"] = {
        "type": "string",
        "description": "\n".join(
            f"- `{code}` ({status_of(code)}): {meaning}" for code, meaning in known.items()
        ),
        "enum": list(known),
    }
    for path, item in paths.items():
        for method, operation in item.items():
            if method in _METHODS and path.startswith(("/v1/", "/v2/", "/ofrep/")):
                _complete(operation, has_own_errors=path.startswith("/ofrep/"))
    result["paths"] = dict(sorted(paths.items()))
    return result


def _complete(operation: dict[str, Any], *, has_own_errors: bool) -> None:
    """Give an operation the answers that every keyed endpoint has, in the one shape.

    Args:
        has_own_errors: of a protocol that is not ours, where errors that it describes stand.
    """
    responses: dict[str, Any] = operation.setdefault("responses", {})
    if operation.get("security") != []:
        operation["security"] = _KEYED
        for status, description in _USUAL.items():
            responses.setdefault(status, {"description": description})
    for status, response in responses.items():
        if has_own_errors and "content" in response:
            continue
        if status[0] in "45" and "$ref" not in response:
            response["content"] = {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            }
