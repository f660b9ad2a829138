"""Which site a page of the desk is about: the one in its address, else the first of one's own."""

from dataclasses import dataclass

from django.http import Http404, HttpRequest

from apps.access.models import Site
from apps.access.site_staff import sites_of


@dataclass(frozen=True, slots=True)
class Chosen:
    """The site, and those that there are to choose from. None where there is none at all."""

    site: Site | None
    sites: list[Site]


def chosen(request: HttpRequest) -> Chosen:
    """Return the site that `?site=` names, of those that somebody works on.

    Raises:
        Http404: it is none of theirs.
    """
    own, rows = sites_of(request.user), Site.objects.order_by("name", "key")
    sites = list(rows if own is None else rows.filter(pk__in=own))
    key = request.POST.get("site") or request.GET.get("site")
    if not key:
        return Chosen(sites[0] if sites else None, sites)
    for site in sites:
        if site.key == key:
            return Chosen(site, sites)
    raise Http404("There is no such site.")
