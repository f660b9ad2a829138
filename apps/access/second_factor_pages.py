"""The page that sets a second factor up and asks for it. Open to who has shown a password."""

import logging
from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache

from apps.access import second_factor
from apps.access.middleware import AWAITS, begin_session
from apps.access.models import SealedTotp
from apps.work import clock

logger = logging.getLogger(__name__)

NAMES: Final = {"site_header": "Attune", "site_title": "Attune"}
WRONG: Final = (
    "This code does not fit. Type the six digits that the authenticator shows now; each works once."
)


@never_cache
def page(request: HttpRequest) -> HttpResponse:
    """GET: what is to be done: set it up, show a code, or look after it. POST does it."""
    person = _person(request)
    if person is None:
        return redirect(f"{reverse('admin:login')}?{urlencode({'next': request.path})}")
    device = second_factor.device_of(person)
    if device is None:
        return _setting_up(request, person)
    if request.user.is_authenticated and person.is_verified():
        return _looking_after(request, person)
    return _asking(request, person)


@never_cache
def picture(request: HttpRequest) -> HttpResponse:
    """GET: the QR code of the authenticator that is being set up."""
    person = _person(request)
    if person is None or not _may_begin(request, person):
        raise Http404
    return HttpResponse(second_factor.picture(second_factor.begin(person)), "image/png")


def after_sign_in(request: HttpRequest, user: Any, **_: Any) -> None:
    """The password was right: note in the session whether a second factor is owed."""
    begin_session(request)
    logger.info("access.signed_in", extra={"user_id": user.pk})
    if user.is_staff and not getattr(user, "otp_device", None):
        is_owed = second_factor.is_required_of(user) or second_factor.device_of(user) is not None
        if is_owed:
            request.session[AWAITS] = True


def _person(request: HttpRequest) -> Any:
    """Who has shown a password, and works here; None else."""
    for one in (request.half_signed_in, request.user):  # type: ignore[attr-defined]
        if one.is_authenticated and one.is_staff and one.is_active:
            return one
    return None


def _may_begin(request: HttpRequest, person: Any) -> bool:
    """A new authenticator is for who has none, or has just shown the one of before."""
    return second_factor.device_of(person) is None or bool(request.session.get("replaces_factor"))


def _setting_up(request: HttpRequest, person: Any, refused: str = "") -> HttpResponse:
    device = second_factor.begin(person)
    if request.method == "POST" and not refused:
        now = clock.now()
        codes = second_factor.confirm(person, request.POST.get("code", ""), now=now)
        if codes is not None:
            made = second_factor.device_of(person)
            if made is not None:
                _let_in(request, person, made)
                second_factor.end_sessions(person, but=request.session.session_key)
            request.session.pop("replaces_factor", None)
            return _shown(request, "Recovery codes", {"codes": codes})
        refused = WRONG
    shown = {"key": second_factor.typed_key(device), "refused": refused, "step": "set_up"}
    return _shown(request, "Set up your second factor", shown)


def _asking(request: HttpRequest, person: Any) -> HttpResponse:
    refused = ""
    if request.method == "POST":
        device = second_factor.check(person, request.POST.get("code", ""), now=clock.now())
        if device is not None:
            _let_in(request, person, device)
            return redirect(_next(request))
        logger.warning("access.second_factor_refused", extra={"user_id": person.pk})
        refused = f"{WRONG} After a wrong one, wait a few seconds."
    return _shown(request, "One more step", {"refused": refused, "step": "ask"})


def _looking_after(request: HttpRequest, person: Any) -> HttpResponse:
    """New recovery codes or another phone, each against a code of the present one."""
    if request.session.get("replaces_factor"):
        return _setting_up(request, person)
    refused = ""
    wanted = request.POST.get("wanted", "")
    if request.method == "POST":
        if second_factor.check(person, request.POST.get("code", ""), now=clock.now()) is None:
            refused = WRONG
        elif wanted == "codes":
            codes = second_factor.renew_codes(person, now=clock.now())
            return _shown(request, "Recovery codes", {"codes": codes})
        elif wanted == "phone":
            request.session["replaces_factor"] = True
            return redirect("admin:second_factor")
    left = second_factor.codes_left(person)
    return _shown(request, "Your second factor", {"refused": refused, "left": left, "step": "keep"})


def _let_in(request: HttpRequest, person: Any, device: SealedTotp) -> None:
    request.session.pop(AWAITS, None)
    request.user = person
    second_factor.remember(request, device)


def _shown(request: HttpRequest, title: str, more: dict[str, Any]) -> HttpResponse:
    is_in = request.user.is_authenticated
    context = {
        **(admin.site.each_context(request) if is_in else NAMES),
        "title": title,
        "next": _next(request),
        "is_required": settings.SECOND_FACTOR == second_factor.REQUIRED,
        **more,
    }
    return TemplateResponse(request, "admin/access/second_factor.html", context)


def _next(request: HttpRequest) -> str:
    """Where somebody was going: an address of ours, else the home page."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if is_ours else reverse("admin:index")
