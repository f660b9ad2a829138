"""A model as a folder that MLflow loads as a python_function: plain files, and no pickle.

MLmodel  python_env.yaml  requirements.txt  input_example.json
code/attune_model.py      what MLflow imports
data/model.txt  data/calibration.json  data/features.json
"""

import json
import platform
import shutil
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from apps.predictions import selectors as predictions

LOADER: Final = "attune_model"
_SOURCE: Final = Path(__file__).with_name("mlflow_model.py")
SEVERAL: Final = '{"outputs"'  # how the text of a model with several outputs begins
MLFLOW: Final = "3.17.2"  # whose format it is


def export(site_id: UUID, key: str, folder: Path, *, now: datetime) -> list[Path]:
    """Write what serves under a key into a new folder; return the files.

    Raises:
        ModelNotFound: the site has no such model, or none that serves.
        ArtifactBroken: its file is missing, or is not what was stored and signed.
        FileExistsError: the folder is there and holds something.
    """
    version = predictions.champion_by_key(site_id, key)
    text = predictions.text_of(version)
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty.")
    names = list(version.feature_names)
    files = {
        "MLmodel": _mlmodel(version.pk, names, now),
        "python_env.yaml": _python_env(),
        "requirements.txt": _requirements(text),
        "input_example.json": _json({"columns": names, "data": [_example(names)]}),
        "data/model.txt": text,
        "data/calibration.json": _json(version.calibration),
        "data/features.json": _json(names),
        "data/card.json": _json(predictions.card_of(version)),
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    code = folder / "code" / f"{LOADER}.py"
    code.parent.mkdir(exist_ok=True)
    shutil.copyfile(_SOURCE, code)
    return [*(folder / name for name in files), code]


def _mlmodel(version_id: UUID, names: Sequence[str], now: datetime) -> str:
    """The description that MLflow reads: YAML, of which JSON is a part."""
    columns = [{"type": "double", "name": name, "required": False} for name in names]
    document: dict[str, Any] = {
        "flavors": {
            "python_function": {
                "code": "code",
                "data": "data",
                "env": {"virtualenv": "python_env.yaml"},
                "loader_module": LOADER,
                "python_version": platform.python_version(),
            }
        },
        "mlflow_version": MLFLOW,
        "model_uuid": version_id.hex,
        "saved_input_example_info": {
            "artifact_path": "input_example.json",
            "type": "dataframe",
            "pandas_orient": "split",
        },
        "signature": {
            "inputs": json.dumps(columns),
            "outputs": json.dumps([{"type": "double", "required": True}]),
            "params": None,
        },
        "utc_time_created": f"{now:%Y-%m-%d %H:%M:%S.%f}",
    }
    return _json(document)


def _python_env() -> str:
    return _json({"python": platform.python_version(), "dependencies": ["-r requirements.txt"]})


def _requirements(text: str) -> str:
    """The packages that answer it, in the versions that learned it."""
    needed = ["numpy"] if _is_document(text) else ["lightgbm", "numpy"]
    lines = [f"mlflow-skinny=={MLFLOW}", "pandas", *(f"{one}=={installed(one)}" for one in needed)]
    return "\n".join(lines) + "\n"


def _is_document(text: str) -> bool:
    """Whether it is layers of weights; trees, also of several outputs, need LightGBM."""
    return text.startswith("{") and not text.startswith(SEVERAL)


def _example(names: Sequence[str]) -> list[float | None]:
    return [float(place % 5) for place, _ in enumerate(names)]


def _json(document: object) -> str:
    return json.dumps(document, indent=2, sort_keys=True) + "\n"
