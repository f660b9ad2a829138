"""A model asked as a model server is: in MLflow's forms and in TensorFlow's, with one answer."""

import json
from typing import Any

import numpy as np
import pytest
from django.test import Client

from apps.access import services as access
from apps.access.models import Site
from apps.predictions import fitted, selectors
from apps.predictions import services as predictions
from apps.predictions.fitted import Fitted
from apps.predictions.models import ModelSpec, ModelVersion
from tests.apps.delivery.conftest import NOW
from tests.apps.predictions.champions import NAMES, champion, learned, rows

ROWS = rows(len(NAMES), seed=9)[:60]


@pytest.fixture
def secret(shop: Site) -> str:
    source = access.create_source(site_id=shop.pk, name="server", kind="server", now=NOW)
    return access.issue_key(source_id=source.pk, kind="sk", now=NOW)[1]


@pytest.fixture
def version(spec: ModelSpec) -> ModelVersion:
    return champion(spec)


class Server:
    """The server of models as a caller with a secret key sees it."""

    def __init__(self, secret: str) -> None:
        self.client, self.headers = Client(), {"Authorization": f"Bearer {secret}"}

    def post(self, path: str, body: Any, status: int = 200) -> Any:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.client.post(
            f"/v1/models/{path}", content, content_type="application/json", headers=self.headers
        )
        assert answer.status_code == status, answer.content
        return answer.json()

    def get(self, path: str, status: int = 200) -> Any:
        answer = self.client.get(f"/v1/models/{path}", headers=self.headers)
        assert answer.status_code == status, answer.content
        return answer.json()


@pytest.fixture
def server(secret: str) -> Server:
    return Server(secret)


def cells(x: Any) -> list[list[float | None]]:
    return [[None if np.isnan(value) else value for value in row] for row in x.tolist()]


TABLE = cells(ROWS)
RECORDS = [
    {name: value for name, value in zip(NAMES, row, strict=True) if value is not None}
    for row in TABLE
]
COLUMNS = {name: list(column) for name, column in zip(NAMES, zip(*TABLE, strict=True), strict=True)}
BACKWARDS = {"columns": list(NAMES)[::-1], "data": [row[::-1] for row in TABLE]}
FORMS = {
    "split": {"dataframe_split": {"columns": list(NAMES), "data": TABLE}},
    "split in another order": {"dataframe_split": BACKWARDS},
    "records": {"dataframe_records": RECORDS},
    "instances": {"instances": TABLE},
    "instances by name": {"instances": RECORDS},
    "inputs by name": {"inputs": COLUMNS},
    "inputs": {"inputs": TABLE},
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_answered_with_what_our_own_scoring_says(
    server: Server, version: ModelVersion, form: str
) -> None:
    expected = fitted.restored(version).probabilities(ROWS).tolist()
    found = server.post("order/invocations", FORMS[form])["predictions"]
    assert found == pytest.approx(expected, rel=1e-12, abs=0)


@pytest.mark.parametrize(
    ("form", "name"),
    [("instances", "predictions"), ("instances by name", "predictions"), ("inputs", "outputs"),
     ("inputs by name", "outputs")],
)  # fmt: skip
def test_tensorflow_is_answered_in_its_own_words(
    server: Server, version: ModelVersion, form: str, name: str
) -> None:
    expected = fitted.restored(version).probabilities(ROWS).tolist()
    found = server.post("order:predict", FORMS[form])
    assert list(found) == [name]
    assert found[name] == pytest.approx(expected, rel=1e-12, abs=0)


@pytest.mark.parametrize("method", ["linear", "network", "forest"])
def test_every_method_is_served(server: Server, spec: ModelSpec, method: str) -> None:
    version = champion(spec, fitted=Fitted({"": learned(len(NAMES), method=method)}))
    expected = fitted.restored(version).probabilities(ROWS).tolist()
    found = server.post("order/invocations", FORMS["split"])["predictions"]
    assert found == pytest.approx(expected, rel=1e-12, abs=0)


def test_a_model_of_categories_says_one_number_for_each(server: Server, spec: ModelSpec) -> None:
    several = Fitted({"shoes": learned(4), "hats": learned(4, seed=3)})
    champion(spec, fitted=several)
    found = server.post("order/invocations", FORMS["split"])["predictions"]
    for name, expected in several.outputs(ROWS).items():
        assert [row[name] for row in found] == pytest.approx(expected.tolist(), rel=1e-12)


def test_a_new_champion_answers_at_once(server: Server, spec: ModelSpec) -> None:
    champion(spec)
    before = server.post("order/invocations", FORMS["split"])
    champion(spec, fitted=Fitted({"": learned(4, rule=lambda x: 1 - x[:, 0])}))
    assert server.post("order/invocations", FORMS["split"]) != before


@pytest.mark.parametrize(
    ("body", "status", "code", "words"),
    [
        ({"dataframe_records": [{"shoe": 1}]}, 422, "row_refused", "no feature 'shoe'"),
        ({"instances": [[1, 2]]}, 422, "row_refused", "2 values for 4 features"),
        ({"instances": [[1, 2, 3, "4"]]}, 422, "row_refused", "is no number"),
        ({"instances": [[1, 2, 3, True]]}, 422, "row_refused", "is no number"),
        ({"inputs": {NAMES[0]: [1], NAMES[1]: [1, 2]}}, 422, "row_refused", "different lengths"),
        ({"instances": [[0, 0, 0, 0]] * 1_001}, 422, "row_refused", "At most 1000"),
        (
            {"dataframe_split": {"columns": [NAMES[0]] * 2, "data": []}},
            422, "row_refused", "comes twice",
        ),
        ({"dataframe_split": {"columns": [], "data": [[1]]}}, 422, "row_refused", "1 values"),
        ({"rows": []}, 400, "invalid_request", "dataframe_split"),
        ({"instances": [], "inputs": []}, 400, "invalid_request", "Send one of"),
        ({"instances": 7}, 400, "invalid_request", "Instances"),
        ([], 400, "invalid_request", "Send one of"),
        (b'{"instances": [[NaN, 1, 2, 3]]}', 400, "invalid_request", "not JSON"),
        (b'{"instances": [[1e999, 1, 2, 3]]}', 400, "invalid_request", ""),
    ],
    ids=[
        "unknown", "short", "text", "truth", "ragged", "many", "twice", "wide", "none", "both",
        "number", "list", "nan", "huge",
    ],
)  # fmt: skip
def test_what_no_model_can_answer_is_refused_in_words(
    server: Server, version: ModelVersion, body: Any, status: int, code: str, words: str
) -> None:
    refused = server.post("order/invocations", body, status=status)
    assert refused["code"] == code
    assert words in refused["detail"]


def test_no_rows_are_no_answers(server: Server, version: ModelVersion) -> None:
    assert server.post("order/invocations", {"instances": []}) == {"predictions": []}


def test_the_card_says_which_columns_in_which_order(server: Server, version: ModelVersion) -> None:
    found = server.get("order")
    assert (found["key"], found["version"], found["features"]) == ("order", 1, list(NAMES))
    assert found["foresees"] == "Order Completed"
    assert found["card"] == version.card
    assert found["model_version_status"][0]["state"] == "AVAILABLE"


@pytest.mark.parametrize("state", ["candidate", "challenger", "retired"])
def test_only_what_serves_is_answered(server: Server, version: ModelVersion, state: str) -> None:
    ModelVersion.objects.filter(pk=version.pk).update(state=state)
    assert server.post("order/invocations", FORMS["split"], 404)["code"] == "model_not_found"
    assert server.get("order", 404)["code"] == "model_not_found"


def test_another_sites_model_is_not_there(server: Server, shop: Site, spec: ModelSpec) -> None:
    other = access.create_site(key="other", name="Other", regime="us_opt_out", now=NOW)
    champion(
        predictions.create_spec(
            site_id=other.pk, key="theirs", name="Theirs", target_event="x", now=NOW
        )
    )
    assert server.get("theirs", 404)["code"] == "model_not_found"


def test_a_file_that_was_changed_is_not_answered_from(
    server: Server, version: ModelVersion, settings: Any
) -> None:
    (file,) = (settings.ARTIFACT_DIR / "predictions").glob("*.txt")
    file.write_text(file.read_text() + " ")
    selectors._served.clear()
    assert server.post("order/invocations", FORMS["split"], 500)["code"] == "artifact_broken"
