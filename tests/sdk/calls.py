"""Call single functions of the edge's modules, in one Node process for many calls."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from tests.sdk.node import HERE, NODE, ROOT

FOLDER = ROOT / "sdk" / "src" / "edge"


class Call(NamedTuple):
    """A function by module and name; `then`: arguments for the function that it returns."""

    module: str
    name: str
    args: Sequence[Any]
    then: Sequence[Any] | None = None


def binary(raw: bytes) -> dict[str, str]:
    """Bytes as an argument."""
    return {"base64": base64.b64encode(raw).decode()}


def answers(calls: Iterable[Call]) -> list[dict[str, Any]]:
    """`{"value": ...}` or `{"error": name, "message": ...}` of each call, in order.

    Raises:
        subprocess.CalledProcessError: Node failed; what it said is on our stderr.
    """
    lines = "".join(f"{json.dumps(call._asdict())}\n" for call in calls)
    done = subprocess.run(
        [str(NODE), str(HERE / "functions.mjs"), str(FOLDER)],
        input=lines.encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def values(calls: Iterable[Call]) -> list[Any]:
    """What each call returns; it must not throw."""
    found = answers(calls)
    assert not [one for one in found if "error" in one], found
    return [one["value"] for one in found]
