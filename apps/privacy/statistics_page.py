"""The page of figures, and the same as a file for a regulator."""

import csv
from dataclasses import asdict, fields

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from apps.privacy.models.requests import Request
from apps.privacy.statistics import Line, lines_of


def page(request: HttpRequest, rows: QuerySet[Request]) -> HttpResponse:
    """The figures of the requests that somebody may see; `?form=csv` is a file."""
    lines = lines_of(rows)
    if request.GET.get("form") == "csv":
        return _file(lines)
    context = {
        **admin.site.each_context(request),
        "title": "Figures about requests",
        "lines": lines,
    }
    return TemplateResponse(request, "admin/privacy/statistics.html", context)


def _file(lines: list[Line]) -> HttpResponse:
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="privacy-requests.csv"'
    # Years, kinds of ours and counts: nothing that a sheet could take for a formula.
    writer = csv.DictWriter(response, [field.name for field in fields(Line)])
    writer.writeheader()
    writer.writerows(asdict(line) for line in lines)
    return response
