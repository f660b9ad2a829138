"""GPP strings: sections of the EU, the nation and every state, and what is an opt-out in them."""

import re
from dataclasses import replace
from typing import Any

import pytest

from apps.consent.strings import Signal, read_gpp, read_tcf, read_usp, signal_of
from apps.consent.strings.us_sections import LAYOUTS
from apps.consent.types import OPTED_OUT, names_of
from tests.apps.consent.strings.writing import NOW, VENDOR, Asked, gpp, number, us, web
from tests.vectors import vectors

CASES = vectors("consent_gpp")
OPT_OUTS = ("sale_opt_out", "sharing_opt_out", "targeted_advertising_opt_out")
FIELDS = [
    (section_id, version, name)
    for section_id, layout in LAYOUTS.items()
    for version, fields in layout.versions.items()
    for name, _ in fields
]
KEYS = {section_id: layout.key for section_id, layout in LAYOUTS.items()}
ASKED = Asked()


def snake(name: str) -> str:
    return re.sub("(?<!^)(?=[A-Z])", "_", name).lower()


def heard(sections: dict[int, str], **more: Any) -> Signal:
    return signal_of(gpp=gpp(sections), vendor_id=VENDOR, now=NOW, **more)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_string_of_another_encoder_is_read_section_by_section(case: dict[str, Any]) -> None:
    found = read_gpp(case["gpp"])

    assert found is not None
    assert found.unread == tuple(case.get("unread", ()))
    assert len({section.id for section in found.us} - set(case["ids"])) == 0
    told = {}
    for key, section in case["sections"].items():
        fields = {snake(name): value for name, value in section["fields"].items()}
        version = fields.pop("version")
        listed = {k: tuple(v) if isinstance(v, list) else (v,) for k, v in fields.items()}
        told[key] = (version, listed, section["gpc"])
    assert {one.key: (one.version, dict(one.fields), one.gpc) for one in found.us} == told
    assert found.usp == (read_usp(case["usp"]) if "usp" in case else None)
    assert (found.tcf is not None) == (2 in case["ids"])
    if "tcf" in case:
        assert found.tcf is not None and found.tcf.disclosed is not None
        assert sorted(found.tcf.consents) == case["tcf"]["purposes"]
        everybody = range(1, 1000)
        assert [v for v in everybody if v in found.tcf.vendor_consents] == case["tcf"]["vendors"]
        assert [v for v in everybody if v in found.tcf.disclosed] == case["tcf"]["disclosed"]


def test_every_section_of_a_us_law_has_a_string_of_another_encoder() -> None:
    seen = {key for case in CASES for key in case["sections"]}
    assert seen == set(KEYS.values())
    assert set(LAYOUTS) == set(range(7, 28))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_an_opt_out_of_another_encoder_is_honoured(case: dict[str, Any]) -> None:
    is_opt_out = any(
        section["gpc"] is True
        or any(section["fields"].get(name) == 1 for name in
               ("SaleOptOut", "SharingOptOut", "TargetedAdvertisingOptOut"))
        or 1 in _listed(section["fields"].get("KnownChildSensitiveDataConsents", ()))
        for section in case["sections"].values()
    )  # fmt: skip
    signal = signal_of(gpp=case["gpp"], now=NOW)
    assert signal.is_opt_out is is_opt_out
    assert ("gpp_opt_out" in signal.notes) is is_opt_out
    assert signal.yes == 0


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize(
    ("section_id", "version", "name"),
    FIELDS,
    ids=[f"{KEYS[section_id]}{version}-{name}" for section_id, version, name in FIELDS],
)
def test_one_value_of_a_field_opts_out_where_the_field_is_about_advertising(
    section_id: int, version: int, name: str
) -> None:
    counts = name in OPT_OUTS or name.startswith("known_child")
    for value in range(4):
        signal = heard({section_id: us(section_id, version=version, **{name: value})})
        assert signal.is_opt_out is (counts and value == 1), value
        assert (signal.yes, signal.no) == (0, OPTED_OUT if signal.is_opt_out else 0)
        assert signal.notes == (("gpp_opt_out",) if signal.is_opt_out else ())


@pytest.mark.parametrize(
    "section_id", [n for n, one in LAYOUTS.items() if one.follows == "gpc"], ids=KEYS.get
)
def test_global_privacy_control_in_a_section_opts_out_and_its_absence_is_not_false(
    section_id: int,
) -> None:
    for gpc in (True, False, None):
        found = read_gpp(gpp({section_id: us(section_id, gpc=gpc)}))
        assert found is not None and found.us[0].gpc is gpc
        assert found.is_opt_out is (gpc is True)


def test_us_privacy_in_a_gpp_string_counts_like_the_string_alone() -> None:
    assert heard({6: "1YYN"}).no == OPTED_OUT
    assert heard({6: "1YNN"}) == Signal()


def test_the_eu_section_means_what_the_string_alone_means() -> None:
    found = read_gpp(gpp({2: ASKED.text()}))
    assert found is not None and found.tcf == read_tcf(ASKED.text())
    assert heard({2: ASKED.text()}) == signal_of(tcf=ASKED.text(), vendor_id=VENDOR, now=NOW)
    old = replace(ASKED, disclosed=None).text()
    assert heard({2: old}) == Signal(notes=("tcf_vendors_not_disclosed",))


def test_of_two_that_disagree_the_stricter_holds() -> None:
    all_of_it, no_measuring = (replace(ASKED, consents=c) for c in (range(1, 12), (1, 5, 6)))
    signal = heard({2: no_measuring.text()}, tcf=all_of_it.text())
    assert names_of(signal.yes) == ["personalization"]
    assert names_of(signal.no) == ["analytics", "advertising", "sale"]
    both = heard({2: all_of_it.text(), 8: us(8, sale_opt_out=1)})
    assert names_of(both.yes) == ["analytics", "personalization"]
    assert names_of(both.no) == ["advertising", "sale"]


@pytest.mark.parametrize(
    "more",
    [{"usp": "1Y"}, {"tcf": ASKED.text()[:-1]}, {"tcf": replace(ASKED, policy=3).text()}],
    ids=["US Privacy", "TCF", "too old a policy"],
)
def test_beside_something_unreadable_nothing_is_granted(more: dict[str, str]) -> None:
    assert heard({2: ASKED.text()}).yes
    signal = heard({2: ASKED.text()}, **more)
    assert signal.yes == 0 and names_of(signal.no) == ["advertising", "sale"]


@pytest.mark.parametrize(
    "section",
    [
        pytest.param({8: us(8)[:-1]}, id="a section cut"),
        pytest.param({8: us(8) + "AAAA"}, id="a section too long"),
        pytest.param({8: us(8) + ".YA.YA"}, id="a part twice"),
        pytest.param({8: us(8) + ".gA"}, id="a part of another type"),
        pytest.param({9: us(9) + ".YA"}, id="a part that the state has not"),
        pytest.param({7: web(number(3, 6)) + us(7)[1:]}, id="a newer version"),
        pytest.param({24: web(number(24, 6)) + us(24)[1:]}, id="a header in front"),
        pytest.param({5: ASKED.text()}, id="Canada"),
        pytest.param({28: us(8)}, id="a section nobody knows"),
    ],
)
def test_a_section_that_is_not_understood_hides_no_opt_out_and_stops_every_grant(
    section: dict[int, str],
) -> None:
    alone = heard(section)
    assert alone == Signal(notes=("gpp_section_unreadable",))
    beside = heard({**section, 2: ASKED.text(), 10: us(10, sale_opt_out=1)})
    assert beside.yes == 0 and beside.is_opt_out


HEADER = "000011" + "000001"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("~1YNN", id="no header"),
        pytest.param(gpp({6: "1YYN"}) + "~1YYN", id="a section too many"),
        pytest.param(gpp({6: "1YYN", 8: us(8)}).rpartition("~")[0], id="a section too few"),
        pytest.param("C" + gpp({6: "1YYN"})[1:], id="type 2"),
        pytest.param(web("000011" + "000010" + number(0, 12)), id="version 2"),
        pytest.param(web(HEADER + number(4095, 12)), id="more ids than bits"),
        pytest.param(web(HEADER + number(1, 12) + "1" + "11" + "0" * 22 + "11"), id="a huge group"),
        pytest.param(web(HEADER + number(1, 12) + "0" + "0" * 40 + "11"), id="a huge id"),
        pytest.param(gpp({6: "1YYN"}).replace("~", "A~~"), id="odd separators"),
        pytest.param("D" * 5000, id="too long"),
    ],
)
def test_a_header_that_does_not_fit_makes_all_of_it_unreadable(text: str) -> None:
    assert read_gpp(text) is None
    assert signal_of(gpp=text, now=NOW) == Signal(notes=("gpp_unreadable",))


def test_groups_of_ids_are_read() -> None:
    header = web(HEADER + number(1, 12) + "1" + "000011" + "011")  # 8, and two more
    found = read_gpp("~".join([header, us(8), us(9, sale_opt_out=1), us(10)]))
    assert found is not None and [one.key for one in found.us] == ["usca", "usva", "usco"]
    assert found.is_opt_out
