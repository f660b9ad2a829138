"""Cases that every evaluator must answer alike: Python, SQL, and the twin at the edge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.facts import Facts, Happening, TraitMeta

HERE = Path(__file__).parent


def vectors(name: str) -> list[dict[str, Any]]:
    """The cases of `<name>.json`, each with a "name"."""
    cases: list[dict[str, Any]] = json.loads((HERE / f"{name}.json").read_text("utf-8"))
    return cases


def facts_of(document: dict[str, Any]) -> Facts:
    """The facts of a case; each event is [at_ms, name, device, properties]."""
    return Facts(
        traits=document.get("traits", {}),
        trait_meta={k: TraitMeta(**meta) for k, meta in document.get("trait_meta", {}).items()},
        history=[Happening(*event) for event in document.get("history", [])],
        memberships=document.get("memberships", {}),
        context=document.get("context", {}),
        consents=document.get("consents", {}),
        unit_id=document.get("unit_id", ""),
    )
