"""Worlds of one condition and one person: the engine's evaluators against the oracle.

Besides the verdicts, what answers say of the future is held against the oracle.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec

from tests.engine import documents
from tests.engine.agreement import World, check_world
from tests.parity.report import MOST_FAILURES, Report
from tests.parity.shrink import failure, shrunk
from tests.parity.worlds import features, world_of

CHUNK = 200  # worlds a process makes before it reports


def run_seeds(seeds: range, shrink_s: float, kinds: Sequence[str] = documents.EVERY_KIND) -> Report:
    """Check the world of every seed; failures are shrunk to their core."""
    report = Report(seeds)
    for seed in seeds:
        if len(report.failures) >= (MOST_FAILURES if shrink_s else 1):
            break
        world = world_of(seed, kinds)
        try:
            tally = check_world(world)
        except Exception as trouble:  # a crash of an evaluator is a finding too
            report.failures.append(f"seed {seed}: {_described(world, trouble, shrink_s)}")
            continue
        report.checks += tally.checks
        report.counts.update(
            {
                "yes": tally.yes,
                "no": tally.no,
                "unknown": tally.unknown,
                "ends of validity looked at": tally.flips,
                "scores too near to a threshold to ask": tally.undecided,
            }
        )
        report.checks_of.update(dict.fromkeys(features(world.where), tally.checks))
    return report


def _described(world: World, trouble: Exception, shrink_s: float) -> str:
    """The failure as a person can look into it."""
    if not shrink_s:
        return str(trouble)

    def fails_so(smaller: World) -> bool:
        found = failure(smaller)
        same_kind = type(found) is type(trouble)
        return same_kind and getattr(found, "what", None) == getattr(trouble, "what", None)

    small = shrunk(world, shrink_s, fails_so)
    return f"{trouble}\n  shrunk: {failure(small)}\n{repro(small)}"


def repro(world: World) -> str:
    """Everything that is needed to ask again."""
    facts = {
        name: msgspec.to_builtins(getattr(world.facts, name))
        for name in ("traits", "memberships", "context", "trait_meta", "consents")
        if getattr(world.facts, name)
    }
    lines = [f"  where: {json.dumps(world.where)}"]
    lines += [f"  {name}: {json.dumps(value)}" for name, value in facts.items()]
    lines.append(f"  zone: {world.facts.site_zone}; unit: {world.facts.unit_id}")
    lines += [f"  event: {json.dumps(msgspec.to_builtins(e))}" for e in world.facts.history]
    return "\n".join([*lines, f"  at_ms: {list(world.at_ms)}; cuts: {list(world.cuts)}"])
