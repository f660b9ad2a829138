"""Who checks the numbers of experiments does not choose what is compared."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from tests.apps.experiments.conftest import Lab, _new_process, lab, world  # noqa: F401


@pytest.fixture
def analyst(transactional_db: None) -> Client:
    user = User.objects.create_user("ana", is_staff=True)
    user.groups.add(Group.objects.get(name="analyst"))
    client = Client()
    client.force_login(user)
    return client


def test_an_analyst_reads_experiments_and_designs_none(lab: Lab, analyst: Client) -> None:  # noqa: F811
    experiment = lab.design("hero")
    change = reverse("admin:experiments_experiment_change", args=[experiment.pk])
    page = analyst.get(change).content.decode()
    assert "The design" in page
    assert 'name="_save"' not in page and "The same again" not in page
    for name, kind in (("change", "experiment"), ("change", "metric")):
        row = experiment if kind == "experiment" else lab.metric
        address = reverse(f"admin:experiments_{kind}_{name}", args=[row.pk])
        assert analyst.get(address).status_code == 200
        assert analyst.post(address, {"name": "Mine"}).status_code == 403
    for kind in ("experiment", "metric", "layer", "holdout"):
        assert analyst.get(reverse(f"admin:experiments_{kind}_add")).status_code == 403
    copy = reverse("admin:experiments_experiment_copy", args=[experiment.pk])
    assert analyst.post(copy).status_code == 403
    assert analyst.post(reverse("admin:experiment_begin", args=[experiment.pk])).status_code == 403
    for page_name in ("experiments_worth", "experiment_archive", "experiments_what_if"):
        shown = analyst.get(reverse(f"admin:{page_name}"))
        assert shown.status_code == 200
        assert reverse("admin:experiments_experiment_add") not in shown.content.decode()
    worth = reverse("admin:experiments_worth")
    assert analyst.post(worth, {"cost": "12"}).status_code == 403


def test_an_analyst_takes_the_figures_of_what_runs_along(lab: Lab, analyst: Client) -> None:  # noqa: F811
    experiment = lab.design("hero")
    lab.start(experiment)
    results = reverse("admin:experiment_results", args=[experiment.pk])
    assert analyst.get(results).status_code == 200
    page = analyst.get(reverse("admin:experiments_experiment_change", args=[experiment.pk]))
    said = page.content.decode()
    assert "Pausing, concluding and shipping change what visitors see" in said
    assert 'value="stop_arm"' not in said
