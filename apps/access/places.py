"""Where a client is, as a trusted proxy says. What a visitor sends themselves is not believed."""

import re
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings

from apps.access.addresses import is_from_trusted_proxy

COUNTRY_HEADERS: Final = (
    "HTTP_CF_IPCOUNTRY",
    "HTTP_X_COUNTRY_CODE",
    "HTTP_CLOUDFRONT_VIEWER_COUNTRY",
)
_NOWHERE: Final = (None, None)
_NO_COUNTRY: Final = frozenset({"XX", "T1", "ZZ"})  # not known, Tor, not known
_REGION: Final = re.compile(r"[A-Z0-9]{1,3}")


def place_of(meta: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return (country, region) of a request, ISO 3166 upper case; None for what nobody says.

    The region comes in the header that the setting REGION_HEADER names, as "CA" or "US-CA".
    """
    if not settings.TRUSTED_PROXIES or not is_from_trusted_proxy(meta):
        return _NOWHERE
    country = country_in(meta)
    if country is None or not settings.REGION_HEADER:
        return country, None
    region = str(meta.get(settings.REGION_HEADER) or "").upper().removeprefix(f"{country}-")
    return country, region if _REGION.fullmatch(region) else None


def country_in(meta: Mapping[str, Any]) -> str | None:
    """Return the country that the headers name. Believe it from a trusted proxy alone."""
    for header in COUNTRY_HEADERS:
        value = meta.get(header)
        if value and len(value) == 2 and value.isascii() and value.upper() not in _NO_COUNTRY:
            return str(value.upper())
    return None
