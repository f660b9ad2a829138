"""Decisions by hand where an experiment changes how its placement decides."""

from __future__ import annotations

from typing import Any

from tests.vectors.decided import DEFAULT, EVERYBODY, GOLD, INSIDE, VIP, experiment, rule, snapshot

IN_B = {"experiment": "test", "arm": "b", "probability": 0.5}
CART = {"v": 1, "where": {"kind": "context", "name": "cart", "op": "gte", "value": 50}}
BUYS = {"v": 1, "where": {"kind": "model", "name": "buy", "op": "gte", "value": 0.5}}


def by_change(changes: dict[str, Any] | None, **parts: Any) -> dict[str, Any]:
    """The visitor is in the arm "b", which changes this."""
    arms: list[dict[str, Any]] = [
        {"key": "a", "variant": "", "weight": 0.5},
        {"key": "b", "variant": "", "weight": 0.5},
    ]
    if changes is not None:
        arms[1]["changes"] = changes
    more = parts.pop("experiment", {})
    arms[1] |= parts.pop("arm", {})
    return snapshot(experiments=[experiment(arms=arms, by_change=True) | more], **parts)


APP = {"variant": "app", "reason": "TARGETING_MATCH", "rule": "r"}
RULES = [rule(), rule("kind", key="other", enabled=False)]

# As `decided.CASES`.
CASES: tuple[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]], ...] = (
    (
        "an arm that changes nothing decides as ever, and is told",
        by_change(None, rules=[rule()]),
        {},
        {},
        APP | IN_B,
    ),
    (
        "an arm that is stopped decides as ever, and is not told",
        by_change({"depth": "none"}, rules=[rule()], arm={"stopped": True}),
        {},
        {},
        APP,
    ),
    (
        "who takes no part is decided as ever",
        by_change({"depth": "none"}, rules=[rule()], experiment={"coverage": 0.0}),
        {},
        {},
        APP,
    ),
    (
        "who does not consent to experiments takes no part",
        by_change({"depth": "none"}, rules=[rule()]),
        {"may_split": False},
        {},
        APP,
    ),
    (
        "an arm takes a rule out",
        by_change({"rules": {"r": None}}, rules=RULES),
        {},
        {},
        DEFAULT | IN_B,
    ),
    (
        "an arm puts a rule that is off in the place of another",
        by_change({"rules": {"r": "other"}}, rules=RULES),
        {},
        {},
        APP | {"variant": "kind", "rule": "other"} | IN_B,
    ),
    (
        "an arm switches a rule on, where it is",
        by_change({"rules": {"other": "other"}}, rules=RULES[1:]),
        {},
        {},
        APP | {"variant": "kind", "rule": "other"} | IN_B,
    ),
    (
        "an arm asks another segment of rules and of variants",
        by_change({"segments": {"new": "vip"}}),
        {"memberships": {"1": INSIDE}},
        {},
        # Both are tagged "vip" then: the greater priority comes first.
        {"variant": "kind", "reason": "TARGETING_MATCH"} | IN_B,
    ),
    (
        "an arm with another number",
        by_change(
            {"thresholds": [{"rule": "r", "fact": "cart", "before": 50, "after": 80}]},
            rules=[rule(condition=CART)],
        ),
        {},
        {"cart": 60},
        DEFAULT | IN_B,
    ),
    (
        "an arm asks another model",
        by_change({"models": {"buy": "buy-2"}}, rules=[rule(condition=BUYS)]),
        {"traits": {"score.buy": 0.1, "score.buy-2": 0.9}},
        {},
        APP | IN_B,
    ),
    (
        "an arm without anything personal",
        by_change({"depth": "none"}, rules=[rule()]),
        VIP,
        {},
        DEFAULT | IN_B,
    ),
    (
        "an arm with segments alone",
        by_change({"depth": "segments"}, rules=[rule()]),
        VIP,
        {},
        GOLD | IN_B,
    ),
    (
        "an arm without rules that ask a model",
        by_change(
            {"depth": "rules"},
            rules=[rule(condition=BUYS, key="asks", priority=5), rule("kind", EVERYBODY)],
        ),
        {"traits": {"score.buy": 0.9}},
        {},
        APP | {"variant": "kind"} | IN_B,
    ),
    (
        "whoever is held out is in no arm",
        by_change(
            {"depth": "none"},
            rules=[rule()],
            holdouts=[{"key": "h", "seed": "h", "share": 1.0}],
        ),
        {},
        {},
        {"variant": "plain", "reason": "HOLDOUT"},
    ),
)
