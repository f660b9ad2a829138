"""The model pages as an analyst uses them."""

from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from apps.predictions import services
from apps.predictions.models import ModelSpec, ModelVersion
from apps.work.models import Intent
from tests.apps.predictions.shop import fill, make_spec
from tests.apps.recommendations.world import NOW, make_site

FIELDS = {
    "key": "order",
    "name": "Will order",
    "target_event": "Order Completed",
    "horizon_hours": 168,
    "window_days": 60,
    "active_days": 30,
    "moments": 6,
    "seed": 0,
    "is_enabled": "on",
    "feature_names": "[]",
    "hyperparameters": "{}",
}


@pytest.fixture
def analyst(client, db):
    client.force_login(User.objects.create_superuser("ana", "ana@shop.example", "x"))
    return client


def test_an_analyst_adds_a_model_and_asks_for_its_training(analyst):
    site = make_site()
    fields = FIELDS | {"site": site.pk}
    page = analyst.post(
        "/admin/predictions/modelspec/add/", fields | {"feature_names": '["wealth"]'}
    )
    assert "There is no feature &#x27;wealth&#x27;" in page.content.decode()
    page = analyst.post(
        "/admin/predictions/modelspec/add/", fields | {"hyperparameters": '{"trees": 0}'}
    )
    assert "between 1 and 5000" in page.content.decode()
    assert analyst.post("/admin/predictions/modelspec/add/", fields).status_code == 302
    spec = ModelSpec.objects.get(site=site)
    page = analyst.get("/admin/predictions/modelspec/").content.decode()
    assert "no version has beaten the plain rate yet" in page
    assert "&quot;Order Completed&quot; within 7 days" in page

    chosen = {"_selected_action": [spec.pk], "action": "train"}
    page = analyst.post("/admin/predictions/modelspec/", chosen, follow=True).content.decode()
    assert f"/admin/work/intent/{Intent.objects.get().pk}/change/" in page
    fields = {k: v for k, v in fields.items() if k != "is_enabled"}
    analyst.post(f"/admin/predictions/modelspec/{spec.pk}/change/", fields)
    assert Intent.objects.filter(kind="predictions.score").exists()


def test_a_card_says_in_words_and_shows_how_well_a_version_does(analyst):
    site = make_site()
    fill(site, telling=True)
    spec = make_spec(site)
    version = services.train_now(spec=spec, now=NOW).version
    page = analyst.get(f"/admin/predictions/modelversion/{version.pk}/change/").content.decode()
    assert "Of two visitors, one who did it and one who did not" in page
    assert "score.order" in page
    assert '<svg class="calibration-plot"' in page
    assert "style=" not in page.partition("<svg class=")[2].partition("</svg>")[0]
    page = analyst.get("/admin/predictions/modelspec/").content.decode()
    assert f"AUC {version.card['auc']:.3f}" in page
    for path in ("modelversion/", "trainingrun/", f"modelspec/{spec.pk}/change/"):
        assert analyst.get(f"/admin/predictions/{path}").status_code == 200, path
    other = services.train_now(spec=spec, now=NOW).version
    chosen = {"_selected_action": [other.pk], "action": "serve"}
    analyst.post("/admin/predictions/modelversion/", chosen)
    assert spec.versions.get(state=ModelVersion.State.CHAMPION) == other


def test_the_command_trains_scores_and_says_what_came_of_it(db):
    site = make_site()
    make_spec(site)
    said = StringIO()
    call_command("train_predictions", site=site.key, stdout=said)
    assert f"{site.key} order: refused. Too little to teach with" in said.getvalue()
    with pytest.raises(CommandError, match="No site 'nowhere'"):
        call_command("train_predictions", site="nowhere")
