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
    assert "<code>anonymous_id</code>" in page
    assert "anonymous_id:a1" not in page
    entry = AuditEntry.objects.get(action="profiles.viewed")
    assert (entry.actor_label, entry.target_id) == ("privacy_officer", str(visitor))
    assert "a1" not in str(entry.detail)


def test_the_decision_made_now_is_explained_step_by_step(
    shop: Shop, visitor: UUID, officer: Client
) -> None:
    shop.rule()
    shop.publish()
    page = officer.get(f"/admin/why/?profile={visitor}").content.decode()
    assert "hero / blouses" in page
    assert "<strong>Browsing blouses</strong> in, serves &#x27;blouses&#x27;" in page
    assert "device of the request is &quot;mobile&quot;" in page

    page = officer.get(
        "/admin/why/", {"profile": str(visitor), "facts": "device: mobile\nnonsense"}
    ).content.decode()
    assert "<strong>phones</strong> matched" in page
    assert "“nonsense” is no fact" in page


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
    for product, outcome in (("yesterday", "no match"), ("today", "matched")):
        page = officer.get(
            "/admin/why/",
            {"profile": str(profile_id), "facts": f"page.product_id: {product}"},
        ).content.decode()
        assert f"<strong>again</strong> {outcome}" in page


def test_a_no_to_personalization_is_what_the_explanation_says(
    shop: Shop, visitor: UUID, officer: Client
) -> None:
    shop.publish()
    with transaction.atomic():
        (row,) = state.lock([visitor])
        row.denied = 8
        state.save([row])
    page = officer.get(f"/admin/why/?profile={visitor}").content.decode()
    assert "NO_CONSENT" in page
    assert "personalization: no" in page


def test_what_they_were_shown_is_said_with_the_segment_that_chose_it(
    shop: Shop, visitor: UUID, officer: Client
) -> None:
    shop.publish()
    seen_by(shop, visitor)
    page = officer.get(f"/admin/why/?profile={visitor}").content.decode()
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
    assert "Which visitor of Shop?" in page


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
