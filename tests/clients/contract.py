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
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
# They answer for operators and for another process: not by this document alone.
ELSEWHERE = r"^/(readyz|metrics)$|^/v1/stream$"


@pytest.mark.parametrize("kind", ["publishable", "secret", "edge", "none"])
def test_every_answer_is_one_that_the_document_describes(
    server: Address, packages: Path, tmp_path: Path, kind: str
) -> None:
    key = {"publishable": server.publishable, "secret": server.secret, "edge": server.edge}
    options = ["--exclude-path-regex", ELSEWHERE, "--seed", "1"]
    if kind in key:
        options += ["--header", f"Authorization: Bearer {key[kind]}"]
    done = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "--no-color", "run",
            f"{server.host}/v1/openapi.json", "--checks", ",".join(CHECKS),
            "--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES,
            "--continue-on-failure", *options,
        ],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(packages)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
