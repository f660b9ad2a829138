"""The doors of a model server in the OpenAPI document."""

from typing import Any, Final

from apps.integrations.serving_rows import MOST_ROWS

_KEY: Final[dict[str, Any]] = {
    "name": "key",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": r"^[A-Za-z0-9_-]{1,100}$"},
    "description": "Of the model.",
}
_CELL: Final = {"type": ["number", "null"], "description": "null: nothing to measure."}
_LISTS: Final = {"type": "array", "items": {"type": "array", "items": _CELL}}
_RECORD: Final = {"type": "object", "additionalProperties": _CELL}
_RECORDS: Final = {"type": "array", "maxItems": MOST_ROWS, "items": _RECORD}
_INSTANCES: Final = {
    "type": "array",
    "maxItems": MOST_ROWS,
    "items": {"oneOf": [_LISTS["items"], _RECORD]},
}
_COLUMNS: Final = {
    "type": "object",
    "additionalProperties": {"type": "array", "maxItems": MOST_ROWS, "items": _CELL},
}
_INPUTS: Final = {"oneOf": [_COLUMNS, _INSTANCES]}
_SPLIT: Final = {
    "type": "object",
    "required": ["columns", "data"],
    "properties": {"columns": {"type": "array", "items": {"type": "string"}}, "data": _LISTS},
}
_SAID: Final = {
    "type": "array",
    "items": {
        "oneOf": [
            {"type": "number", "description": "A probability."},
            {
                "type": "object",
                "additionalProperties": {"type": "number"},
                "description": "A probability by category, where the model tells them apart.",
            },
        ]
    },
}
_REFUSALS: Final = {
    "400": {"description": "`invalid_request`"},
    "404": {"description": "`model_not_found`"},
    "422": {"description": "`row_refused`"},
    "503": {"description": "`model_unavailable`"},
}


def _asked(
    name: str, summary: str, forms: dict[str, Any], answers: tuple[str, ...]
) -> dict[str, Any]:
    return {
        "post": {
            "operationId": name,
            "tags": ["models"],
            "summary": summary,
            "parameters": [_KEY],
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "oneOf": [{"required": [form]} for form in forms],
                            "properties": forms,
                        }
                    }
                },
            },
            "responses": {
                "200": {
                    "description": "What the model says of each row, in their order.",
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "oneOf": [{"required": [one]} for one in answers],
                                "properties": dict.fromkeys(answers, _SAID),
                            }
                        }
                    },
                },
                **_REFUSALS,
            },
        }
    }


_CARD: Final[dict[str, Any]] = {
    "get": {
        "operationId": "model_card",
        "tags": ["models"],
        "summary": "What a model foresees, from which columns, and how well it does.",
        "parameters": [_KEY],
        "responses": {
            "200": {
                "description": "The version that serves.",
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "required": ["key", "version", "features", "card"],
                            "properties": {
                                "key": {"type": "string"},
                                "name": {"type": "string"},
                                "kind": {"type": "string"},
                                "foresees": {"type": ["string", "null"]},
                                "withinHours": {"type": "integer"},
                                "version": {"type": "integer"},
                                "method": {"type": "string"},
                                "trainedAt": {"type": "string", "format": "date-time"},
                                "servesSince": {"type": ["string", "null"], "format": "date-time"},
                                "isOnline": {"type": "boolean"},
                                "features": {"type": "array", "items": {"type": "string"}},
                                "card": {"type": "object"},
                                "model_version_status": {
                                    "type": "array",
                                    "items": {"type": "object"},
                                },
                            },
                        }
                    }
                },
            },
            "404": {"description": "`model_not_found`"},
        },
    }
}

PATHS: Final[dict[str, Any]] = {
    "/v1/models/{key}": _CARD,
    "/v1/models/{key}/invocations": _asked(
        "model_invocations",
        "What a model says of rows of features, asked as MLflow's scoring server is.",
        {
            "dataframe_split": _SPLIT,
            "dataframe_records": _RECORDS,
            "instances": _INSTANCES,
            "inputs": _INPUTS,
        },
        ("predictions",),
    ),
    "/v1/models/{key}:predict": _asked(
        "model_predict",
        "What a model says of rows of features, asked as TensorFlow Serving is.",
        {"instances": _INSTANCES, "inputs": _INPUTS},
        ("predictions", "outputs"),
    ),
}
