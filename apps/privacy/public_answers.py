"""What every public privacy page has in common: no cookie, no session, a strict policy, no cache.

These pages are opened by people who must be able to trust them, some from a link in an e-mail, so
they load nothing from elsewhere, store nothing, and take forms only from themselves.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.loader import render_to_string
from django.views.decorators.csrf import csrf_exempt

from apps.access.addresses import client_address
from apps.access.errors import RateLimited, Unavailable
from apps.access.selectors import find_site
from apps.consent.circumstances import browser_of, truncated

_POLICY: Final = {
    "default-src": ["'none'"],
    "style-src": ["'self'"],
    "img-src": ["'self'"],
    "script-src": ["'self'"],
    "connect-src": ["'self'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
    "base-uri": ["'none'"],
}


class PublicSite(NamedTuple):
    """What public pages need of a site."""

    id: UUID
    key: str
    name: str
    regime: str
    locales: tuple[str, ...]


View = Callable[..., HttpResponse]


def page(
    template: str, context: Mapping[str, Any], *, site: PublicSite | None, status: int = 200
) -> HttpResponse:
    """Render a public page. Nothing of the request goes in: what is shown is in `context`."""
    shown = {"key": site.key, "name": site.name} if site is not None else {"key": "", "name": ""}
    text = render_to_string(template, {"site": shown, **context})
    response = HttpResponse(text, status=status)
    response._csp_config = _POLICY  # type: ignore[attr-defined]  # read by django-csp
    response["Cache-Control"] = "no-store"
    response["X-Robots-Tag"] = "noindex"
    # Links carry tokens. Not "no-referrer": browsers would then send forms from the origin "null".
    response["Referrer-Policy"] = "same-origin"
    return response


def public(*methods: str) -> Callable[[View], View]:
    """Make a view a public page: these methods only, and POST from this server's own pages only.

    Without a session there is no CSRF cookie to compare with: a form carries a sealed token, and
    the browser says where it comes from.
    """

    def decorate(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method not in (*methods, "HEAD", "OPTIONS"):
                return HttpResponseNotAllowed(methods)
            if request.method == "POST" and not is_from_here(request):
                return sorry(
                    "This form was sent from another site.",
                    "Open the page here and send it again.",
                    status=403,
                )
            try:
                return view(request, *args, **kwargs)
            except RateLimited as error:
                answer = sorry(
                    "Too many calls at once.", "Wait a minute and try again.", status=429
                )
                answer["Retry-After"] = str(error.retry_after_s)
                return answer
            except Unavailable as error:
                return sorry("This does not work at the moment.", str(error), status=503)

        return guarded

    return decorate


def circumstances_of(request: HttpRequest, control: str, interface: str) -> dict[str, Any]:
    """Return what the ledger keeps of how a choice was made, the address truncated."""
    return {
        "controls": {"control": control, "interface": interface},
        "network": truncated(client_address(request.META) or ""),
        "browser": browser_of(request.META.get("HTTP_USER_AGENT", "")[:512]),
    }


def is_from_here(request: HttpRequest) -> bool:
    """Whether a browser says that a form comes from a page of this server, or says nothing."""
    if request.META.get("HTTP_SEC_FETCH_SITE", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.META.get("HTTP_ORIGIN")
    if origin is None:
        return True
    own = {urlsplit(settings.PUBLIC_ORIGIN).netloc.lower(), request.get_host().lower()}
    return origin.startswith(("http://", "https://")) and urlsplit(origin).netloc.lower() in own


def site_or_404(key: str) -> PublicSite:
    """Return the site of an address.

    Raises:
        Http404: there is none.
    """
    site = find_site(key)
    if site is None:
        raise Http404("There is no such site here.")
    return PublicSite(site.pk, site.key, site.name, site.regime, tuple(site.locales))


def sorry(
    title: str, words: str, *, site: PublicSite | None = None, status: int = 400
) -> HttpResponse:
    """A page that says what did not work, and what to do."""
    return page("privacy/sorry.html", {"title": title, "words": words}, site=site, status=status)
