"""Random publications and visitors: few keys and numbers, so that everything meets everything."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.capping import CapDoc, FatigueDoc
from engine.snapshot import (
    ArmDoc,
    BlockDoc,
    ChangesDoc,
    ExperimentDoc,
    HoldoutDoc,
    PlacementDoc,
    RuleDoc,
    SegmentDoc,
    SnapshotDoc,
    ThresholdDoc,
    VariantDoc,
)
from tests.engine import alphabets, documents, people
from tests.engine.choices import Choices, once_in, some
from tests.sdk.node import facts_json

NOW_MS = alphabets.START_MS
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
# "vip" and "new" are the names that random conditions ask for.
SEGMENTS = ("vip", "new", "phone", "both")
VARIANTS = ("plain", "gold", "app", "kind")
BLOCKS = ("hero", "strip")
PLACEMENTS = ("home.hero", "home.strip")
UNITS = ("u1", "u2", "u3", "user-1", "Z\u00fcrich-\U0001f6d2", "")
SEEDS = ("exp.hero", "exp.price", "s")
CAPS = (1, 2, 3)
KINDS = ("context", "context", "segment", "segment", "percent", "trait", "consent", "model")
WEIGHTS: tuple[tuple[float, ...], ...] = (
    (1.0,),
    (0.5, 0.5),
    (0.2, 0.3, 0.5),
    (0.0, 1.0),
    (1 / 3, 1 / 3, 1 / 3),
)
SHARES = (1.0, 1.0, 0.5, 0.1, 0.0)
MOMENTS = (None, None, NOW_MS - 1, NOW_MS, NOW_MS + 1, NOW_MS + HOUR_MS)


def publication(choices: Choices) -> SnapshotDoc:
    """A publication of at most two placements; whatever it names is there."""
    by_change = [key for key in PLACEMENTS if once_in(choices, 3)]
    rules = [_rule(choices, n, by_change) for n in range(choices.whole(0, 3))]
    return SnapshotDoc(
        site_id="site",
        number=choices.whole(1, 3),
        published_at_ms=NOW_MS,
        placements=[_placement(choices, key) for key in PLACEMENTS],
        blocks=[*(_block(choices, key) for key in BLOCKS), _flag(choices)],
        segments=[_segment(choices, n + 1, key) for n, key in enumerate(SEGMENTS)],
        rules=rules,
        caps=[_cap(choices, number) for number in CAPS],
        experiments=_experiments(choices, rules, by_change),
        holdouts=[
            HoldoutDoc(
                f"held-{n}",
                choices.pick(SEEDS),
                choices.pick((0.0, 0.1, 0.5)),
                choices.pick(([], ["home.hero"], ["home.hero", "home.strip"])),
            )
            for n in range(choices.whole(0, 1) if once_in(choices, 3) else 0)
        ],
    )


def visitor(choices: Choices) -> dict[str, Any]:
    """A visitor as a document: the fields of `engine.members.Visitor`, as JSON has them."""
    facts = facts_json(people.person(choices, most=0))
    found: dict[str, Any] = {
        "unit_id": choices.pick(UNITS),
        "memberships": {
            str(number): _stay(choices)
            for number in some(choices, range(1, len(SEGMENTS) + 1), most=4)
        },
        "traits": facts["traits"],
        "trait_meta": facts["trait_meta"],
        "consents": facts["consents"],
        "allowed": not once_in(choices, 8),
        "known": not once_in(choices, 4),
        "may_split": not once_in(choices, 8),
    }
    if once_in(choices, 2):
        found["shown"] = {
            str(number): sorted(_ago(choices) for _ in range(choices.whole(1, 4)))
            for number in some(choices, CAPS, most=3)
        }
    if once_in(choices, 3):
        found["session_since_ms"] = NOW_MS - choices.pick((0, 1, 60_000, HOUR_MS))
    return found


def context(choices: Choices) -> dict[str, Any]:
    """Facts of a request."""
    return facts_json(people.person(choices, most=0))["context"]  # type: ignore[no-any-return]


def now_ms(choices: Choices) -> int:
    """The instant of a question, near those that publications and visitors name."""
    return NOW_MS + choices.pick((0, 0, 1, -1, HOUR_MS, DAY_MS))


def placement_key(choices: Choices) -> str:
    """Mostly a placement, sometimes a flag or nothing."""
    return choices.pick((*PLACEMENTS, *PLACEMENTS, *PLACEMENTS, "new-search", "nowhere"))


def _ago(choices: Choices) -> int:
    return NOW_MS - choices.pick((0, 1, 59_999, 60_000, HOUR_MS, DAY_MS, DAY_MS - 1, 3 * DAY_MS))


def _stay(choices: Choices) -> list[Any]:
    ends = (None, None, NOW_MS, NOW_MS + 1, NOW_MS + HOUR_MS, NOW_MS - HOUR_MS)
    until_ms = choices.pick(ends)
    then = None if until_ms is None else choices.pick((None, True, False))
    later = choices.pick((None, NOW_MS + 2 * HOUR_MS, NOW_MS + DAY_MS))
    return [not once_in(choices, 3), until_ms, then, None if then is None else later]


def _where(choices: Choices) -> dict[str, Any]:
    if once_in(choices, 4):
        return {"v": 1, "where": {"all": []}}
    if once_in(choices, 3):
        return {"v": 1, "where": {"kind": "segment", "key": choices.pick(SEGMENTS)}}
    return {"v": 1, "where": documents.tree(choices, KINDS, leaves=3)}


def _request(choices: Choices, key: str) -> dict[str, Any] | None:
    """ "phone" depends on the request alone, "both" on another segment too: never on each other."""
    if key == "phone":
        return {"v": 1, "where": documents.context(choices)}
    if key == "both" and not once_in(choices, 4):
        inner = {"kind": "segment", "key": choices.pick(("vip", "phone"))}
        return {"v": 1, "where": {"all": [inner, documents.percent(choices)]}}
    return None


def _segment(choices: Choices, number: int, key: str) -> SegmentDoc:
    return SegmentDoc(
        number,
        key,
        depth=choices.whole(0, 2),
        no_profile=once_in(choices, 3),
        request_condition=_request(choices, key),
    )


def _caps(choices: Choices) -> list[int]:
    return sorted(set(some(choices, CAPS, most=2))) if once_in(choices, 4) else []


def _block(choices: Choices, key: str) -> BlockDoc:
    variants = [
        VariantDoc(
            name,
            version=number + 1,
            segments=[] if name == "plain" else some(choices, (1, 2, 3, 4), most=2),
            priority=choices.whole(0, 2),
            caps=_caps(choices),
            starts_at_ms=choices.pick(MOMENTS) if once_in(choices, 5) else None,
            ends_at_ms=choices.pick(MOMENTS) if once_in(choices, 5) else None,
        )
        for number, name in enumerate(VARIANTS)
    ]
    return BlockDoc(
        key,
        "content",
        variants,
        "plain",
        purpose=choices.pick(("personalization", "personalization", "necessary")),
        caps=_caps(choices),
    )


def _flag(choices: Choices) -> BlockDoc:
    on = VariantDoc("on", 1, segments=some(choices, (1, 2, 3), most=1), value=True)
    return BlockDoc("new-search", "flag", [VariantDoc("off", 1, value=False), on], "off", "boolean")


def _placement(choices: Choices, key: str) -> PlacementDoc:
    return PlacementDoc(
        key, choices.pick(BLOCKS), enabled=not once_in(choices, 12), caps=_caps(choices)
    )


def _rule(choices: Choices, number: int, by_change: list[str]) -> RuleDoc:
    key = f"rule-{number}"
    # Each placement has one experiment that rules may run, or one by change.
    place = choices.pick(PLACEMENTS)
    runs = once_in(choices, 3) and place not in by_change
    return RuleDoc(
        key,
        place,
        "" if runs else choices.pick(VARIANTS),
        _where(choices),
        priority=choices.whole(0, 2),
        starts_at_ms=choices.pick(MOMENTS) if once_in(choices, 3) else None,
        ends_at_ms=choices.pick(MOMENTS) if once_in(choices, 3) else None,
        enabled=not once_in(choices, 8),
        caps=_caps(choices),
        experiment=f"ruled-{place}" if runs else "",
    )


def _experiments(
    choices: Choices, rules: list[RuleDoc], by_change: list[str]
) -> list[ExperimentDoc]:
    found = []
    for place in PLACEMENTS:
        if place in by_change:
            own = [rule for rule in rules if rule.placement == place]
            found.append(_by_change(choices, place, own))
            continue
        found.append(_experiment(choices, f"ruled-{place}", place, by_rule=True))
        if once_in(choices, 2):
            found.append(_experiment(choices, f"own-{place}", place, by_rule=False))
    return found


def _by_change(choices: Choices, place: str, rules: list[RuleDoc]) -> ExperimentDoc:
    found = _experiment(choices, f"changes-{place}", place, by_rule=False)
    arms = [
        ArmDoc(
            arm.key,
            "",
            arm.weight,
            None if once_in(choices, 4) else _changes(choices, rules),
            stopped=once_in(choices, 8),
        )
        for arm in found.arms
    ]
    return msgspec.structs.replace(found, arms=arms, by_change=True)


def _changes(choices: Choices, rules: list[RuleDoc]) -> ChangesDoc:
    keys = [rule.key for rule in rules]
    put = {
        key: choices.pick((None, *keys))
        for key in (some(choices, keys, most=2) if keys and once_in(choices, 2) else ())
    }
    depth = choices.pick(("all", "all", "all", "rules", "segments", "none"))
    kept = [
        rule for rule in rules
        if rule.key in put.values() or (rule.enabled and rule.key not in put)
    ] if depth == "all" else []  # fmt: skip
    numbers = [one for rule in kept for one in _numbers(rule.key, rule.condition)]
    return ChangesDoc(
        rules=put,
        segments={
            key: choices.pick(SEGMENTS)
            for key in (some(choices, SEGMENTS, most=2) if once_in(choices, 2) else ())
        },
        models={"buy": "cluster", "cluster": "buy"} if once_in(choices, 3) else {},
        thresholds=some(choices, numbers, most=2) if numbers and once_in(choices, 2) else [],
        depth=depth,
    )


def _numbers(rule: str, part: Any) -> list[ThresholdDoc]:
    """Other numbers for those that leaves of a condition compare with."""
    if isinstance(part, list):
        return [found for one in part for found in _numbers(rule, one)]
    if not isinstance(part, dict):
        return []
    value = part.get("value")
    if part.get("kind") not in ("trait", "context", "model"):
        return [] if "kind" in part else [f for one in part.values() for f in _numbers(rule, one)]
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e15:
        return []
    return [ThresholdDoc(rule, part["name"], value, value + 1)]


def _experiment(choices: Choices, key: str, place: str, *, by_rule: bool) -> ExperimentDoc:
    weights = choices.pick(WEIGHTS)
    return ExperimentDoc(
        key,
        place,
        choices.pick(SEEDS),
        [ArmDoc(f"arm-{n}", choices.pick(VARIANTS), weight) for n, weight in enumerate(weights)],
        coverage=choices.pick(SHARES),
        layer=("layer", *choices.pick(((0.0, 0.5), (0.5, 1.0)))) if once_in(choices, 4) else None,
        condition=_where(choices) if once_in(choices, 3) else None,
        by_rule=by_rule,
        enabled=not once_in(choices, 8),
    )


def _cap(choices: Choices, number: int) -> CapDoc:
    fatigue = None
    if once_in(choices, 3):
        # Ages are of another kind than half-lives: no load lies on a limit but by rounding.
        fatigue = FatigueDoc(choices.pick((HOUR_MS, 7_000_001)), 0.25, 0.1, 0.6)
    return CapDoc(
        number,
        f"cap-{number}",
        most=choices.pick((None, 1, 2, 3)),
        window_ms=choices.pick((None, 60_000, HOUR_MS, DAY_MS)),
        per=choices.pick(("visitor", "visitor", "session")),
        cooldown_ms=choices.pick((0, 0, 60_000)),
        fatigue=fatigue,
    )
