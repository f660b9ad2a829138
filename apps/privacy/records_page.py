"""The record of processing, the list of recipients and the draft assessment, as pages and files."""

import csv
import json
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from apps.privacy import impact as assessment
from apps.privacy import processing as records
from apps.privacy.chosen_site import chosen
from apps.work import clock
from apps.work.cells import guarded

_VIEW = "privacy.view_retentionrun"


def processing(request: HttpRequest) -> HttpResponse:
    """What is done with data about people; `?form=json`, `csv` or `recipients` is a file."""
    _require(request)
    picked = chosen(request)
    form = request.GET.get("form")
    record = records.record_of(picked.site, now=clock.now()) if picked.site else None
    if record is not None and picked.site is not None:
        name = f"record-of-processing-{picked.site.key}"
        if form == "json":
            return _json(record.as_json(), name)
        if form == "csv":
            return _csv(records.rows_of(record), name)
        if form == "recipients":
            return _csv(records.recipient_rows(record), f"recipients-{picked.site.key}")
    context = {
        **admin.site.each_context(request),
        "title": "Record of processing",
        "site": picked.site,
        "sites": picked.sites,
        "record": record,
    }
    return TemplateResponse(request, "admin/privacy/processing.html", context)


def impact(request: HttpRequest) -> HttpResponse:
    """The draft of the impact assessment; `?form=json` is a file."""
    _require(request)
    picked = chosen(request)
    draft = assessment.draft_of(picked.site, now=clock.now()) if picked.site else None
    if draft is not None and picked.site is not None and request.GET.get("form") == "json":
        return _json(draft.as_json(), f"impact-assessment-{picked.site.key}")
    context = {
        **admin.site.each_context(request),
        "title": "Impact assessment",
        "site": picked.site,
        "sites": picked.sites,
        "draft": draft,
    }
    return TemplateResponse(request, "admin/privacy/impact.html", context)


def _require(request: HttpRequest) -> None:
    if not request.user.has_perm(_VIEW):
        raise PermissionDenied


def _json(document: dict[str, Any], name: str) -> HttpResponse:
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    return _file(HttpResponse(text, content_type="application/json"), f"{name}.json")


def _csv(rows: list[list[str]], name: str) -> HttpResponse:
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    csv.writer(response).writerows([guarded(cell) for cell in row] for row in rows)
    return _file(response, f"{name}.csv")


def _file(response: HttpResponse, name: str) -> HttpResponse:
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
