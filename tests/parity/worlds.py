"""The world of a seed: always the same condition, person and instants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from engine.facts import SESSION_IDLE_MS, Facts
from tests.engine import alphabets, documents, instants, people
from tests.engine.agreement import World
from tests.engine.choices import Choices, Seeded, once_in
from tests.engine.oracle.aggregates import event_value
from tests.engine.oracle.truth import seen_at
from tests.engine.oracle.values import number

INSTANTS = 20
# What satisfies these is no single value; or there is no operator at all.
UNSUITED = (*alphabets.TIMED, "within_km", None)
NAMES_OF = {"exposure": ["Exposure"], "experiment": ["Experiment Viewed"]}
DWELL_NAMES = {
    "page": ["Page Viewed", "Page Heartbeat", "Page Heartbeat", "Page Left"],
    "site": ["Page Viewed", "Page Heartbeat", "Page Heartbeat", "Page Left"],
    "section": ["Section Viewed"],
    "element": ["Element Hovered"],
    "session": list(alphabets.EVENTS),
}


def world_of(seed: int, kinds: Sequence[str] = documents.EVERY_KIND) -> World:
    """Half of the worlds are about one leaf, so that nothing hides behind a group."""
    choices = Seeded(seed)
    if once_in(choices, 2):
        where = documents.leaf(choices, kinds)
    else:
        where = documents.tree(choices, kinds)
    most = choices.pick((12, 12, 6, 16))
    if once_in(choices, 5):
        facts = people.person(choices, most)
    else:
        facts = people.person(choices, most, *asked_for(where))
    edges = instants.edges(where, facts)
    # There are many more edges after the last event than between events.
    happened = [event.at_ms for event in facts.history] or edges
    at_ms = {
        choices.pick(happened if n % 3 == 0 else edges) + choices.pick((0, 0, 1, -1))
        for n in range(INSTANTS)
    }
    at_ms |= {happened[-1], happened[-1] + 1}
    for leaf in instants.leaves(where):
        if leaf["kind"] == "event" and once_in(choices, 2):
            aim(leaf, facts, sorted(at_ms), choices)
    return World(where, facts, sorted(at_ms), (choices.whole(1, 4),))


Asked: TypeAlias = tuple[list[str], dict[str, list[tuple[str, Any]]], list[int]]


def asked_for(where: Any) -> Asked:
    """The names of events a condition asks for, its tests by property or trait, its durations."""
    names, wanted = list[str](), dict[str, list[tuple[str, Any]]]()
    for leaf in instants.leaves(where):
        names += NAMES_OF.get(leaf["kind"], ())
        if leaf["kind"] == "dwell":
            names += DWELL_NAMES[leaf["on"]]
        if "page_view" in leaf.values():
            names += DWELL_NAMES["page"]
        for part in _objects(leaf):
            if isinstance(part.get("name"), str) and leaf["kind"] not in ("trait", "context"):
                names.append(part["name"])
            name = part.get("property", part.get("name"))
            is_test = "property" in part or leaf["kind"] in ("trait", "context", "score")
            if name and is_test and "value" in part and part.get("op") not in UNSUITED:
                wanted.setdefault(name, []).append((part["op"], part["value"]))
    names = [name for name in names if name in people.NAMES]
    spans_ms = {ms for ms in instants.durations(where) if 0 < ms <= alphabets.DAY_MS}
    if set(instants.texts(where)) & {"session", "in_session", "page_view", "visit"}:
        spans_ms.add(SESSION_IDLE_MS)
    names = [*names, *names, alphabets.EVENTS[0]] if names else []
    return names, wanted, sorted(spans_ms)


def _objects(document: Any) -> Iterator[dict[str, Any]]:
    if isinstance(document, dict):
        yield document
        document = list(document.values())
    if isinstance(document, list):
        for part in document:
            yield from _objects(part)


def aim(leaf: Any, facts: Facts, at_ms: Sequence[int], choices: Choices) -> None:
    """Compare with the very value found: a random threshold rarely tells 2 from 3."""
    # Of a few instants one at which there is something, if there is.
    tried = [choices.pick(at_ms) for _ in range(4)]
    found = [event_value(leaf, seen_at(facts, each)) for each in tried]
    value = next((each for each in found if each), found[0])
    if leaf["op"] not in ("eq", "ne", "gt", "gte", "lt", "lte") or value is None:
        return
    if leaf["aggregate"] == "recency":
        leaf["value"] = alphabets.duration(value)
    elif number(value) is not None:
        if abs(value) <= 2**53:
            leaf["value"] = value
    elif leaf["op"] in ("eq", "ne"):
        leaf["value"] = value
    if once_in(choices, 2) and leaf["op"] in ("gt", "lt"):
        leaf["op"] = leaf["op"] + "e"


def features(where: Any) -> Counter[str]:
    """The kinds of leaves of a document, and what is special about them."""
    found: Counter[str] = Counter()
    for leaf in instants.leaves(where):
        found[leaf["kind"]] += 1
        if leaf["kind"] == "event":
            found[f"event {leaf['aggregate']}"] += 1
        if "window" in leaf:
            found[f"in {_window_word(leaf['window'])}"] += 1
        if leaf["kind"] == "dwell":
            found[f"dwell on {leaf['on']}"] += 1
        if leaf["kind"] == "sequence":
            options = ("by", "without", "strict", "in_session", "times", "within")
            found.update(f"sequence {option}" for option in options if option in leaf)
    return found


def _window_word(window: Any) -> str:
    if isinstance(window, str):
        return window
    word = next(iter(window))
    return "last months" if word == "last" and window[word].endswith(("mo", "y")) else str(word)
