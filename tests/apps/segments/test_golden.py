"""The SQL of typical conditions, as text: a change of it is seen in review.

UPDATE_GOLDEN=1 writes the files anew. That the statements are right is for the parity tests.
"""

import os
import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from apps.segments import sql
from apps.segments.sql import CompiledQuery, compile_query
from engine.conditions.parse import parse_condition

FOLDER = Path(__file__).parent / "golden"
SITE = UUID(int=7)
NOW_MS = 1_772_452_800_000
LONGEST = 200  # characters of a parameter that is shown

_VIEWED: dict[str, Any] = {"name": "Product Viewed"}
_BLOUSES = [{"property": "category", "op": "eq", "value": "blouses"}]
_COUNT: dict[str, Any] = {"kind": "event", **_VIEWED, "aggregate": "count"}

CONDITIONS: dict[str, dict[str, Any]] = {
    "trait": {"kind": "trait", "name": "plan", "op": "in", "value": ["pro", 2, True]},
    "trait_from_a_model": {
        "kind": "trait",
        "name": "renews",
        "op": "within_next",
        "value": "7d",
        "from": {"source": "model", "min_confidence": 0.8},
    },
    "pattern_and_version": {
        "any": [
            {"kind": "trait", "name": "email", "op": "matches", "value": "@example\\.(com|org)$"},
            {"kind": "trait", "name": "app", "op": "version_gte", "value": "2.10"},
        ]
    },
    "list_model_consent_relation": {
        "at_least": {
            "k": 2,
            "of": [
                {"kind": "list", "key": "press"},
                {"kind": "model", "name": "buy", "op": "gte", "value": 0.75, "max_age": "7d"},
                {"kind": "consent", "purpose": "analytics"},
                {"kind": "relation", "type": "member_of", "to": "acme"},
            ],
        }
    },
    "share": {"kind": "percent", "seed": "s1", "from": 0, "to": 50},
    "count_in_last": _COUNT
    | {"where": _BLOUSES, "window": {"last": "10m"}, "op": "gte", "value": 3},
    "sums_ever": {
        "all": [
            _COUNT | {"aggregate": name, "of": "price", "window": "ever", "op": "gt", "value": 9}
            for name in ("sum", "avg", "max", "distinct")
        ]
    },
    "last_in_session": _COUNT
    | {"aggregate": "last", "of": "category", "window": "session", "op": "eq", "value": "a"},
    "commonest_in_page_view": _COUNT
    | {
        "aggregate": "most_frequent",
        "of": "category",
        "window": "page_view",
        "op": "eq",
        "value": "a",
    },
    "streak_this_month": _COUNT
    | {"aggregate": "streak", "window": {"calendar": "month"}, "op": "gte", "value": 3},
    "trend_and_rate": {
        "none": [
            _COUNT | {"aggregate": "trend", "window": {"last": "7d"}, "op": "lt", "value": 0.5},
            _COUNT
            | {"aggregate": "rate", "per": "1h", "window": {"last": "1d"}, "op": "gt", "value": 2},
        ]
    },
    "ratio_since": _COUNT
    | {
        "aggregate": "ratio",
        "over": {"name": "*"},
        "window": {"since": {"name": "Order Completed"}},
        "op": "gte",
        "value": 0.5,
    },
    "recency_in_second_visit": _COUNT
    | {"aggregate": "recency", "window": {"visit": 2}, "op": "lt", "value": "1h"},
    "sequence": {
        "kind": "sequence",
        "steps": [_VIEWED, {"name": "Product Added", "within": "5m"}],
        "within": "1h",
        "by": ["product_id"],
        "without": [{"after": 1, "name": "Order Completed"}],
        "times": 2,
        "window": {"last": "7d"},
    },
    "strict_sequence_in_session": {
        "kind": "sequence",
        "steps": [_VIEWED, {"name": "Product Added", "within": "5m"}],
        "strict": True,
        "in_session": True,
        "window": "ever",
    },
    "absence": {
        "kind": "absence",
        "after": {"name": "Product Added"},
        "without": {"name": "Order Completed"},
        "for": "1h",
        "by": ["cart_id"],
        "window": {"last": "7d"},
    },
    "dwell": {
        "kind": "dwell",
        "on": "page",
        "where": [{"property": "page_type", "op": "eq", "value": "product"}],
        "window": "session",
        "op": "gt",
        "value": "3m",
    },
    "score": {
        "kind": "score",
        "events": [{**_VIEWED, "weight": 2, "half_life": "7d", "cap": 20}],
        "traits": [{"name": "plan", "op": "eq", "value": "pro", "weight": 10}],
        "floor": 0,
        "op": "gte",
        "value": 50,
    },
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_has_the_sql_that_was_reviewed(name: str) -> None:
    node = parse_condition({"v": 1, "where": CONDITIONS[name]})
    query = compile_query(
        [node], watched=[node], site_id=SITE, first_ms=NOW_MS, last_ms=NOW_MS, zone="Europe/Paris"
    )
    path = FOLDER / f"{name}.sql"
    written = _text(query)
    if os.environ.get("UPDATE_GOLDEN"):
        FOLDER.mkdir(exist_ok=True)
        path.write_text(written, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == written


def test_no_reviewed_sql_is_left_of_a_condition_that_is_gone() -> None:
    assert {path.stem for path in FOLDER.glob("*.sql")} == set(CONDITIONS)


# What Postgres alone says in this way; bound values name their types themselves.
_ITS_OWN = re.compile(r"jsonb_\w+|::\w+|timestamptz '|interval '|OFFSET 0|COLLATE|array_agg|unnest")
_MODULES = sorted(path.name for path in Path(sql.__file__).parent.glob("*.py"))


@pytest.mark.parametrize(
    "module", [name for name in _MODULES if name != "dialect.py" and "rollup" not in name]
)
def test_what_only_postgres_says_is_in_the_dialect(module: str) -> None:
    source = (Path(sql.__file__).parent / module).read_text(encoding="utf-8")
    assert not _ITS_OWN.findall(source)


def _text(query: CompiledQuery) -> str:
    params = {name: _shown(value) for name, value in query.params.items()}
    return "\n".join(
        [
            *(f"-- with\n{cte}" for cte in query.ctes),
            f"-- join\n{query.joins}",
            f"-- verdict\n{query.verdicts[0]}",
            f"-- changing\n{query.changing}",
            f"-- hard\n{query.hard}",
            *(f"-- {name}: {value}" for name, value in params.items()),
            "",
        ]
    )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} and {len(text) - LONGEST} more"
