"""Strings of consent platforms at the doors: what they refuse is refused, and nothing fails."""

from typing import Any

import pytest

from apps.consent.strings.meaning import NOTES
from apps.consent.types import CONSENT_MODE_NAMES, WIRE_NAMES, consent_mode_of
from apps.events.models import Event
from apps.profiles.models import Identity
from tests.apps.consent.conftest import Chooser, ledger
from tests.apps.consent.strings.writing import VENDOR, Asked, gpp, us
from tests.apps.consent.test_enforcement import fold_all, send, view

MEASURED = Asked(consents=(1, 8, 9)).text()  # analytics, and neither content nor advertising
EVERYTHING = Asked(consents=range(1, 12)).text()
OPT_OUT = gpp({8: us(8, sale_opt_out=1)})


def said(shop: Chooser, **body: Any) -> dict[str, Any]:
    response = shop.say(**body)
    assert response.status_code == 200, response.content
    return response.json()  # type: ignore[no-any-return]


def with_strings(**strings: str) -> dict[str, Any]:
    return {"context": {"consent": strings}}


@pytest.mark.parametrize(
    ("strings", "note"),
    [({"gpp": OPT_OUT}, "gpp_opt_out"), ({"usPrivacy": "1YYN"}, "usp_opt_out")],
    ids=["GPP", "US Privacy"],
)
def test_an_opt_out_in_a_string_beats_the_yes_beside_it_and_both_are_kept(
    shop: Chooser, strings: dict[str, str], note: str
) -> None:
    answer = said(shop, purposes={"analytics": True, "advertising": True}, **strings)

    assert answer["recorded"] == {"analytics": True, "advertising": False, "sale": False}
    assert answer["notes"] == [note]
    (row,) = ledger()
    assert row.purposes == {"analytics": True, "advertising": True}
    assert row.signals == {**strings, "refused": ["advertising", "sale"]}
    assert (row.granted_after, row.denied_after, row.has_gpc) == (4, 48, False)


def test_a_tcf_string_refuses_what_it_does_not_consent_to(shop: Chooser) -> None:
    answer = said(shop, purposes={"analytics": True, "personalization": True}, tcString=MEASURED)
    assert answer["recorded"] == {
        "analytics": True, "personalization": False, "advertising": False, "sale": False,
    }  # fmt: skip
    assert answer["notes"] == ["tcf_refused", "tcf_not_granted"]


def test_a_tcf_string_that_consents_to_everything_grants_nothing_by_itself(shop: Chooser) -> None:
    answer = said(shop, purposes={"functional": True}, tcString=EVERYTHING)
    assert answer["recorded"] == {"functional": True}
    assert answer["notes"] == ["tcf_not_granted"]


@pytest.mark.parametrize(
    ("strings", "note"),
    [
        ({"tcString": "CPz"}, "tcf_unreadable"),
        ({"tcString": MEASURED[:-9]}, "tcf_unreadable"),
        ({"tcString": "\\u0000"}, "tcf_unreadable"),
        ({"tcString": "C" * 30_000}, "tcf_unreadable"),
        ({"gpp": OPT_OUT[:-1]}, "gpp_section_unreadable"),
        ({"gpp": "D"}, "gpp_unreadable"),
        ({"usPrivacy": "1Y"}, "usp_unreadable"),
    ],
    ids=["three letters", "cut", "a backslash", "endless", "GPP cut", "GPP of one", "US cut"],
)
def test_a_string_that_cannot_be_read_is_told_and_kept_and_changes_nothing(
    shop: Chooser, strings: dict[str, str], note: str
) -> None:
    answer = said(shop, purposes={"analytics": True, "personalization": False}, **strings)
    assert answer["recorded"] == {"analytics": True, "personalization": False}
    assert answer["notes"] == [note]
    assert ledger()[0].signals == strings


def test_without_strings_there_are_no_notes_and_an_empty_one_is_none(shop: Chooser) -> None:
    assert "notes" not in shop.choose(analytics=True)
    assert "notes" not in said(shop, purposes={"analytics": True}, tcString="", gpp="")
    assert "notes" not in shop.read().json()


def test_every_code_is_explained() -> None:
    assert all(code.startswith(("tcf_", "gpp_", "usp_")) for code in NOTES)
    assert all(words.endswith(".") for words in NOTES.values())


def test_an_opt_out_in_an_event_is_recorded_once_for_whose_event_is_stored(shop: Chooser) -> None:
    for _ in range(2):
        strings = with_strings(gpp=OPT_OUT, tcString="C" * 9000)
        assert send(shop, view(**strings))["accepted"] == 1
    fold_all()

    (row,) = ledger()
    assert (row.kind, row.method, row.has_gpc) == ("signal_applied", "signal", False)
    assert row.purposes == {"advertising": False, "sale": False}
    assert row.signals == {"gpp": OPT_OUT}
    assert {event.purposes & 48 for event in Event.objects.all()} == {0}
    later = shop.read().json()
    assert later["recorded"] == {"advertising": False, "sale": False}


def test_both_signals_of_one_event_are_one_entry(shop: Chooser) -> None:
    send(shop, view(**with_strings(usPrivacy="1NYN")), gpc=True)
    (row,) = ledger()
    assert (row.has_gpc, row.signals) == (True, {"gpc": True, "usPrivacy": "1NYN"})


def test_a_tcf_string_in_an_event_governs_that_event_alone(shop: Chooser) -> None:
    refusing = Asked(consents=()).text()
    answer = send(shop, view(**with_strings(tcString=refusing)), view())
    assert (answer["accepted"], answer["withoutConsent"]) == (1, 1)
    send(shop, view(**with_strings(tcString=MEASURED)))
    fold_all()

    assert ledger() == []
    purposes = list(Event.objects.order_by("pk").values_list("purposes", flat=True))
    assert [bits & (4 | 8 | 16) for bits in purposes] == [4 | 8 | 16, 4]


def test_a_yes_carried_by_the_event_does_not_beat_the_string_beside_it(shop: Chooser) -> None:
    carried = {"categoryPreferences": {"advertising": True}, "gpp": OPT_OUT}
    send(shop, view(context={"consent": carried}))
    fold_all()
    assert Event.objects.get().purposes & 48 == 0


def test_nobody_is_written_down_whose_event_is_not_stored(source_of: Any) -> None:
    asking = source_of(kind="browser", consent_mode="required")
    assert send(asking, view(**with_strings(gpp=OPT_OUT)))["withoutConsent"] == 1
    assert (ledger(), Identity.objects.count()) == ([], 0)


def test_the_consent_event_keeps_its_strings_and_obeys_them(shop: Chooser) -> None:
    preference = {
        "type": "track",
        "event": "Segment Consent Preference Updated",
        "anonymousId": "a1",
        "context": {"consent": {"categoryPreferences": {"analytics": True, "advertising": True},
                                "gpp": OPT_OUT, "tcString": "C", "other": "x"}},
    }  # fmt: skip
    send(shop, preference)

    (row,) = ledger()
    assert row.signals == {"gpp": OPT_OUT, "tcString": "C", "refused": ["advertising", "sale"]}
    assert row.purposes == {"analytics": True, "advertising": True}
    assert shop.read().json()["recorded"] == {
        "analytics": True, "advertising": False, "sale": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    "consent",
    [None, [], "x", {"gpp": None}, {"gpp": 1}, {"gpp": ["D"]}, {"gpp": ""}, {"tcString": {}},
     {"usPrivacy": "1" * 5000}, {"gpp": "~" * 9000}],
    ids=["null", "list", "text", "no string", "number", "list of strings", "empty", "object",
         "long", "tildes"],
)  # fmt: skip
def test_what_is_no_string_in_an_event_is_no_signal(shop: Chooser, consent: object) -> None:
    assert send(shop, view(context={"consent": consent}))["accepted"] == 1
    assert ledger() == []


def test_a_vendor_number_is_no_part_of_any_call_yet(shop: Chooser) -> None:
    answer = said(shop, purposes={"functional": True}, tcString=EVERYTHING, vendorId=VENDOR)
    assert not answer["recorded"].get("analytics")


def test_the_answer_can_be_handed_to_google_consent_mode(shop: Chooser) -> None:
    answer = shop.choose(ad_storage="denied", analytics_storage="granted")
    mode = answer["consentMode"]
    assert list(mode) == list(CONSENT_MODE_NAMES)
    assert {name for name, value in mode.items() if value == "denied"} == {
        "ad_storage", "ad_user_data", "ad_personalization",
    }  # fmt: skip
    again = said(shop, purposes=mode)
    assert again["purposes"] == {**answer["purposes"], "sale": False}


@pytest.mark.parametrize("bits", range(64))
def test_consent_mode_there_and_back_keeps_every_purpose_it_has_a_word_for(bits: int) -> None:
    mode = consent_mode_of(bits)
    back = sum({CONSENT_MODE_NAMES[key] for key, value in mode.items() if value == "granted"})
    assert back == bits & ~WIRE_NAMES["sale"]


def test_the_server_says_that_it_honours_the_signal(shop: Chooser) -> None:
    for path in ("/.well-known/gpc.json", "/.well-known/gpc.json/"):
        answer = shop.world.client.get(path, headers={"Origin": "https://anywhere.example"})
        assert answer.status_code == 200 and answer["Content-Type"] == "application/json"
        assert answer.json() == {"gpc": True, "lastUpdate": "2026-11-22"}
        assert not answer.cookies
    assert shop.world.client.post("/.well-known/gpc.json").status_code == 405
