"""Which default holds: twelve jurisdictions, nobody knows where, and visitors who claim a place."""

from typing import Any

import pytest
from django.test import override_settings

from apps.access import addresses
from apps.access.places import place_of
from apps.consent.regimes import (
    EU_OPT_IN,
    STRICT_UNKNOWN,
    US_OPT_OUT,
    Found,
    SitePolicy,
    defaults,
    is_opt_in,
    regime_of,
)

BY_PLACE = SitePolicy(US_OPT_OUT, "by_place")
PROXY = "10.0.0.9"


@pytest.mark.parametrize(
    ("country", "region", "regime"),
    [
        pytest.param("DE", None, EU_OPT_IN, id="Germany"),
        pytest.param("IS", None, EU_OPT_IN, id="Iceland, of the EEA"),
        pytest.param("GB", None, EU_OPT_IN, id="United Kingdom"),
        pytest.param("CH", None, EU_OPT_IN, id="Switzerland"),
        pytest.param("BR", None, EU_OPT_IN, id="Brazil"),
        pytest.param("CA", "QC", EU_OPT_IN, id="Quebec"),
        pytest.param("CA", "ON", STRICT_UNKNOWN, id="Ontario"),
        pytest.param("US", "CA", US_OPT_OUT, id="California"),
        pytest.param("US", "TX", US_OPT_OUT, id="Texas"),
        pytest.param("US", "NY", STRICT_UNKNOWN, id="New York, without such a law"),
        pytest.param("US", None, STRICT_UNKNOWN, id="the US, state not known"),
        pytest.param("JP", None, STRICT_UNKNOWN, id="Japan"),
        pytest.param("IN", None, STRICT_UNKNOWN, id="India, which is not Indiana"),
        pytest.param("CA", None, STRICT_UNKNOWN, id="Canada, which is not California"),
    ],
)
def test_a_place_has_its_regime(country: str, region: str | None, regime: str) -> None:
    found = regime_of(declared="", country=country, region=region, site=BY_PLACE)
    assert found.regime == regime
    assert found.source == "proxy"
    assert found.place == (f"{country}-{region}" if region else country)
    home = regime_of(declared=found.place, country="JP", region=None, site=BY_PLACE)
    assert home == Found(regime, "declared", found.place)


def test_where_nobody_knows_the_place_the_strict_default_holds() -> None:
    assert regime_of(declared="", country=None, region=None, site=BY_PLACE) == Found(
        STRICT_UNKNOWN, "unknown"
    )
    assert is_opt_in(STRICT_UNKNOWN)
    assert is_opt_in("a regime of tomorrow")
    assert defaults(STRICT_UNKNOWN) == defaults(EU_OPT_IN) == 1


@pytest.mark.parametrize(
    ("fixed", "country", "region", "expected"),
    [
        (US_OPT_OUT, None, None, Found(US_OPT_OUT, "site")),
        (US_OPT_OUT, "US", "CA", Found(US_OPT_OUT, "site", "US-CA")),
        (US_OPT_OUT, "DE", None, Found(EU_OPT_IN, "proxy", "DE")),
        (US_OPT_OUT, "US", None, Found(US_OPT_OUT, "site", "US")),
        (US_OPT_OUT, "US", "NY", Found(STRICT_UNKNOWN, "proxy", "US-NY")),
        (US_OPT_OUT, "JP", None, Found(STRICT_UNKNOWN, "proxy", "JP")),
        (EU_OPT_IN, "US", "CA", Found(EU_OPT_IN, "site", "US-CA")),
        (STRICT_UNKNOWN, "US", "CA", Found(STRICT_UNKNOWN, "site", "US-CA")),
    ],
)
def test_of_a_fixed_regime_and_a_known_place_the_stricter_holds(
    fixed: str, country: str | None, region: str | None, expected: Found
) -> None:
    site = SitePolicy(fixed, "fixed")
    assert regime_of(declared="", country=country, region=region, site=site) == expected


def test_two_residences_are_none() -> None:
    found = regime_of(declared="?", country="US", region="CA", site=BY_PLACE)
    assert found.regime == STRICT_UNKNOWN


@pytest.fixture
def proxied() -> Any:
    with override_settings(TRUSTED_PROXIES=["10.0.0.0/8"], REGION_HEADER="HTTP_X_REGION"):
        addresses.forget_settings()
        yield
    addresses.forget_settings()


@pytest.mark.usefixtures("proxied")
class TestHeaders:
    """What a proxy says of the place is believed; what a visitor says is not."""

    @pytest.mark.parametrize(
        ("headers", "expected"),
        [
            ({"HTTP_CF_IPCOUNTRY": "de"}, ("DE", None)),
            ({"HTTP_CF_IPCOUNTRY": "US", "HTTP_X_REGION": "ca"}, ("US", "CA")),
            ({"HTTP_CF_IPCOUNTRY": "US", "HTTP_X_REGION": "US-CA"}, ("US", "CA")),
            ({"HTTP_CF_IPCOUNTRY": "US", "HTTP_X_REGION": "California"}, ("US", None)),
            ({"HTTP_CF_IPCOUNTRY": "XX", "HTTP_X_REGION": "CA"}, (None, None)),
            ({"HTTP_CF_IPCOUNTRY": "T1"}, (None, None)),
            ({"HTTP_X_REGION": "CA"}, (None, None)),
            ({}, (None, None)),
        ],
    )
    def test_a_trusted_proxy_says_where(
        self, headers: dict[str, str], expected: tuple[str | None, str | None]
    ) -> None:
        assert place_of({"REMOTE_ADDR": PROXY, **headers}) == expected

    def test_a_visitor_who_sends_the_header_loosens_nothing(self) -> None:
        spoofed = {"HTTP_CF_IPCOUNTRY": "US", "HTTP_X_REGION": "CA", "REMOTE_ADDR": "203.0.113.7"}
        country, region = place_of(spoofed)
        found = regime_of(declared="", country=country, region=region, site=BY_PLACE)
        assert found == Found(STRICT_UNKNOWN, "unknown")
