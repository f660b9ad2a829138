"""Write tests/vectors/decide.json: what the engine and its twin must decide alike.

    python -m tests.vectors.make_decide            writes the file
    python -m tests.vectors.make_decide --check    exits 1 when it is not what would be written

Two sources: `decided.py` (answers by hand) and random publications (answers of the Python engine,
as it is now).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from engine.snapshot import SnapshotDoc
from tests.engine.choices import Seeded
from tests.sdk import publications
from tests.sdk.deciding import Asked, asked, engine_turns
from tests.vectors import HERE, decided_by_change
from tests.vectors.decided import CASES, NOTHING_TOLD, NOW_MS, VERSIONS

TARGET: Path = HERE / "decide.json"
PUBLICATIONS, QUESTIONS = 52, 6
_PLAIN = {"variant": "plain", "reason": "CAPPED"}
_SHOWN = {"variant": "app", "reason": "TARGETING_MATCH", "rule": "r"}


def made() -> list[dict[str, Any]]:
    """Every case of the file: a publication, questions about it, and what is served in turn.

    Raises:
        AssertionError: the engine disagrees with an answer by hand.
    """
    cases = [_by_hand(*case) for case in (*CASES, *decided_by_change.CASES)]
    for seed in range(PUBLICATIONS):
        choices = Seeded(seed)
        snapshot = publications.publication(choices)
        questions = [asked(choices) for _ in range(QUESTIONS)]
        cases.append(
            {
                "name": f"random {seed}",
                "snapshot": msgspec.to_builtins(snapshot),
                "asked": [one._asdict() for one in questions],
                "turns": engine_turns(snapshot, questions),
            }
        )
    return cases


def _by_hand(
    name: str,
    document: dict[str, Any],
    visitor: dict[str, Any],
    context: dict[str, Any],
    expected: dict[str, Any],
) -> dict[str, Any]:
    if "variant" not in expected:
        # Cases of caps tell these alone: what it draws on, or that nothing is left.
        expected = (_SHOWN if expected else _PLAIN) | expected
    told = NOTHING_TOLD | {"version": VERSIONS.get(expected["variant"], 0)} | expected
    snapshot = msgspec.convert(document, SnapshotDoc)
    question = Asked("home.hero", {"unit_id": "user-1"} | visitor, context, NOW_MS)
    [turns] = engine_turns(snapshot, [question])
    assert turns[0] == told, (name, turns[0], told)
    return {"name": name, "snapshot": document, "asked": [question._asdict()], "turns": [turns]}


def written(cases: list[dict[str, Any]]) -> str:
    """The text of the file: a line each."""
    lines = [json.dumps(case, ensure_ascii=True, sort_keys=True) for case in cases]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def main(arguments: list[str]) -> int:
    """Write or check the file; 0 when all is well."""
    text = written(made())
    if "--check" not in arguments:
        TARGET.write_text(text, "utf-8")
        return 0
    if TARGET.read_text("utf-8") != text:
        print(
            "decide.json is out of date: run python -m tests.vectors.make_decide", file=sys.stderr
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
