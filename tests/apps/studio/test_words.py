"""The pure parts: ages, charts and differences."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import fields, replace

from apps.studio.domain.ages import ago_words, span_words
from apps.studio.domain.charts import HEIGHT, round_up, share_pct, stacked
from apps.studio.domain.differences import changes_between
from apps.studio.explaining import context_of
from apps.studio.types import Detail
from engine.capping import CapDoc, FatigueDoc
from engine.snapshot import (
    BlockDoc,
    LocaleDoc,
    PlacementDoc,
    RuleDoc,
    SegmentDoc,
    SnapshotDoc,
    VariantDoc,
)
from engine.templating import Slot

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
EVERYONE = {"v": 1, "where": {"all": []}}
PRO = {"v": 1, "where": {"kind": "segment", "key": "pro"}}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (7199, "1 h"), (86_400, "1 day"), (2e5, "2 days")],
)
def test_spans_of_time_are_said_in_one_unit(seconds: float, words: str) -> None:
    assert span_words(seconds) == words


def test_moments_are_said_from_now() -> None:
    assert ago_words(None, NOW) == "never"
    assert ago_words(NOW - timedelta(seconds=2), NOW) == "just now"
    assert ago_words(NOW - timedelta(minutes=3), NOW) == "3 min ago"
    assert ago_words(NOW + timedelta(minutes=3), NOW) == "in 3 min"


def test_stacked_bars_stand_on_each_other_and_fit_the_box() -> None:
    chart = stacked([("a", [("x", 30), ("y", 20)]), ("b", [("x", 0), ("y", 100)])])
    assert chart.top == 100
    first, second = chart.columns[0].bars
    assert first.y + first.height == HEIGHT
    assert second.y + second.height == first.y
    assert [bar.series for bar in chart.columns[1].bars] == ["y"]
    assert stacked([]).columns == ()


def test_scales_end_at_round_numbers() -> None:
    assert [round_up(n) for n in (0, 1, 3, 7, 11, 60, 501)] == [1, 1, 5, 10, 20, 100, 1000]
    assert (share_pct(1, 0), share_pct(5, 4), share_pct(1, 8)) == (0, 100, 12.5)


def snapshot(**parts: object) -> SnapshotDoc:
    return SnapshotDoc("site", 1, 0, **parts)  # type: ignore[arg-type]  # its lists


def test_nothing_differs_from_itself_whatever_the_versions() -> None:
    def of(version: int) -> SnapshotDoc:
        return snapshot(
            blocks=[BlockDoc("b", "content", [VariantDoc("all", version)], "all")],
            placements=[PlacementDoc("p", "b")],
        )

    assert changes_between(of(1), of(2)) == []


def test_each_kind_of_change_is_said_in_words() -> None:
    segments = [SegmentDoc(1, "vip", "VIP"), SegmentDoc(2, "pro", "Pro")]
    old = snapshot(
        placements=[PlacementDoc("p", "b"), PlacementDoc("gone", "b")],
        blocks=[
            BlockDoc(
                "b",
                "content",
                [
                    VariantDoc("all", 1),
                    VariantDoc("v", 1, [1], 0, {"headline": "Hi"}, ["<p>Hi</p>"]),
                ],
                "all",
            )
        ],
        segments=segments,
        rules=[RuleDoc("r", "p", "v", EVERYONE, 1)],
    )
    new = snapshot(
        placements=[PlacementDoc("p", "b", False), PlacementDoc("new", "b")],
        blocks=[
            BlockDoc(
                "b",
                "content",
                [
                    VariantDoc("all", 1),
                    VariantDoc(
                        "v",
                        1,
                        [2],
                        3,
                        {"headline": "Ho"},
                        ["<p>", Slot(("traits", "name")), "</p>"],
                    ),
                ],
                "all",
            )
        ],
        segments=segments,
        rules=[RuleDoc("r", "p", "v", PRO, 1, ends_at_ms=0)],
    )
    changes = {(c.verb, c.kind, c.name): c.details for c in changes_between(old, new)}
    assert set(changes) == {
        ("added", "placement", "new"),
        ("removed", "placement", "gone"),
        ("changed", "placement", "p"),
        ("changed", "block", "b"),
        ("changed", "rule", "r"),
    }
    said = [(d.text, d.before, d.after) for d in changes["changed", "block", "b"]]
    assert said == [
        ("variant v: now also for Pro", "", ""),
        ("variant v: no longer for VIP", "", ""),
        ("variant v: another priority", "0", "3"),
        ("variant v: headline", "Hi", "Ho"),
        ("variant v: HTML", "<p>Hi</p>", "<p>{{ traits.name }}</p>"),
    ]
    rule = changes["changed", "rule", "r"]
    assert (rule[0].before, rule[0].after) == ("everybody", 'everybody who is in the segment "pro"')
    assert rule[1].after == "01 Jan 1970 00:00 UTC"


BLOCK = BlockDoc("b", "content", [VariantDoc("all", 1), VariantDoc("v", 1)], "all")
SAID_OF: dict[str, tuple[Any, dict[str, Any]]] = {
    "placements": (
        PlacementDoc("p", "b"),
        {"block": "c", "enabled": False, "caps": [1]},
    ),
    "blocks": (
        BLOCK,
        {
            "kind": "flag",
            "variants": [VariantDoc("all", 1)],
            "default": "v",
            "value_type": "string",
            "client_visible": True,
            "purpose": "necessary",
            "recommender": "next",
            "limit": 3,
            "caps": [1],
            "cacheable": True,
            "locale": "en",
        },
    ),
    "rules": (
        RuleDoc("r", "p", "v", EVERYONE),
        {
            "placement": "q",
            "variant": "w",
            "condition": PRO,
            "priority": 1,
            "starts_at_ms": 1,
            "ends_at_ms": 1,
            "enabled": False,
            "caps": [1],
            "experiment": "x",
        },
    ),
    "segments": (
        SegmentDoc(1, "vip", "VIP"),
        {
            "name": "V.I.P.",
            "depth": 1,
            "hidden": True,
            "no_profile": True,
            "request_condition": PRO,
        },
    ),
    "caps": (
        CapDoc(1, "weekly"),
        {
            "most": 2,
            "window_ms": 1,
            "per": "session",
            "cooldown_ms": 1,
            "fatigue": FatigueDoc(1, 0.5),
        },
    ),
}
VARIANT_SAYS = {
    "segments": [1],
    "priority": 1,
    "fields": {"headline": "Hi"},
    "template": ["Hi"],
    "liquid": "Hi",
    "value": 1,
    "caps": [1],
    "channel": "email",
    "starts_at_ms": 1,
    "ends_at_ms": 1,
    "locales": {"de": LocaleDoc({"headline": "Hallo"})},
}


@pytest.mark.parametrize("part", SAID_OF)
def test_no_field_of_a_publication_can_change_unseen(part: str) -> None:
    doc, others = SAID_OF[part]
    assert set(others) == {field.name for field in fields(doc)} - {"key", "number"}
    for name, value in others.items():
        new = replace(doc, **{name: value})
        assert changes_between(snapshot(**{part: [doc]}), snapshot(**{part: [new]})), name


def test_no_field_of_a_variant_can_change_unseen() -> None:
    assert set(VARIANT_SAYS) == {field.name for field in fields(VariantDoc)} - {"key", "version"}
    for name, value in VARIANT_SAYS.items():
        variants = [BLOCK.variants[0], replace(BLOCK.variants[1], **{name: value})]
        new = replace(BLOCK, variants=variants)
        assert changes_between(snapshot(blocks=[BLOCK]), snapshot(blocks=[new])), name


def test_a_cap_is_said_in_words() -> None:
    old, new = (CapDoc(1, "weekly", most, 7 * 86_400_000) for most in (2, 3))
    [change] = changes_between(snapshot(caps=[old]), snapshot(caps=[new]))
    assert change.details == [
        Detail(
            "limits otherwise",
            "at most 2 showings in 7 days to one visitor",
            "at most 3 showings in 7 days to one visitor",
        )
    ]


def test_the_first_publication_adds_everything() -> None:
    made = snapshot(
        blocks=[BlockDoc("b", "content", [VariantDoc("all", 0)], "all")],
        segments=[SegmentDoc(1, "vip", "VIP"), SegmentDoc(2, "h", hidden=True)],
    )
    assert [(c.verb, c.kind, c.name) for c in changes_between(None, made)] == [
        ("added", "block", "b"),
        ("added", "segment", "VIP"),
    ]


def test_facts_are_read_from_lines() -> None:
    facts, wrong = context_of("device: mobile\nlocal_hour: 9\n\nurl: https://a.example/?b=1\nno")
    assert facts == {"device": "mobile", "local_hour": 9, "url": "https://a.example/?b=1"}
    assert wrong == ["no"]
