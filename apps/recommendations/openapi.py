"""The catalogue in the OpenAPI document."""

from typing import Any, Final

from apps.recommendations.catalogue import MOST_AT_ONCE

_TEXT: Final = {"type": "string", "maxLength": 500}
_LINK: Final = {"type": "string", "maxLength": 2000}
_ITEM: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["code"],
    "additionalProperties": False,
    "properties": {
        "code": {**_TEXT, "description": "What events call the item: `product_id`, say."},
        "category": _TEXT,
        "name": _TEXT,
        "url": _LINK,
        "image": _LINK,
        "words": {
            "type": "string",
            "maxLength": 1000,
            "description": "What it is about: items alike are found by it, new ones too.",
        },
        "price": {"type": ["number", "null"], "minimum": 0},
        "stock": {
            "type": ["integer", "null"],
            "minimum": 0,
            "description": "0: it is not recommended; null: not counted.",
        },
        "isAvailable": {"type": "boolean", "description": "false: it is not recommended."},
    },
}
_COUNT: Final = {"type": "integer", "minimum": 0}

PATHS: Final[dict[str, Any]] = {
    "/v1/items": {
        "put": {
            "operationId": "put_items",
            "tags": ["recommendations"],
            "summary": "Describe items of the catalogue.",
            "description": "Secret keys only. All items are taken, or none. What is not given"
            " stays as it is; decisions know within seconds what is not available any more.",
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "required": ["items"],
                            "properties": {
                                "items": {
                                    "type": "array", "maxItems": MOST_AT_ONCE, "items": _ITEM,
                                }
                            },
                        }
                    }
                },
            },
            "responses": {
                "200": {
                    "description": "Done.",
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "properties": {
                                    "created": _COUNT, "changed": _COUNT, "unchanged": _COUNT,
                                },
                            }
                        }
                    },
                },
                "400": {"description": "`invalid_request`"},
            },
        }
    }
}  # fmt: skip
