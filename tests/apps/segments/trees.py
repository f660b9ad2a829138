"""Random conditions and histories for the parity test: small alphabets, so that things coincide."""

from typing import Any

from hypothesis import strategies as st

from engine.facts import SESSION_IDLE_MS
from tests.apps.segments.world import NOW_MS, Happened

NAMES = ["Product Viewed", "Order Completed", "Page Viewed"]
PROPERTIES = ["category", "price", "flag"]
TRAITS = ["plan", "tags", "age"]
TEXTS = ["a", "b", "ab", "B", "Zürich-🛒", "ﬀ", '"q"\\', "%s {} '"]
NUMBERS = [0, 1, 1.0, 2, -3, 0.1, 0.30000000000000004, 1e3, 2**53, 1e21, 5e-7]
SCALARS = [*TEXTS, *NUMBERS, True, False]
FOUND = [*SCALARS, "", "a" * 2000, 2**53 + 1, None, [1, "a"], {"a": 1}]
WIDTHS_MS = [1, 1000, 60_000, 600_000, SESSION_IDLE_MS, 7_200_000, 86_400_000, 30 * 86_400_000]
GAPS_MS = [0, 0, 1, 999, 1000, 59_999, 60_000, 600_000, SESSION_IDLE_MS - 1, SESSION_IDLE_MS]
GAPS_MS += [SESSION_IDLE_MS + 1, 3_600_000, 7_200_000, 86_400_000]

scalars = st.sampled_from(SCALARS)
numbers = st.sampled_from(NUMBERS)
texts = st.sampled_from(TEXTS)
counts = st.sampled_from([0, 1, 2, 3, 1.5])
durations = st.sampled_from([f"{ms}ms" for ms in (0, *WIDTHS_MS)])


@st.composite
def bounds(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> list[Any]:
    return sorted([draw(values), draw(values)])


def comparisons(
    *kinds: st.SearchStrategy[Any], among: st.SearchStrategy[Any]
) -> st.SearchStrategy[dict[str, Any]]:
    """`op` and `value`; `kinds` are the orderable values, `among` any value."""

    def made(op: str, value: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
        return st.fixed_dictionaries({"op": st.just(op), "value": value})

    ordered = st.one_of(*kinds)
    return st.one_of(
        *(made(op, ordered) for op in ("gt", "gte", "lt", "lte")),
        made("between", st.one_of(*(bounds(kind) for kind in kinds))),
        made("eq", among),
        made("ne", among),
        made("in", st.lists(among, min_size=1, max_size=3)),
    )


presence = st.sampled_from([{"op": "is_set"}, {"op": "is_missing"}])
substrings = st.one_of(
    st.fixed_dictionaries({"op": st.just("contains"), "value": scalars}),
    st.fixed_dictionaries({"op": st.sampled_from(["starts_with", "ends_with"]), "value": texts}),
)
values = st.one_of(comparisons(numbers, texts, among=scalars), substrings, presence)
ages = st.one_of(
    st.fixed_dictionaries(
        {"op": st.sampled_from(["eq", "ne", "gt", "gte", "lt", "lte"]), "value": durations}
    ),
    st.sampled_from(WIDTHS_MS).map(
        lambda ms: {"op": "between", "value": [f"{ms // 2}ms", f"{ms}ms"]}
    ),
    presence,
)
windows = st.one_of(
    st.sampled_from(["session", "ever"]),
    st.sampled_from(WIDTHS_MS).map(lambda ms: {"last": f"{ms}ms"}),
)
filters = st.lists(
    st.builds(lambda name, test: {"property": name, **test}, st.sampled_from(PROPERTIES), values),
    max_size=2,
)
_AGGREGATES = {
    "count": comparisons(counts, among=counts),
    "sum": comparisons(numbers, among=numbers),
    "distinct": comparisons(counts, among=counts),
    "last": values,
    "first": values,
    "recency": ages,
}


@st.composite
def event_leaves(draw: st.DrawFn) -> dict[str, Any]:
    aggregate = draw(st.sampled_from(sorted(_AGGREGATES)))
    leaf = {
        "kind": "event",
        "name": draw(st.sampled_from(NAMES)),
        "where": draw(filters),
        "aggregate": aggregate,
        "window": draw(windows),
    }
    if aggregate not in ("count", "recency"):
        leaf["of"] = draw(st.sampled_from(PROPERTIES))
    return leaf | draw(_AGGREGATES[aggregate])


other_leaves = st.one_of(
    st.builds(
        lambda name, test: {"kind": "trait", "name": name, **test}, st.sampled_from(TRAITS), values
    ),
    st.builds(
        lambda seed, start, width: {
            "kind": "percent",
            "seed": seed,
            "from": start,
            "to": start + width,
        },
        st.sampled_from(["s1", "sé🛒"]),
        st.sampled_from([0, 12.5, 50]),
        st.sampled_from([0.01, 12.5, 50]),
    ),
)


def documents(*keys: str) -> st.SearchStrategy[dict[str, Any]]:
    """Condition documents that may nest the segments of these keys."""
    nested = st.sampled_from(keys).map(lambda key: {"kind": "segment", "key": key})
    leaves = st.one_of(event_leaves(), event_leaves(), other_leaves, nested)
    trees = st.recursive(leaves, _grown, max_leaves=6)
    return trees.map(lambda tree: {"v": 1, "where": tree})


def _grown(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(parts, min_size=1, max_size=3)
    return st.one_of(
        several.map(lambda some: {"all": some}),
        several.map(lambda some: {"any": some}),
        several.map(lambda some: {"none": some}),
        parts.map(lambda one: {"not": one}),
        several.flatmap(
            lambda some: st.integers(1, len(some)).map(lambda k: {"at_least": {"k": k, "of": some}})
        ),
    )


@st.composite
def histories(draw: st.DrawFn) -> list[Happened]:
    """At most a dozen events of two devices, ending near NOW_MS; some at the same millisecond."""
    gaps = draw(st.lists(st.sampled_from(GAPS_MS), max_size=12))
    at_ms = NOW_MS
    found = []
    for place, gap in enumerate(gaps):
        at_ms -= gap
        properties = draw(
            st.dictionaries(st.sampled_from(PROPERTIES), st.sampled_from(FOUND), max_size=3)
        )
        event = Happened(
            at_ms,
            draw(st.sampled_from(NAMES)),
            properties,
            device=draw(st.sampled_from([1, 1, 2])),
            original_ms=draw(st.sampled_from([None, at_ms, at_ms + 5])),
            message_id=draw(st.sampled_from(["a", "B", "é", "🛒"])) + str(place),
        )
        found.append(event)
    return draw(st.permutations(found))


traits = st.dictionaries(st.sampled_from(TRAITS), st.sampled_from(FOUND), max_size=3)


def instants(events: list[Happened]) -> st.SearchStrategy[int]:
    """Instants on the edges: an event, a window's end, an idle time, and one to either side."""
    moments = [event.at_ms for event in events] or [NOW_MS]
    return st.builds(
        lambda at, width, off: at + width + off,
        st.sampled_from(moments),
        st.sampled_from([0, 0, *WIDTHS_MS]),
        st.sampled_from([-1, 0, 0, 1]),
    )
