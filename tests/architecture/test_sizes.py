"""A module has one subject, a function one verb: what grows too long has got another one."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST_MODULE = 400
LONGEST_FUNCTION = 50  # its docstring besides

# Tables, one row after the other: their length is how much they list.
TABLES = {
    "engine/conditions/nodes.py": "the kinds of nodes that a condition is made of",
    "tests/mutants/faults.py": "the faults that tests must find",
    "tests/vectors/decided.py": "cases of decisions, for engines in other languages",
}


def modules(*folders: str) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def test_no_module_is_longer_than_a_subject_needs() -> None:
    long = {
        str(path.relative_to(ROOT)): length
        for path in modules("apps", "bench", "config", "engine", "launcher", "tests")
        if (length := path.read_text(encoding="utf-8").count("\n")) > LONGEST_MODULE
    }
    assert {name: length for name, length in long.items() if name not in TABLES} == {}
    assert TABLES.keys() <= long.keys(), "what is short by now needs no exception"


@pytest.mark.parametrize("folder", ["apps", "config", "engine", "launcher"])
def test_no_function_is_longer_than_one_verb_needs(folder: str) -> None:
    long = [
        f"{path.relative_to(ROOT)}: {function.name}, {length} lines"
        for path in modules(folder)
        for function in functions(path)
        if (length := length_of(function)) > LONGEST_FUNCTION
    ]
    assert long == []


Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, Function):
            yield node


def length_of(function: Function) -> int:
    """Lines from `def` to the end, without the docstring's."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    if ast.get_docstring(function) is None:
        return lines
    said = function.body[0]
    return lines - ((said.end_lineno or 0) - said.lineno + 1)
