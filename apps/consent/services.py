"""Writes of consent: every choice and signal is a row, and the state row follows it at once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple
from uuid import UUID

from apps.consent import endings, state, tombstones, writing
from apps.consent.circumstances import Circumstances, notice_of, policy_of
from apps.consent.gates import Asking
from apps.consent.regimes import Found
from apps.consent.types import ALL_PURPOSES, OPTED_OUT, Choice, Purpose, joint_residence, names_of
from apps.consent.writing import CONSENT_CHANGED, Entered, Kinds, bits_named
from apps.profiles.identities import Name
from apps.profiles.state import StateRow

__all__ = ["CONSENT_CHANGED", "apply_opt_out", "join_rows", "record_choice"]

# In the `signals` of an entry: names of what the strings beside it say, for whoever replays it.
REFUSED_BY_STRINGS: Final = "refused"
GRANTED_BY_STRINGS: Final = "granted"
# In its `controls`: it was said by somebody signed in; what strings refuse is an opt-out signal.
IS_KNOWN: Final = "isKnown"
IS_OPT_OUT: Final = "isOptOut"
_NECESSARY: Final = int(Purpose.NECESSARY)
_KNOWN: Final = "user_id"


def record_choice(
    *,
    site_id: UUID,
    source_id: UUID | None,
    identities: Sequence[tuple[str, str]],
    purposes: Mapping[str, bool],
    method: str,
    policy_version: str,
    gpc: bool,
    signals: Mapping[str, Any],
    client_at: datetime | None,
    regime: str,
    now: datetime,
    refused: int = 0,
    granted: int = 0,
    opted_out: int = 0,
    said_at: datetime | None = None,
    asking: Asking | None = None,
    has_shown_conflict: bool = False,
    residence: str | None = None,
    language: str = "",
    details: Mapping[str, Any] | None = None,
) -> Choice:
    """Append a choice for every identity given and return the strictest resulting state.

    Server time decides: the choice recorded last stands, of two at one time the refusal. A signal
    that came with it (`Sec-GPC: 1`, an opt-out string) refuses advertising and sale whatever the
    choice says; the row keeps both, so the conflict can be seen. A later yes of somebody known who
    was told of the conflict stands.

    Args:
        identities: (kind, value) of the person, at least one.
        purposes: names ("analytics", "model_training") to yes or no; the others stay as they are.
        method: how it was said: "banner", "preferences", "api", "event", "officer".
        signals: what came along, such as a TCF string; stored as it is.
        regime: the rule set that applied, where `asking` does not say.
        refused, granted: purposes that strings among `signals` refuse and grant, as bits; a choice
            that is named in `purposes` goes before what a string grants.
        opted_out: those of which they are an opt-out signal, as bits.
        said_at: when it happened, if it is told late. Of somebody erased a choice from before is
            not recorded, nor is one without a yes: the answer refuses everything.
        asking: who asks, from which regime and place follow.
        has_shown_conflict: the person was shown that a signal stands against their yes.
        residence: where they say they live, "DE", "US-CA"; None: nothing is said of it.
        language: of the notice that was shown.
        details: more of `Circumstances`: controls, network, browser, actor_kind, actor_id.

    Raises:
        Unavailable: the identities kept moving under joins that went on meanwhile.
    """
    heard = _heard(purposes, refused & ~opted_out, granted)
    if not tombstones.admit_choice(
        site_id, identities, has_yes=bool(heard.yes & ~_NECESSARY), now=now, said_at=said_at
    ):
        return Choice(denied=ALL_PURPOSES & ~_NECESSARY)
    is_known = any(kind == _KNOWN for kind, _ in identities)
    by_strings = {REFUSED_BY_STRINGS: refused, GRANTED_BY_STRINGS: granted}
    marks = {IS_KNOWN: is_known, IS_OPT_OUT: bool(opted_out)}
    more = dict(details or {})
    more["controls"] = more.get("controls", {}) | {key: True for key, on in marks.items() if on}
    how = Circumstances(
        method=method,
        now=now,
        asking=asking,
        found=Found(regime, "site"),
        notice=notice_of(site_id, policy_version, language),
        policy=policy_of(site_id),
        has_gpc=gpc,
        signals={**signals, **{key: names_of(bits) for key, bits in by_strings.items() if bits}},
        client_at=client_at,
        source_id=source_id,
        **more,
    )
    entered = Entered(how, dict(purposes), heard.yes, heard.no, opted_out, is_known=is_known,
                      residence=residence)  # fmt: skip
    write = partial(_enter_told if has_shown_conflict else writing.enter, entered=entered)
    return writing.record(_names(site_id, identities), write, now)


class _Heard(NamedTuple):
    """What a choice and the strings beside it come to, as bits; no purpose is in both."""

    yes: int
    no: int


def _heard(purposes: Mapping[str, bool], refused: int, granted: int) -> _Heard:
    """A string is a choice too, made before: what is chosen by name goes before what it grants."""
    said_no = bits_named(name for name, is_yes in purposes.items() if not is_yes)
    said_yes = bits_named(name for name, is_yes in purposes.items() if is_yes)
    no = (said_no | refused) & ~_NECESSARY
    return _Heard((said_yes | granted & ~said_no) & ~no, no)


def apply_opt_out(
    *,
    site_id: UUID,
    source_id: UUID | None,
    identities: Sequence[tuple[str, str]],
    gpc: bool,
    strings: Mapping[str, str],
    regime: str,
    now: datetime,
    asking: Asking | None = None,
) -> Choice:
    """Record a signal that opts out of advertising and sale. Nothing is written twice.

    Where the site, or its regime, takes Global Privacy Control as a refusal of personalization,
    that is refused too, unless they chose it knowing of the signal.

    Args:
        gpc: it is (also) `Sec-GPC: 1`.
        strings: the GPP and US Privacy strings that say it, by name; kept as evidence.
    """
    how = Circumstances(
        method="signal",
        now=now,
        asking=asking,
        found=Found(regime, "site"),
        policy=policy_of(site_id),
        has_gpc=gpc,
        signals={"gpc": True, **strings} if gpc else dict(strings),
        source_id=source_id,
    )
    entered = Entered(
        circumstances=how,
        purposes={"advertising": False, "sale": False},
        opt_out=OPTED_OUT,
        kind=Kinds.SIGNAL_APPLIED,
        is_silent_twice=True,
    )
    write = partial(writing.enter, entered=entered)
    return writing.record(_names(site_id, identities), write, now)


def join_rows(into: StateRow, out: StateRow, now_ms: int) -> None:
    """Give `into` the stricter state of both, of each purpose; the epoch rises above both.

    What stands in the way of one stands in the way of both. The rows are locked; the caller saves.
    """
    joint = state.join(writing.consents_of(into), writing.consents_of(out))
    into.holds |= out.holds
    into.residence = joint_residence(into.residence, out.residence)
    writing.put(into, joint, now_ms)
    into.consent_epoch = max(into.consent_epoch, out.consent_epoch) + 1
    endings.note([into])


def _names(site_id: UUID, identities: Sequence[tuple[str, str]]) -> list[Name]:
    return [(site_id, kind, value) for kind, value in dict.fromkeys(identities)]


def _enter_told(row: StateRow, identity_id: int, name: Name, entered: Entered) -> bool:
    """Enter a choice of somebody who was told that a signal stands against their yes.

    That they were is noted once for each signal.
    """
    against = state.conflicts(writing.consents_of(row), entered.yes)
    told = Entered(
        circumstances=replace(entered.circumstances, signals={}, has_gpc=False),
        purposes=dict.fromkeys(names_of(against), False),
        no=against,
        kind=Kinds.CONFLICT_NOTIFIED,
        is_silent_twice=True,
    )
    if against:
        writing.enter(row, identity_id, name, told)
    return writing.enter(row, identity_id, name, entered)
