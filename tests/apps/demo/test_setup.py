"""The demo's site is one that an editor could have made, and a name leads to its newest load."""

import io
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.access.models import Site, Source
from apps.content.models import Variant
from apps.decisions.selectors import publication_document
from apps.demo import run, setup
from apps.demo.errors import DemoTrouble
from apps.demo.models import DemoRun
from apps.demo.selectors import latest_run, shop_key
from apps.demo.setup import Plan, set_up
from apps.recommendations.models import Recommender
from tests.apps.demo.samples import write_clicks

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def plan(**changes: Any) -> Plan:
    fields: dict[str, Any] = {
        "name": "demo",
        "site_key": "demo",
        "clicks_digest": "d" * 64,
        "learn_until": date(2008, 6, 1),
        "sessions": 300,
        "shift_s": 1.0,
        "history_days": 61,
    }
    return Plan(**{**fields, **changes})


def finished(prepared: setup.Prepared, **report: Any) -> DemoRun:
    prepared.run.finished_at = NOW
    prepared.run.report = report
    prepared.run.save(update_fields=["finished_at", "report"])
    return prepared.run


def test_every_category_has_a_variant_tagged_with_its_segment(db: None) -> None:
    site_id = set_up(plan(), now=NOW).run.site_id

    hero = Variant.objects.filter(block__site_id=site_id, block__key="hero")
    tags = {v.key: list(v.segments.values_list("key", flat=True)) for v in hero}
    assert tags == {
        "trousers": ["browsing-trousers-now"],
        "skirts": ["browsing-skirts-now"],
        "blouses": ["browsing-blouses-now"],
        "sale": ["browsing-sale-now"],
        "welcome": [],
    }
    assert hero.get(is_default=True).key == "welcome"
    document = publication_document(site_id)
    assert document is not None
    assert {placement.key for placement in document.placements} == {"home.hero", "home.recs"}


def test_the_shop_asks_for_consent_and_the_clicks_bring_it(db: None) -> None:
    prepared = set_up(plan(), now=NOW)

    modes = dict(Source.objects.filter(site=prepared.run.site).values_list("name", "consent_mode"))
    assert modes == {"Shop": "required", "Clicks of 2008": "assumed"}
    assert prepared.run.site.regime == "us_opt_out"
    assert prepared.sender_key.startswith("sk_")


def test_a_long_history_is_kept_and_learned_from(db: None) -> None:
    site = set_up(plan(history_days=500), now=NOW).run.site

    assert site.retention_days > 500
    assert Recommender.objects.get(site=site).window_days > 500


def test_the_site_of_seed_demo_is_taken_over(db: None) -> None:
    call_command("seed_demo", stdout=io.StringIO())

    prepared = set_up(plan(site_key=run._free_key("demo")), now=NOW)

    assert prepared.run.site == Site.objects.get(key="demo")


def test_a_name_that_is_taken_by_a_demo_gets_a_number_and_by_another_site_is_refused(
    db: None,
) -> None:
    assert run._free_key("acme") == "acme"
    set_up(plan(name="acme", site_key="acme"), now=NOW)
    assert run._free_key("acme") == "acme-2"
    Site.objects.create(key="real", name="Real", created_at=NOW)
    with pytest.raises(DemoTrouble, match="no demo"):
        run._free_key("real")


def test_the_shop_speaks_for_the_newest_load_that_has_finished(db: None) -> None:
    assert shop_key() is None
    first = set_up(plan(), now=NOW)
    assert shop_key() is None

    finished(first)
    key = first.run.shop_source.api_keys.get(kind="pk").public_value
    assert key.startswith("pk_")
    assert shop_key() == key

    larger = set_up(plan(site_key="demo-2"), now=NOW.replace(hour=13))
    assert shop_key() == key
    finished(larger)
    assert shop_key() == larger.run.shop_source.api_keys.get(kind="pk").public_value
    assert latest_run("demo") == larger.run
    assert latest_run("demo-2") == larger.run
    assert latest_run("other") is None


def test_a_report_is_printed_as_it_was_stored(db: None) -> None:
    finished(set_up(plan(), now=NOW), steps=7)
    printed = io.StringIO()

    call_command("demo_report", "--json", stdout=printed)

    assert json.loads(printed.getvalue()) == {"site": "demo", "steps": 7}
    with pytest.raises(CommandError, match="No demo by the name 'other'"):
        call_command("demo_report", "--site", "other")


def test_what_cannot_be_loaded_is_refused_before_anything_is_made(db: None, tmp_path: Path) -> None:
    path = write_clicks(tmp_path / "c.csv", [("2008-05-31", "1", [("sale", "P1")])])
    for arguments, complaint in (
        (["--clicks", str(tmp_path / "missing.csv")], "missing.csv cannot be read"),
        (["--clicks", str(path)], "no session before 2008-05-01"),
        (["--clicks", str(path), "--learn-until", "2008-06-01"], "no session on or after"),
        (["--origin", "https://shop.example"], "plain http"),
        (["--origin", "http://127.0.0.1:1"], "make up"),
    ):
        with pytest.raises(CommandError, match=complaint):
            call_command("demo_load", *arguments, stdout=io.StringIO())
    for arguments in (["--sessions", "0"], ["--site", "a b"], ["--learn-until", "June"]):
        with pytest.raises(CommandError):
            call_command("demo_load", *arguments)
    assert not Site.objects.exists()
