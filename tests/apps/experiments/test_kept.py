"""What an experiment keeps of who is gone, and of what retention has taken away."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import Sum
from django.urls import reverse

from apps.access.models import Site
from apps.decisions import records
from apps.events import retention
from apps.experiments import running, tasks, what_ifs, worth_counting, worth_members
from apps.experiments.models import (
    BanditSum,
    DaySum,
    Experiment,
    Goal,
    Holdout,
    HoldoutSum,
    Metric,
    Participant,
    Phase,
    Result,
)
from apps.experiments.personal_data import HOLDER
from apps.experiments.refreshing import silent
from apps.privacy import erasing
from apps.profiles import selectors
from apps.profiles.models import Identity
from apps.work import clock, performing
from apps.work import services as work
from tests.apps.delivery.conftest import NOW
from tests.apps.experiments.conftest import Audience, Lab
from tests.apps.experiments.test_stopping import carry_out
from tests.apps.profiles.conftest import identify
from tests.apps.profiles.test_admin import as_role
from tests.journeys.canaries import Canary, lines_of_tables, of_person

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def usual_clock(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.LEDGER_DIR = tmp_path / "ledger"
    yield
    clock.replace(None)


class Somebody(Canary):
    """One person, known by a device and a login that both hold their mark."""

    @property
    def profile_ids(self) -> set[UUID]:
        profile_id = Identity.objects.get(kind="user_id", value=self.user).profile_id
        return set(selectors.ids_of_person(profile_id))


def took_part(audience: Audience, experiment: Experiment, people: int = 30) -> list[Somebody]:
    """Known people who were shown it and ordered half an hour later."""
    everybody = [Somebody(f"mark-{n:02d}-{(n + 7) * 7919:06x}") for n in range(people)]
    audience.shop.send(*(identify(one.user, anonymousId=one.device) for one in everybody))
    audience.expose(*(audience.look(experiment, one.device) for one in everybody))
    records.flush()
    audience.order(*(one.device for one in everybody))
    return everybody


def work_out(lab: Lab, at: Any) -> None:
    """A pass of the worker at a moment."""
    clock.replace(lambda: at)
    asked = work.ask(tasks.REFRESH, key="site", site_id=lab.site.pk, now=at)
    assert performing.perform(asked.pk, now=at)


def erase(lab: Lab, one: Somebody) -> None:
    erasing.run(erasing.begin(site_id=lab.site.pk, names=[("user_id", one.user)], now=clock.now()))


def counted(model: Any, phase: Phase, total: str = "y") -> tuple[int, float]:
    """People, and the sum of what they did, over all arms and days of a phase."""
    found = model.objects.filter(phase=phase).aggregate(n=Sum("n"), y=Sum(total))
    return found["n"], found["y"]


def named_in(one: Somebody, profile_ids: set[UUID]) -> set[str]:
    """The tables in which somebody is named, but for the books of the erasure itself."""
    own = ("decisions_forgotten", "access_auditentry", "work_", "privacy_")
    return {
        table
        for table, lines in lines_of_tables().items()
        if not table.startswith(own) and any(of_person(line, one, profile_ids) for line in lines)
    }


def test_who_is_erased_in_the_middle_of_a_bandit_is_in_no_row_and_in_no_sum(
    lab: Lab, audience: Audience
) -> None:
    experiment = lab.design(kind=Experiment.Kind.BANDIT, bandit_burn_in=5)
    lab.start(experiment)
    phase = Phase.objects.get()
    people = took_part(audience, experiment)
    work_out(lab, NOW + DAY)
    asked = what_ifs.ask(
        site_id=lab.site.pk, placement="words.place", metric_id=lab.metric.pk, days=28,
        policy={"what": "always", "variant": "v1"}, everybody=True, actor=None, now=NOW + 9 * DAY,
    )  # fmt: skip
    assert asked.intent_id is not None
    assert performing.perform(asked.intent_id, now=NOW + 9 * DAY)
    assert counted(DaySum, phase) == (30, 30.0)
    before = counted(BanditSum, phase, "wy")
    assert before == (30, pytest.approx(60.0))
    gone = people[11]
    known = gone.profile_ids
    assert {"experiments_participant", "decisions_decisionrecord"} <= named_in(gone, known)

    erase(lab, gone)
    assert named_in(gone, known) == set()
    work_out(lab, NOW + DAY + timedelta(hours=1))

    assert named_in(gone, known) == set()
    assert counted(DaySum, phase) == (29, 29.0)
    assert counted(BanditSum, phase, "wy") == (29, pytest.approx(58.0))
    document = Result.objects.get().document
    assert document["participants"] == 29 and document["bandit"]["shares"]
    page = as_role("analyst").get(reverse("admin:experiment_results", args=[experiment.pk]))
    assert page.status_code == 200 and gone.mark not in page.content.decode()


def test_what_ended_long_ago_keeps_its_figures_when_its_people_and_their_events_go(
    lab: Lab, audience: Audience
) -> None:
    experiment = lab.design()
    lab.start(experiment)
    phase = Phase.objects.get()
    people = took_part(audience, experiment)
    work_out(lab, NOW + DAY)
    clock.replace(lambda: NOW + 2 * DAY)
    running.conclude(
        experiment_id=experiment.pk, winner="arm1", learnings="Red sells", actor=None,
        now=clock.now(),
    )  # fmt: skip
    # Lately: whoever goes is taken out of the sums.
    erase(lab, people[0])
    work_out(lab, NOW + 3 * DAY)
    assert counted(DaySum, phase) == (29, 29.0)
    before = Result.objects.get().document
    assert before["participants"] == 29

    # A year later their events are gone, and so are some of the people.
    later = NOW + 400 * DAY
    clock.replace(lambda: later)
    assert retention.delete_before(lab.site.pk, NOW + 5 * DAY) > 30
    gone = people[1]
    known = gone.profile_ids
    erase(lab, gone)
    assert named_in(gone, known) == set()
    work_out(lab, later + timedelta(hours=1))
    analyst = as_role("analyst")
    results = reverse("admin:experiment_results", args=[experiment.pk])
    assert analyst.post(results).status_code == 302  # "Work it out now"
    assert carry_out(tasks.REFRESH) == 1

    assert Participant.objects.count() == 28
    assert counted(DaySum, phase) == (29, 29.0)  # nobody is in them, and nobody did nothing
    assert Result.objects.get().document == before
    assert "Red sells" in analyst.get(reverse("admin:experiment_archive")).content.decode()
    page = analyst.get(results)
    assert page.status_code == 200 and gone.mark not in page.content.decode()


@pytest.mark.parametrize("is_looked_at_anew", [False, True])
def test_single_values_of_who_is_erased_stay_in_no_sample(
    lab: Lab, audience: Audience, is_looked_at_anew: bool
) -> None:
    experiment = lab.design()
    metric = Metric.objects.create(
        site=lab.site, key="half", name="Half", event="Order Completed", kind="quantile",
        of="value", quantile=0.5, currency="EUR",
    )  # fmt: skip
    Goal.objects.create(experiment=experiment, metric=metric, role="watched", added_at=NOW)
    lab.start(experiment)
    [one, *_] = took_part(audience, experiment, 6)
    audience.order(one.device, value=77.25, currency="EUR")
    work_out(lab, NOW + DAY)

    def samples() -> str:
        return str(list(DaySum.objects.values_list("sample", flat=True)))

    assert "77.25" in samples()
    clock.replace(lambda: NOW + 2 * DAY)
    running.conclude(
        experiment_id=experiment.pk, winner="", learnings="", actor=None, now=clock.now()
    )
    clock.replace(lambda: NOW + 90 * DAY)
    if is_looked_at_anew:  # as a merge does: of the events, retention has left nothing
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM events_event")
        [profile_id] = one.profile_ids
        HOLDER.reassign(profile_id, profile_id)
    erase(lab, one)
    assert "77.25" not in samples()
    assert DaySum.objects.filter(metric=metric).aggregate(n=Sum("n"))["n"] == 6


def test_days_whose_events_retention_has_taken_keep_their_figures_while_it_runs(
    lab: Lab, audience: Audience
) -> None:
    """Of what runs longer than events are kept, days are not counted again from what is left."""
    Site.objects.filter(pk=lab.site.pk).update(retention_days=30)
    experiment = lab.design(kind=Experiment.Kind.BANDIT)
    home = lab.place("home")
    Holdout.objects.create(
        site=lab.site, key="all", name="All", share=0.3, seed="seed-1", started_at=NOW,
        placements=[home.key],
    )  # fmt: skip
    lab.start(experiment)
    phase = Phase.objects.get()
    people = took_part(audience, experiment)
    clock.replace(lambda: NOW)
    for one in people:
        lab.world.ask(home.key, key=lab.world.sk, anonymousId=one.device)
    records.flush()

    def figures(at: Any) -> list[tuple[int, float]]:
        work_out(lab, at)
        worth_members.collect(lab.site.pk, now=at)
        worth_counting.count(lab.site.pk, now=at, progress=silent)
        sums = HoldoutSum.objects.aggregate(n=Sum("n"), y=Sum("y"))
        held = (sums["n"], sums["y"])
        return [counted(DaySum, phase), counted(BanditSum, phase, "w"), held]

    before = figures(NOW + DAY)
    assert before == [(30, 30.0), (30, pytest.approx(60.0)), (30, 30.0)]
    later = NOW + 40 * DAY
    assert retention.delete_before(lab.site.pk, later - 30 * DAY) > 30
    audience.order(people[3].device, at=later.isoformat(), told_days=40)
    erase(lab, people[4])
    assert figures(later + timedelta(hours=1)) == before
