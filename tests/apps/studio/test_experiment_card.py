"""The home page says which experiments run, need somebody, or can be concluded."""

import re

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.experiments import running
from apps.experiments.models import Phase, Result
from apps.studio.experiments.home_card import SHOWN, card
from apps.work import clock
from tests.apps.experiments.conftest import NOW, Lab, _new_process, lab, world  # noqa: F401


@pytest.fixture
def nina(transactional_db: None) -> Client:
    user = User.objects.create_user("nina", is_staff=True)
    user.groups.add(Group.objects.get(name="editor"))
    client = Client()
    client.force_login(user)
    return client


def told(lab: Lab, key: str, kind: str, words: str, people: int = 2_000) -> None:  # noqa: F811
    """Let an experiment run whose newest result says this."""
    experiment = lab.design(key)
    running.start(experiment_id=experiment.pk, actor=None, now=NOW)
    document = {"participants": people, "verdict": {"kind": kind, "arm": "", "words": words}}
    Result.objects.create(
        phase=Phase.objects.get(experiment=experiment), worked_out_at=NOW, document=document
    )


def words_of(client: Client) -> str:
    page = client.get("/admin/").content.decode()
    found = re.search(r'home-experiments">(.*?)</section>', page, re.DOTALL)
    assert found is not None
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[1]))


def test_what_needs_somebody_comes_first(lab: Lab, nina: Client) -> None:  # noqa: F811
    assert "No experiment runs." in words_of(nina)
    lab.design("draft")
    told(lab, "a-open", "open", "Go on.")
    told(lab, "b-won", "winner", "'Arm 1' is better.")
    told(lab, "c-odd", "unhealthy", "Its numbers cannot be believed.", people=7)
    waiting = lab.design("d-new")
    running.start(experiment_id=waiting.pk, actor=None, now=NOW)
    paused = lab.design("e-paused")
    running.start(experiment_id=paused.pk, actor=None, now=NOW)
    running.pause(experiment_id=paused.pk, actor=None, note="", now=clock.now())

    found = card(lab.site.pk)
    assert [(one.name, one.badge) for one in found.lines] == [
        ("c-odd", "Needs attention"),
        ("b-won", "To be concluded"),
        ("e-paused", "Paused"),
        ("a-open", "Running"),
        ("d-new", "Running"),
    ]
    assert (found.going, found.attention, found.concluding) == (5, 1, 1)
    assert found.lines[0].people == "<10"
    change = reverse("admin:experiments_experiment_change", args=[waiting.pk])
    assert (found.lines[4].link, found.lines[4].people) == (change, "")
    said = words_of(nina)
    assert "5 going on, 1 needs attention, 1 can be concluded." in said
    assert "2,000 took part" in said and "draft" not in said

    won = Phase.objects.get(experiment__key="b-won").experiment_id
    running.begin_phase(experiment_id=won, actor=None, note="Again.", now=clock.now())
    again = next(one for one in card(lab.site.pk).lines if one.name == "b-won")
    assert (again.badge, again.words) == ("Running", "Nothing has been worked out yet.")


def test_many_experiments_are_read_at_once(lab: Lab) -> None:  # noqa: F811
    told(lab, "first", "open", "Go on.")
    with CaptureQueriesContext(connection) as few:
        card(lab.site.pk)
    for number in range(SHOWN + 2):
        told(lab, f"e{number}", "open", "Go on.")
    with CaptureQueriesContext(connection) as many:
        found = card(lab.site.pk)
    assert len(few) == len(many) == 2
    assert (len(found.lines), found.going) == (SHOWN, SHOWN + 3)


def test_no_card_without_the_permission(lab: Lab) -> None:  # noqa: F811
    user = User.objects.create_user("olga", is_staff=True)
    user.groups.add(Group.objects.get(name="privacy_officer"))
    client = Client()
    client.force_login(user)
    assert "home-experiments" not in client.get("/admin/").content.decode()
