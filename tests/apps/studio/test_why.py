"""Why did this visitor see this: found by identity, explained, and every look is audited."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import pytest
from django.db import transaction
from django.test import Client

from apps.access import services as access
from apps.access.models import AuditEntry, Site
from apps.content import services as content
from apps.content.models import Placement
from apps.decisions import records
from apps.events import inbox
from apps.events.types import Accepted
from apps.pipeline import fold
from apps.profiles import services as profiles
from apps.profiles import state
from apps.profiles.models import Identity
from apps.rules import services as rules
from apps.segments.live import encode_stays
from apps.work import clock
from tests.apps.studio.conftest import NOW, Shop, seen_by

AsRole = Callable[[str], Client]


class Sender(NamedTuple):
    """Who sends events, as intake knows them."""

    site_id: UUID
    source_id: UUID


@pytest.fixture
def visitor(shop: Shop) -> UUID:
    """anonymous_id:a1, who is in the segment of blouses."""
    name = (shop.site.pk, "anonymous_id", "a1")
    with transaction.atomic():
        profile_id = profiles.find_or_make([name], now=NOW)[name]
        (row,) = state.lock([profile_id])
        row.identities = ["anonymous_id:a1"]
        row.memberships = encode_stays({shop.blouses.number: (True, None, None, None, 0)})
        state.save([row])
    return profile_id


@pytest.fixture
def officer(as_role: AsRole) -> Client:
    return as_role("privacy_officer")


REASON = "Ticket 4711: says the banner is wrong"


@pytest.fixture
def looking(officer: Client, visitor: UUID) -> Client:
    """The officer, who has said why they look at the visitor."""
    officer.post("/admin/why/", {"q": str(visitor), "reason": REASON})
    return officer


def looks() -> int:
    return AuditEntry.objects.filter(action="profiles.viewed").count()


def test_a_visitor_is_found_by_identity_and_no_identity_stays_in_the_address(
    shop: Shop, visitor: UUID, officer: Client
) -> None:
    shop.publish()
    for answer in (
        officer.post("/admin/why/", {"q": "anonymous_id:a1"}),
        officer.get("/admin/why/", {"q": "anonymous_id:a1"}),
    ):
        assert answer.status_code == 302
        assert answer["Location"] == f"/admin/why/?profile={visitor}"
    assert looks() == 0
    page = officer.get(f"/admin/why/?profile={visitor}").content.decode()
    assert "Why do you look?" in page and "<code>anonymous_id</code>" not in page
    assert looks() == 0

    officer.post("/admin/why/", {"q": "anonymous_id:a1", "reason": REASON})
    page = officer.get(f"/admin/why/?profile={visitor}").content.decode()
    assert "<code>anonymous_id</code>" in page
    assert "anonymous_id:a1" not in page
    entry = AuditEntry.objects.filter(action="profiles.viewed").last()
    assert entry is not None
    assert (entry.actor_label, entry.target_id) == ("privacy_officer", str(visitor))
    assert entry.detail == {"page": "why", "reason": REASON}


@pytest.mark.parametrize("reason", ["", "because", "x        y"], ids=["none", "short", "spaces"])
def test_a_look_without_a_reason_is_refused(
    shop: Shop, visitor: UUID, officer: Client, reason: str
) -> None:
    page = officer.post("/admin/why/", {"profile": str(visitor), "reason": reason})
    assert "in 10 characters at least" in page.content.decode()
    assert looks() == 0


def test_a_reason_holds_for_a_quarter_of_an_hour(
    shop: Shop, visitor: UUID, looking: Client
) -> None:
    shop.publish()
    address = f"/admin/why/?profile={visitor}"
    clock.replace(lambda: NOW + timedelta(minutes=14))
    assert "What they would get now" in looking.get(address).content.decode()
    clock.replace(lambda: NOW + timedelta(minutes=16))
    assert "Why do you look?" in looking.get(address).content.decode()


def test_the_decision_made_now_is_explained_step_by_step(
    shop: Shop, visitor: UUID, looking: Client
) -> None:
    shop.rule()
    shop.publish()
    page = looking.get(f"/admin/why/?profile={visitor}").content.decode()
    assert "hero / blouses" in page
    assert "In the segment “Browsing blouses”, which shows “blouses”." in page
    assert "device of the request is &quot;mobile&quot;" in page

    page = looking.get(
        "/admin/why/", {"profile": str(visitor), "facts": "device: mobile\nnonsense"}
    ).content.decode()
    assert "The rule “phones” holds." in page
    assert "“nonsense” is no fact" in page


def test_by_which_events_somebody_is_in_a_segment_stands_beside_its_step(
    shop: Shop, officer: Client
) -> None:
    shop.publish()
    shop.blouses.versions.update(state="live")  # its first members have been found
    event = Accepted(
        type="track", name="Product Viewed", occurred_ms=clock.to_ms(NOW - timedelta(hours=1)),
        original_ms=None, message_id="m1", anonymous_id="a9", user_id=None, traits=None,
        properties={"category": "blouses"}, context={}, epoch=0, purposes=63, flags=0,
    )  # fmt: skip
    inbox.store(Sender(shop.site.pk, shop.source.pk), [event], sent_ms=None, received_at=NOW)
    assert fold.fold_once(now=NOW).events == 1
    profile_id = Identity.objects.get(value="a9").profile_id
    officer.post("/admin/why/", {"profile": str(profile_id), "reason": REASON})
    page = officer.get("/admin/why/", {"profile": str(profile_id)}).content.decode()
    assert "in “Browsing blouses”?" in page
    assert "Product Viewed, 2026-03-10T11:00" in page


def test_days_begin_where_the_site_is_when_a_decision_is_made_again(
    shop: Shop, officer: Client
) -> None:
    # At noon of UTC it is already one o'clock of the next day in Auckland.
    Site.objects.filter(pk=shop.site.pk).update(time_zone="Pacific/Auckland")
    same = [{"property": "product_id", "op": "eq", "fact": "page.product_id"}]
    seen_today = {
        "kind": "event", "name": "Product Viewed", "where": same, "aggregate": "count",
        "window": {"calendar": "day"}, "op": "gte", "value": 1,
    }  # fmt: skip
    rules.create_rule(
        site_id=shop.site.pk, key="again", placement_key="home.hero", variant_key="blouses",
        condition={"v": 1, "where": seen_today},
    )  # fmt: skip
    shop.publish()

    def viewed(product: str, at: datetime) -> None:
        event = Accepted(
            type="track", name="Product Viewed", occurred_ms=clock.to_ms(at), original_ms=None,
            message_id=product, anonymous_id="a1", user_id=None, traits=None,
            properties={"product_id": product}, context={}, epoch=0, purposes=63, flags=0,
        )  # fmt: skip
        inbox.store(Sender(shop.site.pk, shop.source.pk), [event], sent_ms=None, received_at=NOW)
        assert fold.fold_once(now=NOW).events == 1

    viewed("yesterday", NOW - timedelta(hours=1, minutes=1))
    viewed("today", NOW - timedelta(minutes=59))
    profile_id = Identity.objects.get(value="a1").profile_id
    officer.post("/admin/why/", {"profile": str(profile_id), "reason": REASON})
    for product, outcome in (("yesterday", "does not hold"), ("today", "holds")):
        page = officer.get(
            "/admin/why/",
            {"profile": str(profile_id), "facts": f"page.product_id: {product}"},
        ).content.decode()
        assert f"The rule “again” {outcome}." in page


def test_a_no_to_personalization_is_what_the_explanation_says(
    shop: Shop, visitor: UUID, looking: Client
) -> None:
    shop.publish()
    with transaction.atomic():
        (row,) = state.lock([visitor])
        row.denied = 8
        state.save([row])
    page = looking.get(f"/admin/why/?profile={visitor}").content.decode()
    assert "NO_CONSENT" in page
    assert "personalization: no" in page


def test_what_they_were_shown_is_said_with_the_segment_that_chose_it(
    shop: Shop, visitor: UUID, looking: Client
) -> None:
    shop.publish()
    seen_by(shop, visitor)
    page = looking.get(f"/admin/why/?profile={visitor}").content.decode()
    assert "in the segment “Browsing blouses”" in page
    assert "device: mobile" in page
    assert "req_1" in page


def test_somebody_nobody_knows_can_be_explained_without_a_look_at_a_person(
    shop: Shop, officer: Client
) -> None:
    shop.publish()
    page = officer.get("/admin/why/?new=1").content.decode()
    assert "hero / all" in page
    assert looks() == 0


@pytest.mark.parametrize(
    "question", ["anonymous_id:nobody", "nonsense", ":", "a\x00:b", "x" * 5000]
)
def test_a_question_without_an_answer_says_so(shop: Shop, officer: Client, question: str) -> None:
    page = officer.post("/admin/why/", {"q": question}).content.decode()
    assert "Nobody here has that identity" in page


def test_a_visitor_of_another_site_is_not_found_here(
    shop: Shop, visitor: UUID, officer: Client
) -> None:
    access.create_site(key="mag", name="Magazine", now=NOW)
    officer.get("/admin/?site=mag")
    for question in ("anonymous_id:a1", str(visitor), f"prf_{visitor.hex}"):
        page = officer.post("/admin/why/", {"q": question}).content.decode()
        assert "Nobody here has that identity" in page
    assert looks() == 0
    # A link to a profile says which site it means.
    page = officer.get(f"/admin/why/?profile={visitor}").content.decode()
    assert "of Shop?" in page


@pytest.mark.parametrize("role", ["editor", "analyst"])
def test_who_may_not_see_people_sees_no_one(
    shop: Shop, visitor: UUID, as_role: AsRole, role: str
) -> None:
    shop.publish()
    record = seen_by(shop, visitor)
    client = as_role(role)
    assert client.get(f"/admin/why/?profile={visitor}").status_code == 403
    assert client.get("/admin/decisions/decisionrecord/").status_code == 403
    assert client.get(f"/admin/decisions/decisionrecord/{record.pk}/change/").status_code == 403
    assert looks() == 0


def test_opening_a_decision_of_a_person_is_a_look_at_them(
    shop: Shop, visitor: UUID, officer: Client
) -> None:
    record = seen_by(shop, visitor)
    page = officer.get(f"/admin/decisions/decisionrecord/{record.pk}/change/")
    assert page.status_code == 200
    assert f"/admin/why/?profile={visitor}" in page.content.decode()
    assert looks() == 1


# By a decision or a request


@pytest.fixture
def decided(shop: Shop, visitor: UUID, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A page that has asked for the hero, whose decision is recorded."""
    shop.rule()
    shop.publish()
    key = access.issue_key(source_id=shop.source.pk, kind="pk", now=NOW)[1]
    page = Client(headers={"Authorization": f"Bearer {key}"})
    page.body = {"placements": ["home.hero"], "anonymousId": "a1"}  # type: ignore[attr-defined]
    return page


def ask(page: Client) -> dict[str, str]:
    """Decide; the ids that a page and a log would know."""
    answer = page.post("/v1/decide", page.body, content_type="application/json").json()  # type: ignore[attr-defined]
    records.flush()
    return {
        "dec": answer["placements"]["home.hero"]["decisionId"],
        "req": answer["requestId"],
    }


@pytest.mark.parametrize("by", ["dec", "req"])
def test_a_decision_is_found_by_its_id_or_its_request_without_the_person(
    decided: Client, as_role: AsRole, by: str
) -> None:
    found = ask(decided)
    editor = as_role("editor")
    answer = editor.post("/admin/why/", {"q": found[by]})
    assert answer.status_code == 302 and "record=" in answer["Location"]
    assert found[by] not in answer["Location"]  # an id of a decision says whose it was
    page = editor.get(answer["Location"]).content.decode()
    assert "hero / blouses" in page
    assert "In the segment “Browsing blouses”, which shows “blouses”." in page
    assert "What was found about the person is hidden" in page
    assert "All about this visitor" not in page
    assert looks() == 0


def test_who_says_why_sees_the_person_behind_a_decision_too(
    decided: Client, visitor: UUID, officer: Client
) -> None:
    address = officer.post("/admin/why/", {"q": ask(decided)["dec"]})["Location"]
    assert "why do you look?" in officer.get(address).content.decode()
    record = address.rpartition("record=")[2]
    officer.post("/admin/why/", {"record": record, "reason": REASON})
    page = officer.get(address).content.decode()
    assert f"/admin/why/?profile={visitor}" in page
    entry = AuditEntry.objects.filter(action="profiles.viewed").first()
    assert entry is not None and entry.detail["reason"] == REASON


def test_why_they_did_not_see_a_variant_is_said_of_a_past_decision(
    decided: Client, shop: Shop, as_role: AsRole
) -> None:
    address = as_role("editor").post("/admin/why/", {"q": ask(decided)["dec"]})["Location"]
    editor = as_role("analyst")
    page = editor.get(address + "&placement=home.hero&variant=all").content.decode()
    assert "It is the default, seen when nothing else fits." in page
    assert "The segment “Browsing blouses” comes first and shows “blouses”." in page


@pytest.mark.parametrize("question", ["dec_nonsense", "req_unknown"], ids=["decision", "request"])
def test_an_id_that_leads_nowhere_says_so(shop: Shop, as_role: AsRole, question: str) -> None:
    page = as_role("editor").post("/admin/why/", {"q": question}).content.decode()
    assert "not one of this site" in page or "There is no record of this decision" in page


def test_a_decision_of_another_site_is_not_found_here(decided: Client, officer: Client) -> None:
    found = ask(decided)
    access.create_site(key="mag", name="Magazine", now=NOW)
    officer.get("/admin/?site=mag")
    page = officer.post("/admin/why/", {"q": found["dec"]}).content.decode()
    assert "not one of this site" in page


def test_an_identity_is_not_looked_up_for_who_may_not_see_people(
    shop: Shop, visitor: UUID, as_role: AsRole
) -> None:
    assert as_role("editor").post("/admin/why/", {"q": "anonymous_id:a1"}).status_code == 403
    assert as_role("auditor").get("/admin/why/", {"profile": str(visitor)}).status_code == 403
    assert as_role("analyst").get("/admin/why/?new=1").status_code == 200


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("nothing", "They are not in the segment “Browsing blouses”."),
        ("rule above", "The rule “phones” comes first and shows “phones”."),
        ("rule over", "The rule “over” ended on 09 Mar 2026 12:00 UTC."),
        ("no way", "Nothing leads to it: it has no segment, and no rule"),
        ("off", "The placement is switched off"),
        ("unknown", "has no variant “nowhere” in this publication"),
    ],
    ids=["segment", "rule above", "rule over", "no way", "switched off", "no such variant"],
)
def test_what_took_a_variant_away_is_named(
    shop: Shop, looking: Client, visitor: UUID, change: str, words: str
) -> None:
    wanted = "blouses"
    if change == "nothing":
        with transaction.atomic():
            (row,) = state.lock([visitor])
            row.memberships = encode_stays({})
            state.save([row])
    elif change == "rule above":
        content.create_variant(block=shop.hero, key="phones", fields={"headline": "Phones"})
        rules.create_rule(
            site_id=shop.site.pk, key="phones", placement_key="home.hero", variant_key="phones"
        )
    elif change in ("rule over", "no way"):
        wanted = "spare"
        content.create_variant(block=shop.hero, key="spare", fields={"headline": "Spare"})
        if change == "rule over":
            rules.create_rule(
                site_id=shop.site.pk, key="over", placement_key="home.hero", variant_key="spare",
                ends_at=NOW - timedelta(days=1),
            )  # fmt: skip
    elif change == "off":
        Placement.objects.filter(key="home.hero").update(is_enabled=False)
    else:
        wanted = "nowhere"
    shop.publish()
    address = f"/admin/why/?profile={visitor}&placement=home.hero&variant={wanted}"
    assert words in looking.get(address).content.decode()
