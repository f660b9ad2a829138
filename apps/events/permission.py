"""Which events of a call may be stored at all: no byte without consent."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from apps.consent import selectors
from apps.consent.strings import Signal, signal_of
from apps.consent.types import NOT_ASKED, WIRE_NAMES, Choice, allowed
from apps.events.partitions import DAY_MS
from apps.events.types import FLAG_CONSENT_ASSUMED, Accepted, Sender
from apps.work.clock import from_ms

Subject = tuple[str, str]
CONSENT_EVENT = "Segment Consent Preference Updated"
ANALYTICS, ADVERTISING, OPTED_OUT = 4, 16, 16 | 32
_BITS = {name: int(purpose) for name, purpose in WIRE_NAMES.items()}
# What consent platforms write, by the names that `context.consent` has for it.
_STRINGS = ("tcString", "gpp", "usPrivacy")
_NO_SIGNAL = Signal()


def preferences_of(context: Mapping[str, Any]) -> dict[str, bool]:
    """Return what an event's own `context.consent` says, by purpose name in lower case.

    Only booleans of known purposes count: anything else neither grants nor refuses.
    """
    consent = context.get("consent")
    if type(consent) is not dict:
        return {}
    categories = consent.get("categoryPreferences")
    if type(categories) is not dict:
        return {}
    return {
        key.lower(): value
        for key, value in categories.items()
        if type(value) is bool and key.lower() in _BITS
    }


def strings_of(context: Mapping[str, Any]) -> dict[str, str]:
    """Return the strings of consent platforms that an event carries, by name, as they came."""
    consent = context.get("consent")
    if type(consent) is not dict:
        return {}
    found = {}
    for name in _STRINGS:
        text = consent.get(name)
        if type(text) is str and text and "\0" not in text:
            found[name] = text
    return found


def signal_in(context: Mapping[str, Any], at_ms: int) -> Signal:
    """Return what the strings that an event carries say at a time, to the day."""
    strings = strings_of(context) if "consent" in context else None
    if not strings:
        return _NO_SIGNAL
    return _signal(*(strings.get(name) for name in _STRINGS), at_ms // DAY_MS)


@lru_cache(maxsize=256)
def _signal(tcf: str | None, gpp: str | None, usp: str | None, day: int) -> Signal:
    return signal_of(tcf=tcf, gpp=gpp, usp=usp, now=from_ms(day * DAY_MS))


def carried_by(context: Mapping[str, Any], at_ms: int) -> tuple[int, int]:
    """Return (purposes granted, purposes refused) by an event's own context, as bits.

    The strings in it only refuse.
    """
    yes = no = 0
    if "consent" in context:
        for name, value in preferences_of(context).items():
            if value:
                yes |= _BITS[name]
            else:
                no |= _BITS[name]
        no |= signal_in(context, at_ms).no
    return yes, no


def subjects_of(event: Accepted) -> list[Subject]:
    """Return every identity that an event speaks of, as (kind, value)."""
    subjects = []
    if event.anonymous_id is not None:
        subjects.append(("anonymous_id", event.anonymous_id))
    if event.user_id is not None:
        subjects.append(("user_id", event.user_id))
    if event.previous_id is not None:
        # An alias may name either kind; a no recorded for either holds.
        subjects += [("anonymous_id", event.previous_id), ("user_id", event.previous_id)]
    return subjects


def choices_for(
    sender: Sender, events: Sequence[Accepted], more: Iterable[Subject] = ()
) -> dict[Subject, Choice]:
    """Return what is recorded for everyone the events speak of. One statement."""
    wanted = {subject for event in events for subject in subjects_of(event)}
    return selectors.choices_of(sender.site_id, sorted(wanted.union(more)))


def joint_choice(subjects: Iterable[Subject], choices: Mapping[Subject, Choice]) -> Choice:
    """Return the strictest choice over the identities of one event."""
    joint = NOT_ASKED
    if choices:
        for subject in subjects:
            choice = choices.get(subject)
            if choice is not None:
                joint = choice if joint is NOT_ASKED else joint.stricter(choice)
    return joint


@lru_cache(maxsize=4096)
def _bits(granted: int, denied: int, mode: str, yes: int, no: int, gpc: bool) -> int:
    choice = Choice(granted, denied)
    return int(allowed(choice, mode=mode, carried_yes=yes, carried_no=no, gpc=gpc))


def permit(
    sender: Sender, events: Sequence[Accepted], choices: Mapping[Subject, Choice]
) -> list[Accepted]:
    """Return the events that may be stored, each stamped with its epoch and allowed purposes.

    An event without permission for analytics is left out. An identifier for advertising goes unless
    advertising is allowed.
    """
    kept = []
    for event in events:
        choice = joint_choice(subjects_of(event), choices)
        yes, no = carried_by(event.context, event.occurred_ms)
        bits = _bits(choice.granted, choice.denied, sender.consent_mode, yes, no, sender.has_gpc)
        if not bits & ANALYTICS:
            continue
        event.epoch, event.purposes = choice.epoch, bits
        if not (choice.granted | yes) & ANALYTICS:
            event.flags |= FLAG_CONSENT_ASSUMED
        if not bits & ADVERTISING:
            device = event.context.get("device")
            if type(device) is dict:
                device.pop("advertisingId", None)
        kept.append(event)
    return kept


def may_keep(
    sender: Sender,
    subjects: Sequence[Subject],
    context: Mapping[str, Any],
    choices: Mapping[Subject, Choice],
    received_ms: int,
) -> bool:
    """True if the body of a refused event may wait in quarantine: the same rule as for storing it.

    Nobody known to ask about is a no where consent is required.
    """
    choice = joint_choice(subjects, choices)
    yes, no = carried_by(context, received_ms)
    return bool(
        _bits(choice.granted, choice.denied, sender.consent_mode, yes, no, sender.has_gpc)
        & ANALYTICS
    )
