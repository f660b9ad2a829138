"""Who a request is from: nobody before the second factor, nobody of another site."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final
from urllib.parse import unquote

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from apps.access import second_factor
from apps.access.site_staff import names_another_site, sites_of

_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
BEGAN: Final = "signed_in_at"
SEEN: Final = "seen_at"
WRITTEN_EVERY_S: Final = 300  # a session is not written with each page
AWAITS: Final = "awaits_second_factor"


class SignedInWhole:
    """Whoever still owes a second factor is a stranger to every page but the one that asks for it.

    `request.half_signed_in` is who that is, else None. Nothing is read before a page asks who is
    there. Stands after the middleware that says which device somebody has shown.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        person: Any = SimpleLazyObject(partial(_signed_in, request, request.user))
        whole = SimpleLazyObject(lambda: AnonymousUser() if _owes(request, person) else person)
        half = SimpleLazyObject(lambda: person if _owes(request, person) else AnonymousUser())
        request.user = whole  # type: ignore[assignment]
        request.half_signed_in = half  # type: ignore[attr-defined]
        return self.get_response(request)


def begin_session(request: HttpRequest) -> None:
    """Note when somebody has signed in: a session ends by the clock, used or not."""
    request.session[BEGAN] = request.session[SEEN] = int(timezone.now().timestamp())


def _signed_in(request: HttpRequest, person: Any) -> Any:
    """Who the session is of; nobody once it has lasted, or rested, too long."""
    if not person.is_authenticated:
        return person
    now = int(timezone.now().timestamp())
    began, seen = (int(request.session.get(name, 0)) for name in (BEGAN, SEEN))
    if now - began >= settings.SESSION_COOKIE_AGE or now - seen >= settings.SESSION_IDLE_S:
        request.session.flush()
        return AnonymousUser()
    if now - seen >= WRITTEN_EVERY_S:
        request.session[SEEN] = now
    return person


def _owes(request: HttpRequest, person: Any) -> bool:
    if not person.is_authenticated or person.is_verified():
        return False
    # Two questions: one that was answered when the password was right, and, where the factor is
    # required, one that a role given meanwhile answers.
    return bool(request.session.get(AWAITS)) or second_factor.is_required_of(person)


class OnOwnSites:
    """Whoever works on some sites only finds nothing of another by its id, on any page of ours."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> None:
        """Look through what a request says: its address, its form, its JSON.

        Raises:
            Http404: it names something of another site.
        """
        match = request.resolver_match
        if match is None or "admin" not in match.namespaces or not request.user.is_authenticated:
            return
        if sites_of(request.user) is not None and names_another_site(request.user, _said(request)):
            raise Http404


def _said(request: HttpRequest) -> Iterator[str]:
    yield unquote(request.get_full_path())
    if request.content_type not in _FORMS:  # JSON under whichever name it comes
        yield request.body.decode(errors="replace")
        return
    for _, values in request.POST.lists():
        yield from values
