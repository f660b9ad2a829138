"""`/v1/recommendations/{recommender}` in the OpenAPI document."""

from typing import Any, Final

from apps.delivery.questions import MAX_ID_LENGTH, MAX_ITEMS
from apps.delivery.recommendations_api import MAX_CODE, MAX_EXCLUDED
from apps.recommendations.selectors import WORDS

_PROBLEM: Final = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_ID: Final = {"type": "string", "maxLength": MAX_ID_LENGTH}
_CODE: Final = {"type": "string", "maxLength": MAX_CODE}

ITEMS: Final[dict[str, Any]] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["id", "score", "why"],
        "properties": {
            "id": {"type": "string"},
            "score": {"type": "number", "description": "What it was ranked by."},
            "why": {"type": "string", "enum": list(WORDS)},
            "p": {
                "type": "number",
                "description": "How probable it was that just this item stands here; absent where"
                " that was certain.",
            },
        },
    },
}
_LIST: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["recommender", "version", "method", "isPersonal", "items"],
    "properties": {
        "recommender": {"type": "string"},
        "version": {"type": "string", "description": "Of what was learned."},
        "method": {"type": "string"},
        "isPersonal": {"type": "boolean"},
        "items": ITEMS,
    },
}


def _parameter(name: str, schema: dict[str, Any], description: str, where: str = "query") -> Any:
    return {
        "name": name,
        "in": where,
        "required": where == "path",
        "schema": schema,
        "description": description,
    }


PATHS: Final[dict[str, Any]] = {
    "/v1/recommendations/{recommender}": {
        "get": {
            "operationId": "recommendations",
            "tags": ["delivery"],
            "summary": "The list of a recommender for one visitor, with a secret key.",
            "parameters": [
                _parameter("recommender", {"type": "string"}, "Its key.", "path"),
                _parameter("userId", _ID, "The visitor's login."),
                _parameter("anonymousId", _ID, "The visitor's device."),
                _parameter("item", _CODE, "What they look at now."),
                _parameter(
                    "limit",
                    {"type": "integer", "minimum": 1, "maximum": MAX_ITEMS, "default": 10},
                    "How many items at most.",
                ),
                _parameter(
                    "exclude",
                    {"type": "array", "items": _CODE, "maxItems": MAX_EXCLUDED},
                    "Items to leave out: once for each of them.",
                ),
            ],
            "responses": {
                "200": {
                    "description": "The list. It is short where filters leave little.",
                    "content": {"application/json": {"schema": _LIST}},
                },
                "400": {"description": "`invalid_request`", "content": _PROBLEM},
                "404": {"description": "`recommender_not_found`", "content": _PROBLEM},
                "503": {"description": "`unavailable`", "content": _PROBLEM},
            },
        }
    }
}
