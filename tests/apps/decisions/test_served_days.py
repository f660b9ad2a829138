"""What was served is counted by day: once, late ones included, and of nobody in particular."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from apps.access import services as access
from apps.access.models import Site, Source
from apps.decisions import served_days
from apps.decisions.models import CountedDay, DecisionRecord, ServedDay, ShownDay
from apps.work import clock
from tests.apps.segments.world import Happened, store_events

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.fixture
def source(transactional_db: None) -> Source:
    site = access.create_site(key="shop", name="Shop", regime="us_opt_out", now=NOW)
    return access.create_source(site_id=site.pk, name="web", now=NOW, consent_mode="assumed")


def answered(
    source: Source,
    *entries: dict[str, Any],
    profile: UUID | None = None,
    at: datetime = NOW,
) -> None:
    DecisionRecord.objects.create(
        site_id=source.site_id, source_id=source.pk, request_id=f"req_{uuid4().hex[:8]}",
        profile_id=profile, snapshot=1, at=at, took_us=1, placements=list(entries),
    )  # fmt: skip


def entry(variant: str = "all", reason: str = "DEFAULT", **more: Any) -> dict[str, Any]:
    return {
        "placement": "home.hero", "block": "hero", "variant": variant, "reason": reason,
        "rule": None, **more,
    }  # fmt: skip


def counted(site: Any) -> list[tuple[Any, ...]]:
    rows = ServedDay.objects.filter(site_id=site).order_by("day", "variant", "reason", "rule")
    return list(rows.values_list("variant", "reason", "rule", "calls", "visitors"))


def test_answers_are_counted_by_variant_reason_and_rule_and_visitors_once(source: Source):
    one, two = uuid4(), uuid4()
    answered(source, entry(), profile=one)
    answered(source, entry(), entry("sale", "TARGETING_MATCH", rule="r1"), profile=one)
    answered(source, entry(), profile=two)
    answered(source, entry())

    assert served_days.count_days(NOW) == 1

    assert counted(source.site_id) == [
        ("all", "DEFAULT", "", 4, 2),
        ("sale", "TARGETING_MATCH", "r1", 1, 1),
    ]


def test_counting_twice_changes_nothing_and_late_records_are_taken_in(source: Source):
    yesterday = NOW - timedelta(days=1)
    answered(source, entry(), at=yesterday)
    answered(source, entry(), at=NOW)
    served_days.count_days(NOW)
    first = counted(source.site_id)
    assert served_days.count_days(NOW + timedelta(minutes=10)) == 0
    assert counted(source.site_id) == first

    answered(source, entry("sale", "SPLIT"), at=yesterday + timedelta(seconds=1))
    assert served_days.count_days(NOW + timedelta(minutes=20)) == 1
    days = ServedDay.objects.filter(variant="sale").values_list("day", "calls")
    assert list(days) == [(yesterday.date(), 1)]
    served_days.count_day(source.site_id, NOW.date(), NOW)
    assert len(counted(source.site_id)) == 3


def test_the_first_count_takes_in_what_the_log_still_holds(source: Source):
    answered(source, entry(), at=NOW - timedelta(days=20))
    answered(source, entry(), at=NOW)
    assert served_days.count_days(NOW) == 2
    answered(source, entry(), at=NOW - timedelta(days=19))
    assert served_days.count_days(NOW) == 0  # too late


def test_days_are_those_of_utc_and_sites_are_kept_apart(source: Source):
    midnight = datetime(2026, 3, 10, tzinfo=UTC)
    answered(source, entry(), at=midnight - timedelta(microseconds=1))
    answered(source, entry(), at=midnight)
    other = Site.objects.create(key="other", name="Other", created_at=NOW)
    served_days.count_days(NOW)

    days = ServedDay.objects.order_by("day").values_list("day", "calls", "site_id")
    assert list(days) == [
        ((NOW - timedelta(days=1)).date(), 1, source.site_id),
        (NOW.date(), 1, source.site_id),
    ]
    assert not CountedDay.objects.filter(site=other).exists()


def test_names_that_do_not_exist_are_not_counted(source: Source):
    """Anybody may ask for any name: it would fill the table."""
    answered(source, entry(block=None, variant=None, reason="ERROR", placement="x" * 300))
    served_days.count_days(NOW)
    assert counted(source.site_id) == []


def test_a_day_that_takes_long_is_counted_less_often(source: Source):
    answered(source, entry())
    served_days.count_days(NOW)
    CountedDay.objects.update(took_ms=60_000)
    answered(source, entry())
    assert served_days.count_days(NOW + timedelta(minutes=10)) == 0
    assert served_days.count_days(NOW + timedelta(minutes=20)) == 1
    assert counted(source.site_id)[0][3] == 2


def test_showings_and_goals_are_counted_by_what_they_name(source: Source):
    answered(source, entry())
    at_ms = clock.to_ms(NOW)
    decided = {"placement": "home.hero", "variant": "all"}
    store_events(
        source.site,
        uuid4(),
        [Happened(at_ms, "Exposure", decided), Happened(at_ms + 1, "Exposure", decided)]
        + [Happened(at_ms + 2, "order", decided), Happened(at_ms + 3, "order", {})],
    )
    with connection.cursor() as cursor:
        cursor.execute("UPDATE events_event SET kind = CASE name WHEN 'Exposure' THEN 7 ELSE 8 END")
    served_days.count_days(NOW)
    assert list(
        ShownDay.objects.values_list("placement", "variant", "exposures", "conversions")
    ) == [("home.hero", "all", 2, 1)]


def test_answers_are_told_by_the_rule_that_gave_them(source: Source):
    answered(source, entry(), entry("sale", "TARGETING_MATCH", rule="r1"))
    answered(source, entry("sale", "TARGETING_MATCH", rule="r1"))
    served_days.count_days(NOW)
    found = served_days.served_by_rule(source.site_id, "home.hero", NOW.date())
    assert found == {"": 1, "r1": 2}


def test_days_are_forgotten_in_the_end(source: Source):
    answered(source, entry())
    served_days.count_days(NOW)
    assert served_days.prune(NOW + served_days.KEPT) == 0
    assert served_days.prune(NOW + served_days.KEPT + timedelta(days=1)) == 2
    assert counted(source.site_id) == []
