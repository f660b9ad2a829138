"""Which default holds for a person: by where they live, by where they are, by the site. Pure.

The table is what docs/privacy.md promises. A place is believed from the person's own declaration
and from headers that a trusted proxy has set; nothing that a visitor sends loosens a default.
"""

from functools import lru_cache
from typing import Final, Literal, NamedTuple, TypeAlias

from apps.consent.types import ALL_PURPOSES, OPTED_OUT, Purpose

Regime: TypeAlias = str
EU_OPT_IN: Final = "eu_opt_in"
US_OPT_OUT: Final = "us_opt_out"
STRICT_UNKNOWN: Final = "strict_unknown"

FoundBy = Literal["declared", "proxy", "site", "unknown"]
BY_PLACE: Final = "by_place"  # a site's `place_policy`; the other is "fixed"

_EEA: Final = (
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK"
)
# Brazil and Quebec ask for consent too; they are treated as the EEA, the UK and Switzerland are.
_OPT_IN: Final = frozenset([*_EEA.split(), "GB", "CH", "BR", "CA-QC"])
# States with an opt-out law in force.
_STATES: Final = "CA CO CT DE FL IA IN KY MD MN MT NE NH NJ OR RI TN TX UT VA"
_OPT_OUT: Final = frozenset(f"US-{state}" for state in _STATES.split())

# In an opt-out regime, as long as nobody has said anything. Sensitive data never without a yes.
_OPT_OUT_DEFAULT: Final = ALL_PURPOSES | int(Purpose.SESSION_RECORDING)
_NOTHING: Final = int(Purpose.NECESSARY)


class SitePolicy(NamedTuple):
    """What a site says of places: its own regime, and whether visitors' places decide instead."""

    regime: Regime = STRICT_UNKNOWN
    place_policy: str = "fixed"


class Found(NamedTuple):
    """A regime, how it was found, and the place that decided ("DE", "US-CA"), if one did."""

    regime: Regime
    source: FoundBy
    place: str = ""


def is_opt_in(regime: Regime) -> bool:
    """Whether silence is a no. Of a regime that is not known, too."""
    return regime != US_OPT_OUT


def defaults(regime: Regime) -> int:
    """Return the purposes that may be served while nobody has chosen, as bits."""
    return _NOTHING if is_opt_in(regime) else _OPT_OUT_DEFAULT


def regime_of_place(place: str) -> Regime:
    """Return the regime of a place, "DE" or "US-CA"; of one that is not in the table the strict."""
    if place in _OPT_IN or place.partition("-")[0] in _OPT_IN:
        return EU_OPT_IN
    return US_OPT_OUT if place in _OPT_OUT else STRICT_UNKNOWN


@lru_cache(maxsize=4096)
def regime_of(*, declared: str, country: str | None, region: str | None, site: SitePolicy) -> Found:
    """Return the regime that applies: declared residence, then a trusted place, then the site.

    A site with a fixed regime and a place that is known and stricter: the place's.

    Args:
        declared: where a signed-in person says they live, "" if they have not.
        country, region: as a trusted proxy says, ISO 3166 ("US", "CA"); None: nobody says.
    """
    place = declared.upper() or place_of(country, region)
    if not place:
        if site.place_policy == BY_PLACE:
            return Found(STRICT_UNKNOWN, "unknown")
        return Found(site.regime, "site")
    found = Found(regime_of_place(place), "declared" if declared else "proxy", place)
    is_looser = is_opt_in(site.regime) or not is_opt_in(found.regime)
    # "US" alone does not disagree with a site that has said which of its laws it goes by.
    if site.place_policy != BY_PLACE and (is_looser or place == "US"):
        return Found(site.regime, "site", place)
    return found


def place_of(country: str | None, region: str | None) -> str:
    """Return "DE" or "US-CA" of what a proxy says; "" for nothing."""
    if not country:
        return ""
    return f"{country}-{region}".upper() if region else country.upper()


def refused_by_gpc(regime: Regime, treats_as_refusal: bool | None) -> int:
    """Return what Global Privacy Control refuses, as bits.

    Args:
        treats_as_refusal: whether the site takes it as a refusal of personalization too; None: as
            the regime does, where silence is a no it is one.
    """
    is_refusal = is_opt_in(regime) if treats_as_refusal is None else treats_as_refusal
    return OPTED_OUT | int(Purpose.PERSONALIZATION) if is_refusal else OPTED_OUT
