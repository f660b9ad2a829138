"""Thresholds follow the population as proposals; only an agreed range lets them through alone."""

from datetime import timedelta
from math import floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.access.models import AuditEntry, Site
from apps.segments import services
from apps.segments.domain.percentiles import percentile
from apps.segments.domain.places import places, with_numbers
from apps.segments.errors import InvalidStudy, NotWaiting
from apps.segments.models import Segment, SegmentAdaptation, SegmentVersion, ThresholdProposal
from apps.segments.refresh import refresh_site
from apps.segments.studies import adapting
from apps.segments.tasks import look_again as look_again_task
from apps.work import clock
from tests.apps.segments.world import NOW, NOW_MS, Happened, make_profile, make_site

HOUR_MS = 3_600_000


def exactly(values: list[float], share: float) -> float:
    may_exceed = floor(len(values) * (1 - share) + 1e-9)
    return next(x for x in sorted(values) if sum(y > x for y in values) <= may_exceed)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(1, 1_000_000), min_size=1, max_size=40),
    st.sampled_from([0.05, 0.2, 0.5, 0.8, 0.95]),
)
def test_a_percentile_is_found_by_counting(values, share):
    def above(numbers: list[float]) -> list[int]:
        return [sum(value > number for value in values) for number in numbers]

    assert percentile(above, len(values), share, 1) == exactly(values, share)
    fine = percentile(above, len(values), share, 0)
    assert exactly(values, share) <= fine * (1 + 3e-6) <= exactly(values, share) * 1.002


def trait(name: str, value: object) -> dict[str, object]:
    return {"kind": "trait", "name": name, "op": "gt", "value": value}


def test_numbers_stand_where_refusals_say():
    leaf = {"kind": "event", "name": "x", "aggregate": "count", "window": "ever", "op": "gte"}
    condition = {
        "v": 1,
        "where": {
            "all": [
                {**leaf, "value": 3},
                {"not": {**leaf, "aggregate": "recency", "op": "lte", "value": "3d"}},
                {"at_least": {"k": 1, "of": [trait("a", 2.5)]}},
                {**trait("b", 1), "op": "eq"},
                trait("c", "text"),
            ]
        },
    }  # fmt: skip
    found = places(condition)
    assert [(one.path, one.number) for one in found] == [
        ("all[0]", 3), ("all[1].not", 72 * HOUR_MS), ("all[2].at_least.of[0]", 2.5),
    ]  # fmt: skip
    changed = with_numbers(condition, {"all[0]": 5.0, "all[1].not": 25 * HOUR_MS, "gone": 1})
    assert [one.leaf["value"] for one in places(changed)] == [5, "25h", 2.5]
    assert [one.leaf["value"] for one in found] == [3, "3d", 2.5]


@pytest.fixture
def site(db: None) -> Site:
    """Forty people who viewed 1 to 40 times, and five who never did."""
    site = make_site()
    for number in range(45):
        views = [
            Happened(NOW_MS - (n + number * 60) * 60_000, "Viewed") for n in range(1, number - 3)
        ]
        make_profile(site, views, traits={"spent": number * 1.5})
    return site


def often(least: int = 10) -> dict[str, object]:
    where = {
        "kind": "event", "name": "Viewed", "aggregate": "count", "window": "ever", "op": "gte",
        "value": least,
    }  # fmt: skip
    return {"v": 1, "where": where}


@pytest.fixture
def segment(site: Site) -> Segment:
    made = services.create_segment(
        site_id=site.pk, key="often", name="Often", condition=often(), now=NOW
    )
    services.publish_segment(site_id=site.pk, segment_id=made.pk, actor=None, now=NOW)
    refresh_site(site_id=site.pk, read_clock=lambda: NOW)
    return made


def agree(segment: Segment, share: float = 0.5, alone: bool = False, **bounds: float) -> None:
    adapting.adapt(
        site_id=segment.site_id,
        segment_id=segment.pk,
        every_days=7,
        numbers=[{"path": "", "share": share, **bounds}],
        publishes_itself=alone,
        actor=None,
        now=NOW,
    )


def look(segment: Segment) -> ThresholdProposal | None:
    return adapting.look_again(segment.pk, now=NOW)


def test_a_proposal_says_what_it_would_do_and_changes_nothing(segment):
    agree(segment)
    proposal = look(segment)
    assert proposal is not None
    assert proposal.numbers == [{"path": "", "share": 0.5, "before": 10, "after": 20}]
    assert (proposal.size_before, proposal.size_after, proposal.left) == (31, 21, 10)
    segment.refresh_from_db()
    assert segment.draft == often(10)
    assert segment.versions.count() == 1
    assert SegmentAdaptation.objects.get().next_at == NOW + timedelta(days=7)


def test_an_accepted_proposal_is_the_draft_and_still_not_published(segment):
    agree(segment)
    proposal = look(segment)
    adapting.accept(site_id=segment.site_id, proposal_id=proposal.pk, actor=None, now=NOW)
    segment.refresh_from_db()
    assert (segment.draft, segment.versions.count()) == (often(20), 1)
    assert look(segment) is None  # it fits now
    with pytest.raises(NotWaiting):
        adapting.dismiss(site_id=segment.site_id, proposal_id=proposal.pk, actor=None, now=NOW)
    actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert {"segments.adaptation_agreed", "segments.proposal_accepted"} <= actions


def test_a_dismissed_proposal_leaves_the_draft(segment):
    agree(segment)
    adapting.dismiss(site_id=segment.site_id, proposal_id=look(segment).pk, actor=None, now=NOW)
    segment.refresh_from_db()
    assert segment.draft == often(10)


def test_a_draft_edited_meanwhile_is_not_written_over(segment):
    agree(segment)
    proposal = look(segment)
    services.change_draft(
        site_id=segment.site_id, segment_id=segment.pk, condition=often(12), actor=None, now=NOW
    )
    with pytest.raises(NotWaiting):
        adapting.accept(site_id=segment.site_id, proposal_id=proposal.pk, actor=None, now=NOW)
    segment.refresh_from_db()
    assert segment.draft == often(12)
    # The next look starts from the edit, and takes the place of the one before.
    assert look(segment).base == often(12)
    proposal.refresh_from_db()
    assert proposal.state == "replaced"


def test_within_the_agreed_range_it_is_published_and_said_so(segment):
    agree(segment, alone=True, low=15, high=25)
    assert look(segment).state == "published"
    newest = segment.versions.order_by("-number").first()
    assert (newest.condition, newest.note) == (often(20), adapting.NOTE)
    entry = AuditEntry.objects.get(action="segments.adapted")
    assert entry.detail["numbers"][0]["after"] == 20


@pytest.mark.parametrize("bounds", [(1, 19), (21, 40)], ids=["above", "below"])
def test_outside_the_agreed_range_it_waits(segment, bounds):
    agree(segment, alone=True, low=bounds[0], high=bounds[1])
    assert look(segment).state == "waiting"
    assert segment.versions.count() == 1


def test_an_unfinished_edit_is_never_published_with_it(segment):
    agree(segment, alone=True, low=1, high=40)
    services.change_draft(
        site_id=segment.site_id, segment_id=segment.pk, condition=often(12), actor=None, now=NOW
    )
    assert look(segment).state == "waiting"
    assert segment.versions.get().state == SegmentVersion.State.LIVE


def test_other_measures_have_percentiles_too(site):
    def at(leaf: dict[str, object], share: float) -> float:
        (place,) = places({"v": 1, "where": leaf})
        return adapting.number_at(site.pk, place, share, now=NOW)

    spent = {"kind": "trait", "name": "spent", "op": "gte", "value": 1}
    assert at(spent, 0.5) == pytest.approx(exactly([n * 1.5 for n in range(1, 45)], 0.5), rel=2e-3)
    recency = {
        "kind": "event", "name": "Viewed", "aggregate": "recency", "window": "ever", "op": "lte",
        "value": "1h",
    }  # fmt: skip
    ages = [(1 + number * 60) * 60_000 for number in range(5, 45)]
    found = at(recency, 0.25)
    assert found % HOUR_MS == 0
    assert 0 <= found - exactly(ages, 0.25) < HOUR_MS


def test_what_nobody_has_is_noted_and_tried_again(site):
    condition = often()
    condition["where"]["name"] = "Nothing"
    made = services.create_segment(
        site_id=site.pk, key="none", name="None", condition=condition, now=NOW
    )
    agree(made)
    assert look(made) is None
    kept = SegmentAdaptation.objects.get()
    assert "Fewer than 10" in kept.problem
    assert kept.next_at == NOW + adapting.RETRY


@pytest.mark.parametrize(
    "numbers",
    [[{"path": "all[0]", "share": 0.5}], [{"path": "", "share": 0}], [{"path": "", "share": 1}]],
    ids=["nowhere", "none", "all"],
)
def test_nonsense_is_refused(segment, numbers):
    with pytest.raises(InvalidStudy):
        adapting.adapt(
            site_id=segment.site_id, segment_id=segment.pk, every_days=7, numbers=numbers,
            publishes_itself=False, actor=None, now=NOW,
        )  # fmt: skip


def test_alone_needs_a_range(segment):
    with pytest.raises(InvalidStudy, match="least and greatest"):
        agree(segment, alone=True, low=5)


def test_the_task_looks_at_what_is_due(segment):
    agree(segment)
    clock.replace(lambda: NOW)
    try:
        look_again_task()
        look_again_task()
    finally:
        clock.replace(None)
    assert ThresholdProposal.objects.count() == 1
