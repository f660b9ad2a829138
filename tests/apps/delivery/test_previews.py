"""An editor's token shows what a page would in other circumstances, and counts nowhere."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.content.models import Variant
from apps.decisions import records
from apps.decisions.models import DecisionRecord
from apps.delivery.previewing import content as contents
from apps.delivery.previewing.content import source_of
from apps.delivery.previewing.tokens import token_of
from apps.delivery.previewing.types import Drafts, PreviewSpec
from apps.rules import services as rules
from apps.work import clock
from tests.apps.delivery.capped_shop import Shop
from tests.apps.delivery.conftest import NOW, NOW_MS, World, inside

DAY = timedelta(days=1)


def token(world: World, status: int = 200, **body: Any) -> Any:
    answer = world.post("/v1/previews", body, key=world.sk)
    assert answer.status_code == status, answer.content
    return answer.json()["preview"] if status == 200 else answer.json()["code"]


def shown(world: World, preview: str, **body: Any) -> tuple[str, str]:
    answer = world.post(
        "/v1/decide", {"placements": ["home.hero"], "preview": preview, **body}, key=world.pk
    )
    assert answer.status_code == 200, answer.content
    assert answer["Cache-Control"] == "private, no-store" and "ETag" not in answer
    hero = answer.json()["placements"]["home.hero"]
    assert hero["decisionId"] is None
    return hero["variant"], hero["reason"]


def test_a_segment_is_pretended(world: World) -> None:
    world.hero()
    preview = token(world, segments=["blouses"])
    assert shown(world, preview) == ("blouses", "PREVIEW")
    assert shown(world, token(world, segments=[])) == ("everyone", "PREVIEW")
    assert world.hero_of("a1")["variant"] == "everyone"


def test_a_visitor_who_is_known_is_shown_as_they_are_or_elsewhere(world: World) -> None:
    blouses = world.hero()
    row = world.person(("anonymous_id", "a1"), stays=inside([blouses]))
    world.tell(row.profile_id)
    assert shown(world, token(world), anonymousId="a1") == ("blouses", "PREVIEW")
    assert shown(world, token(world, segments=[]), anonymousId="a1")[0] == "everyone"


def test_an_editor_needs_nobodys_consent(transactional_db: None) -> None:
    strict = World("strict", consent_mode="required")
    strict.hero()
    assert strict.hero_of("a1")["reason"] == "NO_CONSENT"
    assert shown(strict, token(strict, segments=["blouses"]), anonymousId="a1")[0] == "blouses"


def test_another_time_is_pretended(world: World) -> None:
    world.hero()
    rules.create_rule(
        site_id=world.site.pk,
        key="christmas",
        placement_key="home.hero",
        variant_key="blouses",
        starts_at=NOW + DAY,
    )
    world.publish()
    at = (NOW + 2 * DAY).isoformat()
    assert shown(world, token(world))[0] == "everyone"
    assert shown(world, token(world, at=at))[0] == "blouses"


def test_a_draft_is_shown_before_it_is_published(world: World) -> None:
    world.hero()
    Variant.objects.filter(key="everyone").update(fields={"headline": "Soon"})
    body = {"placements": ["home.hero"], "anonymousId": "a1"}
    for draft, headline in ((False, "Welcome"), (True, "Soon")):
        answer = world.post("/v1/decide", {**body, "preview": token(world, draft=draft)}).json()
        assert answer["placements"]["home.hero"]["fields"] == {"headline": headline}
    assert world.hero_of("a1")["fields"] == {"headline": "Welcome"}


def test_it_counts_nowhere(world: World) -> None:
    world.hero()
    preview = token(world, segments=["blouses"])
    records.flush()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM events_inbox")
        before = cursor.fetchone()
    shown(world, preview, anonymousId="a1")
    records.flush()
    assert not DecisionRecord.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM events_inbox")
        assert cursor.fetchone() == before


@pytest.mark.parametrize("days", [0, 1, -1], ids=["now", "tomorrow", "yesterday"])
def test_a_preview_of_a_visitor_changes_nothing_that_redis_keeps(
    world: World, valkey: Any, days: int
) -> None:
    shop = Shop(world)
    shop.cap(most=1)
    shop.offer(variant=["twice"])
    world.publish()
    row = world.person(("anonymous_id", "a1"))
    world.tell(row.profile_id)
    preview = token(world, segments=[], at=(shop.now + days * DAY).isoformat())
    assert shop.variant() == "offer"
    body = {"placements": ["home.offer"], "anonymousId": "a1", "preview": preview}
    before = kept_in(valkey)
    for _ in range(2):  # of a budget of one, which the visitor holds
        offer = world.post("/v1/decide", body).json()["placements"]["home.offer"]
        assert (offer["variant"], offer["reason"]) == ("offer", "PREVIEW")
    assert kept_in(valkey) == before
    assert shop.variant() == "plain"


def kept_in(valkey: Any) -> dict[bytes, bytes]:
    """All keys as they are, but for what limits how often one may ask."""
    return {key: valkey.dump(key) for key in valkey.scan_iter() if not key.startswith(b"a:r:")}


def test_a_false_a_foreign_and_an_old_token_are_refused(world: World) -> None:
    world.hero()
    other = World("other")
    good = token(world, hours=1)
    foreign = token_of(PreviewSpec(other.site.pk), NOW_MS + 1_000)
    for given in ("prv_", "x", good[:-1], good + "A", foreign, good.replace("prv_", "dec_")):
        answer = world.post("/v1/decide", {"placements": ["home.hero"], "preview": given})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_preview"), given
    clock.replace(lambda: NOW + timedelta(hours=1))
    answer = world.post("/v1/decide", {"placements": ["home.hero"], "preview": good})
    assert answer.json()["code"] == "invalid_preview"


@pytest.mark.parametrize(
    "body",
    [{"hours": 0}, {"hours": 73}, {"at": "2026-03-10T12:00:00"}, {"segments": ["nobody"]}],
    ids=["too short", "too long", "a time without a zone", "an unknown segment"],
)
def test_what_cannot_be_pretended_is_refused(world: World, body: dict[str, Any]) -> None:
    world.hero()
    assert token(world, 400, **body) == "invalid_request"


def test_only_a_secret_key_gives_tokens(world: World) -> None:
    assert world.post("/v1/previews", {}, key=world.pk).status_code == 403


def test_what_is_shown_of_a_publication_is_compiled_once(world: World) -> None:
    world.hero()
    spec = PreviewSpec(world.site.pk, placements=("home.hero",))
    once = source_of(spec).served
    assert source_of(spec).served is once
    world.publish()
    assert source_of(spec).served is once  # an unchanged draft is no new publication
    Variant.objects.filter(key="everyone").update(fields={"headline": "Soon"})
    world.publish()
    assert source_of(spec).served is not once


def test_drafts_are_compiled_when_they_have_changed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "DRAFT_S", 0.0)
    world.hero()
    spec = PreviewSpec(world.site.pk, content=Drafts(), placements=("home.hero",))
    once = source_of(spec).served
    assert source_of(spec).served is once
    Variant.objects.filter(key="everyone").update(fields={"headline": "Soon"})
    assert source_of(spec).served is not once


def test_for_a_moment_nobody_looks_whether_drafts_have_changed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "DRAFT_S", 3_600.0)
    world.hero()
    spec = PreviewSpec(world.site.pk, content=Drafts(), placements=("home.hero",))
    once = source_of(spec).served
    with CaptureQueriesContext(connection) as asked:
        assert source_of(spec).served is once
    assert not asked.captured_queries
