"""How a raw score becomes a probability, one at a time in plain Python: what calibration says."""

from bisect import bisect_right
from collections.abc import Mapping
from math import exp
from typing import Any, Final

EDGE: Final = 1e-6  # probabilities stay this far from 0 and 1
_STEEPEST: Final = 30.0


def probability(raw: float, calibration: Mapping[str, Any]) -> float:
    """Return the probability of a raw score: Platt's sigmoid, or lines between known points."""
    if calibration["kind"] == "platt":
        exponent = calibration["slope"] * raw + calibration["shift"]
        found = 1 / (1 + exp(-min(max(exponent, -_STEEPEST), _STEEPEST)))
    else:
        found = _between(raw, calibration["raw"], calibration["probability"])
    return float(min(max(found, EDGE), 1 - EDGE))


def _between(raw: float, known: list[float], values: list[float]) -> float:
    place = bisect_right(known, raw) - 1
    if place < 0:
        return values[0]
    if place >= len(known) - 1:
        return values[-1]
    rise = (values[place + 1] - values[place]) / (known[place + 1] - known[place])
    return rise * (raw - known[place]) + values[place]
