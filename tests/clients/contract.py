"""The API against its own OpenAPI document, by schemathesis: `make contract`.

Not among the tests that always run: it takes a minute for each kind of key.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.conftest import Address

pytestmark = pytest.mark.django_db

EXAMPLES = os.environ.get("EXAMPLES", "10")
# All of schemathesis' checks but two. A body that breaks the document is often taken all the same,
# on purpose: null is absent, unknown fields are kept, and one bad event never loses its batch. And
# what a document allows is often refused: signed ids, cursors, names that the site does not have.
LEFT_OUT = ("negative_data_rejection", "positive_data_acceptance")
# They answer for operators and for another process: not by this document alone.
ELSEWHERE = r"^/(readyz|metrics)$|^/v1/stream$"


@pytest.mark.parametrize("kind", ["publishable", "secret", "edge", "none"])
def test_every_answer_is_one_that_the_document_describes(
    open_server: Address, packages: Path, tmp_path: Path, kind: str
) -> None:
    server = open_server
    key = {"publishable": server.publishable, "secret": server.secret, "edge": server.edge}
    options = ["--exclude-path-regex", ELSEWHERE, "--seed", "1"]
    if kind in key:
        options += ["--header", f"Authorization: Bearer {key[kind]}"]
    done = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "--no-color", "run",
            f"{server.host}/v1/openapi.json", "--checks", "all",
            "--exclude-checks", ",".join(LEFT_OUT),
            "--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES,
            "--continue-on-failure", *options,
        ],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(packages)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
