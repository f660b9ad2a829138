"""What stands in the way whatever somebody chose: put, obeyed by the next request, lifted."""

from typing import Any, Literal

import pytest

from apps.consent import holds
from apps.consent.types import Hold
from apps.profiles import state
from apps.profiles.models import Identity
from apps.work.models import ChangeFeed
from tests.apps.consent.conftest import Chooser, ledger, tick
from tests.apps.consent.test_enforcement import fold_all, hot_values, open_shop, reason, send, view
from tests.apps.delivery.conftest import NOW

Name = Literal["erasing", "restricted", "objected", "minor"]
NAMES: list[Name] = ["erasing", "restricted", "objected", "minor"]


@pytest.mark.parametrize("hold", NAMES)
def test_a_hold_rules_the_next_decision_and_is_written_down(shop: Chooser, hold: Name) -> None:
    open_shop(shop)
    send(shop, view(properties={"category": "blouses", "note": "very-private"}))
    fold_all()
    shop.choose(analytics=True, personalization=True)
    send(shop, view())
    fold_all()
    assert reason(shop) == "TARGETING_MATCH"
    site_id, profile_id = shop.world.site.pk, Identity.objects.get(value="a1").profile_id

    assert holds.put(site_id, profile_id, hold, reason_code="test", now=tick())
    assert not holds.put(site_id, profile_id, hold, reason_code="test", now=tick())

    assert reason(shop) == "NO_CONSENT"
    entry = ledger()[-1]
    kinds = {"restricted": "restricted", "objected": "objected"}
    assert (entry.kind, entry.epoch) == (kinds.get(hold, "held"), 2)
    assert (entry.controls, entry.actor_kind) == ({"hold": hold}, "system")
    [row] = state.read([profile_id])
    assert row.holds == Hold[hold.upper()]
    assert ChangeFeed.objects.filter(kind="consent.changed", profile_id=profile_id).count() == 2
    assert b"very-private" not in hot_values()
    taken = send(shop, view())
    assert taken["accepted"] == (1 if hold == "objected" else 0)

    assert holds.lift(site_id, profile_id, hold, reason_code="test", now=tick())
    assert not holds.lift(site_id, profile_id, hold, reason_code="test", now=tick())
    assert ledger()[-1].kind == "lifted"
    assert send(shop, view())["accepted"] == 1
    fold_all()
    assert reason(shop) == "TARGETING_MATCH"


def test_no_yes_is_stronger_than_a_hold(shop: Chooser) -> None:
    shop.choose(personalization=True)
    profile_id = Identity.objects.get(value="a1").profile_id
    holds.put(shop.world.site.pk, profile_id, "restricted", reason_code="art_18", now=tick())
    answer = shop.choose(analytics=True, personalization=True, advertising=True)
    assert [name for name, is_on in answer["purposes"].items() if is_on] == ["necessary"]


def test_a_hold_is_of_the_site_that_puts_it(shop: Chooser) -> None:
    from apps.access import services as access

    shop.choose(personalization=True)
    other = access.create_site(key="other", name="Other", now=NOW)
    profile_id = Identity.objects.get(value="a1").profile_id
    assert not holds.put(other.pk, profile_id, "erasing", reason_code="test", now=tick())
    assert len(ledger()) == 1


def test_whoever_is_joined_to_a_restricted_person_is_restricted_too(shop: Chooser) -> None:
    shop.choose(personalization=True)
    shop.say(key=shop.sk, userId="u1", purposes={"personalization": True})
    restricted = Identity.objects.get(value="u1").profile_id
    send(shop, {"type": "identify", "anonymousId": "a1", "userId": "u1"})
    holds.put(shop.world.site.pk, restricted, "restricted", reason_code="art_18", now=tick())
    fold_all()
    [row] = state.read([Identity.objects.get(value="a1").profile_id])
    assert row.holds & Hold.RESTRICTED


def test_a_site_marks_a_person_as_under_age_and_takes_it_back(shop: Chooser) -> None:
    asked: dict[str, Any] = {"userId": "u1", "purposes": {"personalization": True}}
    answer = shop.say(key=shop.sk, underAge=True, **asked).json()
    assert [name for name, is_on in answer["purposes"].items() if is_on] == ["necessary"]
    assert send(shop, view(anonymousId=None, userId="u1"))["withoutConsent"] == 1
    assert [row.kind for row in ledger()] == ["given", "held"]

    answer = shop.say(key=shop.sk, underAge=False, **asked).json()
    assert answer["purposes"]["personalization"] is True
    assert [row.kind for row in ledger()][-1] == "lifted"


def test_a_page_marks_nobody(shop: Chooser) -> None:
    answer = shop.say(purposes={"analytics": True}, underAge=False)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/underAge"
    assert not ledger()
