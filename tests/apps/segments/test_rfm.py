"""RFM scores are the worked ones, and a cell's condition takes in the very people it counted."""

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest

from apps.access.models import Site
from apps.segments import previews, services
from apps.segments.domain.rfm import PRESETS, Cell, scaled, scores
from apps.segments.errors import InvalidStudy
from apps.segments.models import Membership, Segment
from apps.segments.refresh import refresh_site
from apps.segments.studies import boxed, rfm
from apps.work import clock
from tests.apps.segments.world import NOW, NOW_MS, Happened, make_profile, make_site

DAY_MS = 86_400_000
AS_OF = datetime(2026, 3, 1, tzinfo=UTC)

# (customer, day, amount) and the (R, F, M) of four bins at AS_OF.
BOUGHT = [
    ("ann", "2026-01-05", 20.0), ("ann", "2026-02-01", 30.0), ("bob", "2026-02-20", 5.0),
    ("cy", "2025-12-01", 80.0), ("dee", "2026-02-10", 12.0), ("dee", "2026-02-10", 8.0),
]  # fmt: skip
WORKED = {"ann": (2, 4, 3), "bob": (4, 1, 1), "cy": (1, 1, 4), "dee": (3, 1, 2)}


def test_scores_are_the_worked_ones():
    people = list(WORKED)
    days = {who: [date.fromisoformat(day) for w, day, _ in BOUGHT if w == who] for who in people}
    recency = scores([-(AS_OF.date() - max(days[who])).days for who in people], 4)
    frequency = scores([len(set(days[who])) for who in people], 4)
    monetary = scores([sum(a for w, _, a in BOUGHT if w == who) for who in people], 4)
    assert dict(zip(people, zip(recency, frequency, monetary, strict=True), strict=True)) == WORKED


@pytest.mark.parametrize("bins", [3, 4, 5])
def test_the_presets_share_nobody_and_leave_nobody_out(bins):
    cells = [scaled(cell, bins) for cell in PRESETS]
    for r in range(1, bins + 1):
        for f in range(1, bins + 1):
            assert len([cell for cell in cells if cell.has(r, f, 1)]) == 1, (r, f)


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


def happened(at_ms: int, total: object) -> Happened:
    return Happened(at_ms, "Order Completed", {"total": total})


def look(site: Site, bins: int = 5, now: datetime = NOW, days: int = 365) -> rfm.Study:
    return rfm.study(site.pk, event="Order Completed", value="total", days=days, bins=bins, now=now)


def test_sql_scores_everyone_as_the_worked_numbers_do(site, monkeypatch):
    monkeypatch.setattr(boxed, "FEWEST", 1)
    for who in WORKED:
        make_profile(
            site,
            [
                happened(clock.to_ms(datetime.fromisoformat(f"{day}T00:00:00Z")), amount)
                for w, day, amount in BOUGHT
                if w == who
            ],
        )
    make_profile(site)  # never bought
    found = look(site, bins=4, now=AS_OF)
    assert found.people == dict.fromkeys(WORKED.values(), 1)
    assert found.thresholds.days == (28, 19, 9)
    assert found.thresholds.frequency == (2, 2, 2)
    assert found.thresholds.monetary == (20, 50, 80)


@pytest.fixture
def buyers(site: Site) -> Site:
    """Sixty people, of whom nine never bought; some sums are not numbers."""
    for number in range(60):
        make_profile(
            site,
            [
                happened(
                    NOW_MS - (number * 7 % 90 + 9 * n) * DAY_MS - number * 1000,
                    "none" if number % 11 == 3 else 5.5 + number * 13 % 70,
                )
                for n in range(number * 5 % 7)
            ],
        )
    return site


@pytest.mark.parametrize("bins", [3, 4, 5])
def test_the_condition_of_every_cell_takes_in_whom_it_counted(buyers, bins):
    found = look(buyers, bins)
    own = [Cell("big", "Big", None, None, (bins, bins)), Cell("cheap", "Cheap", None, None, (1, 2))]
    cells = [*(scaled(cell, bins) for cell in PRESETS), *own]
    there = [cell for cell in cells if found.size(cell)]
    assert sum(found.size(cell) for cell in cells[:9]) == found.buyers == 51
    for segment, is_new in rfm.draft(buyers.pk, found, there, actor=None, now=NOW):
        assert is_new
        services.publish_segment(site_id=buyers.pk, segment_id=segment.pk, actor=None, now=NOW)
    refresh_site(site_id=buyers.pk, read_clock=lambda: NOW)
    members = {
        cell.key: Membership.objects.filter(segment__key=f"rfm-{cell.key}", left_at=None).count()
        for cell in there
    }
    assert members == {cell.key: found.size(cell) for cell in there}


def test_a_second_study_changes_the_draft_and_not_what_serves(buyers):
    cells = [scaled(PRESETS[0], 5)]
    ((first, _),) = rfm.draft(buyers.pk, look(buyers), cells, actor=None, now=NOW)
    services.publish_segment(site_id=buyers.pk, segment_id=first.pk, actor=None, now=NOW)
    later = NOW + timedelta(days=3)
    ((second, is_new),) = rfm.draft(
        buyers.pk, look(buyers, now=later, days=200), cells, actor=None, now=later
    )
    assert (second.pk, is_new) == (first.pk, False)
    second.refresh_from_db()
    assert second.draft != first.draft
    assert second.versions.get().condition["where"] is not None
    assert previews.draft_of(buyers.pk, second.draft)


def test_a_cell_that_nobody_has_is_refused_and_nothing_is_made(buyers):
    cells = [scaled(PRESETS[0], 5)]
    found = look(buyers)
    every = itertools.product(range(1, 6), repeat=3)
    r, f, m = next(one for one in every if one not in found.people)
    empty = Cell("odd", "Odd", (r, r), (f, f), (m, m))
    with pytest.raises(InvalidStudy, match="Nobody has the scores"):
        rfm.draft(buyers.pk, found, [cells[0], empty], actor=None, now=NOW)
    assert not Segment.objects.exists()


@pytest.mark.parametrize(
    ("bins", "days", "event"),
    [(2, 365, "x"), (6, 365, "x"), (5, 0, "x"), (5, 9999, "x"), (5, 9, "")],
)
def test_nonsense_is_refused(site, bins, days, event):
    with pytest.raises(InvalidStudy):
        rfm.study(site.pk, event=event, value="total", days=days, bins=bins, now=NOW)


def test_too_few_buyers_are_not_studied(site):
    make_profile(site, [happened(NOW_MS - DAY_MS, 5)])
    with pytest.raises(InvalidStudy, match="Fewer than 10"):
        look(site)
