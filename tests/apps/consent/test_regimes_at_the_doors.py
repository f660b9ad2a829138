"""What silence means, at the doors: by place, by residence, and never by what a visitor claims."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from apps.access import addresses
from apps.access import services as access
from apps.access.models import Site, Source
from apps.decisions import records
from apps.decisions.models import DecisionRecord
from apps.decisions.past import unpacked
from tests.apps.consent.conftest import CONSENT, Chooser, ledger, tick
from tests.apps.consent.strings.writing import VENDOR, Asked
from tests.apps.consent.test_enforcement import reason, send, view
from tests.apps.delivery.conftest import NOW

CALIFORNIA = {"CF-IPCountry": "US", "X-Region": "CA"}
GERMANY = {"CF-IPCountry": "DE"}


@pytest.fixture
def by_place(shop: Chooser, settings: Any) -> Any:
    """A page whose visitors' places decide, behind a proxy that says them."""
    Site.objects.update(place_policy="by_place")
    shop.world.hero()
    settings.TRUSTED_PROXIES = ["127.0.0.0/8"]
    settings.REGION_HEADER = "HTTP_X_REGION"
    addresses.forget_settings()
    yield Chooser(shop.world, kind="browser", consent_mode="by_regime")
    addresses.forget_settings()


def asked(page: Chooser, headers: dict[str, str], **query: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {page.pk}", **headers}
    answer = page.world.client.get(CONSENT, query or {"anonymousId": "a1"}, headers=headers)
    return answer.json()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("headers", "regime", "source", "is_allowed"),
    [
        pytest.param(CALIFORNIA, "us_opt_out", "proxy", True, id="California"),
        pytest.param(GERMANY, "eu_opt_in", "proxy", False, id="Germany"),
        pytest.param({"CF-IPCountry": "JP"}, "strict_unknown", "proxy", False, id="Japan"),
        pytest.param({}, "strict_unknown", "unknown", False, id="nobody knows"),
    ],
)
def test_silence_is_what_the_law_of_the_place_says(
    by_place: Chooser, headers: dict[str, str], regime: str, source: str, is_allowed: bool
) -> None:
    answer = asked(by_place, headers)
    assert (answer["regime"], answer["regimeSource"]) == (regime, source)
    assert answer["purposes"]["personalization"] is is_allowed
    assert answer["purposes"]["sale"] is is_allowed
    assert answer["finer"]["sensitive"] is False
    got = by_place.world.ask("home.hero", key=by_place.pk, anonymousId="a1", headers=headers)
    assert (got["placements"]["home.hero"]["reason"] == "NO_CONSENT") is not is_allowed


def test_a_header_that_no_proxy_has_set_loosens_nothing(by_place: Chooser, settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    addresses.forget_settings()
    answer = asked(by_place, CALIFORNIA)
    assert (answer["regime"], answer["purposes"]["personalization"]) == ("strict_unknown", False)


def test_where_somebody_lives_goes_before_where_they_are(by_place: Chooser) -> None:
    said = by_place.say(key=by_place.sk, userId="u1", residence="de", purposes={"functional": True})
    assert said.json()["regime"] == "eu_opt_in"
    (entry,) = ledger()
    assert (entry.regime, entry.regime_source, entry.place) == ("eu_opt_in", "declared", "DE")
    got = by_place.world.ask("home.hero", key=by_place.sk, userId="u1", headers=CALIFORNIA)
    assert got["placements"]["home.hero"]["reason"] == "NO_CONSENT"


@pytest.mark.parametrize(
    ("body", "is_secret"),
    [
        ({"residence": "US-CA"}, False),
        ({"residence": "US-CA", "userId": "u1"}, False),
        ({"residence": "US-CA"}, True),
        ({"residence": "California", "userId": "u1"}, True),
    ],
    ids=["a browser", "a browser for a login", "of nobody known", "no code"],
)
def test_nobody_but_the_sites_server_declares_a_residence(
    shop: Chooser, body: dict[str, str], is_secret: bool
) -> None:
    key = shop.sk if is_secret else shop.pk
    said: dict[str, Any] = {"purposes": {"analytics": True}, **body}
    response = shop.say(key=key, **said)
    assert response.status_code in (400, 403)
    assert not ledger()


def test_the_regime_and_how_it_was_found_are_in_the_record_of_a_decision(
    by_place: Chooser,
) -> None:
    by_place.world.ask("home.hero", key=by_place.pk, anonymousId="a1", headers=GERMANY)
    records.flush()
    record = DecisionRecord.objects.get()
    assert record.inputs is not None
    inputs = unpacked(record.inputs, record.format)
    assert (inputs.regime, inputs.regime_source, inputs.place) == ("eu_opt_in", "proxy", "DE")
    assert inputs.permitted == 1


class TestAssuming:
    """A page cannot take silence for a yes where the law asks for one."""

    @pytest.mark.parametrize(
        ("regime", "policy", "is_refused"),
        [
            ("us_opt_out", "fixed", False), ("us_opt_out", "by_place", True),
            ("eu_opt_in", "fixed", True), ("strict_unknown", "fixed", True),
        ],
    )  # fmt: skip
    def test_it_can_be_chosen_only_in_a_fixed_opt_out_regime(
        self, shop: Chooser, regime: str, policy: str, is_refused: bool
    ) -> None:
        Source.objects.all().delete()
        Site.objects.update(regime=regime, place_policy=policy)
        site = Site.objects.get()
        source = Source(site=site, name="web", kind="browser", consent_mode="assumed",
                        created_at=NOW)  # fmt: skip
        if is_refused:
            with pytest.raises(ValidationError, match="cannot assume consent"):
                source.full_clean(exclude=["proof_secret"])
            with pytest.raises(ValueError, match="cannot assume consent"):
                access.create_source(site_id=site.pk, name="w", now=NOW, consent_mode="assumed")
        else:
            source.full_clean(exclude=["proof_secret"])
        access.create_source(
            site_id=site.pk, name="server", now=NOW, kind="server", consent_mode="assumed"
        )

    def test_the_admin_says_why(self, shop: Chooser, admin_client: Client) -> None:
        Source.objects.all().delete()
        Site.objects.update(regime="eu_opt_in")
        form = {
            "site": shop.world.site.pk, "name": "w", "kind": "browser", "consent_mode": "assumed",
            "allowed_origins": "[]", "rate_per_s": 9, "rate_per_address_s": 9, "burst_s": 1,
        }  # fmt: skip
        page = admin_client.post("/admin/access/source/add/", form).content.decode()
        assert "A web page cannot assume consent where the law asks for a yes" in page

    def test_a_site_does_not_become_strict_around_one(self, shop: Chooser) -> None:
        site = shop.world.site
        site.regime = "eu_opt_in"
        with pytest.raises(ValidationError, match="Web pages of this site assume consent"):
            site.full_clean()

    def test_one_of_before_counts_as_one_that_asks(self, shop: Chooser) -> None:
        shop.world.hero()
        Site.objects.update(regime="eu_opt_in")
        access.announce_after_commit()
        assert reason(shop) == "NO_CONSENT"
        assert send(shop, view())["withoutConsent"] == 1


def test_the_signal_refuses_personalization_too_where_the_site_says_so(shop: Chooser) -> None:
    Site.objects.update(treats_gpc_as_refusal=True)
    access.announce_after_commit()
    shop.choose(analytics=True, personalization=True)
    tick()
    send(shop, view(), gpc=True)
    assert shop.read().json()["recorded"]["personalization"] is False
    chosen = shop.choose(gpc=True, personalization=True)
    assert chosen["purposes"]["personalization"] is True  # they know what their browser says
    tick()
    send(shop, view(), gpc=True)
    assert shop.read(gpc=True).json()["purposes"]["personalization"] is True


def test_a_tcf_string_grants_where_the_site_has_a_number_on_the_list(shop: Chooser) -> None:
    Site.objects.update(tcf_vendor_id=VENDOR)
    access.announce_after_commit()
    text = Asked(consents=range(1, 12)).text()
    answer = shop.say(tcString=text, purposes={"functional": True}).json()
    assert answer["recorded"] == {
        "functional": True, "analytics": True, "personalization": True, "advertising": True,
    }  # fmt: skip
    (entry,) = ledger()
    assert entry.signals["granted"] == ["analytics", "personalization", "advertising"]
    refused = shop.say(tcString=text, purposes={"analytics": False}).json()
    assert refused["recorded"]["analytics"] is False  # a choice by name goes before a string


def test_a_proof_says_how_it_came_about(shop: Chooser) -> None:
    page = shop.world.post(
        CONSENT,
        {
            "anonymousId": "a1", "purposes": {"analytics": True}, "method": "banner",
            "controls": {"control": "accept_all", "interface": "banner 3"},
        },
        key=shop.pk,
        headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko Firefox/126.0"},
    )  # fmt: skip
    assert page.status_code == 200
    (entry,) = ledger()
    assert entry.controls == {"control": "accept_all", "interface": "banner 3"}
    assert (entry.network, entry.browser) == ("127.0.0.0/24", "Firefox 126")
    assert (entry.schema_version, entry.basis, entry.actor_kind) == (2, "opt_out", "subject")
    assert entry.states == {"analytics": ["not_asked", "granted"]}
    assert entry.regime_source == "site"
