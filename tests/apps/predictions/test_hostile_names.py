"""Whoever sends events chooses their names: on no page of models is one markup, or breaks it."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apps.predictions import artifacts, services
from apps.predictions.models import DriftLook, FairnessAudit, Group, ModelSpec
from apps.recommendations import services as recommendations
from apps.recommendations.models import Recommender
from tests.apps.predictions.kept import keep_version
from tests.apps.predictions.shop import make_spec
from tests.apps.recommendations.world import NOW, Seen, make_site, new_person, store

HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>'",
    "</svg></title><script>alert(2)</script>",
    "\u202eevil\u202d \u05e9\u05dc\u05d5\u05dd {{ 7|add:7 }} {% now %}",
    "n" * 300,
)
NEVER = ("<script>alert", "<img src=x", "onerror=alert(1)>", "</svg></title>")

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss"))
    return client


def page_of(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, (address, answer.headers.get("Location"))
    text = str(answer.content.decode())
    assert not [one for one in NEVER if one in text], address
    return text


def card_of(name: str) -> dict[str, Any]:
    feature = f"category:{name}"
    return {
        "auc": 0.8, "log_loss": 0.5, "base_log_loss": 0.6, "base_rate": 0.1,
        "importance": [[feature, 0.7], ["events", 0.3]], "gains": [[feature, 1.0]],
        "dropped": {f"count:{name}": f"the same for everybody {name}"},
        "leaks": [], "calibration_error": 0.01, "bins": [[0.1, 0.1, 100], [0.6, 0.5, 100]],
        "rows": 1000, "positives": 100, "average_precision": 0.4,
    }  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=["script", "quotes", "svg", "rtl", "long"])
def test_names_are_text_on_every_page_of_a_model(boss: Client, name: str) -> None:
    site = make_site()
    spec = make_spec(site)
    ModelSpec.objects.filter(pk=spec.pk).update(
        name=name[:100],
        target_event=name[:200],
        target={"category": name},
        audited_trait=name[:200],
    )
    spec.refresh_from_db()
    version = keep_version(
        spec, 1, gates=[["no_leak", False, f"{name} knows it."]], card=card_of(name)
    )
    version.lineage = {
        "question": {"target_event": name, "horizon_hours": 24, "active_days": 7},
        "words": [f'do "{name}"'],
        "moments": [
            {"part": part, "as_of": NOW.isoformat(), "rows": 9, "positives": 3}
            for part in ("teach", "judge")
        ],
    }
    version.signature = artifacts.sign(version)
    version.save()
    DriftLook.objects.create(
        version=version, looked_at=NOW, kind="feature", name=f"category:{name}"[:200], value=0.4,
        expected=0.1, level="drifted", words=f"{name} has moved.",
    )  # fmt: skip
    FairnessAudit.objects.create(
        version=version, audited_at=NOW, trait=name[:200], verdict="unknown", words=name,
        groups=[{"output": "", "group": name, "people": 40, "selected": [0.1, 0.0, 0.2]}],
        proxies=[{"name": f"category:{name}", "alone": True, "auc": 0.9, "cramers_v": 0.4}],
    )  # fmt: skip
    said = page_of(boss, f"/admin/predictions/modelspec/{spec.pk}/change/")
    assert "knows it." in said
    page_of(boss, f"/admin/predictions/modelversion/{version.pk}/change/")
    page_of(boss, f"/admin/predictions/modelversion/{version.pk}/drift/")
    page_of(boss, f"/admin/predictions/modelversion/{version.pk}/fairness/")
    page_of(boss, "/admin/predictions/modelspec/")
    page_of(boss, "/admin/predictions/modelversion/")
    services.approve(
        version=version, actor=User.objects.get(), note=f"It is what we want. {name}", now=NOW
    )
    page_of(boss, f"/admin/predictions/modelspec/{spec.pk}/change/")
    page_of(boss, "/admin/")


@pytest.mark.parametrize("name", HOSTILE, ids=["script", "quotes", "svg", "rtl", "long"])
def test_names_are_text_on_the_pages_of_groups_and_lists(boss: Client, name: str) -> None:
    site = make_site()
    spec = services.create_spec(
        site_id=site.pk, key="who", name=name[:100], target_event="", now=NOW, kind="groups"
    )
    version = keep_version(spec, 1, gates=[["clear", True, name]], card={"words": [[name, name]]})
    Group.objects.create(
        version=version,
        key="group-1",
        name=name[:100],
        size=40,
        words=[{"words": name, "mean": 1.0, "others": 2.0, "by": 1.0}],
    )
    page_of(boss, f"/admin/learning/groups/?site={site.key}")
    page_of(boss, f"/admin/learning/value/?site={site.key}")
    one = Recommender.objects.create(site=site, key="r", name=name[:100])
    person, start = new_person(), NOW - timedelta(days=1)
    store(
        site,
        [
            Seen(person, start, name, category=name),
            Seen(person, start + timedelta(minutes=1), "B", category=name),
        ],
    )
    recommendations.train_now(recommenders=[one], now=NOW)
    page_of(boss, f"/admin/recommendations/recommender/{one.pk}/change/")
    page_of(boss, "/admin/recommendations/recommender/")
