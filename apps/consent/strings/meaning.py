"""What signals mean for our purposes: what is refused, what may be granted, and what was wrong.

The order of signals against recorded choices is not decided here: see docs/privacy.md.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from apps.consent.strings.gpp import read_gpp
from apps.consent.strings.tcf import Tcf, read_tcf
from apps.consent.strings.usp import read_usp
from apps.consent.types import OPTED_OUT, Purpose

# A purpose of ours is allowed by TCF when all of these are consented to.
TCF_PURPOSES: Final = {
    Purpose.ANALYTICS: frozenset({1, 8, 9}),
    Purpose.PERSONALIZATION: frozenset({1, 5, 6}),
    Purpose.ADVERTISING: frozenset({3, 4, 7}),
}
_MAPPED: Final = int(Purpose.ANALYTICS | Purpose.PERSONALIZATION | Purpose.ADVERTISING)
# TCF 2.2 forbids legitimate interest for these.
_CONSENT_ONLY: Final = frozenset({1, 3, 4, 5, 6})
_FIRST_POLICY: Final = 4  # of TCF 2.2
_MONTHS: Final = 13
# Times in strings are whole days of a clock that is the visitor's.
_CLOCK_ERROR: Final = timedelta(days=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# Codes that callers are told and may rely on.
NOTES: Final = {
    "tcf_unreadable": "The TCF string is damaged, or not of version 2.",
    "tcf_not_service_specific": "The TCF string is a global one: no signal.",
    "tcf_policy_too_old": "The TCF string was made under a policy of before TCF 2.2: no signal.",
    "tcf_forbidden_interest": "The TCF string claims legitimate interest where TCF forbids it.",
    "tcf_vendors_not_disclosed": "The TCF string lacks the vendors disclosed (TCF 2.3).",
    "tcf_too_old": "The TCF string is older than 13 months: no signal.",
    "tcf_from_the_future": "The TCF string was made in the future: no signal.",
    "tcf_vendor_not_disclosed": "The visitor was not told of the site's vendor: no signal.",
    "tcf_refused": "The TCF string does not consent to all that it was asked about.",
    "tcf_not_granted": "The TCF string consents; nothing is granted by it.",
    "gpp_unreadable": "The GPP string is damaged, or not of version 1.",
    "gpp_section_unreadable": "A section of the GPP string is damaged, or of a law or version "
    "that is not known.",
    "gpp_opt_out": "The GPP string opts out of advertising and sale.",
    "usp_unreadable": "The US Privacy string is damaged, or not of version 1.",
    "usp_opt_out": "The US Privacy string opts out of sale.",
}


@dataclass(frozen=True, slots=True)
class Signal:
    """What the signals of one request say: purposes as bits, and codes of `NOTES`.

    A purpose is never both in `yes` and in `no`. `is_opt_out` that the noes are (also) an opt-out
    under US law, which holds for the person from then on.
    """

    yes: int = 0
    no: int = 0
    notes: tuple[str, ...] = ()
    is_opt_out: bool = False


def signal_of(
    *,
    tcf: str | None = None,
    gpp: str | None = None,
    usp: str | None = None,
    gpc: bool = False,
    vendor_id: int | None = None,
    now: datetime,
) -> Signal:
    """Return what came along means. Never raises.

    The stricter of two that disagree holds. If anything that came cannot be read, the rest grants
    nothing: what is damaged may have been the refusal.

    Args:
        tcf, gpp, usp: the strings as they came; None where there was none.
        gpc: Global Privacy Control was on.
        vendor_id: the site's number on the global vendor list, None if it named none: then
            nothing is granted by TCF, for nobody was asked about this site.
        now: the time at which the strings were received.
    """
    platform = None if gpp is None else read_gpp(gpp)
    privacy = None if usp is None else read_usp(usp)
    europeans = [read_tcf(tcf)] if tcf is not None else []
    notes = []
    if gpp is not None and platform is None:
        notes.append("gpp_unreadable")
    if platform is not None and platform.unread:
        notes.append("gpp_section_unreadable")
    if platform is not None and platform.tcf is not None:
        europeans.append(platform.tcf)
    if usp is not None and privacy is None:
        notes.append("usp_unreadable")
    yes, no = (0 if notes or not europeans else _MAPPED), 0
    for one in europeans:
        granted, refused, note = _european(one, vendor_id, now)
        yes, no = yes & granted, no | refused
        notes += [note] if note else []
    has_opted_out = gpc
    if platform is not None and platform.is_opt_out:
        has_opted_out = True
        notes.append("gpp_opt_out")
    if privacy is not None and privacy.has_opted_out is True:
        has_opted_out = True
        notes.append("usp_opt_out")
    if has_opted_out:
        no |= OPTED_OUT
    yes &= ~no
    if yes and vendor_id is None:
        yes = 0
        notes.append("tcf_not_granted")
    return Signal(yes, no, tuple(dict.fromkeys(notes)), has_opted_out)


def _european(tcf: Tcf | None, vendor_id: int | None, now: datetime) -> tuple[int, int, str]:
    """Return the purposes that a TCF string grants and refuses, and what is to be said of it.

    A string that is not usable does neither. One in which the visitor was told of the site's
    vendor and does not consent to it refuses everything: so does who refuses all.
    """
    if tcf is None:
        return 0, 0, "tcf_unreadable"
    unusable = _unusable(tcf, now)
    if unusable:
        return 0, 0, unusable
    consents = tcf.consents
    if vendor_id is not None:
        if tcf.disclosed is None or vendor_id not in tcf.disclosed:
            return 0, 0, "tcf_vendor_not_disclosed"
        if vendor_id not in tcf.vendor_consents:
            consents = frozenset()
        consents = frozenset(one for one in consents if not tcf.forbids(one, vendor_id))
    granted = 0
    for purpose, needed in TCF_PURPOSES.items():
        if needed <= consents:
            granted |= int(purpose)
    refused = _MAPPED & ~granted
    if refused & Purpose.ADVERTISING:
        refused |= int(Purpose.SALE)
    return granted, refused, "tcf_refused" if refused else ""


def _unusable(tcf: Tcf, now: datetime) -> str:
    """Return why the string is no signal, "" if it is one."""
    if not tcf.is_service_specific:
        return "tcf_not_service_specific"
    if tcf.policy_version < _FIRST_POLICY:
        return "tcf_policy_too_old"
    if tcf.legitimate_interests & _CONSENT_ONLY:
        return "tcf_forbidden_interest"
    if tcf.disclosed is None:
        return "tcf_vendors_not_disclosed"
    earlier, later = sorted((tcf.created_ms, tcf.updated_ms))
    if later > _ms(now + _CLOCK_ERROR):
        return "tcf_from_the_future"
    if earlier < _ms(months_before(now, _MONTHS)):
        return "tcf_too_old"
    return ""


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def months_before(moment: datetime, months: int) -> datetime:
    """Return the same day so many months earlier; of a shorter month the last."""
    index = moment.year * 12 + moment.month - 1 - months
    year, month = index // 12, index % 12 + 1
    day = min(moment.day, monthrange(year, month)[1])
    return moment.replace(year=year, month=month, day=day)
