"""/privacy/{site}/why?d=...: why somebody saw something, as a page in plain words.

It tells on which kinds of data a decision rests, from the record of the decision where that is
still kept, else from the signed id alone. It names no rule, segment or value: who
has the address of this page need not be whom the decision was for.
"""

from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from apps.access.limits import enforce_address
from apps.access.selectors import preferences_url_of
from apps.decisions.errors import InvalidDecisionId
from apps.decisions.lookups import record_of
from apps.decisions.selectors import verified
from apps.delivery import why
from apps.privacy.public_answers import page, public, site_or_404, sorry
from apps.work import clock

# Facts of a visit that every site has. Others are of the site's making and are only counted.
_VISIT: Final[Mapping[str, str]] = {
    "accept_language": "the languages your browser asks for",
    "browser": "your browser",
    "country": "the country your network is in",
    "device": "the kind of device",
    "language": "your language",
    "local_hour": "the time of day",
    "locale": "your language",
    "os": "the system of your device",
    "path": "the page you were on",
    "referrer": "the page you came from",
    "referrer_host": "the site you came from",
    "timezone": "your time zone",
    "url": "the page you were on",
    "visitor": "whether you were here before",
    "weekday": "the day of the week",
}


@public("GET")
def why_page(request: HttpRequest, site_key: str) -> HttpResponse:
    """GET /privacy/{site}/why?d=dec_...: the explanation of one decision."""
    site = site_or_404(site_key)
    enforce_address(request, "privacy")
    decision_id = request.GET.get("d", "")
    try:
        payload = verified(site.id, decision_id)
    except InvalidDecisionId:
        return sorry(
            "There is no such choice to explain.",
            "The address is incomplete, or belongs to another site.",
            site=site,
            status=404,
        )
    told = why.told(site.id, payload)
    record = record_of(site.id, payload)
    at = clock.from_ms(payload.at_ms)
    context = {
        "language": "en",
        "told": told,
        "at": at,
        "kinds": why.words_for(told.data),
        "visit": [] if record is None else _of_the_visit(record.facts),
        "groups": 0 if record is None else len(_dict(record.facts).get("segments") or []),
        "has_record": record is not None,
        "is_compared": payload.experiment is not None,
        "preferences": preferences_url_of(site.id) or f"/privacy/{site.key}",
    }
    return page("privacy/why.html", context, site=site)


def _of_the_visit(facts: Any) -> list[str]:
    """What of the visit was read, in words, each once."""
    read = _dict(_dict(facts).get("context"))
    named = [_VISIT[name] for name in sorted(read) if name in _VISIT]
    others = sum(name not in _VISIT for name in read)
    if others:
        named.append(f"{others} other fact{'s' if others > 1 else ''} about this visit")
    return list(dict.fromkeys(named))


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
