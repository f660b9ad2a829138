"""The page that says whether personalization pays: every state of it answers, and says why."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from apps.experiments import choice_worth, worth
from apps.experiments.models import ChoiceWorth, Holdout, WorthAsked
from tests.apps.delivery.conftest import NOW
from tests.apps.experiments.conftest import Lab

pytestmark = pytest.mark.django_db
PAGE = "/admin/experiments/worth/"


@pytest.fixture
def staff(lab: Lab) -> Client:
    user = get_user_model().objects.create_superuser("ana", "ana@example.org", "x")
    client = Client()
    client.force_login(user)
    return client


def test_empty_states_say_how_to_get_there(staff: Client) -> None:
    body = staff.get(PAGE).content.decode()
    assert "Nobody is held out" in body
    assert "/admin/experiments/holdout/add/" in body
    assert "/admin/experiments/experiment/add/" in body


def test_a_holdout_that_is_not_published_and_an_experiment_without_segments(
    staff: Client, lab: Lab
) -> None:
    row = Holdout.objects.create(site=lab.site, key="all", name="All", share=0.05, seed="s")
    assert "has not been counted yet" in staff.get(PAGE).content.decode()
    worth.analyse(row, now=NOW)
    experiment = lab.design()
    lab.start(experiment)
    choice_worth.analyse(experiment.phases.get(), now=NOW)
    body = staff.get(PAGE).content.decode()
    assert worth.NOT_SERVED.replace("'", "&#x27;") in body
    assert choice_worth.NO_SEGMENTS in body
    assert ChoiceWorth.objects.get().document["n"] == 0


def test_what_it_costs_is_kept_and_refused_in_words(staff: Client, lab: Lab) -> None:
    answer = staff.post(PAGE, {"metric": str(lab.metric.pk), "cost": "1200,5"}, follow=True)
    assert answer.status_code == 200
    kept = WorthAsked.objects.get(pk=lab.site.pk)
    assert (kept.metric_id, kept.cost) == (lab.metric.pk, 1200.5)
    for wrong in ("much", "nan", "-1", "inf"):
        body = staff.post(PAGE, {"cost": wrong}, follow=True).content.decode()
        assert "The cost is a number" in body
    assert WorthAsked.objects.get(pk=lab.site.pk).cost == 1200.5


def test_who_may_not_look_or_change_is_refused(lab: Lab) -> None:
    user = get_user_model().objects.create_user("eve", password="x", is_staff=True)
    client = Client()
    client.force_login(user)
    assert client.get(PAGE).status_code in (302, 403)
    client.post(PAGE, {"cost": "1"})
    assert not WorthAsked.objects.exclude(cost=None).exists()


def test_the_page_costs_the_same_however_much_it_shows(
    staff: Client, lab: Lab, django_assert_max_num_queries: object
) -> None:
    for number in range(4):
        row = Holdout.objects.create(
            site=lab.site, key=f"h{number}", name=f"H{number}", share=0.05, seed=f"s{number}"
        )
        worth.analyse(row, now=NOW + timedelta(days=1))
    with django_assert_max_num_queries(25):  # type: ignore[operator]
        assert staff.get(PAGE).status_code == 200
