"""Every way in which a value can answer the questions that conditions ask about it.

A row holds one verdict per question. The rows returned are a superset of what real values give:
whatever no row does, no value does. So what is proved over them is true, and what they allow may
still be impossible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import inf, nextafter
from typing import Any, TypeAlias

from engine.conditions.answers import Truth
from engine.conditions.dates import instant_ms
from engine.conditions.nodes import Op, Value
from engine.conditions.operators import (
    LIST_OPS,
    MOMENT_OPS,
    ORDERING,
    SUBSTRING,
    TIMED_OPS,
    VERSION_OPS,
    compare,
    typed,
    version_of,
)

Row: TypeAlias = tuple[Truth, ...]
# Who may see a value: (source, least confidence, greatest age in ms); None, None, 0: everyone.
View: TypeAlias = tuple[str | None, float | None, int]

OPEN: View = (None, None, 0)
MAX_ROWS = 2_000
MAX_MEMBERS = 8  # different members of lists that are told apart
KNOWN: tuple[Truth, ...] = (True, False)
ANY: tuple[Truth, ...] = (True, False, None)

_TEXT_BITS = SUBSTRING | {Op.MATCHES}
_OF_INSTANTS = TIMED_OPS - {Op.CHANGED_WITHIN}
_FREE = TIMED_OPS | {Op.WITHIN_KM}


class TooMany(Exception):
    """More rows than are worth looking at."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One question about a value; `absent` is the verdict where the value is not seen."""

    op: Op
    value: Value
    absent: Truth
    view: View = OPEN


@dataclass(frozen=True, slots=True)
class _Form:
    """What a text is, beside its letters: none, a version or an instant."""

    version: tuple[float, ...] | None = None
    at_ms: float | None = None


def rows_of(asks: Sequence[Ask], *, only_scalars: bool = False) -> list[Row]:
    """Return the rows of a value that may be missing.

    Args:
        only_scalars: the value is a text, a number, a boolean or missing.

    Raises:
        TooMany: more than MAX_ROWS.
    """
    absent = tuple(ask.absent for ask in asks)
    views = sorted({ask.view for ask in asks if ask.view != OPEN}, key=repr)
    if len(views) > 4:
        raise TooMany
    seen = list(_sights(views))
    found: dict[Row, None] = {absent: None}
    for row in _present(asks, only_scalars=only_scalars):
        for sight in seen:
            whole = tuple(
                verdict if ask.view == OPEN or ask.view in sight else ask.absent
                for ask, verdict in zip(asks, row, strict=True)
            )
            found[whole] = None
        if len(found) > MAX_ROWS:
            raise TooMany
    return list(found)


def _sights(views: list[View]) -> Iterator[frozenset[View]]:
    """The sets of views that can see one value together."""
    for bits in product(KNOWN, repeat=len(views)):
        sight = {view for view, bit in zip(views, bits, strict=True) if bit}
        if any(_narrower(a, b) and b not in sight for a in sight for b in views):
            continue
        if len({view[0] for view in sight} - {None}) <= 1:
            yield frozenset(sight)


def _narrower(a: View, b: View) -> bool:
    """Is whatever `a` sees seen by `b` too?"""
    same_source = b[0] is None or a[0] == b[0]
    as_sure = b[1] is None or (a[1] is not None and a[1] >= b[1])
    as_fresh = not b[2] or (0 < a[2] <= b[2])
    return same_source and as_sure and as_fresh


def _present(asks: Sequence[Ask], *, only_scalars: bool) -> Iterator[Row]:
    constants = list(_constants(asks))
    for truth in KNOWN:
        yield from _plain(asks, truth)
    for number in number_points([c for c in constants if _is_number(c)]):
        yield from _plain(asks, number)
    yield from _texts(asks, sorted({c for c in constants if isinstance(c, str)}))
    if not only_scalars:
        yield from _plain(asks, {})  # an object: comparable with nothing
        yield from _lists(asks)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _constants(asks: Iterable[Ask]) -> Iterator[Any]:
    for ask in asks:
        if ask.op not in _FREE and ask.value is not None:
            yield from ask.value if isinstance(ask.value, tuple) else (ask.value,)


def number_points(constants: Iterable[float]) -> list[float]:
    """Every constant, and a number in each gap beside and between them."""
    sorted_ = sorted({float(constant) for constant in constants})
    if not sorted_:
        return [0.0]
    found = [nextafter(sorted_[0], -inf)]
    for i, constant in enumerate(sorted_):
        after = nextafter(constant, inf)
        found.append(constant)
        if i + 1 == len(sorted_) or after < sorted_[i + 1]:
            found.append(after)
    return found


def _plain(asks: Sequence[Ask], value: object) -> Iterator[Row]:
    """Rows of one exact value; an instant relative to now is free."""
    is_instant = instant_ms(value) is not None
    options: list[tuple[Truth, ...]] = []
    for ask in asks:
        if ask.op is Op.CHANGED_WITHIN:
            options.append(ANY)
        elif ask.op in _OF_INSTANTS:
            options.append(KNOWN if is_instant else (None,))
        else:
            options.append((compare(ask.op, value, ask.value),))
    yield from _together(asks, options)


# Texts


def _texts(asks: Sequence[Ask], constants: list[str]) -> Iterator[Row]:
    for constant in constants:
        yield from _plain(asks, constant)
    forms = list(_forms(asks))
    for low, high in _gaps(asks, constants):
        between = "" if low is None else low + "\x00"
        for form in forms:
            options = [_of_text(ask, between, low, high, form) for ask in asks]
            yield from _together(asks, options)


def _gaps(asks: Sequence[Ask], constants: list[str]) -> Iterator[tuple[str | None, str | None]]:
    """Open stretches between texts that hold any; one for all where nobody asks for an order."""
    if not constants or not any(ask.op in ORDERING for ask in asks):
        # `low` is a text that is followed by none of the constants.
        yield (constants[-1] if constants else None), None
        return
    if constants[0]:
        yield None, constants[0]
    for low, high in zip(constants, [*constants[1:], None], strict=True):
        if high is None or low + "\x00" < high:
            yield low, high


def _of_text(
    ask: Ask, between: str, low: str | None, high: str | None, form: _Form
) -> tuple[Truth, ...]:
    """What a text of a gap, that is none of the constants, may answer."""
    if ask.op is Op.CHANGED_WITHIN:
        return ANY
    if ask.op in _OF_INSTANTS:
        return KNOWN if form.at_ms is not None else (None,)
    if ask.op in VERSION_OPS:
        return (_ordered(ask.op, form.version, version_of(ask.value)),)
    if ask.op in MOMENT_OPS:
        return (_ordered(ask.op, form.at_ms, instant_ms(ask.value)),)
    if ask.op in _TEXT_BITS:
        is_ordered = ask.op is Op.STARTS_WITH and (high is not None)
        if is_ordered and not _begins_between(str(ask.value), low, high):
            return (False,)
        return KNOWN if isinstance(ask.value, str) else (None,)
    return (compare(ask.op, between, ask.value),)


def _begins_between(prefix: str, low: str | None, high: str | None) -> bool:
    """Can a text that begins so lie between the two?"""
    if high is not None and prefix >= high:
        return False
    return low is None or low.startswith(prefix) or prefix > low


def _ordered(op: Op, found: Any, wanted: Any) -> Truth:
    if found is None:
        return None
    match op:
        case Op.VERSION_EQ:
            return bool(found == wanted)
        case Op.VERSION_GT | Op.AFTER:
            return bool(found > wanted)
        case Op.VERSION_GTE:
            return bool(found >= wanted)
        case Op.VERSION_LT | Op.BEFORE:
            return bool(found < wanted)
    return bool(found <= wanted)


def _forms(asks: Sequence[Ask]) -> Iterator[_Form]:
    yield _Form()
    versions = sorted(
        {v for ask in asks if ask.op in VERSION_OPS and (v := version_of(ask.value)) is not None}
    )
    if versions:
        yield _Form(version=(-1.0,))
    for version in versions:
        yield _Form(version=version)
        yield _Form(version=(*version[:3], version[3] + 0.5))
    instants = sorted(
        {ms for ask in asks if ask.op in MOMENT_OPS and (ms := instant_ms(ask.value)) is not None}
    )
    if instants or any(ask.op in _OF_INSTANTS for ask in asks):
        yield _Form(at_ms=-inf)
    for at_ms in instants:
        yield _Form(at_ms=at_ms)
        if at_ms + 1 not in instants:
            yield _Form(at_ms=at_ms + 0.5)


# Lists


def _lists(asks: Sequence[Ask]) -> Iterator[Row]:
    members: dict[object, Any] = {}
    for ask in asks:
        if ask.op in LIST_OPS or ask.op is Op.CONTAINS:
            for value in ask.value if isinstance(ask.value, tuple) else (ask.value,):
                members[typed(value)] = value
    if len(members) > MAX_MEMBERS:
        yield from _together(asks, [_of_list(ask, None) for ask in asks], of_text=False)
        return
    for size in range(len(members) + 1):
        for held in combinations(members.values(), size):
            yield from _together(asks, [_of_list(ask, held) for ask in asks], of_text=False)


def _of_list(ask: Ask, held: tuple[object, ...] | None) -> tuple[Truth, ...]:
    if ask.op in (Op.CHANGED_WITHIN, Op.WITHIN_KM):
        return ANY
    if ask.op in _OF_INSTANTS:
        return (None,)
    if held is None and (ask.op in LIST_OPS or ask.op is Op.CONTAINS):
        return KNOWN
    return (compare(ask.op, held or [], ask.value),)


# What free answers have to do with each other


def _together(
    asks: Sequence[Ask], options: list[tuple[Truth, ...]], *, of_text: bool = True
) -> Iterator[Row]:
    """The rows of the options in which no two answers contradict each other."""
    rows: list[Row] = [()]
    free: list[int] = []
    for i, (ask, own) in enumerate(zip(asks, options, strict=True)):
        longer = []
        for row in rows:
            for verdict in own:
                if all(_agree(asks[k], row[k], ask, verdict, of_text) for k in free):
                    longer.append((*row, verdict))
        rows = longer
        if len(rows) > MAX_ROWS:
            raise TooMany
        if len(own) > 1:
            free.append(i)
    yield from rows


def _agree(a: Ask, said_a: Truth, b: Ask, said_b: Truth, of_text: bool) -> bool:
    """Can one value give both answers? `of_text`: the value is no list."""
    if not of_text and (a.op in SUBSTRING or b.op in SUBSTRING):
        return True
    if a.op is b.op and a.value == b.value and type(a.value) is type(b.value):
        return a.op in LIST_OPS or a.op is Op.CONTAINS or said_a is said_b
    if said_a is True and said_b is True:
        return not _excludes(a, b)
    if said_a is True and said_b is not True:
        return not _leads(a, b)
    if said_b is True and said_a is not True:
        return not _leads(b, a)
    return True


def _leads(a: Ask, b: Ask) -> bool:
    """Is `b` true of every value of which `a` is?"""
    if a.op is b.op and a.op in TIMED_OPS:
        return _number(a) <= _number(b)
    if a.op is b.op is Op.WITHIN_KM:
        assert isinstance(a.value, tuple) and isinstance(b.value, tuple)
        return a.value[:2] == b.value[:2] and float(a.value[2]) <= float(b.value[2])
    if not (isinstance(a.value, str) and isinstance(b.value, str)):
        return False
    match a.op, b.op:
        case Op.STARTS_WITH, Op.STARTS_WITH:
            return a.value.startswith(b.value)
        case Op.ENDS_WITH, Op.ENDS_WITH:
            return a.value.endswith(b.value)
        case ((Op.STARTS_WITH | Op.ENDS_WITH | Op.CONTAINS), Op.CONTAINS):
            return b.value in a.value
    return False


def _excludes(a: Ask, b: Ask) -> bool:
    """Can no value meet both?"""
    if {a.op, b.op} == {Op.WITHIN_LAST, Op.WITHIN_NEXT}:
        return True
    if a.op is not b.op or not (isinstance(a.value, str) and isinstance(b.value, str)):
        return False
    fits: Callable[[str, str], bool]
    if a.op is Op.STARTS_WITH:
        fits = str.startswith
    elif a.op is Op.ENDS_WITH:
        fits = str.endswith
    else:
        return False
    return not (fits(a.value, b.value) or fits(b.value, a.value))


def _number(ask: Ask) -> int:
    assert isinstance(ask.value, int)
    return ask.value
