"""Rows of features as model servers are asked for them: MLflow's four forms, TensorFlow's two.

A column that is left out, or null, is one where there is nothing to measure. Nothing else than
numbers is taken, and no column that the model does not have: a typing error must not be a gap.
"""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Final

from apps.access.errors import InvalidRequest
from apps.predictions.errors import RowRefused

MOST_ROWS: Final = 1_000
MLFLOW: Final = ("dataframe_split", "dataframe_records", "instances", "inputs")
TENSORFLOW: Final = ("instances", "inputs")

Row = list[float | None]


def rows_in(document: object, names: Sequence[str], forms: Sequence[str]) -> tuple[str, list[Row]]:
    """Return which form a body has, and its rows with the features in the model's order.

    Args:
        names: of the features.
        forms: those that the address takes.

    Raises:
        InvalidRequest: none of the forms, or not as the form says.
        RowRefused: too many rows, an unknown column, or something that is no number.
    """
    found = [form for form in forms if isinstance(document, dict) and form in document]
    if len(found) != 1 or not isinstance(document, dict):
        raise InvalidRequest(f"Send one of {', '.join(forms)}.")
    (form,) = found
    rows = _FORMS[form](document[form], names)
    if len(rows) > MOST_ROWS:
        raise RowRefused(f"At most {MOST_ROWS} rows, not {len(rows)}.")
    return form, [_numbers(row, names, place) for place, row in enumerate(rows)]


def _split(given: object, names: Sequence[str]) -> list[list[Any]]:
    if not isinstance(given, dict) or not isinstance(given.get("columns"), list):
        raise InvalidRequest("dataframe_split has `columns` and `data`.")
    columns, data = given["columns"], given.get("data")
    if not isinstance(data, list) or not all(isinstance(row, list) for row in data):
        raise InvalidRequest("The data of dataframe_split are rows.")
    places = _places(columns, names)
    for place, row in enumerate(data):
        if len(row) != len(columns):
            raise RowRefused(f"Row {place + 1} has {len(row)} values for {len(columns)} columns.")
    return [[None if at is None else row[at] for at in places] for row in data]


def _records(given: object, names: Sequence[str]) -> list[list[Any]]:
    if not isinstance(given, list) or not all(isinstance(row, dict) for row in given):
        raise InvalidRequest("dataframe_records is a list of objects.")
    return [_by_name(row, names) for row in given]


def _instances(given: object, names: Sequence[str]) -> list[list[Any]]:
    if not isinstance(given, list) or not all(isinstance(row, dict | list) for row in given):
        raise InvalidRequest("Instances are lists of numbers, or objects.")
    return [row if isinstance(row, list) else _by_name(row, names) for row in given]


def _inputs(given: object, names: Sequence[str]) -> list[list[Any]]:
    if not isinstance(given, dict):
        return _instances(given, names)
    columns = list(given.values())
    if not all(isinstance(column, list) for column in columns):
        raise InvalidRequest("Inputs are columns of numbers by name, or rows.")
    if len({len(column) for column in columns}) > 1:
        raise RowRefused("The columns of inputs have different lengths.")
    places = _places(list(given), names)
    count = len(columns[0]) if columns else 0
    return [[None if at is None else columns[at][row] for at in places] for row in range(count)]


_FORMS: Final = {
    "dataframe_split": _split,
    "dataframe_records": _records,
    "instances": _instances,
    "inputs": _inputs,
}


def _places(columns: Sequence[object], names: Sequence[str]) -> list[int | None]:
    """Where each feature stands among the columns; None for one that is left out."""
    known = _known(columns, names)
    return [known.get(name) for name in names]


def _by_name(row: Mapping[str, Any], names: Sequence[str]) -> list[Any]:
    _known(list(row), names)
    return [row.get(name) for name in names]


def _known(columns: Sequence[object], names: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for place, column in enumerate(columns):
        if not isinstance(column, str) or column not in names:
            raise RowRefused(f"The model has no feature '{str(column)[:100]}'.")
        if column in found:
            raise RowRefused(f"The feature '{column}' comes twice.")
        found[column] = place
    return found


def _numbers(row: Sequence[Any], names: Sequence[str], place: int) -> Row:
    if len(row) != len(names):
        raise RowRefused(f"Row {place + 1} has {len(row)} values for {len(names)} features.")
    found: Row = []
    for name, value in zip(names, row, strict=True):
        if value is None:
            found.append(None)
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RowRefused(f"Row {place + 1}: '{name}' is no number.")
        try:
            number = float(value)
        except OverflowError:
            number = float("inf")
        if not isfinite(number):
            raise RowRefused(f"Row {place + 1}: '{name}' is beyond every number.")
        found.append(number)
    return found
