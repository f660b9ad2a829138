"""Conditions as cells and tables as files: what goes out comes in again as it was."""

import csv
import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.rules.domain import sheets
from apps.rules.domain.cells import WHOLE, cells_of, condition_of
from apps.rules.domain.sheets import Unreadable
from engine.conditions.canonical import digest
from engine.conditions.parse import parse_condition
from engine.errors import InvalidCondition
from tests.engine import trees


def fact(name: str, op: str, value: object, kind: str = "context") -> dict[str, Any]:
    return {"kind": kind, "name": name, "op": op, "value": value}


def means(condition: Any) -> str:
    return digest(parse_condition(condition))


scalars = st.one_of(
    st.text(max_size=12), st.integers(-(10**9), 10**9), st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.sampled_from(["one", "not", "a | b", "18 and 22", '"', "true", "known", "is", "12", "=A1"]),
)  # fmt: skip
names = st.one_of(
    st.sampled_from(["device", "plan", "a.b", "x, y"]), st.text(min_size=1, max_size=9)
)
kinds = st.sampled_from(["context", "trait"])
simple = st.one_of(
    st.builds(fact, names, st.sampled_from(["eq", "ne"]), scalars, kinds),
    st.builds(fact, names, st.just("in"), st.lists(scalars, min_size=1, max_size=4)),
    st.builds(fact, names, st.sampled_from(["contains", "starts_with"]), st.text(min_size=1)),
    st.builds(lambda key: {"kind": "segment", "key": key}, st.sampled_from(["vip", "gold", "new"])),
    st.builds(
        lambda key: {"not": {"kind": "segment", "key": key}}, st.sampled_from(["vip", "gold"])
    ),
    st.builds(lambda key: {"kind": "list", "key": key}, st.sampled_from(["press", "staff"])),
)  # fmt: skip


def is_condition(where: Any) -> bool:
    try:
        parse_condition({"v": 1, "where": where})
    except InvalidCondition:
        return False
    return True


@settings(max_examples=300, deadline=None)
@given(st.lists(simple, max_size=4).map(lambda parts: {"all": parts}).filter(is_condition))
def test_simple_conditions_come_back_from_their_cells(where: dict[str, Any]) -> None:
    condition = {"v": 1, "where": where}
    assert means(condition_of(cells_of(condition))) == means(condition)


@settings(max_examples=150, deadline=None)
@given(trees.documents())
def test_every_condition_comes_back_from_its_cells(where: dict[str, Any]) -> None:
    condition = {"v": 1, "where": where}
    assert means(condition_of(cells_of(condition))) == means(condition)


@pytest.mark.parametrize(
    ("column", "text", "leaf"),
    [
        ("context.device", "is mobile", fact("device", "eq", "mobile")),
        ("context.device", "is one of mobile | tablet", fact("device", "in", ["mobile", "tablet"])),
        ("context.local_hour", "between 18 and 22", fact("local_hour", "between", [18, 22])),
        ("trait.age", ">= 30", fact("age", "gte", 30, "trait")),
        ("trait.name", 'is "12"', fact("name", "eq", "12", "trait")),
        ("trait.plan", "is known", {"kind": "trait", "name": "plan", "op": "is_set"}),
        ("segment.vip", "yes", {"kind": "segment", "key": "vip"}),
        ("segment.vip", "no", {"not": {"kind": "segment", "key": "vip"}}),
    ],
)
def test_cells_are_written_as_editors_read_them(column: str, text: str, leaf: Any) -> None:
    condition = {"v": 1, "where": leaf}
    assert cells_of(condition) == {column: text}
    assert condition_of({column: text, WHOLE: ""}) == condition


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ({"context.device": "mobile"}, "context.device: begins with none of “is one of”"),
        ({"segment.vip": "perhaps"}, "segment.vip: expected yes or no"),
        ({"trait.plan": 'is "gold'}, "trait.plan: has a quotation mark that is not closed"),
        ({"trait.age": "between 3"}, "trait.age: expected two values"),
        ({WHOLE: "{"}, "condition: is not JSON"),
        ({WHOLE: "{}"}, "v: is missing"),
        ({WHOLE: '{"v":1,"where":{"all":[]}}', "segment.vip": "yes"}, "stands beside segment.vip"),
    ],
    ids=["no-word", "yes-or-no", "open-quote", "one-value", "no-json", "no-condition", "both"],
)
def test_a_cell_that_cannot_be_read_is_refused_with_its_column(
    cells: dict[str, str], sentence: str
) -> None:
    with pytest.raises(InvalidCondition) as refused:
        condition_of(cells)
    assert sentence in str(refused.value)


cells = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=6))
def test_a_table_comes_back_from_its_file(rows: list[list[str]]) -> None:
    kept = [row for row in rows if any(map(str.strip, row))]
    content = sheets.written([["key", "name", "placement"], *rows])
    assert sheets.read(content)[1:] == kept


@pytest.mark.parametrize("cell", ["=1+1", "+A1", "-A1", "@SUM(A1)", "'=1", "\t=1"])
def test_no_cell_that_goes_out_is_a_formula(cell: str) -> None:
    content = sheets.written([["name"], [cell]]).decode("utf-8-sig")
    ((found,),) = list(csv.reader(io.StringIO(content)))[1:]
    assert found.startswith("'")
    assert sheets.read(content.encode()) == [["name"], [cell]]


@pytest.mark.parametrize(
    "content",
    [
        "key;name\r\nr;Zürich\r\n".encode("utf-8-sig"),
        "key,name\nr,Zürich\n".encode(),
        "key\tname\r\nr\tZürich\r\n".encode("utf-16"),
        '"key","name"\n\n"r","Zürich"\n'.encode(),
    ],
    ids=["semicolons", "commas", "tabs-utf16", "quoted"],
)
def test_files_of_every_spreadsheet_are_read(content: bytes) -> None:
    assert sheets.read(content) == [["key", "name"], ["r", "Zürich"]]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("key,name\nr,Zürich\n".encode("latin-1"), "CSV UTF-8"),
        (b"PK\x03\x04\x00\x00", "no text file"),
        (b"", "empty"),
        (b'key\n"r', "quotation mark"),
        (b"x" * 1_000_001, "larger than 1 MB"),
        (b"key\n" + b"r\n" * 5_001, "5,001 rows"),
    ],
    ids=["latin-1", "xlsx", "empty", "open-quote", "too-large", "too-many"],
)
def test_a_file_that_is_no_table_is_refused_with_what_to_do(content: bytes, sentence: str) -> None:
    with pytest.raises(Unreadable, match=sentence):
        sheets.read(content)


def test_brackets_without_end_are_a_text_and_refused_as_too_long() -> None:
    with pytest.raises(InvalidCondition):
        condition_of({"trait.x": "is " + "[" * 100_000})
