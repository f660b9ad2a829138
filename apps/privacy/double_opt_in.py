"""Consent by e-mail, given by whoever reads the mail: asked for, then confirmed by a link.

Opening the link shows what would be allowed; only its button allows it, for programs that guard
mailboxes open every link. Until then nothing is recorded and nobody is made known by the address.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from apps.access import limits
from apps.access.errors import Fault, InvalidRequest, RateLimited
from apps.access.http import authenticate_body, hot, json_response, read_body
from apps.access.selectors import find_site
from apps.access.types import Caller
from apps.consent import selectors, services
from apps.consent.built_in_notice import BUILT_IN
from apps.consent.types import WIRE_NAMES
from apps.privacy import form_limits, mailing
from apps.privacy.notices import current, purposes_of
from apps.privacy.public_answers import PublicSite, circumstances_of, page, public, sorry
from apps.privacy.sealed_text import token_of, value_of
from apps.privacy.wording import OFFERED
from apps.work import clock, record_watch

ROUTE: Final = "consent_opt_in"
LASTS: Final = timedelta(days=3)
MAX_BODY_BYTES: Final = 8_192
MAX_WORD: Final = 40
_USE: Final = "optin"


class _Asked(msgspec.Struct, rename="camel"):
    """The body of POST /v1/consent/opt-in."""

    email: str
    purposes: list[str]
    user_id: str | int | None = None
    policy_version: str | None = None
    language: str | None = None
    write_key: str | None = None


class OptIn(msgspec.Struct, frozen=True):
    """What a link would record. `address` is whose mailbox it was sent to."""

    site: UUID
    site_key: str
    source: UUID
    address: str
    user_id: str
    purposes: list[str]
    version: str
    language: str
    asked_ms: int
    ends_ms: int


_ASKED: Final = msgspec.json.Decoder(_Asked)


@hot("POST", route=ROUTE)
def opt_in(request: HttpRequest) -> HttpResponse:
    """POST /v1/consent/opt-in: ask somebody by mail to confirm what they allow. Always 202."""
    body = read_body(request, MAX_BODY_BYTES)
    caller, asked = authenticate_body(request, body, _ASKED)
    record_watch.require()
    headers = limits.enforce(caller, ROUTE)
    now = clock.now()
    address = mailing.address_of(asked.email)
    opting = _opt_in_of(caller, asked, address, now)
    if caller.kind == "pk" and form_limits.is_hasty(request):
        raise RateLimited(retry_after_s=form_limits.HOUR_S)
    if not form_limits.is_flooded(caller.site_key, address):
        site = _site(caller.site_key)
        assert site is not None
        link = f"{settings.PUBLIC_ORIGIN}/privacy/opt-in/{token_of(_USE, opting)}"
        mailing.ask_to_send(
            site_id=caller.site_id,
            to=address,
            template="opt_in",
            values={"site": site.name, "link": link, "days": LASTS.days},
            now=now,
        )
    headers["Cache-Control"] = "no-store"
    return json_response(b'{"state":"asked"}', status=202, headers=headers)


def _opt_in_of(caller: Caller, asked: _Asked, address: str, now: datetime) -> OptIn:
    unknown = [name for name in asked.purposes if name not in OFFERED]
    if unknown or not asked.purposes:
        fault = Fault(
            pointer="/purposes", code="unknown_purpose", detail=f"Known: {', '.join(OFFERED)}."
        )
        raise InvalidRequest("Name what is to be allowed.", errors=[fault])
    site = _site(caller.site_key)
    assert site is not None
    language = (asked.language or "")[:20]
    shown = current(site, language, (asked.policy_version or None))
    if shown is None:
        fault = Fault(
            pointer="/policyVersion", code="invalid", detail="The site has no such notice."
        )
        raise InvalidRequest("The notice is not known.", errors=[fault])
    # From a page anybody may claim any login; the site's servers know whose address it is.
    user_id = str(asked.user_id or "")[:512] if caller.kind == "sk" else ""
    now_ms = clock.to_ms(now)
    return OptIn(
        site=caller.site_id,
        site_key=caller.site_key,
        source=caller.source_id,
        address=address,
        user_id=user_id.replace("\0", ""),
        purposes=list(dict.fromkeys(asked.purposes)),
        version=shown.version,
        language=shown.language,
        asked_ms=now_ms,
        ends_ms=now_ms + int(LASTS.total_seconds() * 1000),
    )


def _site(key: str) -> PublicSite | None:
    found = find_site(key)
    if found is None:
        return None
    return PublicSite(found.pk, found.key, found.name, found.regime, tuple(found.locales))


@public("GET", "POST")
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """/privacy/opt-in/{token}: GET shows what is asked, POST records it."""
    limits.enforce_address(request, "privacy")
    now = clock.now()
    opting = value_of(_USE, token, OptIn)
    site = None if opting is None else _site(opting.site_key)
    is_over = opting is not None and opting.ends_ms <= clock.to_ms(now)
    if opting is None or site is None or is_over or _was_refused_since(opting):
        return sorry(
            "This link is over.",
            "Nothing was recorded. Ask the site for a new one if you still want to agree.",
            status=410,
        )
    shown = current(site, opting.language, opting.version)
    if shown is None:
        shown = current(site, opting.language, BUILT_IN)
    assert shown is not None
    rows = [row for row in purposes_of(shown) if row["key"] in opting.purposes]
    context = {"language": "en", "shown": shown, "rows": rows, "is_done": False}
    if request.method == "POST":
        _record(request, opting, site, now)
        context["is_done"] = True
    return page("privacy/opt_in.html", context, site=site)


def _names_in(opting: OptIn) -> list[tuple[str, str]]:
    digest = mailing.names_of(opting.address)[0]
    return [digest, *([("user_id", opting.user_id)] if opting.user_id else [])]


def _chosen_in(opting: OptIn) -> list[str]:
    return [one for name in opting.purposes for one in OFFERED[name]]


def _was_refused_since(opting: OptIn) -> bool:
    """Whether a purpose was refused or taken back after the link was asked for: an old yes."""
    purposes = [WIRE_NAMES[name] for name in _chosen_in(opting)]
    return selectors.was_refused_since(
        opting.site, _names_in(opting), purposes, since_ms=opting.asked_ms
    )


def _record(request: HttpRequest, opting: OptIn, site: PublicSite, now: datetime) -> None:
    """Record the yes of whoever read the mail. Pressed twice it is said twice."""
    asked_at = clock.from_ms(opting.asked_ms).isoformat(timespec="seconds")
    services.record_choice(
        site_id=opting.site,
        source_id=opting.source,
        identities=_names_in(opting),
        purposes=dict.fromkeys(_chosen_in(opting), True),
        method="opt_in_link",
        policy_version=opting.version,
        gpc=request.META.get("HTTP_SEC_GPC") == "1",
        signals={"proof": {"askedAt": asked_at}},
        client_at=None,
        regime=site.regime,
        language=opting.language,
        details=circumstances_of(request, "confirm", "opt-in link 1"),
        now=now,
    )
