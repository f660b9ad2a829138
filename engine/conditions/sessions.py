"""Visits of a person: pieces of the chains of events of each device, cut where it was idle.

`open_session` and `visits` are the meaning; `latest_tails` and `pieces` are the same kept in
`Facts.cache` for the compiled leaves. The facts given here hold no event after now.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from engine.facts import NO_DEVICE, SESSION_IDLE_MS, Facts

NEVER = -(1 << 62)  # when a session that never was began and ended


def open_session(facts: Facts, now_ms: int, idle_ms: int = SESSION_IDLE_MS) -> list[int]:
    """The indexes of the events of the session open at now, ascending; none when it is over."""
    history = facts.history
    devices = [event.device for event in history if event.device != NO_DEVICE]
    if devices:
        piece = _chains(facts, devices[-1], idle_ms)[-1]
        if now_ms - history[piece[-1]].at_ms < idle_ms:
            first_ms = history[piece[0]].at_ms
            return sorted(piece + _without_device(facts, first_ms, now_ms))
    lone = _chains(facts, NO_DEVICE, idle_ms)
    if lone and now_ms - history[lone[-1][-1]].at_ms < idle_ms:
        return lone[-1]
    return []


def session_changes(facts: Facts, idle_ms: int = SESSION_IDLE_MS) -> set[int]:
    """The instants at which, with no new event, the open session becomes another one or none."""
    history = facts.history
    with_device = [event.at_ms for event in history if event.device != NO_DEVICE]
    without = [event.at_ms for event in history if event.device == NO_DEVICE]
    return {times[-1] + idle_ms for times in (with_device, without) if times}


def visits(facts: Facts, idle_ms: int = SESSION_IDLE_MS) -> list[list[int]]:
    """The indexes of the events of each session of the person, from the first session on."""
    history = facts.history
    devices = {event.device for event in history} - {NO_DEVICE}
    if not devices:
        return _chains(facts, NO_DEVICE, idle_ms)
    found = [piece for device in devices for piece in _chains(facts, device, idle_ms)]
    found.sort(key=lambda piece: (history[piece[0]].at_ms, history[piece[0]].device))
    return [
        sorted(piece + _without_device(facts, history[piece[0]].at_ms, history[piece[-1]].at_ms))
        for piece in found
    ]


def _chains(facts: Facts, device: int, idle_ms: int) -> list[list[int]]:
    """The pieces of one device's chain, oldest first, as indexes."""
    history = facts.history
    chain = [i for i, event in enumerate(history) if event.device == device]
    if not chain:
        return []
    found = [[chain[0]]]
    for before, i in pairwise(chain):
        if history[i].at_ms - history[before].at_ms >= idle_ms:
            found.append([])
        found[-1].append(i)
    return found


def _without_device(facts: Facts, first_ms: int, last_ms: int) -> list[int]:
    return [
        i
        for i, event in enumerate(facts.history)
        if event.device == NO_DEVICE and first_ms <= event.at_ms <= last_ms
    ]


# The same for compiled leaves


class Tails(NamedTuple):
    """The sessions that may be open now, all in ms.

    The one of the device of the latest event with a device holds the events of `device`, and those
    without one, from `first_ms` on; it is open before `ends_ms`. From then on, before
    `lone_ends_ms`, it is that of the events without a device from `lone_first_ms` on. NEVER where
    there is none.
    """

    device: int
    first_ms: int
    ends_ms: int
    lone_first_ms: int
    lone_ends_ms: int


def latest_tails(facts: Facts, idle_ms: int) -> Tails:
    """The last piece of the latest device's chain, and of the chain without a device."""
    kept: dict[int, Tails] | None = facts.cache.get("tails")
    if kept is None:
        kept = facts.cache["tails"] = {}
    tails = kept.get(idle_ms)
    if tails is None:
        tails = kept[idle_ms] = _find_tails(facts, idle_ms)
    return tails


def _find_tails(facts: Facts, idle_ms: int) -> Tails:
    history = facts.history
    device, first_ms, last_ms = NO_DEVICE, NEVER, NEVER
    lone_first_ms = lone_last_ms = NEVER
    newest_ms = history[-1].at_ms if history else NEVER
    for event in reversed(history):
        at_ms = event.at_ms
        if event.device == NO_DEVICE:
            if lone_last_ms == NEVER:
                # Older than the last event with a device, it ends no later: never the open one.
                if device == NO_DEVICE:
                    lone_first_ms = lone_last_ms = at_ms
            elif lone_first_ms - at_ms < idle_ms:
                lone_first_ms = at_ms
        elif device == NO_DEVICE:
            if newest_ms - at_ms < idle_ms:
                device, first_ms, last_ms = event.device, at_ms, at_ms
        elif event.device == device and first_ms - at_ms < idle_ms:
            first_ms = at_ms
        # Both chains are cut by now, or their sessions over: what is older does not matter.
        if (newest_ms if device == NO_DEVICE else first_ms) - at_ms >= idle_ms and (
            lone_last_ms == NEVER or lone_first_ms - at_ms >= idle_ms
        ):
            break
    return Tails(
        device,
        first_ms,
        NEVER if device == NO_DEVICE else last_ms + idle_ms,
        lone_first_ms,
        NEVER if lone_last_ms == NEVER else lone_last_ms + idle_ms,
    )


class Piece(NamedTuple):
    """One session: the events of `device`, and those without one, at [first_ms, last_ms]."""

    first_ms: int
    device: int
    last_ms: int


def pieces(facts: Facts, idle_ms: int = SESSION_IDLE_MS) -> list[Piece]:
    """All sessions of the person, from the first on."""
    kept: dict[int, list[Piece]] | None = facts.cache.get("pieces")
    if kept is None:
        kept = facts.cache["pieces"] = {}
    found = kept.get(idle_ms)
    if found is None:
        found = kept[idle_ms] = _find_pieces(facts, idle_ms)
    return found


def _find_pieces(facts: Facts, idle_ms: int) -> list[Piece]:
    spans: dict[int, list[list[int]]] = {}
    for event in facts.history:
        of_device = spans.setdefault(event.device, [])
        if of_device and event.at_ms - of_device[-1][1] < idle_ms:
            of_device[-1][1] = event.at_ms
        else:
            of_device.append([event.at_ms, event.at_ms])
    if len(spans) > 1:
        spans.pop(NO_DEVICE, None)
    return sorted(
        Piece(first_ms, device, last_ms)
        for device, of_device in spans.items()
        for first_ms, last_ms in of_device
    )
