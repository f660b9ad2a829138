"""An experiment's results as files: sums by day, and the result itself. No person is in them."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse

from apps.access.small_cells import FEW
from apps.experiments import result_reads
from apps.experiments.result_reads import DayTold, Shown
from apps.studio.domain.experiment_withheld import days_withheld, withheld
from apps.studio.experiments.results_page import VIEW, phase_asked
from apps.studio.pages import require
from apps.work.cells import guarded

JSON = Any
DAYS: Final = "days"
RESULT: Final = "result"
SUMS: Final = ("y", "yy", "d", "dd", "yd", "x", "xx", "xy")
DAY_HEAD: Final = ("day", "metric", "arm", "arm_name", "participants", *SUMS, "left_out")
RESULT_HEAD: Final = (
    "metric", "metric_name", "kind", "role", "direction", "margin", "added_later", "arm",
    "arm_name", "participants", "participants_of_control", "value", "value_of_control",
    "difference", "standard_error", "low", "high", "relative", "relative_low", "relative_high",
    "p", "p_adjusted", "chance_to_be_better", "reason",
)  # fmt: skip


def download(request: HttpRequest, experiment_id: UUID, form: str) -> HttpResponse:
    """`?of=result`: the result; `?of=days`: sums by day. JSON has both unless one is asked for."""
    require(request, VIEW)
    found = result_reads.shown(experiment_id, phase_asked(request))
    if found is None or found.phase is None or form not in ("csv", "json"):
        raise Http404("There is nothing to download.")
    what = request.GET.get("of", "")
    answer = _json(found, what) if form == "json" else _csv(found, what)
    kept = f"{what}-" if what in (DAYS, RESULT) else ""
    name = f"{found.design.key}-phase-{found.phase.number}-{kept}results.{form}"
    # Keys are small letters, figures, dots and dashes.
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["Cache-Control"] = "no-store"
    return answer


def _json(found: Shown, what: str) -> HttpResponse:
    design, phase = found.design, found.phase
    assert phase is not None
    told: dict[str, JSON] = {
        "experiment": design.key,
        "name": design.name,
        "phase": phase.number,
        "started_at": phase.started_at.isoformat(),
        "ended_at": phase.ended_at.isoformat() if phase.ended_at else None,
        "worked_out_at": found.worked_out_at.isoformat() if found.worked_out_at else None,
    }
    if what != DAYS:
        told["result"] = None if not found.document else withheld(found.document)
        told["looks"] = [[day.isoformat(), figures] for day, figures in found.looks]
    if what != RESULT:
        told["days"] = [
            {
                "day": one.day.isoformat(),
                "metric": one.metric,
                "arm": _arms(found).get(one.arm, {}).get("key", str(one.arm)),
                "participants": n,
                **({} if n is None else {**one.sums, "left_out": one.left_out}),
            }
            for one, n in told_days(result_reads.days_of(phase.pk))
        ]
    text = json.dumps(told, ensure_ascii=False, allow_nan=False, indent=1)
    return HttpResponse(text, content_type="application/json; charset=utf-8")


def _csv(found: Shown, what: str) -> HttpResponse:
    rows = _result_rows(found) if what == RESULT else _day_rows(found)
    head = RESULT_HEAD if what == RESULT else DAY_HEAD
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(head)
    writer.writerows([_cell(cell) for cell in row] for row in rows)
    return HttpResponse(file.getvalue(), content_type="text/csv; charset=utf-8")


def _cell(cell: JSON) -> str:
    """A text as no spreadsheet takes it for a formula; a number as it is; nothing as nothing."""
    if cell is None:
        return ""
    return guarded(cell) if isinstance(cell, str) else str(cell)


def _arms(found: Shown) -> dict[int, Mapping[str, JSON]]:
    assert found.phase is not None
    return {int(arm["number"]): arm for arm in found.phase.arms}


def told_days(days: Sequence[DayTold]) -> list[tuple[DayTold, int | None]]:
    """Return sums by day with how many joined, None where so few did that nothing is told.

    A day of an arm is told for all metrics or for none: the people are the same.
    """
    counts: dict[int, dict[date, int]] = defaultdict(dict)
    for one in days:
        own = counts[one.arm]
        own[one.day] = max(own.get(one.day, 0), one.n)
    told: dict[tuple[int, date], int | None] = {}
    for arm, own in counts.items():
        shown = days_withheld(list(own.values()))
        told.update({(arm, day): n for day, n in zip(own, shown, strict=True)})
    return [(one, None if told[one.arm, one.day] is None else one.n) for one in days]


def _day_rows(found: Shown) -> Iterable[Sequence[JSON]]:
    assert found.phase is not None
    arms = _arms(found)
    for one, n in told_days(result_reads.days_of(found.phase.pk)):
        arm = arms.get(one.arm, {})
        sums = [None if n is None else one.sums[name] for name in SUMS]
        left_out = None if n is None else one.left_out
        own = (one.metric, arm.get("key", str(one.arm)), arm.get("name", ""))
        yield (one.day.isoformat(), *own, FEW if n is None else n, *sums, left_out)


def _result_rows(found: Shown) -> Iterable[Sequence[JSON]]:
    if not found.document:
        return
    document = withheld(found.document)
    names = {arm["key"]: arm["name"] for arm in document["arms"]}
    for metric in document["metrics"]:
        about = [metric[name] for name in ("key", "name", "kind", "role", "direction", "margin")]
        for one in metric["effects"]:
            bayes = one.get("bayes") or {}
            yield (
                *about, "yes" if metric["is_late"] else "no", one["arm"], names.get(one["arm"]),
                one["n"], one["n_control"], one["value"], one["of_control"], one["diff"],
                one["se"], *(one["interval"] or (None, None)), one["relative"],
                *(one["relative_interval"] or (None, None)), one["p"], one["p_adjusted"],
                bayes.get("chance_to_win"), one["reason"],
            )  # fmt: skip
