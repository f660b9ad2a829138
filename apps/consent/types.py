"""Purposes, recorded choices, and the one rule that turns them into what is allowed."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntFlag
from typing import Literal


class Purpose(IntFlag):
    """One reason to process, as a bit: what event rows and state rows store."""

    NECESSARY = 1
    FUNCTIONAL = 2
    ANALYTICS = 4
    PERSONALIZATION = 8
    ADVERTISING = 16
    SALE = 32


ALL_PURPOSES = 63
# Plain numbers: a flag's own operators cost a microsecond each, and every event is asked about.
_NECESSARY, _ADVERTISING, _SALE = (
    int(purpose) for purpose in (Purpose.NECESSARY, Purpose.ADVERTISING, Purpose.SALE)
)
OPTED_OUT = _ADVERTISING | _SALE  # by a signal
# A transaction that erases sets it to "on": the ledger's trigger lets nothing else through.
ERASING_SETTING = "attune.erasing"
WIRE_NAMES: Mapping[str, Purpose] = {
    purpose.name.lower(): purpose for purpose in Purpose if purpose.name is not None
}


def names_of(bits: int) -> list[str]:
    """Return the wire names of purposes given as bits, in their fixed order."""
    return [name for name, purpose in WIRE_NAMES.items() if bits & purpose]


# Google Consent Mode keys, as sites that already use it send them.
CONSENT_MODE_NAMES: Mapping[str, Purpose] = {
    "security_storage": Purpose.NECESSARY,
    "functionality_storage": Purpose.FUNCTIONAL,
    "analytics_storage": Purpose.ANALYTICS,
    "personalization_storage": Purpose.PERSONALIZATION,
    "ad_storage": Purpose.ADVERTISING,
    "ad_user_data": Purpose.ADVERTISING,
    "ad_personalization": Purpose.ADVERTISING,
}


def consent_mode_of(bits: int) -> dict[str, Literal["granted", "denied"]]:
    """Return purposes given as bits in Google's words, for `gtag("consent", "update", ...)`."""
    return {
        key: "granted" if bits & purpose else "denied"
        for key, purpose in CONSENT_MODE_NAMES.items()
    }


@dataclass(frozen=True, slots=True)
class Choice:
    """What one subject has recorded: purposes with a yes, purposes with a no, and the epoch.

    The epoch is raised by every consent event; whatever was queued, cached or derived under an
    older one is checked again at use.
    """

    granted: int = 0
    denied: int = 0
    epoch: int = 0

    def stricter(self, other: "Choice") -> "Choice":
        """The choice of a subject joined from two: a no of either stands, a yes of either too."""
        denied = self.denied | other.denied
        granted = (self.granted | other.granted) & ~denied
        return Choice(granted, denied, max(self.epoch, other.epoch))


NOT_ASKED = Choice()


def allowed(
    choice: Choice, *, mode: str, carried_yes: int = 0, carried_no: int = 0, gpc: bool = False
) -> int:
    """Return the purposes that may be served now, as bits.

    The order is the law's: a recorded no, a signal (Sec-GPC) or a no carried by the event itself
    always wins; then a recorded or carried yes; then the source's mode. `assumed` means that the
    site vouches for consent when nothing is recorded, `required` that silence is a no.

    Args:
        choice: what is recorded for the subject.
        mode: the source's consent mode, "assumed" or "required".
        carried_yes: purposes the event's own `context.consent` grants.
        carried_no: purposes it refuses.
        gpc: the request carried `Sec-GPC: 1`, which opts out of advertising and sale.
    """
    refused = choice.denied | carried_no
    if gpc:
        refused |= _ADVERTISING | _SALE
    granted = choice.granted | carried_yes
    if mode == "assumed":
        granted |= ALL_PURPOSES
    bits = (granted & ~refused) | _NECESSARY
    # A finer purpose is never wider than its category: nothing is sold that may not be advertised.
    return bits if bits & _ADVERTISING else bits & ~_SALE
