"""What came after a moment: the answer that a model is taught, as SQL over raw events.

An answer looks at the exact instants (as_of, as_of + horizon], never at sums of days. It counts the
events that a feature could have counted: those that allow what the model is for, exposures aside.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.consent.declared import purpose_of
from apps.consent.gates import event_allows
from apps.events.fold import KINDS
from apps.predictions.errors import InvalidTarget
from apps.predictions.models import ModelSpec
from apps.profiles.state import uuid_array
from engine.conditions.nodes import Op, PropertyTest
from engine.conditions.parse_events import filters
from engine.errors import InvalidCondition

MOST_CATEGORIES: Final = 20
LONGEST_NAME: Final = 100  # characters: as long as the output of a score may be
_SIGNS: Final[Mapping[Op, str]] = {
    Op.EQ: "=", Op.NE: "<>", Op.GT: ">", Op.GTE: ">=", Op.LT: "<", Op.LTE: "<=",
}  # fmt: skip

_EXISTS: Final = (
    "EXISTS (SELECT FROM events_event e WHERE {{allowed}} AND e.profile_id = p.profile_id"
    " AND e.occurred_at > p.as_of AND e.occurred_at <= p.as_of + %(label_horizon)s{tests})"
)
_READ: Final = """
SELECT {labels} FROM (SELECT g.profile_id, g.place, %(as_of)s::timestamptz AS as_of
  FROM unnest(%(profiles)s::uuid[]) WITH ORDINALITY AS g(profile_id, place)) p ORDER BY p.place
"""


@dataclass(frozen=True, slots=True)
class Label:
    """One answer that is taught.

    Attributes:
        output: the name of the score it becomes; empty where the model has a single one.
        sql: a boolean over `p.profile_id` and `p.as_of`, with `{allowed}` where the condition on an
            event `e` goes.
        params: what the SQL binds, with `label_` before each name.
        words: what is foreseen, after "whether a visitor will".
    """

    output: str
    sql: str
    params: Mapping[str, Any]
    words: str


def labels_of(spec: ModelSpec) -> list[Label]:
    """Return the answers of a question: one, or one for each category that is told apart.

    Raises:
        InvalidTarget: the target says nothing that could be foreseen.
    """
    target = dict(spec.target)
    if spec.kind == ModelSpec.Kind.CATEGORIES:
        return _categories(spec, target)
    category = target.pop("category", None)
    where = _filters(target.pop("where", []))
    if target:
        raise InvalidTarget(f"A target has no '{min(target)}'.")
    if category is not None and not (isinstance(category, str) and category):
        raise InvalidTarget("A category is a text.")
    exists, params = _exists(spec, spec.target_event, category, where)
    what = _words(spec.target_event, category, where)
    if spec.kind == ModelSpec.Kind.ABSENCE:
        return [Label("", f"NOT {exists}", params, f"not do {what}")]
    return [Label("", exists, params, f"do {what}")]


def read(spec: ModelSpec, profile_ids: Sequence[UUID], *, as_of: datetime) -> list[list[float]]:
    """Return what came after `as_of` for each of the profiles, in their order. One statement.

    A row has a 0 or 1 for each of `labels_of`. Ask only when the horizon has passed.
    """
    labels = labels_of(spec)
    allowed = (
        f"e.site_id = %(site)s AND e.kind <> {int(KINDS['exposure'])}"
        f" AND {event_allows('e', purpose_of(spec.purpose))}"
    )
    columns = ", ".join(f"({one.sql.format(allowed=allowed)})::int" for one in labels)
    parameters: dict[str, Any] = {
        "site": str(spec.site_id),
        "as_of": as_of,
        "profiles": uuid_array(profile_ids),
    }
    for one in labels:
        parameters |= one.params
    with connection.cursor() as cursor:
        cursor.execute(_READ.format(labels=columns), parameters)
        return [[float(value) for value in row] for row in cursor.fetchall()]


def _categories(spec: ModelSpec, target: dict[str, Any]) -> list[Label]:
    categories, where = target.pop("categories", []), _filters(target.pop("where", []))
    if target:
        raise InvalidTarget(f"A target of categories has no '{min(target)}'.")
    if not isinstance(categories, list) or not 2 <= len(categories) <= MOST_CATEGORIES:
        raise InvalidTarget(f"Name 2 to {MOST_CATEGORIES} categories to tell apart.")
    if not all(isinstance(one, str) and one for one in categories):
        raise InvalidTarget("A category is a text.")
    too_long = next((one for one in categories if len(one) > LONGEST_NAME), None)
    if too_long is not None:
        raise InvalidTarget(
            f"A category is {LONGEST_NAME} characters at most, because its score is named by it: "
            f"“{too_long[:40]}…” has {len(too_long)}."
        )
    if len(set(categories)) != len(categories):
        raise InvalidTarget("A category comes twice.")
    labels = []
    for number, category in enumerate(categories):
        exists, params = _exists(spec, spec.target_event, category, where, f"_{number}")
        words = f"do {_words(spec.target_event, category, where)}"
        labels.append(Label(category, exists, params, words))
    return labels


def _exists(
    spec: ModelSpec,
    name: str,
    category: str | None,
    where: Sequence[PropertyTest],
    suffix: str = "",
) -> tuple[str, dict[str, Any]]:
    """The condition that such an event comes within the horizon, and what it binds."""
    params: dict[str, Any] = {"label_horizon": timedelta(hours=spec.horizon_hours)}
    tests = []

    def bind(value: object) -> str:
        place = f"label_{len(params)}{suffix}"
        params[place] = value
        return f"%({place})s"

    if name:
        tests.append(f"e.name = {bind(name)}")
    if category is not None:
        tests.append(f"e.category = {bind(category)}")
    tests += [_test(one, bind) for one in where]
    return _EXISTS.format(tests="".join(f" AND {test}" for test in tests)), params


def _test(test: PropertyTest, bind: Callable[[object], str]) -> str:
    """One filter on a property. What has another type does not pass: no cast can fail."""
    found = f"e.properties -> {bind(test.property)}"
    value = test.value
    if test.op is Op.IN:
        assert isinstance(value, list | tuple)
        return "(" + " OR ".join(_test(PropertyTest(test.property, Op.EQ, v), bind)
                                 for v in value) + ")"  # fmt: skip
    sign = _SIGNS[test.op]
    if isinstance(value, bool):
        return _of_type("boolean", found, f"{found} {sign} to_jsonb({bind(value)}::boolean)")
    if isinstance(value, int | float):
        return _of_type("number", found, f"({found})::float8 {sign} {bind(float(value))}")
    return _of_type("string", found, f"{found} {sign} to_jsonb({bind(value)}::text)")


def _of_type(kind: str, found: str, test: str) -> str:
    """The test where the property is of the type, else false. CASE: no cast before it is known."""
    return f"(CASE WHEN jsonb_typeof({found}) = '{kind}' THEN {test} ELSE false END)"


def _filters(document: object) -> tuple[PropertyTest, ...]:
    """Read filters as conditions write them, or the short form {property: value}."""
    if isinstance(document, dict):
        document = [{"property": of, "op": "eq", "value": value} for of, value in document.items()]
    try:
        read = filters(document, "where")
    except InvalidCondition as refusal:
        raise InvalidTarget(f"The target's filter cannot be read: {refusal}") from refusal
    for test in read:
        is_list = test.op is Op.IN
        values = test.value if is_list and isinstance(test.value, list | tuple) else [test.value]
        if not is_list and test.op not in _SIGNS:
            raise InvalidTarget(f"A target's filter does not know '{test.op}'.")
        for value in values:
            if not isinstance(value, str | int | float):
                raise InvalidTarget("A target's filter compares with a text, a number or a truth.")
            if isinstance(value, str) and test.op not in (Op.EQ, Op.NE, Op.IN):
                raise InvalidTarget(f"'{test.property}' is compared with a number there.")
    return read


def _words(name: str, category: str | None, where: Sequence[PropertyTest]) -> str:
    found = f'"{name}"' if name else "anything at all"
    if category is not None:
        found += f' in the category "{category}"'
    for test in where:
        found += f", where {test.property} {_SIGNS.get(test.op, 'is one of')} {test.value}"
    return found
