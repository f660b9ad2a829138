"""TCF strings: read as others read them, refused where they are not whole, and what they mean."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.consent.strings import Signal, read_tcf, signal_of
from apps.consent.strings.tcf import Vendors
from apps.consent.types import names_of
from tests.apps.consent.strings.writing import (
    CONTENT,
    NOW,
    VENDOR,
    Asked,
    alike,
    number,
    ranges,
    rewritten,
    vendors,
    web,
)
from tests.vectors import vectors

CASES = vectors("consent_tcf")
READABLE = [case for case in CASES if case["decoded"]]
EVERYBODY = range(1, 1001)  # the list of the vectors has 900 vendors
ASKED = Asked()


def ids(one: Vendors | None) -> list[int]:
    return [] if one is None else [vendor for vendor in EVERYBODY if vendor in one]


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def heard(asked: Asked = ASKED, *, vendor_id: int | None = VENDOR, **more: Any) -> Signal:
    """What a string means for a site with this vendor number."""
    return signal_of(tcf=asked.text(), vendor_id=vendor_id, now=NOW, **more)


@pytest.mark.parametrize("case", READABLE, ids=lambda case: case["name"])
def test_a_string_of_another_encoder_is_read_field_by_field(case: dict[str, Any]) -> None:
    tcf, known = read_tcf(case["tcString"]), case["decoded"]

    assert tcf is not None
    assert (tcf.created_ms, tcf.updated_ms) == (at(known["created"]), at(known["lastUpdated"]))
    assert (tcf.cmp_id, tcf.cmp_version) == (known["cmpId"], known["cmpVersion"])
    assert (tcf.consent_screen, tcf.language, tcf.country) == (
        known["consentScreen"], known["consentLanguage"], known["publisherCountryCode"],
    )  # fmt: skip
    assert (tcf.vendor_list_version, tcf.policy_version) == (
        known["vendorListVersion"], known["tcfPolicyVersion"],
    )  # fmt: skip
    assert tcf.is_service_specific is known["isServiceSpecific"]
    assert tcf.is_purpose_one_untold is known["purposeOneTreatment"]
    assert sorted(tcf.special_features) == known["specialFeatureOptins"]
    assert sorted(tcf.consents) == known["purposeConsents"]
    assert sorted(tcf.legitimate_interests) == known["purposeLegitimateInterests"]
    assert ids(tcf.vendor_consents) == known["vendorConsents"]
    assert ids(tcf.vendor_legitimate_interests) == known["vendorLegitimateInterests"]
    assert ids(tcf.disclosed) == known["vendorsDisclosed"]
    own = tcf.publisher
    assert ([] if own is None else sorted(own.consents)) == known["publisherConsents"]
    assert ([] if own is None else sorted(own.legitimate_interests)) == known[
        "publisherLegitimateInterests"
    ]


@pytest.mark.parametrize("case", READABLE, ids=lambda case: case["name"])
def test_nothing_in_a_string_is_passed_over(case: dict[str, Any]) -> None:
    tcf = read_tcf(case["tcString"])
    assert tcf is not None
    assert alike(rewritten(tcf), case["tcString"])


@pytest.mark.parametrize(
    "text",
    [case["tcString"] for case in CASES if not case["decoded"]],
    ids=["empty", "cut", "words", "version 1", "odd letter"],
)
def test_what_another_encoder_refuses_or_reads_as_version_1_is_refused(text: str) -> None:
    assert read_tcf(text) is None


CORE = ASKED.core()
TOLD = "." + web("001" + vendors((5, VENDOR)))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(replace(ASKED, version=3).text(), id="a newer version"),
        pytest.param(replace(ASKED, more=TOLD).text(), id="a segment twice"),
        pytest.param(replace(ASKED, more="." + web("100" + number(0, 20))).text(), id="type 4"),
        pytest.param(replace(ASKED, more=".").text(), id="an empty segment"),
        pytest.param(web(CORE) + "." + web("001" + vendors((5, VENDOR)) + "000001"),
                     id="a bit after a segment"),
        pytest.param(web(CORE) + "." + web("001" + vendors(((5, 700),)))[:-2],
                     id="a segment cut in its last number"),
        pytest.param(replace(ASKED, more=".AAAA" * 4).text(), id="more segments than there are"),
        pytest.param(web(CORE + "0" * 24), id="more zeros than padding"),
        pytest.param(web(CORE + "000001"), id="a bit after the last field"),
        pytest.param(web(CORE)[:-2], id="the last bits missing"),
        pytest.param(web(CORE[:213] + number(9, 16) + "1" + number(1, 12) + "1" + number(7, 16) * 2
                         + "0" * 29), id="a range of one"),
        pytest.param(web(CORE) + "=", id="an equals sign"),
        pytest.param(web(CORE) + "\n", id="a line end"),
        pytest.param(web(CORE).replace("A", "А", 1), id="a letter that looks like another"),
        pytest.param(web(CORE[:108] + "011010" + CORE[114:]), id="a language beyond Z"),
        pytest.param(replace(ASKED, consented=((9, 7),)).text(), id="a range backwards"),
        pytest.param(replace(ASKED, consented=((0, 7),)).text(), id="vendor 0"),
        pytest.param(web(CORE[:213] + number(5, 16) + "1" + ranges(((5, 6),)) + "0" * 29),
                     id="a range beyond the last vendor"),
        pytest.param(replace(ASKED, restrictions=((0, 1, ((1, 2),)),)).text(), id="purpose 0"),
        pytest.param(replace(ASKED, restrictions=((25, 1, ((1, 2),)),)).text(), id="purpose 25"),
        pytest.param(replace(ASKED, restrictions=((5, 3, ((1, 2),)),)).text(), id="undefined kind"),
        pytest.param(replace(ASKED, restrictions=((5, 1, ()),) * 73).text(), id="73 restrictions"),
        pytest.param(replace(ASKED, consented=tuple(range(1, 30_000))).text(), id="over 4 KiB"),
    ],
)  # fmt: skip
def test_what_is_not_a_whole_string_of_version_2_is_unreadable(text: str) -> None:
    assert read_tcf(text) is None
    assert signal_of(tcf=text, vendor_id=VENDOR, now=NOW) == Signal(notes=("tcf_unreadable",))


@pytest.mark.parametrize("zeros", [0, 6, 18])
def test_padding_of_other_encoders_is_no_damage(zeros: int) -> None:
    assert read_tcf(web(CORE + "0" * zeros)) is not None


def test_segments_come_in_any_order() -> None:
    publisher = "." + web("011" + number(1 << 23, 24) + number(0, 24) + number(2, 6) + "10" + "01")
    one, other = (read_tcf(web(CORE) + both) for both in (publisher + TOLD, TOLD + publisher))
    assert one is not None and one == other and one.publisher is not None
    assert sorted(one.publisher.consents) == sorted(one.publisher.custom_consents) == [1]
    assert sorted(one.publisher.custom_legitimate_interests) == [2]


def test_measurement_and_personalised_content_are_granted_where_all_is_as_it_should_be() -> None:
    signal = heard()
    assert (names_of(signal.yes), names_of(signal.no)) == (
        ["analytics", "personalization"], ["advertising", "sale"],
    )  # fmt: skip
    assert signal.notes == ("tcf_refused",) and not signal.is_opt_out
    everything = heard(replace(ASKED, consents=range(1, 12)))
    assert names_of(everything.yes) == ["analytics", "personalization", "advertising"]
    assert (everything.no, everything.notes) == (0, ())


def test_a_site_that_has_named_no_vendor_is_granted_nothing_and_refused_all_the_same() -> None:
    signal = heard(replace(ASKED, consents=range(1, 12)), vendor_id=None)
    assert signal == Signal(notes=("tcf_not_granted",))
    assert heard(replace(ASKED, consents=(1,)), vendor_id=None).no == 4 | 8 | 16 | 32


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"is_service_specific": False}, "tcf_not_service_specific"),
        ({"policy": 3}, "tcf_policy_too_old"),
        ({"interests": (3,)}, "tcf_forbidden_interest"),
        ({"disclosed": None}, "tcf_vendors_not_disclosed"),
        ({"disclosed": (5, 7)}, "tcf_vendor_not_disclosed"),
        ({"created": datetime(2025, 2, 10, tzinfo=UTC)}, "tcf_too_old"),
        ({"updated": datetime(2025, 2, 10, tzinfo=UTC)}, "tcf_too_old"),
        ({"updated": NOW + timedelta(days=2)}, "tcf_from_the_future"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("consents", [CONTENT, ()], ids=["consenting", "refusing"])
def test_a_string_that_is_not_usable_is_no_signal(
    change: dict[str, Any], note: str, consents: tuple[int, ...]
) -> None:
    assert heard(replace(ASKED, consents=consents, **change)) == Signal(notes=(note,))


def test_thirteen_months_are_counted_by_the_calendar() -> None:
    asked = replace(ASKED, created=datetime(2025, 1, 31, tzinfo=UTC))
    last = datetime(2026, 2, 28, tzinfo=UTC)  # 13 months before is 28 January
    assert signal_of(tcf=asked.text(), vendor_id=VENDOR, now=last).yes
    later = datetime(2026, 3, 1, tzinfo=UTC)
    assert signal_of(tcf=asked.text(), vendor_id=VENDOR, now=later).notes == ("tcf_too_old",)


@pytest.mark.parametrize("missing", CONTENT)
def test_each_purpose_is_needed_and_interest_is_no_consent(missing: int) -> None:
    left = [purpose for purpose in CONTENT if purpose != missing]
    interests = (missing,) if missing in (8, 9) else ()
    signal = heard(replace(ASKED, consents=left, interests=interests))
    lost = {1: ["analytics", "personalization"], 5: ["personalization"], 6: ["personalization"]}
    assert names_of(signal.no) == [*lost.get(missing, ["analytics"]), "advertising", "sale"]
    assert not signal.yes & signal.no


def test_who_consents_to_the_purposes_and_not_to_the_vendor_refuses() -> None:
    signal = heard(replace(ASKED, consented=(5,)))
    assert (signal.yes, signal.no, signal.notes) == (0, 4 | 8 | 16 | 32, ("tcf_refused",))


@pytest.mark.parametrize(
    ("kind", "whom", "is_left"),
    [
        (0, ((VENDOR, VENDOR),), False),
        (2, ((1, 1000),), False),
        (1, ((VENDOR, VENDOR),), True),
        (0, ((1, VENDOR - 1),), True),
    ],
    ids=["not allowed", "interest only", "by consent", "others"],
)
def test_restrictions_of_the_site_come_first(
    kind: int, whom: tuple[tuple[int, int], ...], is_left: bool
) -> None:
    signal = heard(replace(ASKED, restrictions=((5, kind, whom),)))
    assert ("personalization" in names_of(signal.yes)) is is_left
    assert "analytics" in names_of(signal.yes)


def test_ranges_mean_what_fields_mean_and_are_not_spread_out() -> None:
    assert heard(replace(ASKED, consented=((900, 901), (1, 5), (VENDOR, VENDOR)))) == heard()
    whole = ((1, 65_535),) * 600
    tcf = read_tcf(replace(ASKED, consented=whole).text())
    assert tcf is not None and 65_535 in tcf.vendor_consents and 0 not in tcf.vendor_consents


def test_the_browsers_signal_takes_advertising_from_a_string_that_grants_it() -> None:
    signal = heard(replace(ASKED, consents=range(1, 12)), gpc=True)
    assert names_of(signal.yes) == ["analytics", "personalization"]
    assert (names_of(signal.no), signal.is_opt_out) == (["advertising", "sale"], True)
