"""What the pages about rules share: who may look, the site, the placement, the tabs."""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from apps.content.selectors import find_placement
from apps.rules.selectors import placements_with_rules
from apps.studio import sites
from apps.studio.pages import require
from apps.studio.types import SiteChoice

VIEW: Final = "rules.view_rule"
CHANGE: Final = "rules.change_rule"
ADD: Final = "rules.add_rule"
OFFERED: Final = 30  # placements to choose from

TABS: Final = (
    ("rules_order", "Order"),
    ("rules_tree", "Tree"),
    ("rules_table", "Table"),
    ("rules_report", "What to look at"),
)


@dataclass(slots=True)
class Opened:
    """A page that may be shown: its site, and what it shows, which each page adds to."""

    site: SiteChoice
    context: dict[str, Any]


def opened(request: HttpRequest, tab: str, title: str) -> Opened | None:
    """Return what a page starts from; None where there is no site yet.

    Raises:
        PermissionDenied: the role may not see rules.
    """
    require(request, VIEW)
    site, all_sites = sites.choose(request)
    if site is None:
        return None
    placement = request.GET.get("placement", "")
    kept = f"?{urlencode({'placement': placement})}" if placement else ""
    return Opened(
        site,
        {
            **admin.site.each_context(request),
            "title": title,
            "tabs": [(reverse(f"admin:{name}") + kept, words, name == tab) for name, words in TABS],
            "site": site,
            "sites": all_sites,
            "may_change": request.user.has_perm(CHANGE),
            "may_add": request.user.has_perm(ADD),
        },
    )


def chosen_placement(request: HttpRequest, page: Opened) -> Any:
    """The placement that the address names, put into the page's context with those to choose from.

    None where none is named, or none is there. Two queries.
    """
    asked = request.GET.get("placement", "").strip()
    placement = find_placement(page.site.id, asked) if asked else None
    search = request.GET.get("q", "").strip()
    page.context |= {"placement": placement, "asked": asked, "search": search}
    if placement is None:
        page.context["offered"] = placements_with_rules(page.site.id, search, OFFERED)
    return placement
