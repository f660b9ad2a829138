"""Every statistic of the product by name, as JSON in and JSON out, and never an exception.

`manage.py stats_eval` offers them to whoever wants to check the numbers against other software.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from apps.content import services as content
from apps.experiments import services as experiments
from apps.insights.domain.ops import OPS
from apps.predictions import services as predictions
from apps.recommendations import services as recommendations
from apps.segments import services as segments

JSON = Any


@cache
def names() -> tuple[str, ...]:
    """Return what can be asked for."""
    return tuple(sorted(_ops()))


@cache
def _ops() -> Mapping[str, Any]:
    found = dict(OPS)
    for app in (content, experiments, predictions, recommendations, segments):
        own = app.stat_ops()
        assert not found.keys() & own.keys(), "two apps offer the same statistic"
        found |= own
    return found


def answer(op: str, given: JSON) -> JSON:
    """Return the output of a statistic; what cannot be answered is null, with a `reason`."""
    function = _ops().get(op)
    if function is None:
        return {"reason": f"There is no statistic {op!r}."}
    if not isinstance(given, Mapping):
        return {"reason": "The input is an object."}
    try:
        found = _plain(function(given))
    except KeyError as error:
        return {"reason": f"The input lacks {error.args[0]!r}."}
    except (ValueError, TypeError, ArithmeticError) as error:
        return {"reason": f"The input is refused: {error}"}
    if _is_finite(found):
        return found
    return {**_finite(found), "reason": found.get("reason") or "Some of it has no finite value."}


def _plain(value: object) -> JSON:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        own = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return _plain({key: one for key, one in own.items() if key != "reason" or one})
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(one) for one in value]
    return value


def _is_finite(value: JSON) -> bool:
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _finite(value: JSON) -> JSON:
    """The same with null for what is not a number or endless."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return value if _is_finite(value) else None
