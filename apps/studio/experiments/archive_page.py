"""/admin/experiments/archive/: what was asked, what came of it, and what was learned."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from apps.experiments import archive_reads
from apps.experiments.archive_reads import LOST, NOTHING, PAGE, WON, Concluded
from apps.studio import sites
from apps.studio.domain.charts import share_pct
from apps.studio.domain.experiment_figures import NOT_TOLD
from apps.studio.domain.experiment_results import ArmRow, MetricView, metric_views
from apps.studio.domain.experiment_withheld import withheld
from apps.studio.experiments.results_page import VIEW
from apps.studio.pages import require

OUTCOMES: Final[Mapping[str, tuple[str, str]]] = {
    WON: ("ok", "Won"),
    LOST: ("bad", "Lost"),
    NOTHING: ("plain", "Told nothing"),
}


def page(request: HttpRequest) -> HttpResponse:
    """The experiments that are over. `?q=` searches, `?outcome=` chooses, `?page=` leafs."""
    require(request, VIEW)
    site, all_sites = sites.choose(request)
    if site is None:
        return redirect("admin:index")
    text = request.GET.get("q", "").replace("\0", "").strip()[:200]
    outcome = request.GET.get("outcome", "")
    outcome = outcome if outcome in OUTCOMES else ""
    number = request.GET.get("page", "")
    leaf = max(1, int(number)) if number.isascii() and number.isdigit() and len(number) < 6 else 1
    found = archive_reads.archive(site.id, text=text, outcome=outcome, page=leaf)
    asked = {"q": text, "outcome": outcome}
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Archive of experiments",
        "site": site,
        "sites": all_sites,
        "text": text,
        "outcome": outcome,
        "outcomes": [(key, words) for key, (_, words) in OUTCOMES.items()],
        "found": found.found,
        "rows": [_row(one) for one in found.rows],
        "total": sum(found.counts.values()),
        "picture": _picture(found.counts),
        "before": f"?{urlencode(asked | {'page': leaf - 1})}" if leaf > 1 else "",
        "after": f"?{urlencode(asked | {'page': leaf + 1})}" if found.found > leaf * PAGE else "",
    }
    return TemplateResponse(request, "admin/studio/experiment_archive.html", context)


def _picture(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """A bar in parts: how many won, lost, told nothing."""
    total, left, found = sum(counts.values()), 0.0, []
    for key, (level, words) in OUTCOMES.items():
        pct = share_pct(counts[key], total)
        found.append(
            {
                "key": key,
                "level": level,
                "words": words,
                "count": counts[key],
                "x": f"{left:.1f}",
                "pct": f"{pct:.1f}",
            }
        )
        left += pct
    return found


def _row(one: Concluded) -> dict[str, Any]:
    level, words = OUTCOMES[one.outcome]
    return {"one": one, "level": level, "words": words, "effects": _effects(one)}


def _effects(one: Concluded) -> list[tuple[str, str, str, str]]:
    """What its goals came to: (metric, arm, change, interval) of the winner, else of each arm."""
    if not one.document:
        return []
    goals: list[MetricView] = [
        view for view in metric_views(withheld(one.document), ()) if view.role == "goal"
    ]
    rows = [(goal, row) for goal in goals for row in goal.rows if not row.is_control]
    winners = [(goal, row) for goal, row in rows if row.name == one.winner]
    return [(goal.name, row.name, *_came_to(row)) for goal, row in (winners or rows)[:4]]


def _came_to(row: ArmRow) -> tuple[str, str]:
    if row.whisker is None:
        return NOT_TOLD, row.reason
    if row.relative == NOT_TOLD:
        return row.difference, row.interval
    return row.relative, row.relative_interval
