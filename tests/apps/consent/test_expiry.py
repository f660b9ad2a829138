"""A yes ends: by its time, or by a notice that changes what matters. A no does not."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from apps.access import services as access
from apps.access.models import Site
from apps.consent import endings, expiring, state, writing
from apps.consent.models import ConsentEvent, Ending, NoticeVersion
from apps.consent.replaying import said_of
from apps.consent.types import Purpose
from apps.events.models import Event
from apps.profiles import state as rows_of
from apps.profiles.models import Identity
from apps.profiles.state import StateRow
from apps.work import clock
from apps.work.models import Intent
from tests.apps.consent.conftest import Chooser, ledger, tick
from tests.apps.consent.test_enforcement import fold_all, reason, send, view
from tests.apps.delivery.conftest import NOW

YEAR_LATER = datetime(2027, 3, 10, 12, 0, tzinfo=UTC)


@pytest.fixture
def asking(shop: Chooser) -> Chooser:
    """A page that asks: without a yes nothing is personal, and nothing is stored."""
    shop.world.hero()
    made = Chooser(shop.world, kind="browser", consent_mode="required")
    access.announce_after_commit()
    return made


def row_of(value: str = "a1") -> StateRow:
    [row] = rows_of.read([Identity.objects.get(value=value).profile_id])
    return row


def until(moment: datetime) -> None:
    clock.replace(lambda: moment)


def test_a_yes_that_has_ended_rules_the_next_decision_and_the_next_event(asking: Chooser) -> None:
    asking.choose(analytics=True, personalization=True)
    until(YEAR_LATER - timedelta(milliseconds=1))
    assert reason(asking) == "DEFAULT"
    assert send(asking, view())["accepted"] == 1

    until(YEAR_LATER)
    assert reason(asking) == "NO_CONSENT"
    assert send(asking, view())["withoutConsent"] == 1
    assert [entry.kind for entry in ledger()] == ["given"]  # nobody has written it down yet


def test_what_has_ended_is_written_down_once_with_an_entry_and_a_higher_epoch(
    asking: Chooser,
) -> None:
    asking.choose(analytics=True, personalization=True, advertising=False)
    assert expiring.expire(now=YEAR_LATER - timedelta(seconds=1)) == 0
    until(YEAR_LATER)

    assert expiring.expire(now=clock.now()) == 1
    assert expiring.expire(now=clock.now()) == 0

    row = row_of()
    assert (row.granted, row.denied, row.consent_until_ms) == (0, 16, 0)
    given, expired = ledger()
    assert (expired.kind, expired.epoch, expired.actor_kind) == ("expired", 2, "system")
    assert expired.states == {
        "analytics": ["granted", "expired"], "personalization": ["granted", "expired"],
    }  # fmt: skip
    assert set(given.valid_until) == {"analytics", "personalization", "advertising"}
    assert given.valid_until["analytics"] == "2027-03-10T12:00:00Z"
    answer = asking.read().json()
    assert answer["askAgainAt"] is None
    assert answer["recorded"] == {"advertising": False}


def test_a_refusal_stands_when_the_yes_beside_it_ends(asking: Chooser) -> None:
    asking.choose(analytics=True, personalization=False)
    assert asking.read().json()["askAgainAt"] == "2026-09-10T12:00:00.000Z"
    until(YEAR_LATER)
    expiring.expire(now=clock.now())
    assert row_of().denied == Purpose.PERSONALIZATION


def test_a_yes_said_again_in_time_lasts_from_then_on(asking: Chooser) -> None:
    asking.choose(analytics=True)
    until(YEAR_LATER - timedelta(days=1))
    asking.choose(analytics=True)
    assert [entry.kind for entry in ledger()] == ["given", "reconfirmed"]
    until(YEAR_LATER + timedelta(days=1))
    assert expiring.expire(now=clock.now()) == 0
    assert asking.read().json()["purposes"]["analytics"]


def test_the_site_says_for_how_long(asking: Chooser) -> None:
    Site.objects.update(grant_months=1, ask_again_months=2, opt_out_months=24)
    asking.choose(analytics=True, personalization=False, sale=False)
    (entry,) = ledger()
    assert {key: text[:10] for key, text in entry.valid_until.items()} == {
        "analytics": "2026-04-10", "personalization": "2026-05-10", "sale": "2028-03-10",
    }  # fmt: skip


def test_a_merge_notes_the_earlier_end_and_forgets_the_other(shop: Chooser) -> None:
    shop.choose(analytics=True)
    tick(timedelta(days=5))
    shop.say(key=shop.sk, userId="u1", purposes={"analytics": True})
    assert Ending.objects.count() == 2
    send(shop, {"type": "identify", "anonymousId": "a1", "userId": "u1"})
    fold_all()
    (ending,) = Ending.objects.all()
    assert ending.ends_at == YEAR_LATER
    assert endings.over_by(YEAR_LATER, 9) == [ending.profile_id]


class TestNotices:
    """A text that changes what matters ends the yeses to the texts before it."""

    def publish(self, shop: Chooser, version: str, *, is_material: bool) -> NoticeVersion:
        return NoticeVersion.objects.create(
            site=shop.world.site, version=version, text=version, text_sha256="0" * 64,
            is_material=is_material, published_at=NOW,
        )  # fmt: skip

    def test_yeses_to_another_text_end_and_refusals_and_new_yeses_stay(
        self, asking: Chooser
    ) -> None:
        site_id = asking.world.site.pk
        first = self.publish(asking, "1", is_material=False)
        self.publish(asking, "2", is_material=True)
        for who, version, answers in (
            ("old", "1", {"analytics": True, "personalization": False}),
            ("new", "2", {"analytics": True}),
            ("silent", "", {"analytics": True}),
        ):
            asking.say(anonymousId=who, policyVersion=version, purposes=answers)

        assert expiring.renew(site_id=site_id, version="2", now=tick()) == 3

        bits = {who: (row_of(who).granted, row_of(who).denied) for who in ("old", "new", "silent")}
        assert bits == {"old": (0, 8), "new": (4, 0), "silent": (0, 0)}
        ended = ConsentEvent.objects.filter(kind="expired")
        assert {entry.reason_code for entry in ended} == {"material_notice"}
        assert ConsentEvent.objects.get(notice=first).text_sha256 == "0" * 64
        before = ConsentEvent.objects.count()
        expiring.renew(site_id=site_id, version="2", now=tick())
        assert ConsentEvent.objects.count() == before

    def test_publishing_one_in_the_admin_asks_for_it_and_keeps_its_digests(
        self, shop: Chooser, admin_client: Client
    ) -> None:
        Site.objects.update(controller="Shop Ltd", contact="privacy@shop.example")
        form = {
            "site": shop.world.site.pk, "version": "7", "language": "en", "text": "We ask.",
            "is_material": "on", "purposes": json.dumps(["analytics"]), "recipients": "[]",
            "layout": json.dumps({"buttons": ["No", "Yes"]}), "regimes": "[]",
        }  # fmt: skip
        response = admin_client.post("/admin/consent/noticeversion/add/", form)
        assert response.status_code == 302, response.content
        notice = NoticeVersion.objects.get(version="7")
        assert (notice.controller, notice.contact) == ("Shop Ltd", "privacy@shop.example")
        assert len(notice.text_sha256) == len(notice.layout_sha256) == 64
        assert Intent.objects.get(kind=expiring.RENEW).payload == {"version": "7"}
        with pytest.raises(Exception, match="a notice never changes"):
            NoticeVersion.objects.update(text="We do not ask.")


@pytest.mark.parametrize("gpc", [False, True], ids=["no signal", "signal"])
def test_the_state_row_is_what_the_ledger_comes_to(asking: Chooser, gpc: bool) -> None:
    asking.choose(analytics=True, personalization=True)
    asking.choose(gpc=gpc, advertising=True, model_training=False)
    asking.choose(personalization=False, sale=True)
    asking.say(purposes={"sensitive": True, "functional": True}, usPrivacy="1YYN")
    asking.choose(personalization=True, analytics=False)
    until(YEAR_LATER + timedelta(days=1))
    expiring.expire(now=clock.now())

    row = row_of()
    folded = state.fold(said_of(entry) for entry in ledger())
    assert folded == writing.consents_of(row)
    assert Event.objects.count() == 0
