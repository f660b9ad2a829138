"""Whether time alone may change an event leaf: true too often, never too rarely."""

from apps.segments.sql import events
from apps.segments.sql.statement import Statement
from engine.conditions.nodes import (
    Aggregate,
    EventLeaf,
    Match,
    Op,
    Window,
    WindowKind,
)
from engine.conditions.windows import idle_of

NO = "false"

# Windows whose events stay the same while nothing happens.
STEADY = frozenset({WindowKind.EVER, WindowKind.SINCE, WindowKind.ABSOLUTE, WindowKind.VISIT})
# Windows that become others when the open session is over.
SESSIONS = frozenset({WindowKind.SESSION, WindowKind.PAGE_VIEW})


# What events leave: no event enters while nothing happens.
LEAVING = frozenset({WindowKind.LAST, WindowKind.LAST_MONTHS, WindowKind.CALENDAR})
# What gets smaller, or stays, when events leave; always known.
_FALLING = frozenset({Aggregate.COUNT, Aggregate.DISTINCT, Aggregate.DAYS_ACTIVE, Aggregate.RATE})


def event_changing(statement: Statement, leaf: EventLeaf) -> str:
    """Whether an event may enter or leave, an age pass a threshold, a day begin."""
    if leaf.aggregate in _FALLING and leaf.window.kind in LEAVING:
        left = window_changing(statement, leaf.window, leaf.match)
        return falling(leaf.op, events.event(statement, leaf), left)
    found = {window_changing(statement, leaf.window, leaf.match)}
    match leaf.aggregate:
        case Aggregate.RATIO:
            assert leaf.over is not None, "the parser asks for it"
            found.add(window_changing(statement, leaf.window, leaf.over))
        case Aggregate.TREND:
            found.add(window_changing(statement, events.before_of(leaf), leaf.match))
        case Aggregate.RECENCY:
            found.add(_aging(statement, leaf))
        case Aggregate.STREAK:
            # It ends at a midnight; without a streak nothing can end.
            found.add(f"({events.number(statement, leaf)} > 0)")
    return either(found)


def falling(op: Op, verdict: str, found: str) -> str:
    """Narrow what may change, of a number that only falls: one of the verdicts is for ever."""
    if found == NO:
        return NO
    if op in (Op.GT, Op.GTE):
        return f"({found} AND {verdict})"
    if op in (Op.LT, Op.LTE):
        return f"({found} AND NOT {verdict})"
    return found


def _aging(statement: Statement, leaf: EventLeaf) -> str:
    if leaf.value is None:
        return NO
    ages = leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)
    oldest = statement.bind(max(int(age_ms) for age_ms in ages), "bigint")
    return f"coalesce({events.age(statement, leaf)} <= {oldest}, false)"


def window_changing(statement: Statement, window: Window, match: Match) -> str:
    """Whether an event of the match may enter or leave the window."""
    if window.kind in STEADY:
        return NO
    if window.kind in SESSIONS:
        return f"({statement.session(idle_of(window))}.n IS NOT NULL)"
    if window.kind is WindowKind.BETWEEN_AGO:
        # Also those that are still too young.
        window = Window(WindowKind.LAST, ms=window.ms)
    return f"({statement.count(match, window)} > 0)"


def either(found: set[str]) -> str:
    tests = found - {NO}
    return f"({' OR '.join(sorted(tests))})" if tests else NO
