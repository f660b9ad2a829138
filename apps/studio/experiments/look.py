"""/admin/experiments/<id>/look/: links that put whoever opens them into an arm, on the site."""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit, urlunsplit
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from apps.access.site_staff import works_on
from apps.delivery.previewing.arms import HOURS, arm_token
from apps.experiments import result_reads
from apps.studio.pages import require
from apps.studio.preview import setting_of
from apps.studio.types import SiteChoice
from apps.work import clock

VIEW: Final = "experiments.view_experiment"
SHARE: Final = "decisions.share_preview"
PARAMETER: Final = "attune_preview"


@dataclass(frozen=True, slots=True)
class Looked:
    """One arm, and where to look at it.

    Attributes:
        links: (name of a page, its address with the token).
        why_not: in a sentence, where there is no token.
    """

    name: str
    is_control: bool
    token: str
    links: list[tuple[str, str]]
    why_not: str = ""


def page(request: HttpRequest, experiment_id: UUID) -> HttpResponse:
    """Links for each arm. Who may not share previews may not make them."""
    require(request, VIEW)
    require(request, SHARE)
    found = result_reads.shown(experiment_id)
    if found is None or found.design.placement is None:
        raise Http404("There is no such experiment, or another tool splits it.")
    design = found.design
    if not works_on(request.user, design.site_id):
        raise PermissionDenied
    context = {
        **admin.site.each_context(request),
        "title": f"Look at the arms of {design.name}",
        "design": design,
        "arms": [_looked(found, arm) for arm in design.arms.select_related("variant")],
        "hours": HOURS,
        "parameter": PARAMETER,
    }
    return TemplateResponse(request, "admin/studio/experiment_look.html", context)


def _looked(found: result_reads.Shown, arm: Any) -> Looked:
    design = found.design
    name, is_control, key, variant = arm.name, arm.is_control, arm.key, arm.variant
    placement = design.placement
    assert placement is not None
    now = clock.now()
    if design.state in (design.State.RUNNING, design.State.PAUSED):
        token = arm_token(design.site_id, now=now, arms={design.key: key})
    elif variant is None:
        why = "It changes how the placement decides: that can be looked at once it has begun."
        return Looked(name, is_control, "", [], why)
    else:
        token = arm_token(
            design.site_id, now=now, variants={placement.key: variant.key}, drafts=True
        )
    return Looked(name, is_control, token, _links(found, placement.key, token))


def _links(found: result_reads.Shown, placement: str, token: str) -> list[tuple[str, str]]:
    """The site's pages on which the placement is, else all of them."""
    design = found.design
    pages = setting_of(SiteChoice(design.site_id, design.site.key, design.site.name)).pages
    fitting = [one for one in pages if placement in one.placements] or pages
    return [(one.name, _with_token(one.url, token)) for one in fitting if one.url]


def _with_token(url: str, token: str) -> str:
    parts = urlsplit(url)
    query = "&".join(part for part in (parts.query, urlencode({PARAMETER: token})) if part)
    return urlunsplit(parts._replace(query=query))
