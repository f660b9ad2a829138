"""The arithmetic of caps by name, JSON in and JSON out: what `stat_ops` offers."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.capping import SECOND_MS, CapDoc, FatigueDoc, allows, intensity

JSON = Any
Op = Callable[[Mapping[str, JSON]], JSON]


def _fatigue(given: Mapping[str, JSON]) -> JSON:
    """Ages in any one unit: a thousandth of it is as fine as the engine counts."""
    fatigue = FatigueDoc(
        half_life_ms=round(given["half_life"] * SECOND_MS),
        step=given["step"],
        floor=given.get("floor", 0.0),
    )
    shown = [-round(age * SECOND_MS) for age in given["ages"]]
    # One full step for one unit of load: what is missing from 1 is the load itself.
    whole = FatigueDoc(half_life_ms=fatigue.half_life_ms, step=1.0, floor=float("-inf"))
    return {
        "load": 1.0 - intensity(whole, shown, 0),
        "multiplier": intensity(fatigue, shown, 0),
    }


def _sliding(given: Mapping[str, JSON]) -> JSON:
    caps = [_cap(number, rule) for number, rule in enumerate(given["rules"])]
    began: dict[str, int] = {}
    shown: list[int] = []
    by_session: dict[str, list[int]] = {}
    answers = []
    for request in given["requests"]:
        now_ms, session = round(request["t"] * SECOND_MS), str(request.get("session", ""))
        since_ms = began.setdefault(session, now_ms)
        own = by_session.setdefault(session, [])
        is_shown = all(
            allows(cap, own if cap.per == "session" else shown, now_ms, since_ms) for cap in caps
        )
        if is_shown:
            shown.append(now_ms)
            own.append(now_ms)
        answers.append(is_shown)
    return {"shown": answers}


def _cap(number: int, rule: Mapping[str, JSON]) -> CapDoc:
    if rule["scope"] == "session":
        return CapDoc(number=number, key=str(number), most=rule["max"], per="session")
    if rule["scope"] != "window":
        raise ValueError("The scope is session or window.")
    window_ms = round(rule["window_s"] * SECOND_MS)
    return CapDoc(number=number, key=str(number), most=rule["max"], window_ms=window_ms)


OPS: Final[Mapping[str, Op]] = {"decay.fatigue": _fatigue, "cap.sliding": _sliding}
