"""The linter: what it says about a draft among the other segments of its site."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.access.models import Site
from apps.segments import services
from apps.segments.linter import Finding, RuleAsked, findings_for_draft, findings_for_rules
from apps.segments.models import Segment, SegmentBaseline, SegmentVersion
from engine.conditions.parse import parse_condition
from tests.apps.segments.world import NOW, make_site

PRO = {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"}
FREE = {"kind": "trait", "name": "plan", "op": "eq", "value": "free"}
PAYING = {"kind": "trait", "name": "plan", "op": "in", "value": ["pro", "team"]}


def where(node: object) -> dict[str, Any]:
    return {"v": 1, "where": node}


def views(op: str, value: int, last: str) -> dict[str, Any]:
    return {
        "kind": "event", "name": "Product Viewed", "aggregate": "count",
        "window": {"last": last}, "op": op, "value": value,
    }  # fmt: skip


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


def publish(site: Site, key: str, node: object, policy: dict[str, Any] | None = None) -> Segment:
    segment = services.create_segment(
        site_id=site.pk, key=key, name=key, condition=where(node), policy=policy, now=NOW
    )
    services.publish_segment(site_id=site.pk, segment_id=segment.pk, actor=None, now=NOW)
    return segment


def said(site: Site, node: object, policy: dict[str, Any] | None = None) -> list[Finding]:
    return findings_for_draft(site.pk, "draft", where(node), policy)


def codes(found: list[Finding]) -> list[tuple[str, str | None]]:
    return [(each.code, each.other) for each in found]


def test_a_draft_that_nobody_can_meet_is_an_error_that_names_the_part(site: Site) -> None:
    found = said(site, {"all": [PRO, views("gte", 3, "1d"), views("lt", 2, "7d")]})
    assert codes(found) == [("lint_unsatisfiable", None)]
    assert "all[2]" in found[0].text


def test_a_draft_that_everybody_meets_is_told(site: Site) -> None:
    found = said(site, {"any": [views("gte", 3, "1d"), views("lt", 3, "1d")]})
    assert codes(found) == [("lint_always_true", None)]


def test_unknown_is_neither_so_a_trait_and_its_opposite_are_not_everybody(site: Site) -> None:
    assert said(site, {"any": [PRO, {"not": PRO}]}) == []


def test_a_draft_in_order_has_no_findings(site: Site) -> None:
    publish(site, "readers", views("gte", 3, "1d"))
    assert said(site, PRO) == []


def test_parts_that_change_nothing_are_told_with_what_makes_them_so(site: Site) -> None:
    found = said(site, {"all": [PRO, PAYING]})
    assert [(each.code, each.path) for each in found] == [("lint_redundant", "all[1]")]
    assert "because of all[0]" in found[0].text


def test_the_same_people_as_another_segment_are_told(site: Site) -> None:
    publish(site, "readers", views("gte", 3, "24h"))
    assert codes(said(site, views("gt", 2, "1d"))) == [("lint_duplicate", "readers")]


def test_a_part_and_a_whole_of_other_segments_are_told(site: Site) -> None:
    publish(site, "paying", PAYING)
    assert codes(said(site, PRO)) == [("lint_contained", "paying")]
    known = {"kind": "trait", "name": "plan", "op": "is_set"}
    assert codes(said(site, known)) == [("lint_contains", "paying")]


def test_that_it_lies_in_a_segment_it_names_is_no_news(site: Site) -> None:
    publish(site, "paying", PAYING)
    both = {"all": [{"kind": "segment", "key": "paying"}, views("gte", 3, "1d")]}
    assert said(site, both) == []
    assert said(site, PRO, {"parent": "paying"}) == []


def test_who_names_a_segment_that_excludes_them_is_unreachable(site: Site) -> None:
    publish(site, "paying", PAYING)
    found = said(site, {"all": [{"kind": "segment", "key": "paying"}, FREE]})
    assert codes(found) == [("lint_unreachable", "paying")]


def test_a_child_of_a_segment_that_excludes_it_is_unreachable(site: Site) -> None:
    publish(site, "paying", PAYING)
    assert codes(said(site, FREE, {"parent": "paying"})) == [("lint_unreachable", "paying")]


def test_behind_a_segment_of_its_group_that_takes_everybody_nobody_is_left(site: Site) -> None:
    publish(site, "paying", PAYING, {"group": "offers", "priority": 5})
    assert codes(said(site, PRO, {"group": "offers"})) == [("lint_unreachable", None)]
    assert codes(said(site, FREE, {"group": "offers"})) == []


def test_a_segment_that_remembers_is_not_taken_for_its_condition(site: Site) -> None:
    publish(site, "stayed", PRO, {"minStay": "1h"})
    assert said(site, PRO) == []
    assert said(site, {"all": [{"kind": "segment", "key": "stayed"}, FREE]}) == []


def test_who_would_leave_at_once_cannot_come_in(site: Site) -> None:
    found = said(site, PRO, {"leave": where(PAYING)})
    assert codes(found) == [("lint_never_enters", None)]
    never = {"all": [PRO, FREE]}
    assert codes(said(site, PRO, {"leave": where(never)})) == [("lint_never_leaves", None)]


def test_a_draft_that_is_refused_is_told_with_its_place(site: Site) -> None:
    found = said(site, {"all": [{"kind": "trait", "name": "a", "op": "gt", "value": []}]})
    assert [(each.code, each.path) for each in found] == [("lint_invalid", "all[0].value")]


def test_too_broad_and_too_small_are_measured(site: Site) -> None:
    segment = publish(site, "readers", views("gte", 3, "1d"))
    version = SegmentVersion.objects.get(segment=segment)
    SegmentVersion.objects.update(state=SegmentVersion.State.LIVE)

    def measured(size: int, members: int, everyone: int) -> list[str]:
        SegmentVersion.objects.filter(pk=version.pk).update(size=size)
        SegmentBaseline.objects.update_or_create(
            version=version,
            defaults={
                "goal": "Order Completed", "members": members, "members_converted": 0,
                "everyone": everyone, "everyone_converted": 0, "measured_at": NOW,
            },
        )  # fmt: skip
        found = findings_for_draft(site.pk, "readers", segment.draft)
        return [each.code for each in found]

    assert measured(900, 801, 1000) == ["lint_too_broad"]
    assert measured(900, 800, 1000) == []
    assert measured(9, 9, 100) == ["lint_too_small"]
    assert measured(10, 10, 100) == []
    assert measured(90, 90, 100_000) == ["lint_too_small"]


def test_costs_and_limits_of_what_is_kept_are_told(site: Site) -> None:
    path = {
        "kind": "sequence",
        "steps": [{"name": "Product Viewed"}, {"name": "Order Completed"}],
        "window": {"last": "30d"},
    }
    assert [each.code for each in said(site, path)] == ["lint_slow"]
    publish(site, "any", {"kind": "trait", "name": "x", "op": "is_set"})
    assert [each.code for each in said(site, path | {"window": {"last": "400d"}})] == [
        "lint_slow", "lint_retention",
    ]  # fmt: skip
    on_page = {"kind": "context", "name": "device", "op": "eq", "value": "mobile"}
    assert [each.code for each in said(site, on_page)] == ["lint_request"]


def test_a_rule_behind_a_rule_that_always_wins_never_serves(site: Site) -> None:
    publish(site, "paying", PAYING)
    first = RuleAsked("first", parse_condition(where({"kind": "segment", "key": "paying"})))
    second = RuleAsked("second", parse_condition(where(PRO)))
    found = findings_for_rules(site.pk, [first, second])
    assert codes(found["second"]) == [("lint_unreachable", "first")]
    passing = RuleAsked("first", first.node, is_always=False)
    assert findings_for_rules(site.pk, [passing, second]) == {"first": [], "second": []}


def test_a_rule_behind_several_that_take_everybody_together_never_serves(site: Site) -> None:
    nodes = [views("gte", 3, "1d"), views("lt", 3, "1d"), PRO]
    rules = [RuleAsked(f"r{i}", parse_condition(where(node))) for i, node in enumerate(nodes)]
    assert codes(findings_for_rules(site.pk, rules)["r2"]) == [("lint_unreachable", None)]


def test_the_command_fails_on_errors_only_and_writes_json(site: Site) -> None:
    publish(site, "paying", PAYING)
    publish(site, "pro", PRO)
    out = StringIO()
    call_command("lint_segments", site=site.key, json=True, stdout=out)
    told = json.loads(out.getvalue())[site.key]
    assert [(each["code"], each["severity"]) for each in told["pro"]] == [
        ("lint_contained", "info")
    ]
    publish(site, "nobody", {"all": [PRO, FREE]})
    with pytest.raises(CommandError) as refused:
        call_command("lint_segments", site=site.key, stdout=out)
    assert refused.value.returncode == 1
    assert "/nobody: error: Nobody can ever meet this" in out.getvalue()
