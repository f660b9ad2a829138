"""Who was erased may come back of their own will: by a fresh choice or a signed sign-in, as new."""

# ruff: noqa: F811

import base64
import hashlib
import hmac
import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from apps.access.models import Site
from apps.consent.models import ConsentEvent, Tombstone
from apps.profiles.models import Profile
from apps.work import clock
from tests.apps.consent.burying import (
    AFTER,
    BEFORE,
    DEVICE,
    ERASED,
    USER,
    bury,
    consent,
    send,
    view,
)
from tests.apps.events.conftest import (  # noqa: F401
    NOW,
    Sending,
    browser,
    server,
    site,
    still,
)


def token(secret: str, user: str, signed: datetime, **claims: Any) -> str:
    def part(document: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()

    ends = int((NOW + timedelta(hours=1)).timestamp())
    said = {"sub": user, "exp": ends, "iat": int(signed.timestamp())} | claims
    text = f"{part({'alg': 'HS256'})}.{part({k: v for k, v in said.items() if v is not None})}"
    mac = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def test_a_fresh_choice_lets_somebody_in_who_is_new(server: Sending) -> None:
    send(server, view(BEFORE))
    old = Profile.objects.get().pk
    bury(server.site, DEVICE)
    answer = consent(server, anonymousId="a1", purposes={"analytics": True})
    assert answer["purposes"]["analytics"]
    at = NOW + timedelta(seconds=1)
    clock.replace(lambda: at)
    assert send(server, view(at), view(BEFORE), view(ERASED - timedelta(days=30))) == 1
    assert Profile.objects.get().pk != old
    row = Tombstone.objects.get()
    assert (row.opened_by, row.opened_at) == ("consent", NOW)


def test_a_consent_event_lets_in_with_itself_as_the_first(server: Sending) -> None:
    bury(server.site, DEVICE)
    said = {
        "type": "track", "event": "Segment Consent Preference Updated", "messageId": "c",
        "anonymousId": "a1", "timestamp": AFTER.isoformat(),
        "context": {"consent": {"categoryPreferences": {"analytics": True}}},
    }  # fmt: skip
    assert send(server, said, view(AFTER + timedelta(seconds=1)), view(BEFORE)) == 2
    assert ConsentEvent.objects.count() == 1


def test_a_choice_of_before_the_erasure_that_comes_late_opens_nothing(server: Sending) -> None:
    bury(server.site, DEVICE)
    said = {
        "type": "track", "event": "Segment Consent Preference Updated", "messageId": "c",
        "anonymousId": "a1", "timestamp": BEFORE.isoformat(),
        "context": {"consent": {"categoryPreferences": {"analytics": True}}},
    }  # fmt: skip
    assert send(server, said, view()) == 0
    assert ConsentEvent.objects.count() == 0
    assert Tombstone.objects.get().opened_at is None


def test_a_refusal_of_somebody_erased_makes_them_known_to_nobody(server: Sending) -> None:
    bury(server.site, DEVICE)
    answer = consent(server, anonymousId="a1", purposes={"analytics": False})
    assert not answer["purposes"]["analytics"]
    assert not answer["purposes"]["personalization"]
    assert ConsentEvent.objects.count() == Profile.objects.count() == 0


def test_consent_that_an_event_carries_opens_nothing(server: Sending) -> None:
    bury(server.site, DEVICE)
    carried = {"consent": {"categoryPreferences": {"analytics": True, "personalization": True}}}
    assert send(server, view(context=carried)) == 0


def test_a_choice_opens_every_identity_it_names_and_no_other(server: Sending) -> None:
    bury(server.site, DEVICE, USER, ("user_id", "u9"))
    consent(server, anonymousId="a1", userId="u1", purposes={"analytics": True})
    assert send(server, view(NOW, anonymousId="a1", userId="u1")) == 1
    assert send(server, view(NOW, anonymousId="x", userId="u9")) == 0


@pytest.mark.parametrize(
    ("regime", "signed", "claims", "is_in"),
    [
        pytest.param("us_opt_out", AFTER, {}, True, id="signed-after"),
        pytest.param("us_opt_out", BEFORE, {}, False, id="signed-before"),
        pytest.param("us_opt_out", AFTER, {"iat": None}, False, id="nobody-knows-when"),
        pytest.param("us_opt_out", AFTER, {"sub": "u2"}, False, id="of-another"),
        pytest.param("eu_opt_in", AFTER, {}, False, id="where-consent-is-asked-for"),
    ],
)
def test_a_signed_sign_in_lets_in_where_people_opt_out(
    browser: Sending, regime: str, signed: datetime, claims: dict[str, Any], is_in: bool
) -> None:
    Site.objects.filter(pk=browser.site.pk).update(regime=regime)
    browser.source.proof_secret = "s" * 40
    browser.source.save(update_fields=["proof_secret"])
    from apps.access.keys import KEYS

    KEYS.forget()
    bury(browser.site, DEVICE, USER)
    shown = token("s" * 40, "u1", signed, **claims)
    at = AFTER + timedelta(minutes=5)
    said = [view(at, anonymousId="a1", userId="u1", userToken=shown), view(BEFORE, userId="u1")]
    assert send(browser, *said) == int(is_in)
    assert send(browser, view(NOW, userId="u1")) == int(is_in)
