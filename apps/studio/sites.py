"""Which site a staff member is looking at: chosen on the home page, remembered in the session."""

from uuid import UUID

from django.http import HttpRequest

from apps.access.site_staff import works_on
from apps.studio import selectors
from apps.studio.types import SiteChoice

_KEY = "studio_site"


def choose(request: HttpRequest) -> tuple[SiteChoice | None, list[SiteChoice]]:
    """Return the site to show and all that there are. One query.

    `?site=key` chooses one; else the one chosen last; else the first. With one site there is
    nothing to remember.
    """
    found = [site for site in selectors.sites() if works_on(request.user, site.id)]
    if not found:
        return None, []
    before = remembered(request)
    wanted = request.GET.get("site") or (before.key if before is not None else "")
    chosen = next((site for site in found if site.key == wanted), found[0])
    if len(found) == 1:
        request.session.pop(_KEY, None)
    elif before != chosen:
        remember(request, chosen)
    return chosen, found


def remember(request: HttpRequest, site: SiteChoice) -> None:
    """Keep a choice until another one is made."""
    request.session[_KEY] = [str(site.id), site.key, site.name]


def remembered(request: HttpRequest) -> SiteChoice | None:
    """Return the choice made earlier, as it was called then. No query."""
    session = getattr(request, "session", None)
    kept = session.get(_KEY) if session is not None else None
    if not isinstance(kept, list) or len(kept) != 3:
        return None
    site = SiteChoice(UUID(kept[0]), kept[1], kept[2])
    return site if works_on(request.user, site.id) else None
