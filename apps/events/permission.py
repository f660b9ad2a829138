"""Which events of a call may be stored at all: no byte without consent."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from apps.consent import gates, selectors
from apps.consent.strings import Signal, signal_of
from apps.consent.tombstones import Choices, is_barred
from apps.consent.types import NOT_ASKED, WIRE_NAMES, Choice
from apps.events.domain.reading import readable_id
from apps.events.partitions import DAY_MS
from apps.events.types import FLAG_CONSENT_ASSUMED, Accepted, Sender
from apps.work import clock
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


def signal_in(context: Mapping[str, Any], at_ms: int, vendor_id: int | None = None) -> Signal:
    """Return what the strings that an event carries say at a time, to the day.

    Args:
        vendor_id: the site's number on the global vendor list; without it no string grants.
    """
    strings = strings_of(context) if "consent" in context else None
    if not strings:
        return _NO_SIGNAL
    return _signal(*(strings.get(name) for name in _STRINGS), at_ms // DAY_MS, vendor_id)


@lru_cache(maxsize=256)
def _signal(
    tcf: str | None, gpp: str | None, usp: str | None, day: int, vendor_id: int | None
) -> Signal:
    now = from_ms(day * DAY_MS)
    return signal_of(tcf=tcf, gpp=gpp, usp=usp, vendor_id=vendor_id, now=now)


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


def subjects_of_refused(item: dict[str, Any] | None) -> list[Subject]:
    """Return the identities that a refused event names, as far as they can be read."""
    subjects = []
    for kind, key in (("anonymous_id", "anonymousId"), ("user_id", "userId")):
        value = readable_id(item, key)
        if value is not None:
            subjects.append((kind, value))
    return subjects


def choices_for(
    sender: Sender, events: Sequence[Accepted], more: Iterable[Subject] = ()
) -> Choices:
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


def permit(sender: Sender, events: Sequence[Accepted], choices: Choices) -> list[Accepted]:
    """Return the events that may be stored, each stamped with its epoch and allowed purposes.

    An event without permission for analytics is left out, and one of somebody erased. An
    identifier for advertising goes unless advertising is allowed.
    """
    kept = []
    now_ms = clock.now_ms()
    barred = choices.barred
    for event in events:
        if barred and is_barred(barred, subjects_of(event), event.occurred_ms):
            continue
        choice = joint_choice(subjects_of(event), choices)
        yes, no = carried_by(event.context, event.occurred_ms)
        bits = gates.permitted_to(sender, choice, now_ms, yes, no)
        if not bits & ANALYTICS:
            continue
        event.epoch, event.purposes = choice.epoch, gates.stamp_of(bits)
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
    choices: Choices,
    received_ms: int,
) -> bool:
    """True if the body of a refused event may wait in quarantine: the same rule as for storing it.

    Nobody known to ask about is a no where consent is required, and so is who was once erased.
    """
    if choices.barred and not choices.barred.keys().isdisjoint(subjects):
        return False
    choice = joint_choice(subjects, choices)
    yes, no = carried_by(context, received_ms)
    return bool(gates.permitted_to(sender, choice, clock.now_ms(), yes, no) & ANALYTICS)
