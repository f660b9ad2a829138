"""The condition language as a form: what the browser's editor draws, worked out from the parser.

Every list of operators, aggregates, windows and kinds here is the parser's own, so that the page
cannot offer what a save would refuse, nor forget what it would take. `FIELDS` says which fields the
form of a kind has; a field is {"name", "type", "label", "optional"?, ...}, its type one of those
that `static/admin-attune/conditions/fields.js` draws.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from apps.segments.editor_sentences import SENTENCES
from engine.conditions import parse, parse_events, parse_paths, parse_values
from engine.conditions.nodes import Aggregate, CalendarUnit, DwellOn, Op, WindowKind
from engine.conditions.operators import LIST_OPS, MOMENT_OPS, ORDERING, PRESENCE, VERSION_OPS
from engine.conditions.parse_leaves import PURPOSES
from engine.conditions.policy import MAX_PRIORITY

Field = dict[str, Any]

# What an editor reads; every operator is here, and nothing else (a test holds it).
OP_WORDS: Final[Mapping[Op, str]] = {
    Op.EQ: "is",
    Op.NE: "is not",
    Op.IN: "is one of",
    Op.GT: "is more than",
    Op.GTE: "is at least",
    Op.LT: "is less than",
    Op.LTE: "is at most",
    Op.BETWEEN: "is between",
    Op.CONTAINS: "contains",
    Op.STARTS_WITH: "starts with",
    Op.ENDS_WITH: "ends with",
    Op.MATCHES: "matches the pattern",
    Op.IS_SET: "is known",
    Op.IS_MISSING: "is missing",
    Op.HAS_ANY: "has any of",
    Op.HAS_ALL: "has all of",
    Op.HAS_NONE: "has none of",
    Op.VERSION_EQ: "is version",
    Op.VERSION_GT: "is later than version",
    Op.VERSION_GTE: "is version … or later",
    Op.VERSION_LT: "is earlier than version",
    Op.VERSION_LTE: "is version … or earlier",
    Op.BEFORE: "is before",
    Op.AFTER: "is after",
    Op.WITHIN_LAST: "is within the last",
    Op.WITHIN_NEXT: "is within the next",
    Op.ANNIVERSARY_WITHIN: "has its anniversary within",
    Op.CHANGED_WITHIN: "changed within the last",
    Op.WITHIN_KM: "is within km of",
}

_TAKES: Final[Mapping[Op, str]] = {
    **dict.fromkeys(PRESENCE, "none"),
    **dict.fromkeys(LIST_OPS | {Op.IN}, "many"),
    **dict.fromkeys(VERSION_OPS, "version"),
    **dict.fromkeys(MOMENT_OPS, "moment"),
    **dict.fromkeys(
        (Op.WITHIN_LAST, Op.WITHIN_NEXT, Op.ANNIVERSARY_WITHIN, Op.CHANGED_WITHIN), "duration"
    ),
    Op.BETWEEN: "pair",
    Op.WITHIN_KM: "circle",
    **dict.fromkeys((Op.STARTS_WITH, Op.ENDS_WITH, Op.MATCHES), "text"),
}

_OP_SETS: Final[Mapping[str, Iterable[Op]]] = {
    "trait": parse_values.TRAIT_OPS,
    "context": parse_values.CONTEXT_OPS,
    "filter": parse_values.FILTER_OPS,
    "basic": parse_values.BASIC_OPS,
    "count": parse_values.COUNT_OPS,
    "number": parse_values.NUMBER_OPS,
    "age": parse_values.AGE_OPS,
    "ordering": ORDERING,
}

AGGREGATE_WORDS: Final[Mapping[Aggregate, str]] = {
    Aggregate.COUNT: "how often",
    Aggregate.SUM: "the sum of",
    Aggregate.AVG: "the average of",
    Aggregate.MIN: "the least",
    Aggregate.MAX: "the greatest",
    Aggregate.DISTINCT: "how many different",
    Aggregate.FIRST: "the first",
    Aggregate.LAST: "the latest",
    Aggregate.MOST_FREQUENT: "the most frequent",
    Aggregate.RECENCY: "how long ago",
    Aggregate.DAYS_ACTIVE: "on how many days",
    Aggregate.STREAK: "on how many days in a row",
    Aggregate.RATIO: "how often for each …",
    Aggregate.RATE: "how often per …",
    Aggregate.TREND: "how often against the time before",
}

WINDOW_WORDS: Final[Mapping[WindowKind, tuple[str, object]]] = {
    WindowKind.EVER: ("at any time", "ever"),
    WindowKind.LAST: ("in the last", {"last": "7d"}),
    WindowKind.SESSION: ("in this session", "session"),
    WindowKind.PAGE_VIEW: ("on this page view", "page_view"),
    WindowKind.CALENDAR: ("since the start of the", {"calendar": "day"}),
    WindowKind.BETWEEN_AGO: ("between", {"between_ago": {"from": "14d", "to": "7d"}}),
    WindowKind.VISIT: ("in the visit number", {"visit": 1}),
    WindowKind.SINCE: ("since the latest", {"since": {"name": ""}}),
    WindowKind.ABSOLUTE: ("between two dates", {"absolute": {"from": "2026-01-01"}}),
}

_UNITS: Final = (
    ("ms", "milliseconds"),
    ("s", "seconds"),
    ("m", "minutes"),
    ("h", "hours"),
    ("d", "days"),
    ("w", "weeks"),
)
_LONG_UNITS: Final = (("mo", "months"), ("y", "years"))

GROUP_WORDS: Final = (
    ("all", "All of these"),
    ("any", "Any of these"),
    ("none", "None of these"),
    ("at_least", "At least so many of these"),
    ("not", "Not"),
)

DWELL_WORDS: Final[Mapping[DwellOn, str]] = {
    DwellOn.SESSION: "in this session, open or idle",
    DwellOn.SITE: "active on all pages",
    DwellOn.PAGE: "active on pages that",
    DwellOn.SECTION: "seeing a section",
    DwellOn.ELEMENT: "over an element",
}


def _windows(kinds: Iterable[WindowKind]) -> list[str]:
    """The windows of a set in the order of the menu; months are another unit of `last`."""
    wanted = set(kinds)
    return [str(kind) for kind in WINDOW_WORDS if kind in wanted]


_EVERY_WINDOW: Final = _windows(parse_events.ALL_KINDS)
_PATH_WINDOWS: Final = _windows(parse_paths._PATH_WINDOWS)


def _compared(ops: str, reads: str = "any", **more: object) -> Field:
    return {"name": "op", "type": "comparison", "ops": ops, "reads": reads, **more}


def _match(name: str, label: str, **more: object) -> Field:
    return {"name": name, "type": "match", "label": label, **more}


def _text(name: str, label: str, seen: str, **more: object) -> Field:
    return {"name": name, "type": "text", "label": label, "seen": seen, **more}


def _duration(name: str, label: str, **more: object) -> Field:
    return {"name": name, "type": "duration", "label": label, **more}


def _window(kinds: list[str] | None = None, **more: object) -> Field:
    return {
        "name": "window", "type": "window", "label": "When", "kinds": kinds or _EVERY_WINDOW,
        **more,
    }  # fmt: skip


_KEYS: Final[Field] = {
    "name": "by", "type": "keys", "label": "With the same", "seen": "properties",
    "optional": True, "hint": "Properties in which the events are equal, such as product_id.",
}  # fmt: skip
_ORIGIN: Final[Field] = {
    "name": "from",
    "type": "origin",
    "label": "Only as known from",
    "optional": True,
}

FIELDS: Final[Mapping[str, list[Field]]] = {
    "event": [
        {"name": "aggregate", "type": "aggregate", "label": "Measure"},
        {"name": "", "type": "match", "label": "Event"},
        _window(),
        _compared("count", "number"),
        {"name": "bind", "type": "binds", "label": "For the content", "optional": True,
         "hint": "Values of the latest such event, as segments.<key>.<name> in templates."},
    ],
    "sequence": [
        {"name": "steps", "type": "steps", "label": "Steps"},
        _duration("within", "All within", optional=True),
        _KEYS,
        {"name": "strict", "type": "flag", "label": "Nothing else in between", "optional": True},
        {"name": "in_session", "type": "flag", "label": "All in one session", "optional": True},
        {"name": "times", "type": "whole", "label": "At least so many times", "optional": True,
         "least": 1, "most": parse_paths.MAX_TIMES, "new": 2},
        _window(_PATH_WINDOWS, optional=True, new="session"),
        {"name": "bind", "type": "step_binds", "label": "For the content", "optional": True,
         "hint": "Values of the latest match, as segments.<key>.<name> in templates."},
    ],
    "absence": [
        _match("after", "After", optional=True, new={"name": ""}, together={"for": "1m"}),
        _match("without", "There was no"),
        _duration("for", "For", needs="after", zero=True),
        {**_KEYS, "needs": "after"},
        _window(),
    ],
    "dwell": [
        {"name": "on", "type": "choice", "label": "Time",
         "options": [[str(on), words] for on, words in DWELL_WORDS.items()],
         "sets": {"session": {"window": "session"}}},
        {"name": "where", "type": "filters", "label": "Where",
         "unless": {"on": ["site", "session"]}, "optional": True},
        _window(_PATH_WINDOWS, only={"on": {"session": ["session"]}}),
        _compared("ordering", "duration"),
    ],
    "score": [
        {"name": "events", "type": "score_events", "label": "For each event"},
        {"name": "traits", "type": "score_traits", "label": "For what is known"},
        {"name": "floor", "type": "number", "label": "Never below", "optional": True, "new": 0},
        {"name": "ceiling", "type": "number", "label": "Never above", "optional": True,
         "new": 100},
        _compared("ordering", "number"),
    ],
    "trait": [
        _text("name", "Trait", "traits"),
        _compared("trait"),
        _ORIGIN,
    ],
    "context": [_text("name", "Fact of the request", "context"), _compared("context")],
    "segment": [_text("key", "Segment", "segments")],
    "list": [_text("key", "List", "lists")],
    "model": [
        _text("name", "Model", "models"),
        _compared("number", "label"),
        _duration("max_age", "At most so old", optional=True),
        {"name": "fallback", "type": "yes_no", "label": "Without a score it counts as",
         "optional": True, "unless": {"op": ["is_set", "is_missing"]}},
    ],
    "consent": [
        {"name": "purpose", "type": "choice", "label": "Purpose",
         "options": [[name, name] for name in PURPOSES]},
    ],
    "percent": [
        _text("seed", "Name of the share", "seeds"),
        {"name": "from", "type": "number", "label": "From %"},
        {"name": "to", "type": "number", "label": "To %"},
    ],
    "exposure": [
        _text("placement", "Placement", "placements", optional=True),
        _text("block", "Block", "blocks", optional=True),
        _text("variant", "Variant", "variants", optional=True),
        _window(),
        _compared("count", "number"),
    ],
    "experiment": [
        _text("key", "Experiment", "experiments"),
        _text("arm", "Arm", "arms", optional=True),
    ],
    "relation": [
        _text("type", "Relation", "relations"),
        _text("to", "To", "targets", optional=True),
    ],
}  # fmt: skip

# Label, menu heading, and what a new one is: always a condition that can be saved once the names
# are chosen.
KINDS: Final[Mapping[str, tuple[str, str, dict[str, Any]]]] = {
    "event": (
        "Events: counts, sums, latest …",
        "What they did",
        {"name": "", "aggregate": "count", "window": {"last": "7d"}, "op": "gte", "value": 1},
    ),
    "sequence": (
        "A sequence of events",
        "What they did",
        {"steps": [{"name": ""}, {"name": "", "within": "5m"}], "window": {"last": "7d"}},
    ),
    "absence": (
        "Something that did not happen",
        "What they did",
        {"after": {"name": ""}, "without": {"name": ""}, "for": "1m", "window": "session"},
    ),
    "dwell": (
        "Time spent",
        "What they did",
        {"on": "site", "window": "session", "op": "gt", "value": "3m"},
    ),
    "score": (
        "A score",
        "What they did",
        {"events": [{"name": "", "weight": 1, "half_life": "7d"}], "op": "gte", "value": 10},
    ),
    "exposure": (
        "What they were shown",
        "What they did",
        {"window": "session", "op": "lt", "value": 2},
    ),
    "experiment": ("An experiment they saw", "What they did", {"key": ""}),
    "trait": ("A trait", "What is known", {"name": "", "op": "eq", "value": ""}),
    "segment": ("A segment", "What is known", {"key": ""}),
    "list": ("An uploaded list", "What is known", {"key": ""}),
    "model": ("A model's score", "What is known", {"name": "", "op": "gte", "value": 0.75}),
    "relation": ("A relation", "What is known", {"type": "member_of"}),
    "consent": ("A consent", "What is known", {"purpose": "personalization"}),
    "context": (
        "A fact of the request",
        "This request",
        {"name": "device", "op": "eq", "value": "mobile"},
    ),
    "percent": ("A share of everyone", "Chance", {"seed": "share", "from": 0, "to": 50}),
}


def language() -> dict[str, Any]:
    """Return everything that the form needs to know of the language, the same for every site."""
    return {
        "limits": {
            "depth": parse.MAX_DEPTH,
            "leaves": parse.MAX_LEAVES,
            "steps": parse_paths.MAX_STEPS,
            "filters": parse_events.MAX_FILTERS,
            "keys": parse_paths.MAX_KEYS,
            "sources": parse_paths.MAX_SOURCES,
            "binds": parse_events.MAX_BINDS,
            "priority": MAX_PRIORITY,
        },
        "groups": [{"key": key, "label": label} for key, label in GROUP_WORDS],
        "kinds": [
            {
                "key": key,
                "label": label,
                "under": under,
                "new": {"kind": key, **new},
                "fields": FIELDS[key],
            }
            for key, (label, under, new) in KINDS.items()
        ],
        "ops": {
            str(op): {"label": words, "takes": _TAKES.get(op, "one")}
            for op, words in OP_WORDS.items()
        },
        "opSets": {
            name: [str(op) for op in OP_WORDS if op in set(ops)] for name, ops in _OP_SETS.items()
        },
        "ordered": [str(op) for op in OP_WORDS if op in ORDERING],
        "aggregates": [_aggregate(one, words) for one, words in AGGREGATE_WORDS.items()],
        "windows": {
            str(kind): {"label": words, "new": new} for kind, (words, new) in WINDOW_WORDS.items()
        },
        "scoreWindows": _windows(parse_paths._SCORE_WINDOWS),
        "calendar": [str(unit) for unit in CalendarUnit],
        "units": [list(unit) for unit in _UNITS],
        "longUnits": [list(unit) for unit in _LONG_UNITS],
        "sentences": SENTENCES,
    }


def _aggregate(one: Aggregate, words: str) -> dict[str, Any]:
    ops, reads = "count", "number"
    if one is Aggregate.RECENCY:
        ops, reads = "age", "duration"
    elif one in parse_events._OF_ANYTHING:
        ops, reads = "basic", "any"
    elif one in parse_events._MAY_BE_UNKNOWN:
        ops = "number"
    return {
        "key": str(one),
        "label": words,
        "of": one not in parse_events.OF_NOTHING,
        "over": one is Aggregate.RATIO,
        "per": one is Aggregate.RATE,
        "ops": ops,
        "reads": reads,
        "windows": _windows(parse_events._WINDOWS_OF.get(one, parse_events.ALL_KINDS)),
    }
