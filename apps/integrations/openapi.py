"""Integrations in the OpenAPI document."""

from typing import Any, Final

PATHS: Final[dict[str, Any]] = {
    "/v1/hooks/{connection}": {
        "post": {
            "operationId": "receive_hook",
            "tags": ["integrations"],
            "summary": "What a content system says of an entry; it becomes a draft.",
            "description": "Signed with the connection's secret: as Contentful signs requests, by "
            "Strapi's Authorization header, or as Standard Webhooks.",
            "security": [],
            "parameters": [
                {
                    "name": "connection",
                    "in": "path",
                    "required": True,
                    "schema": {"type": "string", "format": "uuid"},
                }
            ],
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"type": "object"}}},
            },
            "responses": {
                "202": {
                    "description": "Kept; a worker imports it.",
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["id", "repeated"],
                                "properties": {
                                    "id": {"type": "string", "examples": ["inc_0198..."]},
                                    "repeated": {
                                        "type": "boolean",
                                        "description": "It came before, and is imported once.",
                                    },
                                },
                            }
                        }
                    },
                },
                "401": {"description": "`invalid_signature`"},
                "404": {"description": "`not_found`"},
                "413": {"description": "`payload_too_large`"},
            },
        }
    }
}
