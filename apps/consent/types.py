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
    SESSION_RECORDING = 64
    SENSITIVE = 128
    MODEL_TRAINING = 256
    RECOMMENDATION = 512
    TRIGGERS = 1024
    EXPERIMENTS = 2048
    AUDIENCES = 4096
    TARGETING = 8192
    SETTINGS = 16384


# The categories, and sale: what is told of everybody. Finer purposes are told apart.
ALL_PURPOSES = 63
# A finer purpose is never wider than its category. Sensitive traits belong to none.
CATEGORY_OF: Mapping[Purpose, Purpose] = {
    Purpose.SALE: Purpose.ADVERTISING,
    Purpose.AUDIENCES: Purpose.ADVERTISING,
    Purpose.SESSION_RECORDING: Purpose.ANALYTICS,
    Purpose.EXPERIMENTS: Purpose.ANALYTICS,
    Purpose.TARGETING: Purpose.PERSONALIZATION,
    Purpose.RECOMMENDATION: Purpose.PERSONALIZATION,
    Purpose.MODEL_TRAINING: Purpose.PERSONALIZATION,
    Purpose.TRIGGERS: Purpose.PERSONALIZATION,
    Purpose.SETTINGS: Purpose.FUNCTIONAL,
}
# These need a yes of their own; the other finer purposes go with their category.
OWN_YES = int(Purpose.SALE | Purpose.SESSION_RECORDING | Purpose.SENSITIVE)
# Plain numbers: a flag's own operators cost a microsecond each, and every event is asked about.
_NECESSARY, _ADVERTISING, _SALE = (
    int(purpose) for purpose in (Purpose.NECESSARY, Purpose.ADVERTISING, Purpose.SALE)
)
OPTED_OUT = _ADVERTISING | _SALE  # by a signal
# A transaction that erases sets it to "on": the ledger's trigger lets nothing else through.
ERASING_SETTING = "attune.erasing"
# Of all purposes; the first six are WIRE_NAMES, which every answer has.
PURPOSE_NAMES: Mapping[str, Purpose] = {
    purpose.name.lower(): purpose for purpose in Purpose if purpose.name is not None
}
WIRE_NAMES: Mapping[str, Purpose] = {
    name: purpose for name, purpose in PURPOSE_NAMES.items() if purpose & ALL_PURPOSES
}


class Hold(IntFlag):
    """What stands in the way of a person's data whatever they have chosen, as bits of a state row.

    The last two are no obstacles: they say that a choice was made in spite of a browser's signal.
    """

    ERASING = 1
    RESTRICTED = 2
    OBJECTED = 4
    MINOR = 8
    CLEARING = 16
    ADVERTISING_CHOSEN = 32
    PERSONALIZATION_CHOSEN = 64


def names_of(bits: int) -> list[str]:
    """Return the names of purposes given as bits, in their fixed order."""
    return [name for name, purpose in PURPOSE_NAMES.items() if bits & purpose]


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

    Attributes:
        consent_until_ms: from then on no yes counts (Unix ms); 0: none of them ends.
        holds: what stands in the way, as bits of `Hold`.
        residence: where the person says they live, "US-CA"; empty: not known.
    """

    granted: int = 0
    denied: int = 0
    epoch: int = 0
    consent_until_ms: int = 0
    holds: int = 0
    residence: str = ""

    def stricter(self, other: "Choice") -> "Choice":
        """The choice of a subject joined from two, for as long as nothing more is said.

        A no of either stands, and so does a yes of whom the other was never asked: each purpose
        has the stricter state (see `apps.consent.state.join`). Yeses end with the first to end.
        """
        denied = self.denied | other.denied
        ends = [o.consent_until_ms for o in (self, other) if o.granted and o.consent_until_ms]
        in_spite = self.holds & other.holds & _IN_SPITE
        if not self.denied | self.granted:
            in_spite = other.holds & _IN_SPITE
        elif not other.denied | other.granted:
            in_spite = self.holds & _IN_SPITE
        return Choice(
            (self.granted | other.granted) & ~denied,
            denied,
            max(self.epoch, other.epoch),
            min(ends, default=0),
            (self.holds | other.holds) & ~_IN_SPITE | in_spite,
            joint_residence(self.residence, other.residence),
        )


def joint_residence(one: str, other: str) -> str:
    """Where somebody lives of whom two things are said: two places give no default, "?"."""
    return one or other if not one or not other or one == other else "?"


_IN_SPITE = int(Hold.ADVERTISING_CHOSEN | Hold.PERSONALIZATION_CHOSEN)
NOT_ASKED = Choice()
