"""Ask the conditions of the edge, in one Node process for many questions."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import playwright

from engine.facts import Facts

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SOURCES = ROOT / "sdk" / "src" / "edge" / "conditions.js"
BUILT = ROOT / "static" / "sdk" / "attune-edge.js"

# Playwright brings a Node of its own, pinned with it: the tests need no other.
NODE = Path(playwright.__file__).parent / "driver" / "node"


class Question(NamedTuple):
    """A condition document, facts as a document (`facts_json`), and instants in ms."""

    condition: object
    facts: dict[str, Any]
    instants: list[int]


class Reply(NamedTuple):
    """(verdict, valid until) for each instant, or where and why the condition was refused."""

    verdicts: list[tuple[bool | None, int | None]]
    refused_at: str | None = None
    problem: str | None = None


def facts_json(facts: Facts) -> dict[str, Any]:
    """The facts that the edge reads, as the document that it reads them from."""
    return {
        "traits": dict(facts.traits),
        "trait_meta": {name: meta._asdict() for name, meta in facts.trait_meta.items()},
        "memberships": dict(facts.memberships),
        "context": dict(facts.context),
        "consents": dict(facts.consents),
        "unit_id": facts.unit_id,
    }


def ask(questions: Iterable[Question], module: Path = SOURCES) -> list[Reply]:
    """Return the replies in order.

    Raises:
        subprocess.CalledProcessError: Node failed; what it said is on our stderr.
    """
    lines = "".join(f"{json.dumps(question._asdict())}\n" for question in questions)
    done = subprocess.run(
        [str(NODE), str(HERE / "answers.mjs"), str(module)],
        input=lines.encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    return [_reply(json.loads(line)) for line in done.stdout.splitlines()]


def _reply(document: dict[str, Any]) -> Reply:
    if refused := document.get("refused"):
        return Reply([], refused["path"], refused["problem"])
    return Reply([(verdict, until) for verdict, until in document["verdicts"]])
