"""Write tests/vectors/conditions.json: what every evaluator must answer alike.

    python -m tests.vectors.make_conditions            writes the file
    python -m tests.vectors.make_conditions --check    exits 1 when it is not what would be written

Three sources, in this order: `conditions_written.json` (kept by hand), `reviewed.py` (expected
answers by hand) and `crossed.py` (answers of the Python evaluator, as it is now).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from engine.conditions import evaluate
from engine.conditions.compile import compile_condition
from engine.conditions.parse import parse_condition
from tests.vectors import HERE, facts_of, vectors
from tests.vectors.crossed import crossed
from tests.vectors.reviewed import Case, reviewed

TARGET: Path = HERE / "conditions.json"


def made() -> list[dict[str, Any]]:
    """Every case of the file.

    Raises:
        AssertionError: two evaluators disagree, or one of them with a reviewed answer.
    """
    cases = vectors("conditions_written")
    for case in reviewed():
        assert _answer(case.name, case.where, case.facts, case.now_ms) == (
            case.expected,
            case.valid_until_ms,
        ), case.name
        cases.append(_document(case))
    for name, where, facts, now_ms in crossed():
        expected, until_ms = _answer(name, where, facts, now_ms)
        cases.append(_document(Case(name, where, facts, expected, until_ms, now_ms)))
    return cases


def _answer(
    name: str, where: dict[str, Any], facts: dict[str, Any], now_ms: int
) -> tuple[bool | None, int | None]:
    """(verdict, valid until) of the evaluators, which must agree."""
    node, known = parse_condition({"v": 1, "where": where}), facts_of(facts)
    found = evaluate.trace(node, known, now_ms)
    compiled = compile_condition(node)(known, now_ms)
    assert (found.verdict, found.valid_until_ms) == compiled, f"{name}: {found} {compiled}"
    return found.verdict, found.valid_until_ms


def _document(case: Case) -> dict[str, Any]:
    return {
        "name": case.name,
        "condition": {"v": 1, "where": case.where},
        "facts": case.facts,
        "now_ms": case.now_ms,
        "expected": case.expected,
        "valid_until_ms": case.valid_until_ms,
    }


def written(cases: list[dict[str, Any]]) -> str:
    """The text of the file: one case a line, ASCII."""
    return "[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n"


def main(arguments: list[str]) -> int:
    """Write or check the file; 0 when all is well."""
    text = written(made())
    if "--check" not in arguments:
        TARGET.write_text(text, "utf-8")
        return 0
    if TARGET.read_text("utf-8") == text:
        return 0
    print(f"{TARGET.name} is out of date: python -m tests.vectors.make_conditions", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
