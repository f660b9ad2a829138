"""Pages of experiments say what somebody needs there, and nothing as it is kept."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from apps.experiments import running
from apps.experiments.admin.words import metric_words
from apps.experiments.models import Experiment, Metric
from apps.experiments.stopping import AGAIN
from apps.studio.domain.worth_words import person_views
from tests.apps.experiments.conftest import NOW, Lab, _new_process, lab, world  # noqa: F401


@pytest.fixture
def nina(transactional_db: None) -> Client:
    user = User.objects.create_user("nina", is_staff=True)
    user.groups.add(Group.objects.get(name="editor"))
    client = Client()
    client.force_login(user)
    return client


def page_of(client: Client, name: str, experiment: Experiment) -> str:
    return client.get(reverse(f"admin:{name}", args=[experiment.pk])).content.decode()


def test_beside_letting_go_on_stands_what_would_stop_it_again(lab: Lab, nina: Client) -> None:  # noqa: F811
    experiment = lab.design("hero", shares=(0.4, 0.3, 0.3))
    lab.start(experiment)
    change = "experiments_experiment_change"

    def stop(arm: str, cause: str) -> None:
        running.stop_arm(
            experiment_id=experiment.pk, arm=arm, actor=None, note="x", cause=cause, now=NOW
        )

    stop("arm1", "hand")
    assert "Let it go on" in page_of(nina, change, experiment)
    assert AGAIN not in page_of(nina, change, experiment)
    stop("arm2", "harm")
    page = page_of(nina, change, experiment)
    assert AGAIN in page
    assert 'aria-describedby="again"' in page


def test_the_start_shows_each_arm_as_it_would_look(lab: Lab, nina: Client) -> None:  # noqa: F811
    experiment = lab.design("hero")
    page = page_of(nina, "experiment_begin", experiment)
    frames = [
        f"/admin/preview/frame/?site={lab.site.key}&amp;block=hero&amp;variant={key}&amp;by=drafts"
        for key in ("v0", "v1")
    ]
    assert all(one in page for one in frames)
    for number, one in enumerate(frames):
        picture = nina.get(one.replace("&amp;", "&"))
        assert picture.status_code == 200
        assert f"<p>{number}</p>" in picture.content.decode()


def test_factors_of_what_has_begun_are_words(lab: Lab, nina: Client) -> None:  # noqa: F811
    plain = lab.design("plain")
    lab.start(plain)
    said = page_of(nina, "experiments_experiment_change", plain)
    assert "Factors" not in said and "&quot;levels&quot;" not in said
    factors = [
        {"key": "words", "levels": ["short", "long"]},
        {"key": "colour", "levels": ["red", "blue"]},
    ]
    Experiment.objects.filter(pk=plain.pk).update(kind="factorial", factors=factors)
    said = page_of(nina, "experiments_experiment_change", plain)
    assert "words: short, long" in said and "colour: red, blue" in said
    assert "&quot;levels&quot;" not in said and "'levels'" not in said


def test_why_people_are_not_ranked_is_said() -> None:
    person = {
        "arm": "red", "curve": [], "verdict": "open", "interval": None, "reason": "Too few.",
        "qini": None, "top": [],
    }  # fmt: skip
    document = {"direction": "down", "kind": "mean", "people": [person]}
    assert person_views(document)[0].unranked == ""  # of before there were reasons
    person["unranked"] = "Only shares are ranked."
    assert person_views(document)[0].unranked == "Only shares are ranked."
    person["qini"] = 0.2
    assert person_views(document)[0].unranked == ""


def test_names_of_events_stay_as_they_are_in_sentences() -> None:
    ratio = Metric(
        kind="ratio", of="property", property="price", event="Product Viewed", per_of="count",
        per_event="Product Viewed", window_hours=24,
    )  # fmt: skip
    assert metric_words(ratio).startswith("“price” of “Product Viewed” divided by the number of")
