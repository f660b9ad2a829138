"""The verdict of a condition document, by the book: groups, three values, every kind of leaf."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Protocol

from tests.engine.oracle.aggregates import compare_score, event_leaf, score
from tests.engine.oracle.paths import absence_leaf, completions, dwell_leaf, sequence_leaf
from tests.engine.oracle.values import Truth, compare, compare_timed, duration_ms, same
from tests.engine.oracle.windows import Document, Event, Seen, inside, matching, scalar_of

TIMED = ("within_last", "within_next", "anniversary_within", "changed_within")


class Known(Protocol):
    """The facts of one person, as `engine.facts.Facts` holds them; `history` in the total order."""

    @property
    def traits(self) -> Mapping[str, Any]: ...
    @property
    def trait_meta(self) -> Mapping[str, Any]: ...
    @property
    def history(self) -> Any: ...
    @property
    def memberships(self) -> Mapping[str, bool]: ...
    @property
    def context(self) -> Mapping[str, Any]: ...
    @property
    def consents(self) -> Mapping[str, bool]: ...
    @property
    def unit_id(self) -> str: ...
    @property
    def site_zone(self) -> str: ...


def seen_at(facts: Known, now_ms: int) -> Seen:
    events: list[Event] = [event for event in facts.history if event.at_ms <= now_ms]
    return Seen(
        now=now_ms,
        events=events,
        traits=facts.traits,
        trait_meta=facts.trait_meta,
        context=facts.context,
        memberships=facts.memberships,
        consents=facts.consents,
        unit_id=facts.unit_id,
        site_zone=facts.site_zone,
    )


def truth(
    document: Document, facts: Known, now_ms: int, segments: Mapping[str, Document] | None = None
) -> Truth:
    """The verdict at an instant; None is unknown.

    Args:
        document: `{"v": 1, "where": NODE}` or a NODE.
        segments: conditions of segments by key; the others are looked up in the memberships.

    Raises:
        Undecided: a score is too near to its threshold for doubles.
    """
    return _node(_where(document), seen_at(facts, now_ms), segments or {})


def _where(document: Document) -> Document:
    found: Document = document["where"] if "v" in document else document
    return found


def _node(where: Document, seen: Seen, segments: Mapping[str, Document]) -> Truth:
    if "kind" in where:
        if where["kind"] == "segment" and where["key"] in segments:
            return _node(_where(segments[where["key"]]), seen, segments) is True
        return leaf(where, seen)
    ((group, content),) = where.items()
    if group == "not":
        verdict = _node(content, seen, segments)
        return None if verdict is None else not verdict
    parts = content["of"] if group == "at_least" else content
    verdicts = [_node(part, seen, segments) for part in parts]
    yes, unknown = verdicts.count(True), verdicts.count(None)
    if group == "none":
        return False if yes else None if unknown else True
    needed = {"all": len(verdicts), "any": 1}.get(group) if group != "at_least" else content["k"]
    assert needed is not None, group
    return True if yes >= needed else None if yes + unknown >= needed else False


def leaf(where: Document, seen: Seen) -> Truth:
    match where["kind"]:
        case "trait":
            return _trait(where, seen)
        case "context":
            return compare(where["op"], seen.context.get(where["name"]), where.get("value"))
        case "event":
            return event_leaf(where, seen)
        case "sequence":
            return sequence_leaf(where, seen)
        case "absence":
            return absence_leaf(where, seen)
        case "dwell":
            return dwell_leaf(where, seen)
        case "score":
            weights = [float(t["weight"]) for t in where.get("traits", ()) if is_true(t, seen)]
            reached = score({"events": (), **where}, seen, weights)
            return compare_score(where["op"], reached, where["value"])
        case "segment":
            return seen.memberships.get(where["key"]) is True
        case "list":
            return _listed(seen.traits.get("list." + where["key"]), seen.now)
        case "percent":
            return _percent(where, seen.unit_id)
        case "model":
            return _model(where, seen)
        case "consent":
            return True if where["purpose"] == "necessary" else seen.consents.get(where["purpose"])
        case "exposure":
            return compare(where["op"], _exposures(where, seen), where.get("value"))
        case "experiment":
            shown = {"experiment_id": where["key"], "variation_id": where.get("arm")}
            return bool(matching(_named("Experiment Viewed", shown), seen))
    assert where["kind"] == "relation", where
    found = seen.traits.get("edge." + where["type"])
    edges = found if isinstance(found, list) else [] if found is None else [found]
    return any("to" not in where or same(edge, where["to"]) for edge in edges)


def is_true(test: Document, seen: Seen) -> bool:
    """Whether a trait test of a score is true."""
    return _trait(test, seen) is True


def _trait(test: Document, seen: Seen) -> Truth:
    found, meta = seen.traits.get(test["name"]), seen.trait_meta.get(test["name"])
    wanted = test.get("from", {})
    if "source" in wanted and (meta is None or meta.source != wanted["source"]):
        found = None
    if "min_confidence" in wanted:
        confidence = None if meta is None else meta.confidence
        if confidence is None or confidence < wanted["min_confidence"]:
            found = None
    if test["op"] in TIMED:
        changed_ms = None if meta is None else meta.changed_ms
        return compare_timed(test["op"], found, changed_ms, test["value"], seen.now)
    return compare(test["op"], found, test.get("value"))


def _listed(found: object, now_ms: int) -> bool:
    if isinstance(found, bool) or not isinstance(found, int | float):
        return found is True
    return now_ms < found


def _percent(where: Document, unit_id: str) -> bool:
    share = Fraction(_hash(str(_hash(where["seed"] + unit_id))) % 10_000, 100)
    return Fraction(repr(where["from"])) <= share < Fraction(repr(where["to"]))


def _hash(text: str) -> int:
    """FNV-1a of 32 bits over UTF-16 code units."""
    state = 2166136261
    units = text.encode("utf-16-be", "surrogatepass")
    for place in range(0, len(units), 2):
        state = ((state ^ (units[place] << 8 | units[place + 1])) * 16777619) % 2**32
    return state


def _model(where: Document, seen: Seen) -> Truth:
    name = "score." + where["name"]
    found, meta = seen.traits.get(name), seen.trait_meta.get(name)
    if "max_age" in where and found is not None:
        observed_ms = None if meta is None else meta.observed_ms
        if observed_ms is None or seen.now >= observed_ms + duration_ms(where["max_age"]):
            found = None
    if found is None and where["op"] not in ("is_set", "is_missing"):
        fallback: Truth = where.get("fallback")
        return fallback
    return compare(where["op"], found, where.get("value"))


def _exposures(where: Document, seen: Seen) -> int:
    shown = {name: where.get(name) for name in ("placement", "block", "variant")}
    return len(matching(_named("Exposure", shown), seen, inside(where["window"], seen)))


def _named(name: str, properties: Mapping[str, Any]) -> Document:
    tests = [
        {"property": key, "op": "eq", "value": value}
        for key, value in properties.items()
        if value is not None
    ]
    return {"name": name, "where": tests}


def bindings(where: Document, facts: Known, now_ms: int) -> dict[str, Any]:
    """What the event and sequence leaves that are true hand to the template, first one first."""
    seen, found = seen_at(facts, now_ms), dict[str, Any]()
    for part in _leaves(_where(where)):
        if "bind" not in part or leaf(part, seen) is not True:
            continue
        if part["kind"] == "event":
            places = matching(part, seen, inside(part["window"], seen))
            named = {name: (places[-1:], of) for name, of in part["bind"].items()}
        else:
            ends = completions(part, seen)
            best = ends[max(ends)] if ends else ()
            named = {
                name: (list(best[bind["step"] - 1 :][:1]), bind["property"])
                for name, bind in part["bind"].items()
            }
        for name, (chosen, of) in named.items():
            value = scalar_of(seen.events[chosen[0]], of) if chosen else None
            if value is not None:
                found.setdefault(name, value)
    return found


def _leaves(where: Document) -> list[Document]:
    if "kind" in where:
        return [where]
    ((group, content),) = where.items()
    parts = [content] if group == "not" else content["of"] if group == "at_least" else content
    return [found for part in parts for found in _leaves(part)]
