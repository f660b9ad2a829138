"""What it would earn to choose by segment, or by person, in an experiment. Workers only.

The document of a phase:

    {"metric", "metric_key", "kind", "direction", "n", "reason",
     "choosing": {"verdict", "gain", "interval", "single", "reason",
                  "segments": [{"segment", "n", "verdict", "gain", "interval", "arm", "reason"}]},
     "people": [{"arm", "n", "verdict", "share", "best", "gain", "interval", "qini", "auuc",
                 "unranked", "curve", "top": [{"words", "top", "rest"}], "reason"}]}

"verdict" is "earns", "costs" or "open". Gains are of the metric, for each participant, above zero
where it moves the wanted way. "unranked" says why there is no "qini"; null where there is one.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import numpy as np
from django.db import connection

from apps.experiments import counting
from apps.experiments.domain.choices import Gain, Rounds, folds_of, words_of, worth_of_choosing
from apps.experiments.domain.comparing import Vector
from apps.experiments.domain.uplift_models import Matrix, Uplift, uplift_of
from apps.experiments.models import ChoiceWorth, Goal, Metric, Phase
from apps.experiments.worth import plain

MOST: Final = 100_000  # participants looked at, chosen by their ids
SMALL: Final = 10
NO_GOAL: Final = "The experiment has no goal that is counted for each participant."
NOT_YES_OR_NO: Final = "A Qini is of goals that people either come to or not."
NOT_PERFECT: Final = "A Qini needs both: some who came to the goal, and some who did not."
NO_SEGMENTS: Final = "The experiment tells no segments apart: name some in its next phase."
OTHERS: Final = ""
SHARES: Final = (Metric.Kind.CONVERSION, Metric.Kind.RETENTION)
JSON = Any

_WHO: Final = """
SELECT arm, segments, profile_id, first_at, coalesce(probability, 0) AS probability,
  coalesce(facts->>'device', '') AS device, coalesce(facts->>'browser', '') AS browser,
  coalesce(facts->>'country', '') AS country
FROM experiments_participant
WHERE phase_id = %(phase)s AND NOT is_bot AND (NOT is_mixed OR %(keeps_mixed)s)
ORDER BY md5(profile_id::text || %(phase)s) LIMIT %(most)s
"""
_KEPT: Final = "arm, segments, profile_id, first_at, probability, device, browser, country"
# What was known of them before: how much they did in four weeks, since when, and how lately.
_BEFORE: Final = """
SELECT v.arm, v.segments, v.profile_id, v.probability, v.device, v.browser, v.country, v.y, v.x,
  b.events, b.days, b.since, b.hour
FROM ({values}) v LEFT JOIN LATERAL (
  SELECT count(*)::float8 AS events, count(DISTINCT e.occurred_at::date)::float8 AS days,
    extract(epoch FROM v.first_at - max(e.occurred_at))::float8 / 86400 AS since,
    extract(hour FROM v.first_at)::float8 AS hour
  FROM events_event e WHERE e.profile_id = v.profile_id AND {allowed} AND e.kind <> {exposure}
    AND e.occurred_at >= v.first_at - interval '28 days' AND e.occurred_at < v.first_at
) b ON true
ORDER BY v.profile_id
"""


@dataclass(frozen=True, slots=True)
class People:
    """Participants of a phase: one row each."""

    ids: list[UUID]
    arm: Any
    probability: Any
    segments: list[list[str]]
    y: Any
    x: Matrix
    names: list[str]


def analyse(phase: Phase, *, now: datetime) -> dict[str, JSON]:
    """Work it out anew for a phase's first goal, keep it, and return it."""
    document = plain(_document(phase))
    ChoiceWorth.objects.update_or_create(
        phase=phase, defaults={"worked_out_at": now, "document": document}
    )
    return dict(document)


def _document(phase: Phase) -> dict[str, JSON]:
    counted = (Metric.Kind.CONVERSION, Metric.Kind.RETENTION, Metric.Kind.MEAN)
    goals = Goal.objects.filter(
        experiment_id=phase.experiment_id, role=Goal.Role.GOAL, metric__kind__in=counted
    )
    goal = goals.select_related("metric").order_by("added_at", "pk").first()
    if goal is None:
        return {"metric": "", "n": 0, "reason": NO_GOAL, "choosing": None, "people": []}
    people = people_of(phase, goal.metric)
    is_up = goal.metric.direction == Metric.Direction.UP
    return {
        "metric": goal.metric.name,
        "metric_key": goal.metric.key,
        "kind": goal.metric.kind,
        "direction": goal.metric.direction,
        "n": len(people.ids),
        "reason": None,
        "choosing": _choosing(phase, people, is_up),
        "people": [] if phase.bandit else _by_person(phase, people, goal.metric),
    }


def people_of(phase: Phase, metric: Metric) -> People:
    """Return the participants, what they did, and what was known of them before. One statement."""
    parts, values = counting.asked(metric)
    values |= {"phase": str(phase.pk), "most": MOST, "keeps_mixed": bool(phase.bandit)}
    statement = _BEFORE.format(values=counting.values_of(_WHO, parts, _KEPT), **parts)
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows = cursor.fetchall()
    shares = {arm["number"]: arm["weight"] for arm in phase.arms}
    return People(
        [row[2] for row in rows],
        np.asarray([row[0] for row in rows], np.int64),
        # Ours logs it; of another tool's split it is the arm's share.
        np.asarray([row[3] or shares.get(row[0], 0.0) for row in rows], float),
        [_keys(row[1]) for row in rows],
        np.asarray([row[7] for row in rows], float),
        *_features(rows, phase.segments),
    )


def _keys(segments: JSON) -> list[str]:
    told = json.loads(segments) if isinstance(segments, str) else segments
    return [one[0] for one in told]


def _features(rows: Sequence[Sequence[JSON]], segments: Sequence[str]) -> tuple[Matrix, list[str]]:
    """One column each: what they did before, the segments, the commonest devices and countries."""
    names = ["the metric before", "events in four weeks", "days in four weeks",
             "days since the last event", "hour of the day"]  # fmt: skip
    columns = [[float("nan") if v is None else float(v) for v in own]
               for own in zip(*[row[8:13] for row in rows], strict=True)]  # fmt: skip
    inside = [set(_keys(row[1])) for row in rows]
    for key in segments:
        names.append(f"in segment {key}")
        columns.append([float(key in own) for own in inside])
    for place, what in ((4, "device"), (5, "browser"), (6, "country")):
        values = [row[place] for row in rows]
        common = sorted(set(values), key=lambda one: (-values.count(one), one))[:5]
        for value in [one for one in common if one]:
            names.append(f"{what} {value}")
            columns.append([float(one == value) for one in values])
    return np.asarray(columns, float).T.reshape(len(rows), len(names)), names


def _choosing(phase: Phase, people: People, is_up: bool) -> dict[str, JSON]:
    if not phase.segments:
        return {"verdict": "open", "gain": None, "interval": None, "single": None,
                "reason": NO_SEGMENTS, "segments": []}  # fmt: skip
    arms = sorted(phase.arms, key=lambda arm: arm["number"])
    place = {arm["number"]: number for number, arm in enumerate(arms)}
    contexts = [*phase.segments, OTHERS]
    rounds = Rounds(
        np.asarray([_context(own, phase.segments) for own in people.segments], np.int64),
        np.asarray([place[int(number)] for number in people.arm], np.int64),
        people.probability, people.y, folds_of([one.bytes for one in people.ids]),
    )  # fmt: skip
    found = worth_of_choosing(rounds, len(contexts), len(arms), is_up)
    rows = [
        {"segment": key, **_told(gain),
         "arm": arms[max(gain.chosen, key=lambda one: one[1])[0]]["name"] if gain.chosen else None}
        for key, gain in zip(contexts, found.contexts, strict=False)
    ]  # fmt: skip
    single = None if found.single is None else arms[found.single]["name"]
    return {**_told(found.whole), "single": single, "segments": rows}


def _context(own: Sequence[str], segments: Sequence[str]) -> int:
    """The first of the phase's segments that they were in; the last place: none."""
    return next((n for n, key in enumerate(segments) if key in own), len(segments))


def _told(gain: Gain) -> dict[str, JSON]:
    return {
        "n": gain.n if gain.n >= SMALL else None,
        "verdict": words_of(gain),
        "gain": gain.gain if gain.interval is not None else None,
        "interval": gain.interval,
        "reason": gain.reason,
    }


def _by_person(phase: Phase, people: People, metric: Metric) -> list[dict[str, JSON]]:
    """Each arm beside the control: whom it moves."""
    wanted = _wanted(people.y, metric)
    control = next(arm["number"] for arm in phase.arms if arm["is_control"])
    weights = {arm["number"]: arm["weight"] for arm in phase.arms}
    found = []
    for arm in phase.arms:
        if arm["is_control"]:
            continue
        chosen = (people.arm == control) | (people.arm == arm["number"])
        share = weights[arm["number"]] / ((weights[arm["number"]] + weights[control]) or 1.0)
        ids = [one.bytes for one, is_in in zip(people.ids, chosen, strict=True) if is_in]
        own = uplift_of(
            people.x[chosen], people.arm[chosen] == arm["number"],
            np.full(int(chosen.sum()), share), wanted[chosen], folds_of(ids),
        )  # fmt: skip
        gain = own.gain or Gain(own.n, reason=own.reason)
        found.append(
            _told(gain)
            | {"arm": arm["name"], "share": own.share, "best": own.best, "qini": own.qini,
               "auuc": own.auuc, "unranked": _unranked(own, metric),
               "curve": [list(one) for one in own.curve],
               "top": _differences(people.x[chosen], people.names, own.top),
               "reason": own.reason or gain.reason}
        )  # fmt: skip
    return found


def _wanted(y: Vector, metric: Metric) -> Vector:
    """What they did, so that more is better: of a share that should fall, who did not do it."""
    if metric.direction == Metric.Direction.UP:
        return y
    return 1 - y if metric.kind in SHARES else -y


def _unranked(own: Uplift, metric: Metric) -> str | None:
    """Why there is no Qini though there are scores."""
    if own.qini is not None or own.reason is not None:
        return None
    return NOT_PERFECT if metric.kind in SHARES else NOT_YES_OR_NO


def _differences(x: Matrix, names: Sequence[str], top: Any) -> list[dict[str, JSON]]:
    """By what those whom it moves differ most from the others; nothing of fewer than ten people."""
    if top is None or min(int(top.sum()), int((~top).sum())) < SMALL:
        return []
    values = np.nan_to_num(x)
    spread = values.std(axis=0)
    apart = np.divide(
        values[top].mean(axis=0) - values[~top].mean(axis=0), spread,
        out=np.zeros(len(names)), where=spread > 0,
    )  # fmt: skip
    order = np.argsort(-np.abs(apart))[:5]
    return [
        {"words": names[n], "top": float(values[top, n].mean()),
         "rest": float(values[~top, n].mean())}
        for n in order if abs(apart[n]) > 0.1
    ]  # fmt: skip
