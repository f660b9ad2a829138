"""Decisions with answers by hand: the order of a decision, one thing at a time."""

from __future__ import annotations

from typing import Any

NOW_MS = 1_700_000_000_000
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
EVERYBODY: dict[str, Any] = {"v": 1, "where": {"all": []}}
INSIDE = [True, None, None, None]


def where(document: dict[str, Any]) -> dict[str, Any]:
    """A condition document."""
    return {"v": 1, "where": document}


MOBILE = where({"kind": "context", "name": "device", "op": "eq", "value": "mobile"})
MEMBER = where({"kind": "segment", "key": "vip"})
PHONE: dict[str, Any] = {"device": "mobile"}

# Buckets of the public table: (exp.hero, user-1) 8890, (exp.hero, user-2) 7773,
# (exp.price, user-1) 3250, (exp.hero, Zürich-🛒) 4291.
HELD: dict[str, Any] = {"key": "h", "seed": "exp.price", "share": 0.3251}
HALVES = [
    {"key": "a", "variant": "plain", "weight": 0.5},
    {"key": "b", "variant": "app", "weight": 0.5},
]
THIRDS = [
    {"key": "a", "variant": "plain", "weight": 0.2},
    {"key": "b", "variant": "app", "weight": 0.3},
    {"key": "c", "variant": "gold", "weight": 0.5},
]


def snapshot(**parts: Any) -> dict[str, Any]:
    """A placement home.hero of four variants; "gold" for vip (1), "kind" for newcomers (2)."""
    block: dict[str, Any] = {
        "key": "hero",
        "kind": "content",
        "default": "plain",
        "variants": [
            {"key": "plain", "version": 1},
            {"key": "gold", "version": 2, "segments": [1]},
            {"key": "kind", "version": 3, "segments": [2], "priority": 9},
            {"key": "app", "version": 4},
        ],
    }
    block |= parts.pop("block", {})
    place: dict[str, Any] = {"key": "home.hero", "block": "hero"} | parts.pop("place", {})
    return {
        "site_id": "site",
        "number": 1,
        "published_at_ms": 0,
        "placements": [place],
        "blocks": [block],
        "segments": [
            {"number": 1, "key": "vip", "depth": 1},
            {"number": 2, "key": "new", "no_profile": True},
            {"number": 3, "key": "phone", "request_condition": MOBILE},
        ],
        "caps": [
            {"number": 1, "key": "twice", "most": 2, "window_ms": DAY_MS},
            {"number": 2, "key": "session", "most": 1, "per": "session"},
            {"number": 3, "key": "rest", "cooldown_ms": HOUR_MS},
            {
                "number": 4,
                "key": "tired",
                "fatigue": {"half_life_ms": HOUR_MS, "step": 0.25, "skip_below": 0.6},
            },
        ],
        **parts,
    }


def rule(variant: str = "app", condition: dict[str, Any] = EVERYBODY, **more: Any) -> Any:
    """A rule of home.hero."""
    made = {"key": "r", "placement": "home.hero", "variant": variant, "condition": condition}
    return made | more


def experiment(**more: Any) -> dict[str, Any]:
    """An experiment of home.hero."""
    return {
        "key": "test",
        "placement": "home.hero",
        "seed": "exp.hero",
        "arms": HALVES,
    } | more


def capped(number: int) -> dict[str, Any]:
    """A rule for everybody that draws on one cap, before the segment "vip"."""
    return snapshot(rules=[rule(caps=[number])])


def ago(*ages_ms: int) -> list[int]:
    """Instants of showings."""
    return sorted(NOW_MS - age_ms for age_ms in ages_ms)


SPLIT = {"variant": "app", "reason": "SPLIT", "experiment": "test", "arm": "b", "probability": 0.5}
RULED = {"variant": "app", "reason": "TARGETING_MATCH", "rule": "r"}
DEFAULT = {"variant": "plain", "reason": "DEFAULT"}
GOLD = {"variant": "gold", "reason": "TARGETING_MATCH"}
VIP = {"memberships": {"1": INSIDE}}


def scheduled(starts: int | None, ends: int | None, **parts: Any) -> dict[str, Any]:
    """The variant "gold", for vip, from and until so many milliseconds from now."""
    made = snapshot(**parts)
    gold = made["blocks"][0]["variants"][1]
    moments = {"starts_at_ms": starts, "ends_at_ms": ends}
    gold |= {name: NOW_MS + ms for name, ms in moments.items() if ms is not None}
    return made


# name, snapshot, visitor, context, what is expected (what is not named is as in NOTHING_TOLD).
CASES: tuple[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]], ...] = (
    ("nobody in particular sees the default", snapshot(), {}, {}, DEFAULT),
    ("a member sees the variant of the segment", snapshot(), VIP, {}, GOLD),
    (
        "a disabled placement is its default for everybody",
        snapshot(place={"enabled": False}, rules=[rule()]),
        VIP,
        {},
        {"variant": "plain", "reason": "DISABLED"},
    ),
    (
        "without consent it is the default",
        snapshot(rules=[rule()]),
        VIP | {"allowed": False},
        {},
        {"variant": "plain", "reason": "NO_CONSENT"},
    ),
    (
        "what is necessary needs no consent",
        snapshot(block={"purpose": "necessary"}, rules=[rule()]),
        {"allowed": False},
        {},
        RULED,
    ),
    (
        "who is held out sees the default",
        snapshot(rules=[rule()], holdouts=[{"key": "h", "seed": "exp.price", "share": 0.3251}]),
        VIP,
        {},
        {"variant": "plain", "reason": "HOLDOUT"},
    ),
    (
        "a holdout ends before the position of its share",
        snapshot(rules=[rule()], holdouts=[{"key": "h", "seed": "exp.price", "share": 0.325}]),
        VIP,
        {},
        RULED,
    ),
    (
        "who is held out of this placement sees its default",
        snapshot(rules=[rule()], holdouts=[HELD | {"placements": ["home.hero"]}]),
        VIP,
        {},
        {"variant": "plain", "reason": "HOLDOUT"},
    ),
    (
        "a holdout of other placements is not asked",
        snapshot(rules=[rule()], holdouts=[HELD | {"placements": ["home.strip"]}]),
        VIP,
        {},
        RULED,
    ),
    ("a rule goes before the segments", snapshot(rules=[rule()]), VIP, {}, RULED),
    ("a rule about the request holds", snapshot(rules=[rule("app", MOBILE)]), {}, PHONE, RULED),
    ("and does not", snapshot(rules=[rule("app", MOBILE)]), VIP, {"device": "desktop"}, GOLD),
    ("what is unknown is no match", snapshot(rules=[rule("app", MOBILE)]), {}, {}, DEFAULT),
    (
        "the greatest priority serves",
        snapshot(rules=[rule("gold", key="b"), rule(priority=1), rule("kind", key="a")]),
        {},
        {},
        RULED,
    ),
    (
        "rules of one priority go by their keys",
        snapshot(rules=[rule("gold", key="z"), rule("kind", key="s"), rule()]),
        {},
        {},
        RULED,
    ),
    ("a disabled rule serves nobody", snapshot(rules=[rule(enabled=False)]), {}, {}, DEFAULT),
    (
        "a rule that has not begun says when it will",
        snapshot(rules=[rule(starts_at_ms=NOW_MS + 1)]),
        {},
        {},
        DEFAULT | {"valid_until_ms": NOW_MS + 1},
    ),
    (
        "a rule that ends says when",
        snapshot(rules=[rule(starts_at_ms=NOW_MS, ends_at_ms=NOW_MS + 5)]),
        {},
        {},
        RULED | {"valid_until_ms": NOW_MS + 5},
    ),
    ("at its end it is over", snapshot(rules=[rule(ends_at_ms=NOW_MS)]), {}, {}, DEFAULT),
    (
        "the deeper segment goes before the greater priority",
        snapshot(),
        {"memberships": {"1": INSIDE, "2": INSIDE}},
        {},
        GOLD,
    ),
    (
        "who has no profile is where nobody's history leads",
        snapshot(),
        VIP | {"known": False},
        {},
        {"variant": "kind", "reason": "TARGETING_MATCH", "version": 3},
    ),
    (
        "a stay ends when it says",
        snapshot(),
        {"memberships": {"1": [True, NOW_MS + 9, False, None]}},
        {},
        GOLD | {"valid_until_ms": NOW_MS + 9},
    ),
    (
        "after its end it is what was foretold",
        snapshot(),
        {"memberships": {"1": [False, NOW_MS, True, NOW_MS + 9]}},
        {},
        GOLD | {"valid_until_ms": NOW_MS + 9},
    ),
    (
        "a forecast that is over is stale, and no membership",
        snapshot(),
        {"memberships": {"1": [True, NOW_MS - 9, True, NOW_MS]}},
        {},
        {"variant": "plain", "reason": "STALE", "is_stale": True},
    ),
    (
        "a segment about the request is answered in it",
        snapshot(rules=[rule("app", where({"kind": "segment", "key": "phone"}))]),
        {},
        PHONE,
        RULED,
    ),
    ("an experiment splits", snapshot(experiments=[experiment()]), {}, {}, SPLIT),
    (
        "another seed deals anew",
        snapshot(experiments=[experiment(seed="exp.price")]),
        {},
        {},
        SPLIT | {"variant": "plain", "arm": "a"},
    ),
    (
        "an id beyond ASCII has its bucket too",
        snapshot(experiments=[experiment(arms=THIRDS)]),
        {"unit_id": "Z\u00fcrich-\U0001f6d2"},
        {},
        SPLIT | {"probability": 0.3},
    ),
    (
        "the third arm begins where two end",
        snapshot(experiments=[experiment(arms=THIRDS)]),
        {"unit_id": "user-2"},
        {},
        SPLIT | {"variant": "gold", "version": 2, "arm": "c", "probability": 0.5},
    ),
    (
        "who is not covered goes on",
        snapshot(experiments=[experiment(coverage=0.5)]),
        VIP,
        {},
        GOLD,
    ),
    (
        "who is not meant goes on",
        snapshot(experiments=[experiment(condition=MOBILE)]),
        VIP,
        {},
        GOLD,
    ),
    (
        "an experiment that is over splits nobody",
        snapshot(experiments=[experiment(enabled=False)]),
        {},
        {},
        DEFAULT,
    ),
    (
        "a rule runs an experiment",
        snapshot(rules=[rule("", experiment="test")], experiments=[experiment(by_rule=True)]),
        {},
        {},
        SPLIT | {"rule": "r"},
    ),
    (
        "a rule whose experiment is over serves nothing",
        snapshot(
            rules=[rule("", experiment="test")],
            experiments=[experiment(by_rule=True, enabled=False)],
        ),
        {},
        {},
        DEFAULT,
    ),
    ("within its cap it serves", capped(1), {"shown": {"1": ago(DAY_MS, 5)}}, {}, {"caps": [1]}),
    ("a full cap leaves it out", capped(1), {"shown": {"1": ago(DAY_MS - 1, 5)}}, {}, {}),
    (
        "what a full cap leaves is the segment",
        capped(1),
        VIP | {"shown": {"1": ago(6, 5)}},
        {},
        GOLD,
    ),
    (
        "a session counts its own showings",
        capped(2),
        {"shown": {"2": ago(9)}, "session_since_ms": NOW_MS - 8},
        {},
        {"caps": [2]},
    ),
    (
        "and no more than those",
        capped(2),
        {"shown": {"2": ago(9)}, "session_since_ms": NOW_MS - 9},
        {},
        {},
    ),
    ("a cooldown lasts", capped(3), {"shown": {"3": ago(HOUR_MS - 1)}}, {}, {}),
    ("a cooldown ends", capped(3), {"shown": {"3": ago(HOUR_MS)}}, {}, {"caps": [3]}),
    # Load 1 + 0.5: intensity 0.625; load 2: 0.5.
    (
        "a little tired is still shown",
        capped(4),
        {"shown": {"4": ago(0, HOUR_MS)}},
        {},
        {"caps": [4]},
    ),
    ("too tired is not", capped(4), {"shown": {"4": ago(0, 0)}}, {}, {}),
    (
        "a variant begins at its very millisecond",
        scheduled(0, DAY_MS),
        VIP,
        {},
        GOLD | {"valid_until_ms": NOW_MS + DAY_MS},
    ),
    (
        "and not before, which the answer knows",
        scheduled(1, DAY_MS),
        VIP,
        {},
        DEFAULT | {"valid_until_ms": NOW_MS + 1},
    ),
    ("a variant ends before its very millisecond", scheduled(None, 0), VIP, {}, DEFAULT),
    (
        "a millisecond before it is still there",
        scheduled(None, 1),
        VIP,
        {},
        GOLD | {"valid_until_ms": NOW_MS + 1},
    ),
    (
        "whose segments somebody is not in does not limit the answer by its end",
        scheduled(None, 1),
        {},
        {},
        DEFAULT,
    ),
    (
        "a rule whose variant has ended serves nothing",
        scheduled(None, 0, rules=[rule("gold")]),
        {},
        {},
        DEFAULT,
    ),
    (
        "a rule whose variant has not begun gives way until then",
        scheduled(5, None, rules=[rule("gold", key="a"), rule(key="r", priority=-1)]),
        {},
        {},
        RULED | {"valid_until_ms": NOW_MS + 5},
    ),
    (
        "an arm that has ended is no part of its experiment",
        scheduled(
            None,
            0,
            experiments=[experiment(arms=[{"key": "a", "variant": "gold", "weight": 1.0}])],
        ),
        {},
        {},
        DEFAULT,
    ),
    (
        "the default is there whatever its schedule says",
        snapshot(
            block={"variants": [{"key": "plain", "version": 1, "ends_at_ms": 1}]}, segments=[]
        ),
        {},
        {},
        DEFAULT,
    ),
    (
        "what is not there is an answer",
        snapshot(placements=[]),
        {},
        {},
        {
            "variant": None,
            "block": None,
            "version": 0,
            "reason": "ERROR",
            "code": "placement_not_found",
        },
    ),
)
NOTHING_TOLD: dict[str, Any] = {
    "placement": "home.hero",
    "block": "hero",
    "rule": None,
    "valid_until_ms": None,
    "code": None,
    "is_stale": False,
    "experiment": None,
    "arm": None,
    "probability": 1.0,
    "caps": [],
}
VERSIONS = {"plain": 1, "gold": 2, "kind": 3, "app": 4}
