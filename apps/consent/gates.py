"""The one place that turns what is recorded into what may be done. Pure but for texts of SQL.

A row of an event keeps the purposes it may serve in one number, its stamp: categories, sale and
sensitive as bits that are set when allowed; the finer purposes that go with their category as bits
that are set when *refused*. So rows of before there were finer purposes say what they always said.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Final, Protocol

from apps.consent.regimes import Found, Regime, SitePolicy, defaults, is_opt_in, regime_of
from apps.consent.regimes import refused_by_gpc as gpc_of
from apps.consent.types import ALL_PURPOSES, CATEGORY_OF, OPTED_OUT, OWN_YES, Choice, Hold, Purpose

ASSUMED: Final = "assumed"
REQUIRED: Final = "required"
BY_REGIME: Final = "by_regime"

# Plain numbers: a flag's own operators cost a microsecond each, and every event is asked about.
_NECESSARY: Final = int(Purpose.NECESSARY)
_PERSONALIZATION: Final = int(Purpose.PERSONALIZATION)
_EVERYTHING_HELD: Final = int(Hold.ERASING | Hold.RESTRICTED | Hold.MINOR)
_PERSONAL_HELD: Final = int(Hold.OBJECTED | Hold.CLEARING)
_ANY_HELD: Final = _EVERYTHING_HELD | _PERSONAL_HELD
_PERSONAL: Final = _PERSONALIZATION | OPTED_OUT
_ADVERTISING_CHOSEN: Final = int(Hold.ADVERTISING_CHOSEN)
_PERSONALIZATION_CHOSEN: Final = int(Hold.PERSONALIZATION_CHOSEN)
_FINER: Final = {int(finer): int(category) for finer, category in CATEGORY_OF.items()}
# Finer purposes that go with their category.
_GOING: Final = sum(bit for bit in _FINER if not bit & OWN_YES)
_STAMPED: Final = ALL_PURPOSES | int(Purpose.SENSITIVE)


class Verb(StrEnum):
    """What can be done with a person's data."""

    INGEST = "ingest"
    PROFILE = "profile"
    SEGMENT = "segment"
    DECIDE = "decide"
    TRAIN = "train"
    REPORT = "report"
    EXPORT = "export"
    WEBHOOK = "webhook"
    STREAM = "stream"


# What each needs at least; rules, segments, blocks and models may declare a finer purpose.
NEEDS: Final[Mapping[Verb, Purpose]] = {
    Verb.INGEST: Purpose.ANALYTICS,
    Verb.PROFILE: Purpose.PERSONALIZATION,
    Verb.SEGMENT: Purpose.TARGETING,
    Verb.DECIDE: Purpose.PERSONALIZATION,
    Verb.TRAIN: Purpose.MODEL_TRAINING,
    Verb.REPORT: Purpose.ANALYTICS,
    Verb.EXPORT: Purpose.AUDIENCES,
    Verb.WEBHOOK: Purpose.TRIGGERS,
    Verb.STREAM: Purpose.PERSONALIZATION,
}


class Chosen(Protocol):
    """What is recorded: a choice, a state row, or the copy of it that decisions read."""

    @property
    def granted(self) -> int: ...
    @property
    def denied(self) -> int: ...
    @property
    def consent_until_ms(self) -> int: ...
    @property
    def holds(self) -> int: ...
    @property
    def residence(self) -> str: ...


class Asking(Protocol):
    """Who asks for something to be done: an authenticated caller, or a sender of events."""

    @property
    def consent_mode(self) -> str: ...
    @property
    def source_kind(self) -> str: ...
    @property
    def regime(self) -> str: ...
    @property
    def place_policy(self) -> str: ...
    @property
    def treats_gpc_as_refusal(self) -> bool | None: ...
    @property
    def country(self) -> str | None: ...
    @property
    def region(self) -> str | None: ...
    @property
    def gpc(self) -> bool: ...


def choice_of(row: Chosen, epoch: int = 0) -> Choice:
    """Return what a state row, or its hot copy, has recorded."""
    return Choice(row.granted, row.denied, epoch, row.consent_until_ms, row.holds, row.residence)


def permitted(
    choice: Chosen,
    *,
    mode: str,
    regime: Regime,
    now_ms: int,
    carried_yes: int = 0,
    carried_no: int = 0,
    refused_by_signal: int = 0,
) -> int:
    """Return the purposes that may be served now, as bits, the finer ones among them.

    The order is the law's: what stands in the way of everything; a recorded no, a signal or a no
    carried by the event itself; a recorded yes that has not ended, or a carried one; then silence,
    which is what the source's mode says it is.

    Args:
        choice: what is recorded for the subject.
        mode: as `mode_of` says: "required" (silence is a no), "assumed" (the site vouches for
            consent when nothing is recorded) or "by_regime" (the default of the regime).
        carried_yes, carried_no: purposes the event's own `context.consent` grants and refuses.
        refused_by_signal: what `Sec-GPC: 1` refuses, if the request carried it; see `refused_by`.
    """
    granted = granted_now(choice, now_ms) | carried_yes
    denied = choice.denied | carried_no
    return _permitted(granted, denied, choice.holds, mode, regime, refused_by_signal)


def granted_now(choice: Chosen, now_ms: int) -> int:
    """Return the purposes with a recorded yes that has not ended, as bits."""
    is_over = choice.consent_until_ms and now_ms >= choice.consent_until_ms
    return 0 if is_over else choice.granted


@lru_cache(maxsize=8192)
def _permitted(granted: int, denied: int, holds: int, mode: str, regime: Regime, gpc: int) -> int:
    if holds & _EVERYTHING_HELD:
        return _NECESSARY
    if holds & _ADVERTISING_CHOSEN:
        gpc &= ~OPTED_OUT
    if holds & _PERSONALIZATION_CHOSEN:
        gpc &= ~_PERSONALIZATION
    refused = denied | gpc
    if holds & _PERSONAL_HELD:
        refused |= _PERSONAL
    bits = ((granted | _by_silence(mode, regime)) & ~refused) | _NECESSARY
    for finer, category in _FINER.items():
        if not bits & category:
            bits &= ~finer
        elif not finer & (OWN_YES | refused):
            bits |= finer
    return bits


def _by_silence(mode: str, regime: Regime) -> int:
    if mode == REQUIRED:
        return _NECESSARY
    vouched = ALL_PURPOSES if mode == ASSUMED else 0
    return vouched | defaults(regime)


def may(choice: Chosen, purpose: Purpose, *, mode: str, regime: Regime, now_ms: int) -> bool:
    """Whether a purpose may be served now."""
    return permitted(choice, mode=mode, regime=regime, now_ms=now_ms) & int(purpose) != 0


def mode_of(mode: str, source_kind: str, regime: Regime) -> str:
    """Return a source's mode as it counts: where silence is a no, no browser source may assume."""
    if mode == ASSUMED and source_kind == "browser" and is_opt_in(regime):
        return REQUIRED
    return mode


def found_for(asking: Asking, residence: str = "") -> Found:
    """Return the regime of a request, about somebody who lives there ("": not known)."""
    return regime_of(
        declared=residence,
        country=asking.country,
        region=asking.region,
        site=SitePolicy(asking.regime, asking.place_policy),
    )


def refused_by(asking: Asking, regime: Regime) -> int:
    """Return what the signal of a request refuses, as bits; 0 without one."""
    return gpc_of(regime, asking.treats_gpc_as_refusal) if asking.gpc else 0


def unheard(asking: Asking, choice: Chosen) -> int:
    """Return what the signal of a request refuses that is not recorded yet, as bits.

    Nor is what was chosen in spite of it. Without `Sec-GPC: 1` it is a string's signal.
    """
    refused = OPTED_OUT
    if asking.gpc:
        refused = refused_by(asking, found_for(asking, choice.residence).regime)
    if choice.holds & _ADVERTISING_CHOSEN:
        refused &= ~OPTED_OUT
    if choice.holds & _PERSONALIZATION_CHOSEN:
        refused &= ~_PERSONALIZATION
    return refused & ~choice.denied


def permitted_to(
    asking: Asking, choice: Chosen, now_ms: int, carried_yes: int = 0, carried_no: int = 0
) -> int:
    """Return the purposes that a request may serve, as bits; see `permitted`.

    Every event and every decision comes here: what is worked out is kept, and the only question
    that is asked each time is whether the yeses have ended.
    """
    granted = carried_yes
    if not choice.consent_until_ms or now_ms < choice.consent_until_ms:
        granted |= choice.granted
    return _permitted_to(
        granted,
        choice.denied | carried_no,
        choice.holds,
        choice.residence,
        asking.consent_mode,
        asking.source_kind,
        asking.regime,
        asking.place_policy,
        asking.country,
        asking.region,
        asking.treats_gpc_as_refusal if asking.gpc else _NO_SIGNAL,
    )


_NO_SIGNAL: Final = "none"


@lru_cache(maxsize=8192)
def _permitted_to(
    granted: int,
    denied: int,
    holds: int,
    residence: str,
    mode: str,
    source_kind: str,
    site_regime: str,
    place_policy: str,
    country: str | None,
    region: str | None,
    gpc: bool | str | None,
) -> int:
    site = SitePolicy(site_regime, place_policy)
    regime = regime_of(declared=residence, country=country, region=region, site=site).regime
    refused = gpc_of(regime, gpc) if not isinstance(gpc, str) else 0
    mode = mode_of(mode, source_kind, regime)
    return _permitted(granted, denied, holds, mode, regime, refused)


def stands(row: Chosen, purpose: Purpose, *, is_vouched: bool, regime: Regime, now_ms: int) -> bool:
    """Whether a purpose may be served about a profile, outside of any request.

    Args:
        is_vouched: silence is a yes: a source that assumes has told of them, say.
    """
    mode = ASSUMED if is_vouched else REQUIRED
    return may(row, purpose, mode=mode, regime=regime, now_ms=now_ms)


def sql_stands(alias: str, purpose: Purpose, *, vouched: str, now: str) -> str:
    """Return a condition of SQL that says the same of a row of profiles_profilestate.

    Args:
        vouched: a condition: silence is a yes; "false" where it never is.
        now: an expression of type timestamptz.
    """
    bit, asked = int(purpose), _asked_of(purpose)
    held = _EVERYTHING_HELD | (_PERSONAL_HELD if asked & _PERSONAL or bit & _PERSONAL else 0)
    has_yes = (
        f"({alias}.granted & {asked}) = {asked}"
        f" AND ({alias}.consent_until IS NULL OR {alias}.consent_until > {now})"
    )
    silent = "false" if purpose in (Purpose.SENSITIVE, Purpose.SESSION_RECORDING) else vouched
    return _case(
        f"({alias}.holds & {held}) = 0 AND ({alias}.denied & {asked | bit}) = 0"
        f" AND (({has_yes}) OR ({silent}))"
    )


def _case(condition: str) -> str:
    """The condition as a value: the planner takes it for true of half of the rows.

    Of equalities of masked numbers it would expect one row in two hundred, and of several almost
    none, and plan for them.
    """
    return f"(CASE WHEN {condition} THEN true ELSE false END)"


def event_allows(alias: str, purpose: Purpose) -> str:
    """Return a condition of SQL: the stamp of an event's row (`purposes`) allows a purpose."""
    bit, asked = int(purpose), _asked_of(purpose)
    if bit & _GOING:
        return _case(f"({alias}.purposes & {asked | bit}) = {asked}")
    return f"({alias}.purposes & {bit}) <> 0"


def _asked_of(purpose: Purpose) -> int:
    """The bits of which a yes is needed: of most finer purposes that of the category."""
    bit = int(purpose)
    category = _FINER.get(bit, 0)
    return category if bit & _GOING else category | bit


@lru_cache(maxsize=1024)
def stamp_of(bits: int) -> int:
    """Return what the row of an event keeps of the purposes that it may serve."""
    refused = 0
    for finer, category in _FINER.items():
        if finer & _GOING and bits & category and not bits & finer:
            refused |= finer
    return bits & _STAMPED | refused


def stamp_allows(stamp: int, purpose: Purpose) -> bool:
    """Whether an event with this stamp may serve a purpose."""
    bit = int(purpose)
    if bit & _GOING:
        return bool(stamp & _FINER[bit]) and not stamp & bit
    return bool(stamp & bit)


@lru_cache(maxsize=1024)
def finer_refused(stamp: int) -> tuple[int, ...]:
    """Return the finer purposes of personalization that a stamp does not allow, as bits."""
    return tuple(
        finer
        for finer, category in _FINER.items()
        if category == _PERSONALIZATION and not stamp_allows(stamp, Purpose(finer))
    )


def narrowed(stamp: int, choice: Chosen) -> int:
    """Return a stamp without what its owner has refused meanwhile, or what stands in the way."""
    refused = choice.denied
    if choice.holds & _ANY_HELD:
        refused |= ~_NECESSARY if choice.holds & _EVERYTHING_HELD else _PERSONAL
    return without(stamp, refused)


def without(stamp: int, refused: int) -> int:
    """Return a stamp without purposes, given as bits."""
    kept = stamp & _STAMPED & ~refused
    if not kept & int(Purpose.ADVERTISING):
        kept &= ~int(Purpose.SALE)
    return kept | stamp & _GOING | refused & _GOING
