"""What a visitor sees in a placement, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.compiling import compile_snapshot
from engine.decide import Decision, Reason, Step, decide_placement
from engine.facts import Facts
from engine.members import Visitor
from engine.snapshot import (
    BlockDoc,
    CompiledSnapshot,
    PlacementDoc,
    RuleDoc,
    SegmentDoc,
    SnapshotDoc,
    VariantDoc,
)

NOW_MS = 1_700_000_000_000
MOBILE = {"kind": "context", "name": "device", "op": "eq", "value": "mobile"}
IN = (True, None, None, None)
CUSTOMER, VIP, NEWCOMER, PHONE_VIP, UNUSED = 1, 2, 3, 4, 5


def segment(key: str) -> dict[str, Any]:
    return {"kind": "segment", "key": key}


def rule(key: str, where: dict[str, Any], **more: Any) -> RuleDoc:
    fields: dict[str, Any] = {"placement": "home.hero", "variant": "app"}
    return RuleDoc(key=key, condition={"v": 1, "where": where}, **(fields | more))


def snapshot_with(
    *rules: RuleDoc, purpose: Any = "personalization", enabled: bool = True
) -> CompiledSnapshot:
    variants = [
        VariantDoc(key="plain", version=1),
        VariantDoc(key="thanks", version=2, segments=[CUSTOMER], priority=9),
        VariantDoc(key="gold", version=3, segments=[VIP, PHONE_VIP]),
        VariantDoc(key="welcome", version=4, segments=[NEWCOMER]),
        VariantDoc(key="app", version=5),
    ]
    block = BlockDoc(
        key="hero", kind="content", variants=variants, default="plain", purpose=purpose
    )
    return compile_snapshot(
        SnapshotDoc(
            site_id="site",
            number=1,
            published_at_ms=0,
            placements=[PlacementDoc(key="home.hero", block="hero", enabled=enabled)],
            blocks=[block],
            segments=[
                SegmentDoc(CUSTOMER, "customer"),
                SegmentDoc(VIP, "vip", depth=1),
                SegmentDoc(NEWCOMER, "newcomer", no_profile=True),
                SegmentDoc(
                    PHONE_VIP,
                    "phone-vip",
                    request_condition={"v": 1, "where": {"all": [MOBILE, segment("customer")]}},
                ),
                SegmentDoc(UNUSED, "unused"),
            ],
            rules=list(rules),
        )
    )


def decided(
    snapshot: CompiledSnapshot,
    memberships: dict[int, Any] | None = None,
    context: dict[str, object] | None = None,
    now_ms: int = NOW_MS,
    **visitor: Any,
) -> Decision:
    return decide_placement(
        snapshot,
        "home.hero",
        Visitor("u1", memberships or {}, **visitor),
        context or {},
        now_ms,
    )


def test_nobody_in_particular_sees_the_default() -> None:
    decision = decided(snapshot_with())

    assert (decision.block, decision.variant, decision.version) == ("hero", "plain", 1)
    assert decision.reason is Reason.DEFAULT
    assert decision.valid_until_ms is None


def test_an_unknown_placement_is_an_answer_not_a_failure() -> None:
    decision = decide_placement(snapshot_with(), "nowhere", Visitor("u1"), {}, NOW_MS)

    assert decision.reason is Reason.ERROR
    assert decision.code == "placement_not_found"
    assert decision.variant is None


def test_a_member_sees_the_variant_of_the_segment() -> None:
    decision = decided(snapshot_with(), {CUSTOMER: IN})

    assert decision.variant == "thanks"
    assert decision.reason is Reason.TARGETING_MATCH


def test_the_more_specific_segment_wins_over_the_greater_priority() -> None:
    assert decided(snapshot_with(), {CUSTOMER: IN, VIP: IN}).variant == "gold"


def test_priority_decides_between_segments_of_one_depth() -> None:
    assert decided(snapshot_with(), {CUSTOMER: IN, NEWCOMER: IN}).variant == "thanks"


def test_a_matching_rule_goes_before_the_segments() -> None:
    snapshot = snapshot_with(rule("phones", MOBILE))

    phone = decided(snapshot, {VIP: IN}, {"device": "mobile"})
    desk = decided(snapshot, {VIP: IN}, {"device": "desktop"})

    assert (phone.variant, phone.rule, phone.reason) == ("app", "phones", Reason.TARGETING_MATCH)
    assert (desk.variant, desk.rule) == ("gold", None)


def test_the_greatest_priority_rule_that_holds_serves() -> None:
    snapshot = snapshot_with(
        rule("low", MOBILE, priority=1),
        rule("high", {"all": [MOBILE, segment("vip")]}, priority=5, variant="gold"),
    )
    phone: dict[str, object] = {"device": "mobile"}

    assert decided(snapshot, {VIP: IN}, phone).rule == "high"
    assert decided(snapshot, {}, phone).rule == "low"


def test_an_unknown_condition_does_not_serve() -> None:
    assert decided(snapshot_with(rule("not-phones", {"not": MOBILE}))).rule is None


def test_a_rule_serves_from_its_start_until_just_before_its_end() -> None:
    snapshot = snapshot_with(rule("sale", {"all": []}, starts_at_ms=NOW_MS, ends_at_ms=NOW_MS + 10))

    before = decided(snapshot, now_ms=NOW_MS - 1)
    first, last = decided(snapshot, now_ms=NOW_MS), decided(snapshot, now_ms=NOW_MS + 9)
    after = decided(snapshot, now_ms=NOW_MS + 10)

    assert (before.rule, before.valid_until_ms) == (None, NOW_MS)
    assert (first.rule, first.valid_until_ms) == ("sale", NOW_MS + 10)
    assert last.rule == "sale"
    assert (after.rule, after.valid_until_ms) == (None, None)


def test_without_consent_everyone_sees_the_default() -> None:
    snapshot = snapshot_with(rule("phones", MOBILE))

    yes = decided(snapshot, {VIP: IN}, {"device": "mobile"}, allowed=True)
    no = decided(snapshot, {VIP: IN}, {"device": "mobile"}, allowed=False)

    assert (yes.variant, yes.reason) == ("app", Reason.TARGETING_MATCH)
    assert (no.variant, no.reason) == ("plain", Reason.NO_CONSENT)


def test_a_necessary_block_needs_no_consent() -> None:
    snapshot = snapshot_with(purpose="necessary")

    assert decided(snapshot, {VIP: IN}, allowed=False).variant == "gold"


def test_a_disabled_placement_serves_the_default_whatever_the_consent() -> None:
    snapshot = snapshot_with(enabled=False)

    assert decided(snapshot, {VIP: IN}).reason is Reason.DISABLED
    assert decided(snapshot, {VIP: IN}, allowed=False).reason is Reason.DISABLED


def test_a_visitor_without_a_profile_gets_the_verdicts_of_an_empty_history() -> None:
    assert decided(snapshot_with(), known=False).variant == "welcome"
    assert decided(snapshot_with(), known=True).variant == "plain"


def test_a_segment_that_depends_on_the_request_is_answered_in_it() -> None:
    phone: dict[str, object] = {"device": "mobile"}
    customer = {CUSTOMER: IN}
    where = {"all": [segment("phone-vip")]}

    assert decided(snapshot_with(rule("r", where)), customer, phone).rule == "r"
    assert decided(snapshot_with(rule("r", where)), customer, {}).rule is None
    assert decided(snapshot_with(rule("r", where)), {}, phone).rule is None
    # And as a tag, where depth 0 with the lower priority comes after "customer".
    assert decided(snapshot_with(), customer, phone).variant == "thanks"


LEAVES_IN_5 = (True, NOW_MS + 5, False, None)
BACK_IN_9 = (True, NOW_MS + 5, False, NOW_MS + 9)
ENTERS_IN_5 = (False, NOW_MS + 5, True, NOW_MS + 9)
NOT_FOLLOWED = (True, NOW_MS + 5, None, None)


@pytest.mark.parametrize(
    ("stay", "later_ms", "variant", "until", "reason"),
    [
        (LEAVES_IN_5, 4, "gold", 5, Reason.TARGETING_MATCH),
        (LEAVES_IN_5, 5, "plain", None, Reason.DEFAULT),
        (LEAVES_IN_5, 999, "plain", None, Reason.DEFAULT),
        (BACK_IN_9, 5, "plain", 9, Reason.DEFAULT),
        (BACK_IN_9, 9, "plain", None, Reason.STALE),
        (ENTERS_IN_5, 4, "plain", 5, Reason.DEFAULT),
        (ENTERS_IN_5, 5, "gold", 9, Reason.TARGETING_MATCH),
        (ENTERS_IN_5, 9, "plain", None, Reason.STALE),
        (NOT_FOLLOWED, 4, "gold", 5, Reason.TARGETING_MATCH),
        (NOT_FOLLOWED, 5, "plain", None, Reason.STALE),
    ],
)
def test_a_kept_membership_flips_by_itself_and_is_stale_past_its_forecast(
    stay: Any, later_ms: int, variant: str, until: int | None, reason: Reason
) -> None:
    decision = decided(snapshot_with(), {VIP: stay}, now_ms=NOW_MS + later_ms)

    assert (decision.variant, decision.reason) == (variant, reason)
    assert decision.valid_until_ms == (None if until is None else NOW_MS + until)
    assert decision.is_stale is (reason is Reason.STALE)


def test_the_answer_is_valid_until_the_first_flip_of_what_was_read() -> None:
    stays = {
        VIP: (False, NOW_MS + 50, True, None),
        CUSTOMER: (True, NOW_MS + 20, False, None),
        NEWCOMER: (True, NOW_MS + 1, False, None),  # decided before it is its turn
        UNUSED: (True, NOW_MS + 2, False, None),  # nothing here asks for it
    }

    decision = decided(snapshot_with(), stays)

    assert (decision.variant, decision.valid_until_ms) == ("thanks", NOW_MS + 20)


def test_a_kept_stay_may_carry_more_than_the_forecast() -> None:
    assert decided(snapshot_with(), {VIP: (True, None, None, None, NOW_MS - 7)}).variant == "gold"


def test_every_step_leaves_its_line_in_the_trace() -> None:
    snapshot = snapshot_with(
        rule("phones", MOBILE, priority=2),
        rule("later", MOBILE, priority=1, starts_at_ms=NOW_MS + 1),
        rule("over", MOBILE, ends_at_ms=NOW_MS),
    )
    steps: list[Step] = []

    decision = decide_placement(
        snapshot,
        "home.hero",
        Visitor("u1", {CUSTOMER: IN}),
        {"device": "desktop"},
        NOW_MS,
        trace=steps,
    )

    assert decision.steps is steps
    assert [(step.step, step.key, step.outcome) for step in steps] == [
        ("rule", "phones", "no match"),
        ("rule", "later", "not started"),
        ("rule", "over", "ended"),
        ("segment", "vip", "not in"),
        ("segment", "customer", "in, serves 'thanks'"),
    ]
    found = steps[0].condition
    assert found is not None
    assert (found.value, found.threshold, found.verdict) == ("desktop", "mobile", False)


@pytest.mark.parametrize("purpose", ["personalization", "necessary"])
def test_a_traced_decision_is_the_decision(purpose: str) -> None:
    snapshot = snapshot_with(rule("phones", MOBILE), purpose=purpose)
    for allowed in (True, False):
        visitor = Visitor("u1", {VIP: LEAVES_IN_5}, allowed=allowed)
        plain = decide_placement(snapshot, "home.hero", visitor, {}, NOW_MS)
        traced = decide_placement(snapshot, "home.hero", visitor, {}, NOW_MS, trace=[])
        assert (traced.variant, traced.reason, traced.valid_until_ms) == (
            plain.variant,
            plain.reason,
            plain.valid_until_ms,
        )
        assert traced.steps


def test_a_condition_that_raises_is_unknown_and_told_and_the_next_one_is_asked() -> None:
    snapshot = snapshot_with(rule("bad", MOBILE), rule("good", MOBILE, variant="gold"))
    placement = snapshot.placements["home.hero"]

    def raises(facts: Facts, now_ms: int) -> Any:
        raise ZeroDivisionError

    spoilt, good = placement.rules
    placement = replace(placement, rules=(replace(spoilt, condition=raises), good))
    snapshot = replace(snapshot, placements={"home.hero": placement})
    steps: list[Step] = []
    context = {"device": "mobile"}
    found = decide_placement(snapshot, "home.hero", Visitor("u"), context, NOW_MS, steps)

    assert (found.rule, found.variant) == (good.key, "gold")
    assert found.broken == (("rule", spoilt.key),)
    assert [step.outcome for step in steps if step.key == spoilt.key] == ["error"]


def test_a_segment_of_the_request_that_raises_serves_nothing_and_makes_rules_unknown() -> None:
    snapshot = snapshot_with(rule("others", {"not": segment("phone-vip")}))

    def raises(facts: Facts, now_ms: int) -> Any:
        raise ZeroDivisionError

    spoilt = replace(snapshot.segments["phone-vip"], request=raises)
    placement = snapshot.placements["home.hero"]
    tagged = tuple((spoilt if s.number == PHONE_VIP else s, v) for s, v in placement.block.tagged)
    placement = replace(placement, block=replace(placement.block, tagged=tagged))
    snapshot = replace(
        snapshot,
        placements={"home.hero": placement},
        segments=snapshot.segments | {"phone-vip": spoilt},
    )
    found = decide_placement(snapshot, "home.hero", Visitor("u"), {}, NOW_MS)

    assert (found.reason, found.rule) == (Reason.DEFAULT, None)
    assert found.broken == (("rule", "others"), ("segment", "phone-vip"))
