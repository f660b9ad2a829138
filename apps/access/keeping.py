"""How long each kind of data is kept: the numbers, and how a site differs from them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from apps.access.models import Site

# Days, unless a site says otherwise. docs/privacy.md tells what each of them is.
DAYS: Final[Mapping[str, int]] = {
    "events": 395,
    "profiles": 395,
    "traits": 395,
    "decisions": 90,
    "firings": 365,
    "disclosures": 365,
    "quarantine": 30,
    "feed": 90,
    "consent": 3 * 365,
    "requests": 730,
    "artifacts": 90,
}
# Sealed ledgers count an entry that is gone sooner as deleted by somebody; California asks for the
# requests of 24 months.
LEAST: Final[Mapping[str, int]] = {"consent": 3 * 365, "requests": 730}
MOST: Final = 3_660


def days_of(site: Site, kind: str) -> int:
    """Return for how many days a site keeps this kind of data."""
    if kind == "events":
        return site.retention_days
    said = site.privacy_settings.get(kind)
    if type(said) is not int or not 1 <= said <= MOST:
        return DAYS[kind]
    return max(said, LEAST.get(kind, 1))


def cutoffs(kind: str, *, now: datetime) -> dict[UUID, datetime]:
    """Return for each site the moment before which this kind of data goes. One statement."""
    return {site.pk: now - timedelta(days=days_of(site, kind)) for site in Site.objects.all()}
