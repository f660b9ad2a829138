"""The model pages as an analyst uses them: a question in steps, a yes with a note, a card."""

from io import StringIO

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.db import connection

from apps.access.models import AuditEntry
from apps.access.roles import ensure_roles
from apps.predictions import services
from apps.predictions.models import ModelSpec, ModelVersion, TrainingRun
from apps.work import clock
from apps.work.models import Intent
from tests.apps.predictions.kept import keep_version
from tests.apps.predictions.shop import fill, make_spec
from tests.apps.recommendations.world import NOW, make_site

LIST = "/admin/predictions/modelspec/"
FIELDS = {
    "key": "order",
    "name": "Will order",
    "kind": "propensity",
    "target_event": "Order Completed",
    "horizon_hours": 168,
    "active_days": 30,
    "purpose": "model_training",
    "method": "trees",
    "search": "none",
    "trials": 30,
    "threshold": 0.75,
    "hysteresis": 0.05,
    "retrain": "nightly",
    "is_enabled": "on",
    "window_days": 60,
    "moments": 6,
    "embargo_hours": 0,
    "knows_by": "auto",
    "seed": 0,
}


def _someone(role: str) -> User:
    ensure_roles()
    user = User.objects.create_user(role, f"{role}@shop.example", "x", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return User.objects.get(pk=user.pk)


@pytest.fixture
def analyst(client, db):
    client.force_login(_someone("analyst"))
    return client


def _page(client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return str(answer.content.decode())


def test_an_analyst_asks_a_question_without_typing_a_document_and_has_it_trained(analyst):
    site = make_site()
    form = _page(analyst, f"{LIST}add/")
    assert "1. What to foresee" in form and "json" not in form.lower().split("<form", 2)[-1]
    assert 'value="recency_h"' in form and "Hours since the last event" in form
    fields = FIELDS | {"site": site.pk}
    page = analyst.post(f"{LIST}add/", fields | {"more_features": "wealth"})
    assert "There is no feature &#x27;wealth&#x27;" in page.content.decode()
    page = analyst.post(f"{LIST}add/", fields | {"knob_trees": "0"})
    assert "between 1 and 5000" in page.content.decode()
    page = analyst.post(f"{LIST}add/", fields | {"target_event": ""})
    assert "Which event is to be foreseen?" in page.content.decode()

    chosen = {"features": ["recency_h", "events"], "more_features": "category:shoes",
              "knob_trees": "40", "category": "shoes"}  # fmt: skip
    answer = analyst.post(f"{LIST}add/", fields | chosen)
    spec = ModelSpec.objects.get(site=site)
    assert answer.headers["Location"] == f"{LIST}{spec.pk}/change/"
    assert spec.feature_names == ["recency_h", "events", "category:shoes"]
    assert (spec.hyperparameters, spec.target) == ({"trees": 40}, {"category": "shoes"})

    page = _page(analyst, f"{LIST}{spec.pk}/change/")
    assert "Not trained yet" in page
    answer = analyst.post(f"{LIST}{spec.pk}/decide/", {"step": "train"}, follow=True)
    assert "Training waits for the trainer" in answer.content.decode()
    intent = Intent.objects.get(kind="predictions.train")
    assert (intent.queue, intent.payload["cause"]) == ("train", "hand")
    Intent.objects.update(state="running", done_steps=40, total_steps=100, note="Growing trees")
    page = _page(analyst, f"{LIST}{spec.pk}/change/")
    assert '<progress max="100" value="40">' in page and "Growing trees" in page


def test_what_a_form_says_is_what_it_shows_again(analyst):
    site = make_site()
    spec = make_spec(site, feature_names=["events", "gram:Search>Purchase"], horizon_hours=100)
    page = _page(analyst, f"{LIST}{spec.pk}/change/")
    assert '<option value="100" selected>100 hours</option>' in page
    assert "gram:Search&gt;Purchase" in page
    fields = {k: v for k, v in FIELDS.items() if k not in {"key", "kind", "is_enabled"}}
    fields |= {"features": ["events"], "more_features": "gram:Search>Purchase",
               "knob_trees": "40", "knob_leaves": "4", "knob_learning_rate": "0.1",
               "horizon_hours": "100"}  # fmt: skip
    answer = analyst.post(f"{LIST}{spec.pk}/change/", fields)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    again = ModelSpec.objects.get()
    assert (again.feature_names, again.hyperparameters) == (
        spec.feature_names, spec.hyperparameters,
    )  # fmt: skip
    assert (again.horizon_hours, again.kind, again.is_enabled) == (100, "propensity", False)
    assert Intent.objects.filter(kind="predictions.score").exists()


def test_what_is_changed_on_a_model_s_page_is_kept(analyst):
    spec = make_spec(make_site(), feature_names=["events"], target={"where": {"size": "L"}})
    fields = {k: v for k, v in FIELDS.items() if k not in {"key", "kind"}}
    fields |= {"features": ["recency_h"], "more_features": "category:shoes", "category": "shoes",
               "knob_trees": "77", "vouched": "recency_h", "audited_trait": "plan",
               "mitigation": "drop"}  # fmt: skip
    answer = analyst.post(f"{LIST}{spec.pk}/change/", fields)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    again = ModelSpec.objects.get()
    assert again.feature_names == ["recency_h", "category:shoes"]
    assert again.hyperparameters == {"trees": 77}
    assert again.target == {"where": {"size": "L"}, "category": "shoes"}
    assert again.settings == {"mitigation": "drop", "vouched": ["recency_h"]}


@pytest.mark.parametrize("kind", ["groups", "lifetime", "rfm", "intent"])
def test_a_kind_is_asked_only_what_it_reads_and_keeps_the_rest(analyst, kind):
    spec = make_spec(make_site(), kind=kind, settings={"ks": [2, 4]})
    page = _page(analyst, f"{LIST}{spec.pk}/change/")
    assert 'name="threshold"' not in page and 'name="knob_trees"' not in page
    assert ('name="target_event"' in page) is (kind in {"lifetime", "rfm"})
    assert ('name="features"' in page) is (kind == "groups")
    fields = {"name": "Other", "active_days": 90, "purpose": "model_training", "is_enabled": "on",
              "retrain": "weekly", "window_days": 90, "seed": 0,
              "target_event": "Bought"}  # fmt: skip
    answer = analyst.post(f"{LIST}{spec.pk}/change/", fields)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    again = ModelSpec.objects.get()
    assert (again.name, again.window_days, again.settings) == ("Other", 90, {"ks": [2, 4]})
    assert (again.hyperparameters, again.threshold) == (spec.hyperparameters, 0.75)


def test_categories_are_asked_for_one_a_line(analyst):
    site = make_site()
    fields = FIELDS | {"site": site.pk, "kind": "categories"}
    page = analyst.post(f"{LIST}add/", fields)
    assert page.status_code == 200
    analyst.post(f"{LIST}add/", fields | {"categories": "shoes\n hats \n"})
    assert ModelSpec.objects.get().target == {"categories": ["shoes", "hats"]}


def test_a_version_serves_only_after_a_yes_and_a_red_gate_is_the_administrators(analyst, client):
    spec = make_spec(make_site())
    green = keep_version(spec, 1)
    page = _page(analyst, f"{LIST}{spec.pk}/change/")
    assert "Version 1 waits for a yes" in page and "Let it serve" in page
    decide = f"{LIST}{spec.pk}/decide/"
    analyst.post(decide, {"step": "approve", "version": green.pk, "note": "looks right"})
    assert services.champion_of(spec.pk) == green
    page = _page(analyst, f"{LIST}{spec.pk}/change/")
    assert "Version 1 serves" in page and "“looks right”" in page

    red = keep_version(spec, 2, gates=[["calibrated", False, "It is off by 9 points."]])
    page = _page(analyst, f"{LIST}{spec.pk}/change/")
    print(page.partition('<div id="live"')[2][:3500])
    assert "Only an administrator may overrule that" in page
    answer = analyst.post(decide, {"step": "approve", "version": red.pk, "note": "x" * 30},
                          follow=True)  # fmt: skip
    assert "It is off by 9 points." in answer.content.decode()
    assert services.champion_of(spec.pk) == green

    client.force_login(_someone("administrator"))
    client.post(decide, {"step": "approve", "version": red.pk, "note": "short"})
    assert services.champion_of(spec.pk) == green
    client.post(
        decide, {"step": "approve", "version": red.pk, "note": "We know, until Friday only"}
    )
    assert services.champion_of(spec.pk) == red
    client.post(decide, {"step": "roll_back", "note": "Friday"})
    assert services.champion_of(spec.pk) == green
    client.post(decide, {"step": "stop"})
    assert services.champion_of(spec.pk) is None
    entries = AuditEntry.objects.filter(action__startswith="predictions.").order_by("at")
    actions = [entry.action.removeprefix("predictions.") for entry in entries]
    assert actions == ["approved", "overruled", "rolled_back", "stopped"]


def test_who_may_only_look_sees_the_page_and_decides_nothing(client, db):
    spec = make_spec(make_site())
    version = keep_version(spec, 1)
    client.force_login(_someone("editor"))
    page = _page(client, f"{LIST}{spec.pk}/change/")
    assert "Version 1 waits for a yes" in page and "Let it serve" not in page
    answer = client.post(f"{LIST}{spec.pk}/decide/", {"step": "approve", "version": version.pk})
    assert answer.status_code == 403
    assert services.champion_of(spec.pk) is None


def test_a_card_says_in_words_and_shows_how_well_a_version_does(analyst):
    site = make_site()
    fill(site, telling=True)
    spec = make_spec(site)
    version = services.train_now(spec=spec, now=NOW).version
    page = _page(analyst, f"/admin/predictions/modelversion/{version.pk}/change/")
    assert "Of two visitors, one who did it and one who did not" in page
    assert "score.order" in page and version.data_sha256 in page
    assert "Better than telling everyone the same" in page
    for title in ("What it goes by", "Can be believed?", "ROC", "Would more data help?"):
        assert title in page, title
    assert "style=" not in page.partition('<div class="pictures">')[2].partition("</main>")[0]
    page = _page(analyst, f"{LIST}{spec.pk}/change/")
    assert f"AUC {version.card['auc']:.3f}" in page
    for path in ("modelversion/", "trainingrun/", "modelspec/"):
        _page(analyst, f"/admin/predictions/{path}")


def test_why_a_score_is_what_it_is_asks_who_may_look_and_why_and_says_what_pushes_it(client, db):
    site = make_site()
    fill(site, telling=True)
    spec = make_spec(site)
    ana = User.objects.create_superuser("ana", "ana@shop.example", "x")
    now = clock.now()
    with connection.cursor() as cursor:  # so that somebody is here lately
        cursor.execute("UPDATE events_event SET occurred_at = occurred_at + %s", [now - NOW])
    services.train_now(spec=spec, now=now, approve_as=ana, note="the first of this shop, looked at")
    assert services.champion_of(spec.pk) is not None, TrainingRun.objects.get().outcome
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT profile_id FROM events_event WHERE category = 'shoes'"
            " ORDER BY occurred_at DESC LIMIT 1"
        )
        (profile_id,) = cursor.fetchone()
    address = f"{LIST}{spec.pk}/why/"
    client.force_login(_someone("analyst"))
    assert client.get(address).status_code == 403
    client.force_login(_someone("privacy_officer"))
    assert "This is a real person" in _page(client, address)
    page = client.post(address, {"who": str(profile_id), "reason": "why"}).content.decode()
    assert "Say why you look" in page
    asked = {"who": str(profile_id), "reason": "Ticket 4711: asks why they see the offer"}
    page = client.post(address, asked).content.decode()
    assert "raises it" in page or "lowers it" in page
    look = AuditEntry.objects.get(action="profiles.viewed")
    assert (look.target_id, look.detail["page"]) == (str(profile_id), "model score")


def test_the_command_trains_one_model_and_lets_it_serve_where_somebody_says_yes(db):
    site = make_site()
    make_spec(site)
    said = StringIO()
    call_command("train_predictions", site=site.key, stdout=said)
    assert f"{site.key} order: refused. Too little to teach with" in said.getvalue()
    with pytest.raises(CommandError, match="No site 'nowhere'"):
        call_command("train_predictions", site="nowhere")
    with pytest.raises(CommandError, match="Nobody of the staff is called 'bob'"):
        call_command("train_predictions", "--as", "bob", "--yes", "Looked at it", site=site.key)
    assert not ModelVersion.objects.exists()


def test_a_kind_begins_with_what_does_well_for_it_unless_somebody_says_otherwise(analyst):
    site = make_site()
    analyst.get(f"{LIST}add/")
    fields = FIELDS | {"site": site.pk, "kind": "rfm"}
    analyst.post(f"{LIST}add/", fields)
    spec = ModelSpec.objects.get()
    assert (spec.window_days, spec.active_days) == (730, 730)
    analyst.post(f"{LIST}add/", fields | {"key": "year", "window_days": 365})
    assert ModelSpec.objects.get(key="year").window_days == 365


def test_a_card_that_says_little_is_shown_all_the_same(analyst):
    spec = make_spec(make_site())
    bare = ModelVersion.objects.create(
        spec=spec, number=1, trained_at=NOW, artifact_sha256="", feature_names=[], calibration={},
        lineage={}, card={},
    )  # fmt: skip
    assert "Nothing more is known of it." in _page(
        analyst, f"/admin/predictions/modelversion/{bare.pk}/change/"
    )
    version = keep_version(spec, 2, card={"words": [["What it knows", "Groups of visitors."]]})
    page = _page(analyst, f"/admin/predictions/modelversion/{version.pk}/change/")
    assert "Groups of visitors." in page
    _page(analyst, f"{LIST}{spec.pk}/change/")
