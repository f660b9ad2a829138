"""The preference centre and the notice, for visitors: plain pages that work without script.

Who opens the centre by a link sees and changes their choices. Anybody else reads what the choices
are, and can have such a link sent to an address that the site knows.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import get_language_info

from apps.access.errors import InvalidRequest, RateLimited
from apps.access.limits import enforce_address
from apps.consent import selectors, services
from apps.consent.recorded import has_agreed, has_refused
from apps.consent.types import WIRE_NAMES, Choice
from apps.privacy import form_limits, links, mailing, requests
from apps.privacy.links import Link
from apps.privacy.notices import current, purposes_of
from apps.privacy.public_answers import (
    PublicSite,
    circumstances_of,
    page,
    public,
    site_or_404,
    sorry,
)
from apps.privacy.wording import OFFERED, words_of
from apps.work import clock

Names = list[tuple[str, str]]

INTERFACE: Final = "preference centre 1"  # in the evidence of a choice; raised when it changes
# What a button asks for besides the choices: the kind of request, and what it refuses at once.
RIGHTS: Final[Mapping[str, tuple[str, dict[str, bool]]]] = {
    "opt_out": ("opt_out", {"advertising": False, "sale": False}),
    "limit": ("limit", {"sensitive": False}),
    "object": ("objection", {"personalization": False}),
}
_SAVED: Final = {
    "choice": "Your choice is saved, and in force.",
    "opt_out": "Saved, and in force: nothing about you is sold or shared.",
    "limit": "Saved, and in force: sensitive traits are not used.",
    "object": "Saved, and in force: no profile of you is used to choose what you see.",
    "none": "Nothing was changed: say yes or no to at least one purpose.",
    "link": "If this address is known here, a link is on its way to it.",
}


@public("GET", "POST")
def centre(request: HttpRequest, site_key: str) -> HttpResponse:
    """/privacy/{site}: see choices, change them, use the rights to object and to opt out."""
    site = site_or_404(site_key)
    enforce_address(request, "privacy")
    now = clock.now()
    if request.method == "POST":
        return _post(request, site, now)
    token = request.GET.get("k", "")
    link = links.read_link(token, site.id, clock.to_ms(now)) if token else None
    if token and link is None:
        return sorry(
            "This link is over.",
            "Links to choices end after a while. Open the privacy choices on the site again, or "
            "have a new link sent to you.",
            site=site,
            status=410,
        )
    names = [] if link is None else names_in(link)
    return page(
        "privacy/centre.html",
        {
            **_notice_context(request, site),
            "here": "choices",
            "keep": f"?k={token}" if link is not None else "",
            "k": token if link is not None else "",
            "how": "" if link is None else link.how,
            "rows": _rows(request, site, names),
            "signal": request.META.get("HTTP_SEC_GPC") == "1",
            "saved": _SAVED.get(request.GET.get("saved", ""), ""),
            "is_known": bool(names),
        },
        site=site,
    )


def names_in(link: Link) -> Names:
    """Return whose choices a link leads to; one sent by mail to whoever the address is now."""
    if link.how == "mail":
        return mailing.known_names(link.site, link.names[0][1])
    return link.names


@public("GET")
def notice_page(request: HttpRequest, site_key: str, version: str = "") -> HttpResponse:
    """/privacy/{site}/notice[/version]: the text that visitors are asked with, in full."""
    site = site_or_404(site_key)
    enforce_address(request, "privacy")
    language = _language(request, site)
    shown = current(site, language, version or None)
    if shown is None:
        raise Http404("The site has no such notice.")
    others = [(one, _name_of(one)) for one in shown.others]
    context = {
        "here": "notice",
        "language": "en",
        "shown": shown,
        "others": others,
        "is_old": bool(version) and _is_old(site, language, version),
        "purposes": purposes_of(shown),
    }
    return page("privacy/notice.html", context, site=site)


def _is_old(site: PublicSite, language: str, version: str) -> bool:
    newest = current(site, language)
    return newest is not None and newest.version != version


def _post(request: HttpRequest, site: PublicSite, now: datetime) -> HttpResponse:
    asked = request.POST.get("act", "")
    if asked == "link":
        return _send_link(request, site, now)
    token = request.POST.get("k", "")
    link = links.read_link(token, site.id, clock.to_ms(now))
    names = [] if link is None else names_in(link)
    if not names:
        return sorry(
            "This link is over.",
            "Nothing was changed. Open the privacy choices on the site again, or have a new link "
            "sent to you.",
            site=site,
            status=410,
        )
    saved = "choice"
    if asked in RIGHTS:
        use_right(request, site, names, asked, now=now)
        saved = asked
    else:
        chosen = _chosen(request, asked)
        if chosen:
            _record(request, site, names, chosen, control=asked, now=now)
        else:
            saved = "none"
    return HttpResponseRedirect(f"/privacy/{site.key}?k={token}&saved={saved}", status=303)


def use_right(
    request: HttpRequest, site: PublicSite, names: Names, asked: str, *, now: datetime
) -> None:
    """Refuse at once what the law lets people refuse, and have the desk do the rest."""
    kind, refused = RIGHTS[asked]
    with transaction.atomic():
        _record(request, site, names, refused, control=asked, now=now)
        requests.receive(
            site_id=site.id,
            kind=kind,
            route="preferences",
            names=names,
            verified_how="link",
            now=now,
        )


def _record(
    request: HttpRequest,
    site: PublicSite,
    names: Names,
    purposes: Mapping[str, bool],
    *,
    control: str,
    now: datetime,
) -> None:
    shown = current(site, _language(request, site))
    assert shown is not None
    services.record_choice(
        site_id=site.id,
        source_id=None,
        identities=names,
        purposes=purposes,
        method="preferences",
        policy_version=shown.version,
        gpc=request.META.get("HTTP_SEC_GPC") == "1",
        signals={},
        client_at=None,
        regime=site.regime,
        language=shown.language,
        # The page tells of the signal above the answers; pressing "accept all" is none to it.
        has_shown_conflict=request.META.get("HTTP_SEC_GPC") == "1" and control == "save",
        details=circumstances_of(request, control, INTERFACE),
        now=now,
    )


def _chosen(request: HttpRequest, asked: str) -> dict[str, bool]:
    """What the form says; "yes to all" leaves out what the browser itself has opted out of."""
    is_signalled = request.META.get("HTTP_SEC_GPC") == "1"
    chosen: dict[str, bool] = {}
    for key, sends in OFFERED.items():
        answer = {"refuse": "no", "accept": "yes"}.get(asked) or request.POST.get(key)
        if asked == "accept" and is_signalled and key == "advertising":
            answer = "no"
        if answer in ("yes", "no"):
            chosen.update(dict.fromkeys(sends, answer == "yes"))
    return chosen


def _send_link(request: HttpRequest, site: PublicSite, now: datetime) -> HttpResponse:
    """Have a link sent to an address; the answer is the same whether it is known here or not."""
    try:
        address = mailing.address_of(request.POST.get("email", ""))
    except InvalidRequest as error:
        return sorry("That is no e-mail address.", str(error), site=site)
    if form_limits.is_hasty(request):
        raise RateLimited(retry_after_s=form_limits.HOUR_S)
    if not form_limits.is_flooded(site.key, address):
        token = links.token_for(site.id, [("email", address)], "mail", now)
        values = {"site": site.name, "link": links.address_of(site.key, token)}
        mailing.ask_to_send(
            site_id=site.id,
            to=address,
            template="preferences_link",
            values=values,
            is_for_known=True,
            now=now,
        )
    return HttpResponseRedirect(f"/privacy/{site.key}?saved=link", status=303)


def _rows(request: HttpRequest, site: PublicSite, names: Names) -> list[dict[str, Any]]:
    """Each choice in words, with the answer that stands: True, False, None for none."""
    shown = current(site, _language(request, site))
    assert shown is not None
    choice = selectors.joint_choice_of(site.id, names) if names else Choice()
    return [{**row, "answer": _answer(choice, row["sends"][0])} for row in purposes_of(shown)]


def _answer(choice: Choice, name: str) -> bool | None:
    purpose = WIRE_NAMES[name]
    if has_refused(choice.denied, purpose):
        return False
    is_over = choice.consent_until_ms and choice.consent_until_ms <= clock.now_ms()
    return True if has_agreed(choice.granted, purpose) and not is_over else None


def _notice_context(request: HttpRequest, site: PublicSite) -> dict[str, Any]:
    shown = current(site, _language(request, site))
    assert shown is not None
    return {
        "language": "en",
        "shown": shown,
        "words": words_of(shown.language),
        "retention": shown.retention,
    }


def _language(request: HttpRequest, site: PublicSite) -> str:
    """The language asked for in the address, else the first that the browser prefers."""
    named = request.GET.get("language") or request.POST.get("language")
    if named:
        return named[:20]
    first = request.META.get("HTTP_ACCEPT_LANGUAGE", "").partition(",")[0].partition(";")[0]
    return first.strip()[:20] or (site.locales[0] if site.locales else "en")


def _name_of(language: str) -> str:
    try:
        return str(get_language_info(language)["name_local"])
    except KeyError:
        return language
