"""Whatever comes in whatever order, sums are what a count from scratch finds."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.experiments.models import Cursor, DaySum, Experiment, Goal, Metric, Participant
from apps.pipeline.splitting import split_profile
from apps.privacy import erasing
from apps.profiles.errors import CannotUndo
from apps.profiles.models import Identity, MergeRecord
from apps.work import clock
from tests.apps.delivery.conftest import NOW
from tests.apps.experiments.conftest import Audience, Lab
from tests.apps.profiles.conftest import identify, track

pytestmark = pytest.mark.django_db(transaction=True)

VISITORS = 4
PEOPLE = 2
WHO = st.integers(0, VISITORS - 1)
HOURS = st.integers(-60, 60)
STEPS = st.one_of(
    st.tuples(st.just("expose"), WHO, HOURS),
    st.tuples(st.just("expose"), WHO, HOURS),
    st.tuples(st.just("order"), WHO, HOURS),
    st.tuples(st.just("order"), WHO, HOURS),
    st.tuples(st.just("again"), st.just(0), st.just(0)),
    st.tuples(st.just("identify"), WHO, st.integers(0, PEOPLE - 1)),
    st.tuples(st.just("undo"), st.just(0), st.just(0)),
    st.tuples(st.just("erase"), WHO, st.just(0)),
    st.tuples(st.just("robot"), WHO, HOURS),
    st.tuples(st.just("refresh"), st.just(0), st.just(0)),
)


class Story:
    """Visitors of one example: nobody of another one."""

    def __init__(self, audience: Audience, experiment: Experiment, name: str) -> None:
        self.audience, self.experiment, self.name = audience, experiment, name
        self.sent: list[dict[str, Any]] = []
        self.steps = 0

    def who(self, number: int) -> str:
        return f"{self.name}-{number}"

    def at(self, hours: int) -> str:
        return (NOW + timedelta(days=5, hours=hours)).isoformat()

    def step(self, verb: str, first: int, second: int) -> None:
        who = self.who(first)
        self.steps += 1
        moment = NOW + timedelta(days=9, seconds=self.steps)  # no two decisions are the same
        clock.replace(lambda: moment)
        match verb:
            case "expose":
                visit = self.audience.look(self.experiment, who)
                self.audience.expose(visit, seen_at=self.at(second))
            case "order":
                self.send(
                    track("Order Completed", anonymousId=who, timestamp=self.at(second),
                          properties={"value": 5.0 + first})
                )  # fmt: skip
            case "robot":
                context = {"userAgent": "Mozilla/5.0 (compatible; Examplebot/2.1)"}
                self.send(track(anonymousId=who, timestamp=self.at(second), context=context))
            case "again":
                if self.sent:
                    self.audience.shop.send(*self.sent)
            case "identify":
                self.send(identify(f"{self.name}-u{second}", anonymousId=who))
            case "undo":
                record = MergeRecord.objects.filter(undone_at=None).order_by("-pk").first()
                if record is not None:
                    with suppress(CannotUndo):
                        split_profile(merge_id=record.pk, actor=None, reason="x", now=clock.now())
            case "erase":
                found = Identity.objects.filter(kind="anonymous_id", value=who).first()
                if found is not None:
                    site_id = self.experiment.site_id
                    erasing.run(
                        erasing.begin(site_id=site_id, profile_id=found.profile_id, now=clock.now())
                    )
            case "refresh":
                self.audience.refresh()

    def send(self, event: dict[str, Any]) -> None:
        self.sent.append(event)
        self.audience.shop.send(event)


def rows(model: type[Model], *names: str) -> list[tuple[Any, ...]]:
    return sorted(model._default_manager.values_list(*names), key=repr)


def told() -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Everything that is counted, and by whom."""
    people = rows(Participant, "profile_id", "arm", "first_at", "day", "is_mixed", "is_bot")
    sums = rows(
        DaySum, "metric__key", "arm", "segment", "day", "n", "y", "yy", "d", "x", "xx", "xy",
        "left_out",
    )  # fmt: skip
    return people, sums


def from_scratch(audience: Audience) -> None:
    Participant.objects.all().delete()
    DaySum.objects.all().delete()
    Cursor.objects.update(event_id=0)
    audience.refresh()


def test_sums_are_those_of_a_count_from_scratch(lab: Lab, audience: Audience) -> None:
    experiment = lab.design()
    value = Metric.objects.create(
        site=lab.site, key="value", name="Value", event="Order Completed", kind="mean", of="value"
    )
    Goal.objects.create(experiment=experiment, metric=value, role="watched", added_at=NOW)
    lab.start(experiment)
    clock.replace(lambda: NOW + timedelta(days=9))
    names = iter(range(1_000))

    @settings(
        max_examples=25, deadline=None, derandomize=True, database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(st.lists(STEPS, min_size=6, max_size=14))
    def holds(steps: list[tuple[str, int, int]]) -> None:
        story = Story(audience, experiment, f"v{next(names)}")
        for one in steps:
            story.step(*one)
        audience.refresh()
        found = told()
        assert audience.refresh() == 0
        from_scratch(audience)
        assert told() == found, steps

    holds()
    assert Participant.objects.exists() and DaySum.objects.exists()


def test_an_exposure_that_comes_late_takes_its_participant_from_the_later_day(
    lab: Lab, audience: Audience
) -> None:
    experiment = lab.design()
    lab.start(experiment)
    clock.replace(lambda: NOW + timedelta(days=4))
    visit = audience.look(experiment, "visitor-1")
    clock.replace(lambda: NOW + timedelta(days=4, minutes=1))
    again = audience.look(experiment, "visitor-1")
    audience.expose(visit, seen_at=(NOW + timedelta(days=3)).isoformat())
    audience.refresh()
    audience.expose(again, seen_at=(NOW + timedelta(days=1)).isoformat())
    audience.refresh()
    [row] = DaySum.objects.values_list("day", "n")
    assert row == ((NOW + timedelta(days=1)).date(), 1)


def test_a_goal_that_is_added_later_is_counted_of_everybody(lab: Lab, audience: Audience) -> None:
    experiment = lab.design()
    lab.start(experiment)
    audience.join(experiment, 5)
    audience.order("visitor-0", "visitor-3")
    audience.refresh()
    late = Metric.objects.create(site=lab.site, key="l", name="Late", event="Order Completed")
    Goal.objects.create(
        experiment=experiment, metric=late, role="goal", added_at=clock.now() + timedelta(hours=1)
    )
    clock.replace(lambda: NOW + timedelta(days=2))
    assert audience.refresh() == 1
    counted = DaySum.objects.filter(metric=late)
    assert sum(one.n for one in counted) == 5 and sum(one.y for one in counted) == 2
    assert audience.refresh() == 0
