"""The demo's A/A test says of the history what the history says; its draft can be begun."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from django.db.models import Sum
from django.test import Client

from apps.decisions.selectors import publication_document
from apps.decisions.services import publish
from apps.demo import clicks, convert, editors, load, setup, trials
from apps.demo.clicks import Session
from apps.demo.exposing import exposures_of
from apps.demo.setup import Plan, Prepared
from apps.experiments import analysing, refreshing, running
from apps.experiments.domain.planning import Asked, plan
from apps.experiments.models import DaySum, Experiment, Participant, Phase
from apps.pipeline import fold
from apps.segments.refresh import refresh_site
from apps.work import clock
from engine.allocation import position_of
from engine.snapshot import ExperimentDoc
from tests.apps.delivery.conftest import _new_process  # noqa: F401

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
VISITS = 160

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def history() -> list[Session]:
    """The first visits of the real data."""
    return clicks.read_sessions([clicks.SHIPPED])[:VISITS]


@pytest.fixture
def shift(history: Sequence[Session]) -> timedelta:
    return NOW - timedelta(minutes=1) - convert.last_moment(history)


@pytest.fixture
def prepared(history: Sequence[Session], shift: timedelta) -> Iterator[Prepared]:
    """The demo's site as it is before the history is exposed."""
    clock.replace(lambda: NOW)
    made = setup.set_up(Plan("demo", "demo", "d" * 64, date(2008, 6, 1), 1, 1.0, 9), now=NOW)
    refresh_site(site_id=made.run.site_id)  # its segments are live, as after a load
    oldest = convert.moments(history[0])[0] + shift
    assert editors.furnish(made.run, oldest=oldest, now=NOW)
    yield made
    clock.replace(None)


def served(site_id: UUID) -> ExperimentDoc:
    document = publication_document(site_id)
    assert document is not None
    (found,) = document.experiments
    return found


def send(prepared: Prepared, events: Sequence[convert.Event]) -> None:
    """Through the API, as the load does, until they are folded."""
    response = Client().post(
        "/v1/batch",
        json.dumps({"batch": list(events)}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {prepared.sender_key}"},
    )
    assert response.status_code == 200 and not response.json()["rejected"], response.content
    while fold.fold_once(now=clock.now()) is not fold.NOTHING:
        pass


def lived(prepared: Prepared, history: Sequence[Session], shift: timedelta) -> None:
    """The history, and then its exposures."""
    exposures = exposures_of(served(prepared.run.site_id))
    for events_of in (convert.history_of, exposures):
        for begin in range(0, len(history), 40):
            chosen = history[begin : begin + 40]
            send(prepared, [event for one in chosen for event in events_of(one, shift)])


def test_the_results_are_what_the_clicks_say(
    prepared: Prepared, history: Sequence[Session], shift: timedelta
) -> None:
    lived(prepared, history, shift)
    refreshing.refresh(site_id=prepared.run.site_id, now=NOW)
    phase = Phase.objects.get()

    # The arm is that of the engine, and the first exposure stands at the first click.
    arms = {
        convert.visitor_of(one): int(position_of(convert.visitor_of(one), seed=phase.seed) >= 0.5)
        for one in history
    }
    taken = Participant.objects.values_list("profile__identities__value", "arm", "first_at")
    assert {who: arm for who, arm, _ in taken} == arms
    firsts = {convert.visitor_of(one): convert.moments(one)[0] + shift for one in history}
    for who, _, at in taken:
        assert timedelta() < at - firsts[who] <= timedelta(milliseconds=2)

    def counted(metric: str, arm: int) -> dict[str, float]:
        rows = DaySum.objects.filter(metric__key=metric, arm=arm)
        return dict(rows.aggregate(n=Sum("n"), y=Sum("y"), x=Sum("x"), d=Sum("d")))

    for arm in (0, 1):
        visits = [one.clicks for one in history if arms[convert.visitor_of(one)] == arm]
        further = [len(one) - 1 for one in visits]
        another = counted("another-product", arm)
        assert another["n"] == len(visits)
        assert another["y"] == sum(one > 0 for one in further)
        assert another["x"] == len(visits)  # the first click was before
        assert counted("further-products", arm)["y"] == sum(min(one, 50) for one in further)
        price = counted("average-price", arm)
        assert price["y"] == pytest.approx(sum(c.price for one in visits for c in one[1:]))
        assert price["d"] == sum(further)

    found = analysing.analyse(phase, now=NOW)
    levels = {one["name"]: one["level"] for one in found["health"]}
    assert "bad" not in levels.values()
    assert [name for name, level in levels.items() if level == "watch"] == ["same"]
    assert found["participants"] == VISITS
    assert found["verdict"]["kind"] not in ("winner", "unhealthy", "worse", "harm")
    goal = next(one for one in found["metrics"] if one["role"] == "goal")
    assert goal["effects"][0]["interval"][0] < goal["effects"][0]["interval"][1]


def test_exposing_it_again_changes_nothing(
    prepared: Prepared, history: Sequence[Session], shift: timedelta
) -> None:
    few = history[:20]
    lived(prepared, few, shift)
    lived(prepared, few, shift)
    refreshing.refresh(site_id=prepared.run.site_id, now=NOW)
    assert Participant.objects.count() == 20
    assert not Participant.objects.filter(is_mixed=True).exists()


def test_parcels_hold_one_exposure_a_visit_and_none_of_who_is_not_dealt_an_arm(
    prepared: Prepared, history: Sequence[Session], shift: timedelta
) -> None:
    document = served(prepared.run.site_id)
    (parcel,) = load.parcels_of(history, shift, exposures_of(document))
    assert parcel.events == VISITS
    assert parcel.visitor == convert.visitor_of(history[-1])

    half = msgspec.structs.replace(document, coverage=0.5)
    (parcel,) = load.parcels_of(history, shift, exposures_of(half))
    assert 0.3 * VISITS < parcel.events < 0.7 * VISITS
    nobody = msgspec.structs.replace(document, coverage=0.0)
    assert list(load.parcels_of(history, shift, exposures_of(nobody))) == []


def test_the_test_begins_before_the_history_and_is_marked_as_what_it_is(
    prepared: Prepared, history: Sequence[Session], shift: timedelta
) -> None:
    experiment = Experiment.objects.get(key=trials.HISTORY)
    assert experiment.state == "running"
    phase = experiment.phases.get()
    assert phase.started_at < convert.moments(history[0])[0] + shift
    assert experiment.hypothesis.startswith("Demo data") and "A/A" in experiment.name
    assert experiment.changes.get().note.startswith("Demo data")
    assert len({arm["variant_key"] for arm in phase.arms}) == 1
    assert not experiment.is_unplanned


@pytest.mark.parametrize("key", [trials.HISTORY, trials.DRAFT])
def test_sizes_are_those_that_the_page_of_power_works_out(prepared: Prepared, key: str) -> None:
    design = Experiment.objects.get(key=key)
    found = plan(
        Asked(
            mean=design.baseline, sd=None, is_rate=True, mde=design.mde_relative,
            alpha=design.alpha, power=design.power, arms=2, comparisons=1,
            looking=design.looking, looks=design.looks, weekly=0.0,
        )
    )  # fmt: skip
    assert design.per_arm == found.per_arm


def hero_of(prepared: Prepared, who: str) -> dict[str, Any]:
    response = Client().post(
        "/v1/decide",
        json.dumps({"anonymousId": who, "placements": [setup.HERO, trials.FLAG]}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {prepared.sender_key}"},
    )
    assert response.status_code == 200, response.content
    found: dict[str, Any] = response.json()["placements"]
    return found


def test_the_draft_begins_as_it_is_and_splits_only_who_has_looked_at_nothing(
    prepared: Prepared,
) -> None:
    design = Experiment.objects.get(key=trials.DRAFT)
    assert design.state == "draft" and not design.phases.exists()
    assert hero_of(prepared, "new-0")[setup.HERO]["variant"] == "welcome"

    running.start(experiment_id=design.pk, actor=None, now=NOW)
    publish(site_id=prepared.run.site_id, actor=None, now=NOW)
    dealt = [hero_of(prepared, f"new-{n}")[setup.HERO] for n in range(40)]
    assert {one["variant"] for one in dealt} == {"welcome", "sale"}
    assert {one["reason"] for one in dealt} == {"SPLIT"}

    looked = clicks.Session("9", [clicks.read_sessions([clicks.SHIPPED])[0].clicks[0]])
    event = convert.event_of(looked, looked.clicks[0]) | {"anonymousId": "looked"}
    event["properties"]["category"] = "blouses"
    send(prepared, [event])
    told = hero_of(prepared, "looked")[setup.HERO]
    assert (told["variant"], told["reason"]) == ("blouses", "TARGETING_MATCH")


def test_the_flag_is_on_for_who_looks_at_the_sale(prepared: Prepared) -> None:
    assert hero_of(prepared, "new")[trials.FLAG]["value"] is False
    looked = clicks.Session("9", [clicks.read_sessions([clicks.SHIPPED])[0].clicks[0]])
    event = convert.event_of(looked, looked.clicks[0]) | {"anonymousId": "bargain"}
    event["properties"]["category"] = "sale"
    send(prepared, [event])
    assert hero_of(prepared, "bargain")[trials.FLAG]["value"] is True
