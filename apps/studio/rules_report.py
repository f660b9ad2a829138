"""/admin/rules/report/: what stands in the way of the rules of a site."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from apps.rules.selectors import report, trigger_troubles
from apps.studio.rules_pages import opened
from apps.work import clock


def rules_report(request: HttpRequest) -> HttpResponse:
    """The page. `page`: of the placements, 1 for the first."""
    page = opened(request, "rules_report", "What to look at in the rules")
    if page is None:
        return redirect("admin:index")
    asked = request.GET.get("page", "1")
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 1
    found = report(page.site.id, page=number, now=clock.now())
    order = {"error": 0, "warning": 1, "info": 2}
    for one in found.placements:
        one.said.sort(key=lambda said: order.get(said.level, 3))
    page.context |= {
        "report": found,
        "troubled": [one for one in found.placements if one.said],
        "well": [one for one in found.placements if not one.said],
        "triggers": trigger_troubles(page.site.id),
    }
    return TemplateResponse(request, "admin/rules/report.html", page.context)
