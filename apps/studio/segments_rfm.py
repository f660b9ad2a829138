"""/admin/audience/rfm/: segments by recency, frequency and value, from a form."""

import re
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from apps.access.small_cells import suppress_list, words
from apps.segments.domain.rfm import MAX_BINS, MIN_BINS, PRESETS, Cell, scaled
from apps.segments.studies import rfm
from apps.studio.domain.pictures import shade
from apps.studio.segments_pages import ADD, CHANGE, counted, opened, require, said
from apps.work import clock

EVENT: Final = "Order Completed"
VALUE: Final = "total"
DAYS: Final = 365
OWN_ROWS: Final = 3
MAX_NAME: Final = 60


def rfm_page(request: HttpRequest) -> HttpResponse:
    """The form and, below it, everyone by scores; a POST of `cell` (several) makes drafts."""
    page = opened(request, "audience_rfm", "RFM segments")
    if page is None:
        return redirect("admin:index")
    asked = request.POST if request.method == "POST" else request.GET
    fields = _fields(asked)
    context: dict[str, Any] = {
        **page.context,
        **fields,
        "bins_offered": range(MIN_BINS, MAX_BINS + 1),
        "own_rows": [_own_row(asked, row) for row in range(OWN_ROWS)],
        "picked": set(asked.getlist("cell")),
    }
    with counted(request, context):
        found = rfm.study(page.site.id, now=clock.now(), **fields)
        cells = [*(scaled(cell, fields["bins"]) for cell in PRESETS), *_own(asked, fields["bins"])]
        context |= _shown(found, cells)
        if request.method == "POST" and "save" in asked:
            require(request, ADD)
            require(request, CHANGE)
            own = cells[len(PRESETS) :]
            chosen = [one for one in cells if one.key in asked.getlist("cell") or one in own]
            made = rfm.draft(page.site.id, found, chosen, actor=_actor(request), now=clock.now())
            for segment, is_new in made:
                words = "is a new draft" if is_new else "has a new draft"
                messages.success(request, f"{segment.name} {words}. Publish it to use it.")
            if made:
                return redirect("admin:segments_segment_changelist")
            context["refused"] = "Choose the cells to make segments of."
    return TemplateResponse(request, "admin/studio/segments_rfm.html", context)


def _fields(asked: QueryDict) -> dict[str, Any]:
    return {
        "event": asked.get("event", EVENT).strip()[:200],
        "value": asked.get("value", VALUE).strip()[:200],
        "days": _number(asked.get("days", ""), DAYS),
        "bins": _number(asked.get("bins", ""), MAX_BINS),
    }


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else otherwise


def _own_row(asked: QueryDict, row: int) -> tuple[int, dict[str, str]]:
    names = ["name", *(f"{axis}_{end}" for axis in "rfm" for end in ("from", "to"))]
    return row, {name: asked.get(f"own{row}_{name}", "") for name in names}


def _own(asked: QueryDict, bins: int) -> list[Cell]:
    """The cells of one's own whose names are given; a bound left empty is open."""
    cells = []
    for row in range(OWN_ROWS):
        given = _own_row(asked, row)[1]
        name = given["name"].strip()[:MAX_NAME]
        key = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        if not key:
            continue
        bands = [_band(given[f"{axis}_from"], given[f"{axis}_to"], bins) for axis in "rfm"]
        cells.append(Cell(key, name, *bands))
    return cells


def _band(low: str, high: str, bins: int) -> tuple[int, int] | None:
    if not low and not high:
        return None
    first, last = _number(low, 1), _number(high, bins)
    first, last = max(1, min(first, bins)), max(1, min(last, bins))
    return (min(first, last), max(first, last))


def _shown(found: rfm.Study, cells: list[Cell]) -> dict[str, Any]:
    bins = range(1, found.thresholds.bins + 1)
    most = max((found.grid(r, f) for r in bins for f in bins), default=0) or 1
    places = [(r, f) for r in bins for f in bins]
    told, _ = suppress_list([found.grid(r, f) for r, f in places], is_total_shown=True)
    grid = dict(zip(places, told, strict=True))
    return {
        "buyers": found.buyers,
        "scores": list(bins),
        "grid": [
            (
                r,
                [
                    {
                        "said": words(grid[r, f]),
                        "shade": shade((grid[r, f] or 0) / most),
                        "name": next((cell.name for cell in cells if cell.has(r, f, 1)), ""),
                    }
                    for f in bins
                ],
            )
            for r in reversed(bins)
        ],
        "begins": [
            (score, days, frequency, monetary)
            for score, days, frequency, monetary in zip(
                range(2, found.thresholds.bins + 1),
                found.thresholds.days,
                found.thresholds.frequency,
                found.thresholds.monetary,
                strict=True,
            )
        ],
        "cells": [
            (cell, said(found.size(cell)), found.size(cell) > 0, _bands(cell)) for cell in cells
        ],
    }


def _bands(cell: Cell) -> str:
    """Which scores a cell takes, in short."""
    bands = (("R", cell.recency), ("F", cell.frequency), ("M", cell.monetary))
    return " · ".join(
        f"{axis} {band[0]}" if band[0] == band[1] else f"{axis} {band[0]}-{band[1]}"
        for axis, band in bands
        if band is not None
    )


def _actor(request: HttpRequest) -> Any:
    """Who is signed in; the admin lets nobody else in."""
    return request.user
