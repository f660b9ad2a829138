"""The public form for requests, and the page that its link leads to.

Both answer the same whether or not anybody is known here: nothing is looked up before the person
has proved who they are, and what is found then is told by mail alone.
"""

from datetime import timedelta
from typing import Any, Final

import msgspec
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from apps.access.errors import InvalidRequest
from apps.access.models import Regime
from apps.privacy import form_limits, mailing, requests, verification
from apps.privacy.models.requests import OPEN, Request
from apps.privacy.public_answers import PublicSite, page, public, site_or_404, sorry
from apps.privacy.sealed_text import token_of, value_of
from apps.privacy.subjects import EMAIL, Name
from apps.work import clock

_USE: Final = "form"
_LASTS: Final = timedelta(hours=4)
MOST_WORDS: Final = 1_000
MOST_NUMBER: Final = 200
Kind = Request.Kind

# What a person asks for, in their own words, by the regime of the site.
_ASKED: Final = (
    (Kind.ACCESS, "See the data you keep about me"),
    (Kind.PORTABILITY, "Take my data with me, in a form that computers read"),
    (Kind.RECTIFICATION, "Have something about me put right"),
    (Kind.ERASURE, "Have my data deleted"),
    (Kind.RESTRICTION, "Have my data only stored, and used for nothing"),
    (Kind.OBJECTION, "Object to profiling about me"),
    (Kind.OPT_OUT, "Stop the sale and sharing of my data"),
    (Kind.LIMIT, "Limit the use of my sensitive data"),
    (Kind.REVIEW, "Have a person look at something decided by a computer"),
)


class _Form(msgspec.Struct, frozen=True):
    """That a form was given out by this server, for this site, not long ago."""

    site: str
    ends_s: int


@public("GET", "POST")
def request_form(request: HttpRequest, site: str) -> HttpResponse:
    """GET /privacy/{site}/request shows the form; POST takes it."""
    found = site_or_404(site)
    if request.method != "POST":
        return _form(found, {}, "")
    if form_limits.is_hasty(request):
        response = sorry(
            "Too many requests from where you are.",
            "Wait an hour, then send the form again.",
            site=found,
            status=429,
        )
        response["Retry-After"] = str(form_limits.HOUR_S)
        return response
    given = {name: request.POST.get(name, "") for name in ("email", "number", "words")}
    given = {name: words.replace("\0", "").strip() for name, words in given.items()}
    given["kind"], given["agent"] = request.POST.get("kind", ""), request.POST.get("agent", "")
    problem = _problem(found, given, request.POST.get("form", ""))
    if problem:
        return _form(found, given, problem, status=400)
    _take(found, given)
    return page("privacy/request_taken.html", {"here": "request"}, site=found)


@public("GET", "POST")
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """GET /privacy/confirm/{token} asks, POST confirms: scanners of mail open every link."""
    now = clock.now()
    asked = verification.request_of(token, now=now)
    if asked is None:
        return sorry(
            "This link does not work any more.",
            "Links work for seven days. Send your request again to get a new one.",
            status=410,
        )
    if asked.state not in OPEN:
        return sorry(
            "This request is closed.",
            "Send a new one if there is something else that we can do.",
            site=site_or_404(asked.site.key),
            status=410,
        )
    is_done = request.method == "POST"
    if is_done:
        verification.confirm(asked, now=now)
    site = site_or_404(asked.site.key)
    context = {
        "here": "request",
        "reference": asked.public_ref,
        "kind": dict(_ASKED)[Kind(asked.kind)],
        "is_done": is_done,
    }
    return page("privacy/request_confirm.html", context, site=site)


def _form(
    site: PublicSite, given: dict[str, str], problem: str, *, status: int = 200
) -> HttpResponse:
    ends_s = int((clock.now() + _LASTS).timestamp())
    context: dict[str, Any] = {
        "here": "request",
        "offered": [(str(kind), words) for kind, words in _ASKED],
        "given": given,
        "problem": problem,
        "form": token_of(_USE, _Form(site.key, ends_s)),
        "is_us": site.regime == Regime.US_OPT_OUT,
    }
    return page("privacy/request_form.html", context, site=site, status=status)


def _problem(site: PublicSite, given: dict[str, str], token: str) -> str:
    """What is wrong with a filled form, in one sentence; "" for nothing."""
    form = value_of(_USE, token, _Form)
    if form is None or form.site != site.key or form.ends_s <= clock.now().timestamp():
        return "The form was open for too long. Nothing was sent: please send it again."
    if given["kind"] not in {str(kind) for kind, _ in _ASKED}:
        return "Choose what you would like us to do."
    try:
        mailing.address_of(given["email"])
    except InvalidRequest as error:
        return str(error)
    if len(given["number"]) > MOST_NUMBER or len(given["words"]) > MOST_WORDS:
        return f"Say it in {MOST_WORDS:,} characters at most."
    return ""


@transaction.atomic
def _take(site: PublicSite, given: dict[str, str]) -> None:
    """Write the request down and send its link. The same statements for everybody."""
    address, now = mailing.address_of(given["email"]), clock.now()
    if form_limits.is_flooded(site.key, address):
        return
    names: list[Name] = [(EMAIL, address)]
    if given["number"]:
        names.append(("user_id", given["number"]))
    asked = requests.receive(
        site_id=site.id,
        kind=given["kind"],
        route=Request.Route.FORM,
        names=names,
        contact=address,
        told=given["words"],
        agent="asks for somebody else" if given["agent"] else "",
        now=now,
    )
    verification.send_link(asked, actor=None, now=now)
