"""What the pages that study the audience share: who may look, the site, and the tabs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.urls import reverse

from apps.segments.errors import StudyTooSlow
from apps.segments.studies.boxed import FEWEST, LIMIT_S, aloud, within
from apps.studio import sites
from apps.studio.types import SiteChoice
from engine.errors import PersonalizationError

VIEW: Final = "segments.view_segment"
CHANGE: Final = "segments.change_segment"
ADD: Final = "segments.add_segment"
FEW: Final = f"<{FEWEST}"
HURRY_S: Final = 0.5  # for all that a page counts while it is opened
COUNT: Final = "count"

TABS: Final = (
    ("audience", "Overlap"),
    ("audience_rfm", "RFM"),
    ("audience_adapting", "Thresholds that adapt"),
    ("audience_scores", "Scores"),
    ("audience_models", "Model thresholds"),
    ("audience_health", "Health"),
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A page that may be shown: its site and what every one of them shows."""

    site: SiteChoice
    context: dict[str, Any]


def opened(request: HttpRequest, tab: str, title: str) -> Opened | None:
    """Return what a page starts from; None where there is no site yet.

    Raises:
        PermissionDenied: the role may not see segments.
    """
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    site, all_sites = sites.choose(request)
    if site is None:
        return None
    return Opened(
        site,
        {
            **admin.site.each_context(request),
            "title": title,
            "tabs": [(reverse(f"admin:{name}"), words, name == tab) for name, words in TABS],
            "site": site,
            "sites": all_sites,
            "may_change": request.user.has_perm(CHANGE),
            "may_add": request.user.has_perm(ADD),
        },
    )


@contextmanager
def counted(request: HttpRequest, context: dict[str, Any]) -> Iterator[None]:
    """Count everybody for the length of a block, and say in the context why it could not be.

    Nobody waits for a page that they only open: what takes longer is counted once they ask for it,
    by a form or by `count` in the address.
    """
    is_asked = request.method == "POST" or COUNT in request.GET
    try:
        with within(LIMIT_S if is_asked else HURRY_S):
            yield
    except StudyTooSlow as error:
        if is_asked:
            context["refused"] = str(error)
            return
        query = request.GET.copy()
        query[COUNT] = "1"
        context["count_url"] = f"?{query.urlencode()}"
    except PersonalizationError as error:
        context["refused"] = str(error)


def require(request: HttpRequest, permission: str) -> None:
    """Refuse a role that lacks a permission.

    Raises:
        PermissionDenied: it does.
    """
    if not request.user.has_perm(permission):
        raise PermissionDenied


def said(people: int) -> str:
    """A number of people for a page."""
    told = aloud(people)
    return FEW if told is None else f"{told:,}"
