"""A dry run is asked for on a page, worked out by a worker, and read on another page."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from apps.decisions import records
from apps.decisions import services as decisions
from apps.decisions.models import DryRunAsked
from apps.delivery import cached, exposure_log
from apps.rules import services as rules
from apps.rules.models import Rule
from apps.studio.domain.dry_run_words import sentence, share
from apps.work import performing
from apps.work.models import Intent
from tests.apps.delivery.conftest import NOW, World, inside

AsRole = Callable[[str], Client]
LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def world(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for module in (decisions, cached):
        monkeypatch.setattr(module, "start_watching", lambda: None)
    monkeypatch.setattr(exposure_log, "_start", lambda: None)
    made = World()
    blouses = made.hero()
    one = made.person(("anonymous_id", "a1"), stays=inside([blouses]))
    two = made.person(("anonymous_id", "a2"), traits={"tier": ["gold", 1, "m"]})
    made.tell(one.profile_id, two.profile_id)
    for name in ("a1", "a2", "a2", "a2"):
        made.hero_of(name)
    records.flush()
    yield made
    records.forget()


def rule(world: World, where: dict[str, Any], *, is_on: bool = True) -> Rule:
    return rules.create_rule(
        site_id=world.site.pk, key="gold", name="Gold", placement_key="home.hero",
        variant_key="blouses", condition={"v": 1, "where": where}, is_enabled=is_on,
    )  # fmt: skip


GOLD = {"kind": "trait", "name": "tier", "op": "eq", "value": "gold"}


def answered(client: Client, **asked: Any) -> str:
    """Ask, let a worker work, and return the page of the answer."""
    response = client.post("/admin/dry-run/", {"days": "7", **asked})
    assert response.status_code == 302, response.content
    waiting = client.get(response.url).content.decode()
    assert "Being worked out" in waiting
    assert 'data-refresh="2"' in waiting
    intent = Intent.objects.get(kind="studio.dry_run", state="waiting")
    assert performing.perform(intent.pk, now=LATER), Intent.objects.get(pk=intent.pk).error
    return " ".join(client.get(response.url).content.decode().split())


def test_all_drafts_are_tried_on_the_decisions_of_the_last_days(world: World, as_role: AsRole):
    rule(world, GOLD)
    page = answered(as_role("editor"), what="drafts")
    assert "Would have changed 75 % of decisions (all are known)" in page
    assert "home.hero: everyone → blouses." in page
    assert "4 estimated" in page
    assert "data-refresh" not in page


def test_one_rule_is_tried_switched_on_though_it_is_off(world: World, as_role: AsRole):
    made = rule(world, GOLD, is_on=False)
    editor = as_role("editor")
    assert str(made.pk) in editor.get(f"/admin/dry-run/?rule={made.pk}").content.decode()
    page = answered(editor, what="rule", rule=str(made.pk), how="on")
    assert "The rule “Gold”, switched on" in page
    assert "Would have changed 75 %" in page


def test_one_rule_is_tried_switched_off(world: World, as_role: AsRole):
    made = rule(world, {"all": []})
    world.publish()
    page = answered(as_role("editor"), what="rule", rule=str(made.pk), how="off")
    assert "Would have changed 75 % of decisions" in page
    assert "home.hero: blouses → everyone" in page


def test_an_earlier_publication_is_tried(world: World, as_role: AsRole):
    rule(world, {"all": []})
    world.publish()
    page = answered(as_role("editor"), what="publication", number="1")
    assert "Publication 1" in page
    assert "Would have changed 75 % of decisions" in page


def test_what_cannot_serve_is_refused_in_words(world: World, as_role: AsRole):
    made = rule(world, GOLD)
    editor = as_role("editor")
    Rule.objects.filter(pk=made.pk).update(condition={"v": 1, "where": {"kind": "nonsense"}})
    page = answered(editor, what="rule", rule=str(made.pk))
    assert "Not worked out" in page
    gone = answered(editor, what="publication", number="99")
    assert "There is no such thing to try any more" in gone


def test_nonsense_is_not_tried(world: World, as_role: AsRole):
    editor = as_role("editor")
    for sent in ({}, {"what": "rule"}, {"what": "publication", "number": "x"}, {"what": "bread"}):
        body: dict[str, Any] = sent
        page = editor.post("/admin/dry-run/", body, follow=True).content.decode()
        assert "Choose what to try first." in page
    assert not DryRunAsked.objects.exists()


def test_the_effect_tells_what_the_newest_dry_run_of_the_same_said(world: World, as_role: AsRole):
    rule(world, GOLD)
    editor = as_role("editor")
    part = editor.get("/admin/effect/?part=1").content.decode()
    assert '<button type="submit" class="button">Try it' in part
    assert "Would have changed" not in part
    answered(editor, what="drafts")
    part = editor.get("/admin/effect/?part=1").content.decode()
    assert "Would have changed 75 % of decisions" in part
    assert "Try it" not in as_role("analyst").get("/admin/effect/?part=1").content.decode()
    assert "Would have changed" not in editor.get("/admin/effect/?publication=1").content.decode()


def test_the_same_question_is_not_asked_twice_at_once(world: World, as_role: AsRole):
    editor = as_role("editor")
    asked = [editor.post("/admin/dry-run/", {"what": "drafts"}).url for _ in range(2)]
    assert asked[0] == asked[1]
    assert Intent.objects.filter(kind="studio.dry_run").count() == 1
    assert editor.post("/admin/dry-run/", {"what": "drafts", "days": "30"}).url != asked[0]


def test_an_analyst_reads_what_was_tried_and_asks_nothing(world: World, as_role: AsRole):
    answered(as_role("editor"), what="drafts")
    made = DryRunAsked.objects.get()
    analyst = as_role("analyst")
    assert "Would have changed no decision" in analyst.get("/admin/dry-run/").content.decode()
    assert analyst.get(f"/admin/dry-run/{made.pk}/").status_code == 200
    assert analyst.post("/admin/dry-run/", {"what": "drafts"}).status_code == 403


@pytest.mark.parametrize(
    ("changed", "same", "unknown", "said"),
    [
        (31, 969, 87, "Would have changed 3.1 % of decisions (known for 92 %), mostly h: a → b."),
        (0, 10, 0, "Would have changed no decision (all are known)."),
        (0, 0, 3, "Of 3 decisions none can be told: this reads what the decisions of these days "
            "did not look at. After a publication that reads it, it can be tried."),
    ],
    ids=["some", "none", "unknown"],
)  # fmt: skip
def test_the_answer_is_one_sentence(changed: int, same: int, unknown: int, said: str):
    moves = [["h", "a", "b", 20], ["h", "a", None, 11]] if changed else []
    found = {"changed": changed, "same": same, "unknown": unknown, "records": 9, "moves": moves}
    assert sentence(found) == said


def test_a_share_is_never_rounded_to_nothing_or_all():
    assert [share(0, 5), share(5, 5), share(1, 10_000), share(9_999, 10_000)] == [
        "0 %", "100 %", "less than 0.1 %", "more than 99.9 %",
    ]  # fmt: skip
