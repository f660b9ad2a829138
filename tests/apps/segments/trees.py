"""Random conditions and histories for the parity test.

Each world draws small alphabets of its own, so that conditions and events meet.
"""

from typing import Any

from hypothesis import strategies as st

from engine.facts import SESSION_IDLE_MS
from tests.apps.segments.world import NOW_MS, Happened

NAMES = ["Product Viewed", "Order Completed"]
PROPERTIES = ["category", "price"]
TRAITS = ["plan", "tags", "age"]
TEXTS = ["a", "b", "ab", "B", "Zürich-🛒", "ﬀ", '"q"\\', "%s {} '"]
NUMBERS = [0, 1, 1.0, 2, -3, 0.1, 0.30000000000000004, 1e3, 2**53, 1e21, 5e-7]
SCALARS = [*TEXTS, *NUMBERS, True, False]
FOUND = [*SCALARS, "", "a" * 2000, 2**53 + 1, None, [1, "a"], {"a": 1}]
WIDTHS_MS = [1, 1000, 60_000, 600_000, SESSION_IDLE_MS, 7_200_000, 86_400_000, 30 * 86_400_000]
GAPS_MS = [0, 0, 1, 60_000, 600_000, SESSION_IDLE_MS - 1, SESSION_IDLE_MS, 3_600_000]
# Doubles whose sum depends on the order; values that only look alike, or only look different.
FLOATS = [0.1, 0.2, 0.3, 0.7, 1e16, -1]
TWINS = [2**53, 2**53 + 1, 1, 1.0, True, "1", "true", None]

presence = st.sampled_from([{"op": "is_set"}, {"op": "is_missing"}])
counts = st.sampled_from([0, 1, 2, 3, 1.5])
windows = st.one_of(
    st.sampled_from(["session", "ever"]),
    st.sampled_from(WIDTHS_MS).map(lambda ms: {"last": f"{ms}ms"}),
)
durations = st.sampled_from([f"{ms}ms" for ms in (0, *WIDTHS_MS)])
ages = st.one_of(
    st.fixed_dictionaries(
        {"op": st.sampled_from(["eq", "ne", "gt", "gte", "lt", "lte"]), "value": durations}
    ),
    st.sampled_from(WIDTHS_MS).map(
        lambda ms: {"op": "between", "value": [f"{ms // 2}ms", f"{ms}ms"]}
    ),
    presence,
)


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


class Alphabet:
    """What one world is made of: few values, names and gaps."""

    def __init__(self, values: list[Any], gaps_ms: list[int], names: list[str]) -> None:
        self.found = st.sampled_from(values)
        self.gaps_ms = st.sampled_from(gaps_ms)
        self.names = st.sampled_from(names)
        texts = [value for value in values if isinstance(value, str) and 0 < len(value) < 1000]
        numbers = [v for v in values if type(v) in (int, float) and abs(v) <= 2**53]
        self.texts = st.sampled_from(texts or TEXTS)
        self.numbers = st.sampled_from(numbers or NUMBERS)
        self.scalars = st.one_of(self.texts, self.numbers, st.booleans())

    def values(self) -> st.SearchStrategy[dict[str, Any]]:
        """A comparison of a value of any type."""
        cut = st.tuples(self.texts, st.integers(0, 2)).map(lambda t: t[0][t[1] :] or t[0])
        ends = st.one_of(cut, cut.map(lambda text: text[:1]))
        substrings = st.one_of(
            st.fixed_dictionaries({"op": st.just("contains"), "value": self.scalars | ends}),
            st.fixed_dictionaries(
                {"op": st.sampled_from(["starts_with", "ends_with"]), "value": ends}
            ),
        )
        ordered = comparisons(self.numbers, self.texts, among=self.scalars)
        return st.one_of(ordered, ordered, substrings, presence)

    def event_leaves(self) -> st.SearchStrategy[dict[str, Any]]:
        tests = {
            "count": comparisons(counts, among=counts),
            "sum": comparisons(self.numbers, among=self.numbers),
            "distinct": comparisons(counts, among=counts),
            "last": self.values(),
            "first": self.values(),
            "recency": ages,
        }
        properties = st.sampled_from(PROPERTIES)
        filters = st.lists(
            st.builds(lambda name, test: {"property": name, **test}, properties, self.values()),
            max_size=2,
        )

        @st.composite
        def leaf(draw: st.DrawFn) -> dict[str, Any]:
            aggregate = draw(st.sampled_from(sorted(tests)))
            made = {
                "kind": "event",
                "name": draw(self.names),
                "where": draw(st.just([]) | filters),
                "aggregate": aggregate,
                "window": draw(windows),
            }
            if aggregate not in ("count", "recency"):
                made["of"] = draw(properties)
            return made | draw(tests[aggregate])

        return leaf()

    def documents(self, *keys: str) -> st.SearchStrategy[dict[str, Any]]:
        """Condition documents that may nest the segments of these keys."""
        trait = st.builds(
            lambda name, test: {"kind": "trait", "name": name, **test},
            st.sampled_from(TRAITS),
            self.values(),
        )
        nested = st.sampled_from(keys).map(lambda key: {"kind": "segment", "key": key})
        events = self.event_leaves()
        leaves = st.one_of(events, events, trait, nested, percents)
        return st.recursive(leaves, _grown, max_leaves=6).map(lambda tree: {"v": 1, "where": tree})

    def traits(self) -> st.SearchStrategy[dict[str, Any]]:
        return st.dictionaries(
            st.sampled_from(TRAITS), st.one_of(self.found, st.lists(self.found, max_size=2))
        )

    def histories(self) -> st.SearchStrategy[list[Happened]]:
        """At most a dozen events of two devices, ending at NOW_MS, in any order of arrival."""

        @st.composite
        def history(draw: st.DrawFn) -> list[Happened]:
            at_ms = NOW_MS
            found = []
            for place, gap_ms in enumerate(draw(st.lists(self.gaps_ms, max_size=12))):
                at_ms -= gap_ms
                event = Happened(
                    at_ms,
                    draw(self.names),
                    draw(st.dictionaries(st.sampled_from(PROPERTIES), self.found)),
                    device=draw(st.sampled_from([1, 1, 1, 2])),
                    original_ms=draw(st.sampled_from([None, at_ms, at_ms + 5])),
                    message_id=draw(st.sampled_from(["a", "B", "é", "🛒"])) + str(place),
                )
                found.append(event)
            return draw(st.permutations(found))

        return history()


@st.composite
def alphabets(draw: st.DrawFn) -> Alphabet:
    return Alphabet(
        draw(
            st.one_of(
                *(
                    st.lists(st.sampled_from(pool), min_size=2, max_size=5)
                    for pool in (FOUND, FLOATS, TWINS)
                )
            )
        ),
        draw(st.lists(st.sampled_from(GAPS_MS), min_size=1, max_size=3)),
        draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=2)),
    )


percents = st.builds(
    lambda seed, start, width: {
        "kind": "percent",
        "seed": seed,
        "from": start,
        "to": start + width,
    },
    st.sampled_from(["s1", "sé🛒"]),
    st.sampled_from([0, 12.5, 50]),
    st.sampled_from([0.01, 12.5, 50]),
)


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


def instants(events: list[Happened]) -> st.SearchStrategy[int]:
    """Instants on the edges: an event, a window's end, an idle time, and one to either side."""
    moments = [event.at_ms for event in events] or [NOW_MS]
    return st.builds(
        lambda at, width, off: at + width + off,
        st.sampled_from(moments),
        st.sampled_from([0]) | st.sampled_from([SESSION_IDLE_MS]) | st.sampled_from(WIDTHS_MS),
        st.sampled_from([-1, 0, 0, 1]),
    )
