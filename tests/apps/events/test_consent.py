"""No byte without consent: what is asked, what is dropped, what is written down."""

from collections.abc import Callable
from typing import Any

import pytest

from apps.consent import services as consent
from apps.consent.models import ConsentEvent
from apps.consent.types import ALL_PURPOSES
from apps.events.permission import CONSENT_EVENT
from apps.events.types import FLAG_CONSENT_ASSUMED
from apps.profiles.models import Identity
from tests.apps.events.conftest import NOW, Sending, track


@pytest.fixture
def asking(sending: Callable[..., Sending]) -> Sending:
    """A browser source that stores nothing without a yes."""
    return sending(kind="browser", consent_mode="required")


def carrying(**purposes: Any) -> dict[str, Any]:
    return {"consent": {"categoryPreferences": purposes}}


def choose(source: Sending, anonymous_id: str, **purposes: bool) -> None:
    consent.record_choice(
        site_id=source.site.pk,
        source_id=source.source.pk,
        identities=[("anonymous_id", anonymous_id)],
        purposes=purposes,
        method="banner",
        policy_version="1",
        gpc=False,
        signals={},
        client_at=None,
        regime="eu_opt_in",
        now=NOW,
    )


def test_without_a_yes_an_event_is_counted_dropped_and_answered_200(asking: Sending) -> None:
    answer = asking.batch(track(), track())

    assert answer == {
        "success": True,
        "accepted": 0,
        "duplicates": 0,
        "rejected": [],
        "withoutConsent": 2,
    }
    assert asking.bodies() == []
    assert asking.waiting() == []
    assert Identity.objects.filter(site=asking.site).count() == 0
    assert asking.counted()["without_consent"] == 2


def test_what_was_dropped_is_not_a_duplicate_once_consent_is_given(asking: Sending) -> None:
    event = track()
    asking.batch(event)
    choose(asking, "a1", analytics=True)

    assert asking.batch(event)["accepted"] == 1


def test_a_recorded_yes_lets_events_in_with_its_epoch(asking: Sending) -> None:
    choose(asking, "a1", analytics=True, personalization=False)

    asking.batch(track(), track(anonymousId="stranger"))

    (stored,) = asking.stored()
    assert (stored.anonymous_id, stored.epoch, stored.purposes) == ("a1", 1, 1 | 4)
    assert stored.flags & FLAG_CONSENT_ASSUMED == 0


def test_a_yes_that_the_event_carries_governs_that_event_only(asking: Sending) -> None:
    answer = asking.batch(
        track(context=carrying(Analytics=True, ADVERTISING=True, unknown=True)), track()
    )

    assert (answer["accepted"], answer["withoutConsent"]) == (1, 1)
    assert asking.stored()[0].purposes == 1 | 4 | 16


@pytest.mark.parametrize(
    "context",
    [
        carrying(analytics="yes"),
        carrying(analytics=1),
        {"consent": {"categoryPreferences": ["analytics"]}},
        {"consent": "analytics"},
        {"consent": {}},
    ],
)
def test_anything_but_true_is_no_yes(asking: Sending, context: dict[str, Any]) -> None:
    assert asking.batch(track(context=context))["withoutConsent"] == 1


def test_an_assumed_source_says_so_on_every_event(server: Sending) -> None:
    server.batch(track())

    (stored,) = server.stored()
    assert stored.purposes == ALL_PURPOSES
    assert stored.flags & FLAG_CONSENT_ASSUMED


def test_an_assumed_source_never_beats_a_recorded_or_carried_no(server: Sending) -> None:
    choose(server, "a1", analytics=False)

    answer = server.batch(
        track(),
        track(anonymousId="a1", context=carrying(analytics=True)),
        track(anonymousId="other", userId="u", context=carrying(analytics=False)),
        track(anonymousId="other"),
    )

    assert (answer["accepted"], answer["withoutConsent"]) == (1, 3)


def test_a_no_of_either_identity_is_a_no(server: Sending) -> None:
    choose(server, "a1", analytics=False)

    assert server.batch(track(anonymousId="a1", userId="u1"))["withoutConsent"] == 1
    alias = {"type": "alias", "previousId": "a1", "userId": "u1"}
    assert server.batch(alias)["withoutConsent"] == 1


def test_a_refused_event_is_held_only_with_consent(asking: Sending) -> None:
    choose(asking, "a1", analytics=True)

    asking.batch(track(event=None), track(event=None, anonymousId="stranger"), "unreadable")

    held = sorted(bool(row.body) for row in asking.waiting())
    assert held == [False, False, True]


def test_a_consent_event_writes_the_ledger_before_the_batch_is_stored(asking: Sending) -> None:
    answer = asking.batch(
        track(CONSENT_EVENT, context=carrying(analytics=True, Advertising=False)),
        track(),
    )

    assert answer["accepted"] == 2
    row = ConsentEvent.objects.get(site=asking.site)
    assert row.purposes == {"analytics": True, "advertising": False}
    assert {(event.epoch, event.purposes) for event in asking.stored()} == {(1, 1 | 4)}


def test_a_consent_event_sent_again_does_not_undo_a_later_withdrawal(asking: Sending) -> None:
    granting = track(CONSENT_EVENT, context=carrying(analytics=True))
    asking.batch(granting)
    choose(asking, "a1", analytics=False)

    answer = asking.batch(granting, track())

    assert answer["accepted"] == 0
    assert ConsentEvent.objects.filter(site=asking.site).count() == 2
    assert asking.batch(track())["withoutConsent"] == 1


def test_a_refusal_is_written_down_and_the_event_that_brought_it_is_not(server: Sending) -> None:
    answer = server.batch(track(CONSENT_EVENT, context=carrying(analytics=False)))

    assert (answer["accepted"], answer["withoutConsent"]) == (0, 1)
    assert ConsentEvent.objects.filter(site=server.site).count() == 1
    assert server.batch(track())["withoutConsent"] == 1


def test_the_last_choice_of_a_batch_stands_whatever_its_place(asking: Sending) -> None:
    earlier, later = "2026-03-10T11:00:00Z", "2026-03-10T11:30:00Z"

    asking.batch(
        track(CONSENT_EVENT, context=carrying(analytics=False), timestamp=later),
        track(CONSENT_EVENT, context=carrying(analytics=True), timestamp=earlier),
    )

    assert asking.batch(track())["withoutConsent"] == 1


def test_a_signal_opts_out_of_advertising_and_sale_once(sending: Callable[..., Sending]) -> None:
    source = sending(kind="browser", consent_mode="assumed")
    signal = {"HTTP_SEC_GPC": "1"}

    source.post("/v1/batch", {"batch": [track()]}, **signal)
    source.post("/v1/batch", {"batch": [track()]}, **signal)
    source.post("/v1/batch", {"batch": [track()]})

    assert [event.purposes for event in source.stored()] == [15, 15, 15]
    assert [event.epoch for event in source.stored()] == [1, 1, 1]
    row = ConsentEvent.objects.get(site=source.site)
    assert row.kind == ConsentEvent.Kind.SIGNAL_APPLIED


def test_a_signal_writes_nobody_down_for_whom_nothing_is_stored(asking: Sending) -> None:
    asking.post("/v1/batch", {"batch": [track()]}, HTTP_SEC_GPC="1")

    assert ConsentEvent.objects.filter(site=asking.site).count() == 0
    assert Identity.objects.filter(site=asking.site).count() == 0


def test_one_identity_of_two_sites_keeps_two_consents(
    server: Sending, django_user_model: Any
) -> None:
    from apps.access import services as access

    elsewhere = access.create_site(key="elsewhere", name="Elsewhere", now=NOW)
    other = Sending(elsewhere, kind="server")
    choose(server, "a1", analytics=False)

    assert server.batch(track())["withoutConsent"] == 1
    assert other.batch(track())["accepted"] == 1


def test_an_unproven_user_is_anonymous(sending: Callable[..., Sending]) -> None:
    import hashlib
    import hmac

    source = sending(kind="browser", consent_mode="assumed", is_user_proof_required=True)
    proof = hmac.new(source.source.proof_secret.encode(), b"u1", hashlib.sha256).hexdigest()

    answer = source.batch(
        track(userId="u1", userHash=proof),
        track(userId="u1", userHash="0" * 64),
        track(userId="u1", userHash=7, userToken=[]),
        track(userId="u1", anonymousId=None),
    )

    assert [event.user_id for event in source.stored()] == ["u1", None, None]
    assert [entry["index"] for entry in answer["rejected"]] == [3]
    assert '"u1"' not in source.waiting()[0].body
    assert proof not in repr(source.stored())
