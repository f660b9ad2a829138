"""Ask the decisions of the edge and of the engine the same questions."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from engine.compiling import compile_snapshot
from engine.decide import Decision, decide_in_turn
from engine.facts import TraitMeta
from engine.members import Visitor
from engine.snapshot import SnapshotDoc
from tests.engine.choices import Choices
from tests.sdk import publications
from tests.sdk.node import HERE, NODE, ROOT

SOURCES = ROOT / "sdk" / "src" / "edge" / "edge.js"
BUILT = ROOT / "static" / "sdk" / "attune-decide.js"


class Asked(NamedTuple):
    """One question about a placement; the visitor is a document."""

    placement: str
    visitor: dict[str, Any]
    context: dict[str, Any]
    now_ms: int


def asked(choices: Choices) -> Asked:
    """A random question about a random publication."""
    return Asked(
        publications.placement_key(choices),
        publications.visitor(choices),
        publications.context(choices),
        publications.now_ms(choices),
    )


def visitor_of(document: Mapping[str, Any]) -> Visitor:
    """The visitor of a document; JSON names segments and caps by texts."""
    fields = dict(document)
    for name in ("memberships", "shown"):
        fields[name] = {int(number): kept for number, kept in fields.get(name, {}).items()}
    meta = fields.get("trait_meta", {})
    fields["trait_meta"] = {name: TraitMeta(**one) for name, one in meta.items()}
    return Visitor(**fields)


def engine_turns(snapshot: SnapshotDoc, questions: Iterable[Asked]) -> list[list[dict[str, Any]]]:
    """What the engine serves in turn, for each question."""
    compiled = compile_snapshot(snapshot)
    return [
        [
            told(decision)
            for decision in decide_in_turn(
                compiled, one.placement, visitor_of(one.visitor), one.context, one.now_ms
            )
        ]
        for one in questions
    ]


def told(decision: Decision) -> dict[str, Any]:
    """A decision as JSON has it, without its trace, its chance and faults of ours."""
    found = {name: getattr(decision, name) for name in decision.__struct_fields__}
    del found["steps"], found["broken"], found["propensity"]
    return found | {"reason": decision.reason.value, "caps": [cap.number for cap in decision.caps]}


def edge_turns(
    worlds: Iterable[tuple[Any, Iterable[Asked]]], module: Path = SOURCES
) -> list[list[list[dict[str, Any]]]]:
    """What the edge serves in turn, for each question of each publication.

    Raises:
        subprocess.CalledProcessError: Node failed; what it said is on our stderr.
    """
    lines = []
    for snapshot, questions in worlds:
        document = msgspec.to_builtins(snapshot)
        lines.append(
            json.dumps({"snapshot": document, "asked": [one._asdict() for one in questions]})
        )
    done = subprocess.run(
        [str(NODE), str(HERE / "decisions.mjs"), str(module)],
        input="".join(f"{line}\n" for line in lines).encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    return [json.loads(line)["turns"] for line in done.stdout.splitlines()]
