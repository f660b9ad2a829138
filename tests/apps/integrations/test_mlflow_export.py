"""An exported model is loaded by MLflow itself, and says there what it says here."""

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from apps.access.models import Site
from apps.integrations import mlflow_export
from apps.predictions import fitted
from apps.predictions.fitted import Fitted
from apps.predictions.models import ModelSpec
from launcher import venv
from launcher.trouble import Trouble
from tests.apps.delivery.conftest import NOW
from tests.apps.integrations.test_invocations import ROWS, TABLE
from tests.apps.predictions.champions import NAMES, champion, learned

MADE = {
    "trees": {"": learned(len(NAMES))},
    "forest": {"": learned(len(NAMES), method="forest")},
    "linear": {"": learned(len(NAMES), method="linear")},
    "network": {"": learned(len(NAMES), method="network")},
    "categories": {"shoes": learned(len(NAMES)), "hats": learned(len(NAMES), seed=3)},
}
# In a Python of its own: only MLflow's client and what it and the export need.
SCRIPT = """
import json, math, sys
import mlflow.pyfunc, pandas
folders, names, rows = json.load(sys.stdin)
frame = pandas.DataFrame([[math.nan if v is None else v for v in row] for row in rows])
frame.columns = names
said = {}
for name, folder in folders.items():
    model = mlflow.pyfunc.load_model(folder)
    found = model.predict(frame[names[::-1]])
    is_table = hasattr(found, "to_dict")
    said[name] = found.to_dict("list") if is_table else {"": list(map(float, found))}
    part = model.predict(frame[names[:1]])
    said[name + " alone"] = len(part)
assert "django" not in sys.modules and "apps" not in sys.modules
json.dump(said, sys.stdout)
"""


@pytest.fixture(scope="session")
def packages() -> Path:
    """The directory of MLflow's client."""
    try:
        return venv.prepare_beside("mlflow")
    except Trouble as trouble:
        pytest.skip(f"MLflow's client is not here, and no registry answers: {trouble}")


@pytest.mark.slow
def test_mlflow_scores_what_we_score(
    shop: Site,
    spec: ModelSpec,
    packages: Path,
    tmp_path: Path,
) -> None:
    folders: dict[str, str] = {}
    expected: dict[str, dict[str, list[float]]] = {}
    for name, parts in MADE.items():
        version = champion(spec, fitted=Fitted(parts))
        mlflow_export.export(shop.pk, "order", tmp_path / name, now=NOW)
        folders[name] = str(tmp_path / name)
        found = fitted.restored(version).outputs(ROWS)
        expected[name] = {output: values.tolist() for output, values in found.items()}
    done = subprocess.run(
        [sys.executable, "-S", "-c", SCRIPT],
        input=json.dumps([folders, list(NAMES), TABLE]), capture_output=True, text=True,
        check=False,
        env={
            "PYTHONPATH": str(packages), "MLFLOW_DISABLE_TELEMETRY": "true", "HOME": str(tmp_path),
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout)
    for name, outputs in expected.items():
        assert said[name].keys() == outputs.keys()
        for output, values in outputs.items():
            assert said[name][output] == pytest.approx(values, rel=1e-12, abs=0)
        assert said[f"{name} alone"] == len(ROWS)


@pytest.fixture
def folder(shop: Site, spec: ModelSpec, tmp_path: Path) -> Path:
    champion(spec)
    out = StringIO()
    call_command("export_model", "order", "--to", str(tmp_path / "model"), stdout=out)
    assert "9 files" in out.getvalue()
    return tmp_path / "model"


def test_the_folder_is_plain_text_that_names_its_columns(folder: Path) -> None:
    described = json.loads((folder / "MLmodel").read_text())
    assert described["flavors"]["python_function"]["loader_module"] == "attune_model"
    columns = json.loads(described["signature"]["inputs"])
    assert [one["name"] for one in columns] == list(NAMES)
    assert "lightgbm==" in (folder / "requirements.txt").read_text()
    for file in folder.rglob("*"):
        if file.is_file():
            file.read_text()  # nothing of it is pickled


@pytest.fixture
def loader(folder: Path) -> Any:
    scope: dict[str, Any] = {}
    exec((folder / "code/attune_model.py").read_text(), scope)
    return scope["_load_pyfunc"](str(folder / "data"))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"shoes": [1.0]}, "no feature 'shoes'"),
        (np.array([[1.0, 2.0]]), "4 features, not 2"),
        (np.array([[1.0, 2.0, 3.0, np.inf]]), "infinite"),
    ],
    ids=["unknown", "short", "infinite"],
)
def test_what_was_not_taught_is_refused_there_too(loader: Any, given: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        loader.predict(given)


def test_a_folder_that_holds_something_is_not_written_into(folder: Path) -> None:
    with pytest.raises(CommandError, match="not empty"):
        call_command("export_model", "order", "--to", str(folder))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["nothing"], "No model serves"), (["order", "--site", "nowhere"], "which site")],
    ids=["model", "site"],
)
def test_what_is_not_there_is_said(
    folder: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("export_model", *arguments, "--to", str(tmp_path / "other"))
