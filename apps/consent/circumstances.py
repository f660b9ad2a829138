"""How a choice came about: what a proof of consent says besides the choice itself."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from apps.access.selectors import consent_months_of
from apps.access.types import Caller
from apps.consent import built_in_notice, gates
from apps.consent.gates import Asking
from apps.consent.models import NoticeVersion
from apps.consent.regimes import Found
from apps.consent.state import DEFAULT_POLICY, Policy
from apps.consent.types import OPTED_OUT

_BROWSER: Final = re.compile(r"(Edg|OPR|SamsungBrowser|Firefox|FxiOS|CriOS|Chrome|Version)/(\d+)")
_FAMILIES: Final = {
    "Edg": "Edge",
    "OPR": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "FxiOS": "Firefox",
    "CriOS": "Chrome",
    "Version": "Safari",
}
_FIRST: Final = ("Edg", "OPR", "SamsungBrowser", "Firefox", "FxiOS", "CriOS", "Chrome", "Version")


@dataclass(frozen=True, slots=True)
class Shown:
    """The notice that a choice refers to, as far as it is known here."""

    id: UUID | None = None
    version: str = ""
    language: str = ""
    text_sha256: str = ""


NOT_SHOWN: Final = Shown()
_NOT_FOUND: Final = Found("strict_unknown", "unknown")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is the same for every profile that a choice applies to.

    Attributes:
        asking: who asks, which says the regime together with where the person lives; None: `found`
            is all that is known.
        method: "banner", "preferences", "api", "officer", "signal", "event", "import".
        signals: what came along, as it came.
        controls: which control of which interface was used.
        network, browser: truncated (/24, /48) and family with version.
        actor_kind: "subject", "officer" or "system"; `actor_id` of an officer.
    """

    method: str
    now: datetime
    asking: Asking | None = None
    found: Found = _NOT_FOUND
    notice: Shown = NOT_SHOWN
    policy: Policy = DEFAULT_POLICY
    has_gpc: bool = False
    signals: Mapping[str, Any] = field(default_factory=dict)
    controls: Mapping[str, Any] = field(default_factory=dict)
    client_at: datetime | None = None
    source_id: UUID | None = None
    network: str = ""
    browser: str = ""
    actor_kind: str = "subject"
    actor_id: str = ""
    reason_code: str = ""

    def regime_for(self, residence: str) -> Found:
        """The regime for somebody who lives there, and how it was found."""
        return self.found if self.asking is None else gates.found_for(self.asking, residence)

    def refused_by_gpc(self, regime: str) -> int:
        """What Global Privacy Control refuses, if it was on, as bits."""
        if not self.has_gpc:
            return 0
        return OPTED_OUT if self.asking is None else gates.refused_by(self.asking, regime)


def policy_of(site_id: UUID) -> Policy:
    """Return for how long a site's yeses and noes hold. One query."""
    found = consent_months_of(site_id)
    return Policy(*found) if found is not None else DEFAULT_POLICY


def notice_of(site_id: UUID, version: str, language: str) -> Shown:
    """Return the notice of this version, in this language if there is one. At most one query.

    A version that was never published here is kept by its name alone; the built-in one is made.
    """
    if not version:
        return NOT_SHOWN
    texts: QuerySet[NoticeVersion] = NoticeVersion.objects.filter(site_id=site_id, version=version)
    found = list(texts.order_by("pk").values_list("pk", "language", "text_sha256")[:50])
    best = next((one for one in found if one[1] == language), found[0] if found else None)
    if version == built_in_notice.BUILT_IN and (best is None or best[1] != language):
        kept = built_in_notice.keep(site_id, language)
        return Shown(kept.pk, version, kept.language, kept.text_sha256)
    if best is None:
        return Shown(None, version, language)
    return Shown(best[0], version, best[1], best[2])


def seen_of(caller: Caller, user_agent: str) -> dict[str, str]:
    """Return the truncated address and the browser of a page's request; of a server's nothing."""
    if caller.kind != "pk":
        return {}
    return {"network": truncated(caller.address or ""), "browser": browser_of(user_agent[:512])}


@lru_cache(maxsize=1024)
def truncated(address: str) -> str:
    """Return the /24 or /48 network of an address, "" of what is none."""
    try:
        parsed: IPv4Address | IPv6Address = ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    if isinstance(parsed, IPv6Address):
        return f"{IPv6Address(int(parsed) >> 80 << 80)}/48"
    return f"{IPv4Address(int(parsed) >> 8 << 8)}/24"


@lru_cache(maxsize=1024)
def browser_of(user_agent: str) -> str:
    """Return "Firefox 126" of a User-Agent header, "" of what names no browser."""
    named: dict[str, str] = dict(_BROWSER.findall(user_agent))
    mark = next((one for one in _FIRST if one in named), None)
    return "" if mark is None else f"{_FAMILIES.get(mark, mark)} {named[mark][:6]}"
