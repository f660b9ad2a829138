"""The doors of a model server: what a model says of rows that its caller has worked out.

POST /v1/models/<key>/invocations as MLflow's scoring server is asked, POST /v1/models/<key>:predict
as TensorFlow Serving is, and GET /v1/models/<key>, the model's card. With a secret key.
"""

from typing import Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse

from apps.access import limits
from apps.access.http import authenticate, hot, json_response, parse, read_body
from apps.integrations.serving_rows import MLFLOW, TENSORFLOW, Row, rows_in
from apps.predictions import selectors as predictions
from apps.predictions.selectors import Serving
from apps.work import record_watch

ROUTE: Final = "models"
MAX_BODY_BYTES: Final = 2 * 1024 * 1024


@hot("POST", route=ROUTE, cors="none")
def invocations(request: HttpRequest, key: str) -> HttpResponse:
    """POST /v1/models/<key>/invocations: MLflow's forms in, `predictions` out."""
    return _answered(request, key, MLFLOW)


@hot("POST", route=ROUTE, cors="none")
def predict(request: HttpRequest, key: str) -> HttpResponse:
    """POST /v1/models/<key>:predict: `instances` in, `predictions` out; `inputs`, `outputs`."""
    return _answered(request, key, TENSORFLOW)


@hot("GET", route=ROUTE, cors="none")
def card(request: HttpRequest, key: str) -> HttpResponse:
    """GET /v1/models/<key>: the question, the columns in order, and how well it does."""
    caller = authenticate(request, allow=("sk",))
    record_watch.require()
    headers = limits.enforce(caller, ROUTE)
    version = predictions.champion_by_key(caller.site_id, key)
    found = {
        **predictions.card_of(version),
        # What clients of TensorFlow Serving wait for.
        "model_version_status": [
            {
                "version": str(version.number),
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
        ],
    }
    return json_response(msgspec.json.encode(found), headers=headers | _PRIVATE)


_JSON: Final = msgspec.json.Decoder()
_PRIVATE: Final = {"Cache-Control": "private, no-store"}


def _answered(request: HttpRequest, key: str, forms: tuple[str, ...]) -> HttpResponse:
    caller = authenticate(request, allow=("sk",))
    record_watch.require()
    headers = limits.enforce(caller, ROUTE)
    body = read_body(request, MAX_BODY_BYTES)
    version = predictions.champion_by_key(caller.site_id, key)
    form, rows = rows_in(parse(_JSON, body), version.feature_names, forms)
    serving = predictions.serving_of(version)
    said = [_said(serving, row) for row in rows]
    name = "outputs" if forms == TENSORFLOW and form == "inputs" else "predictions"
    return json_response(msgspec.json.encode({name: said}), headers=headers | _PRIVATE)


def _said(serving: Serving, row: Row) -> Any:
    """A probability, or one by name where the model tells several things apart."""
    found = serving.probabilities(row)
    return found.get("", found)
