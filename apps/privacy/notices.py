"""GET /v1/notice: what the banner shows, in the visitor's language, without asking who they are.

A site without a notice of its own gets a built-in one, so that the banner works from the first day.
"""

import re
import time
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from apps.access import limits
from apps.access.errors import InvalidRequest, NotFound
from apps.access.http import caller_of_public_key, hot, json_response
from apps.access.selectors import find_site
from apps.consent import shown_notices
from apps.consent.built_in_notice import BUILT_IN, TEXTS, WRITTEN_AT, digest_of, language_of
from apps.consent.shown_notices import ShownNotice
from apps.privacy.public_answers import PublicSite
from apps.privacy.wording import BANNER_KEYS, OFFERED, words_of

ROUTE: Final = "notice"
FRESH_S: Final = 10.0  # a new notice is shown by every process after so long
_MOST: Final = 500  # notices in memory: sites times languages
_PUBLIC: Final = {"Cache-Control": "public, max-age=60"}

_LANGUAGE: Final = re.compile(r"[^A-Za-z0-9-]")

_answers: dict[tuple[UUID, str], tuple[float, bytes]] = {}


@hot("GET", route=ROUTE, cors="any")
def notice(request: HttpRequest) -> HttpResponse:
    """GET /v1/notice?writeKey=pk_...&language=de, or ?site=shop instead of the key."""
    limits.enforce_address(request, ROUTE)
    site = _site_of(request)
    language = _LANGUAGE.sub("", request.GET.get("language", ""))[:20].lower()
    held = _answers.get((site.id, language))
    if held is None or held[0] < time.monotonic():
        held = (time.monotonic() + FRESH_S, msgspec.json.encode(answer_for(site, language)))
        if len(_answers) >= _MOST:
            _answers.clear()
        _answers[site.id, language] = held
    return json_response(held[1], headers=dict(_PUBLIC))


def _site_of(request: HttpRequest) -> PublicSite:
    key = request.GET.get("writeKey")
    named = request.GET.get("site")
    if key:
        caller = caller_of_public_key(key, request)
        named = None if caller is None else caller.site_key
    elif not named:
        raise InvalidRequest("Say which site: ?writeKey=pk_... or ?site=its-key.")
    site = None if named is None else find_site(named)
    if site is None:
        raise NotFound()
    return PublicSite(site.pk, site.key, site.name, site.regime, tuple(site.locales))


def current(site: PublicSite, language: str, version: str | None = None) -> ShownNotice | None:
    """Return the notice to show, built in where a site has none; None: no such version."""
    found = shown_notices.shown_to(
        site.id, language, fallbacks=site.locales, version=None if version == BUILT_IN else version
    )
    if found is not None and version != BUILT_IN:
        return found
    if version is not None and version != BUILT_IN:
        return None
    return _built_in(site, language)


def answer_for(site: PublicSite, language: str) -> dict[str, Any]:
    """Return what the banner needs: texts, words, choices, and how long a yes has held."""
    shown = current(site, language)
    assert shown is not None
    words = {**words_of(shown.language), **_own_words(shown)}
    lasting = shown_notices.lasting_versions(site.id)
    if not shown_notices.has_material_version(site.id):
        lasting.append(BUILT_IN)
    centre = f"{settings.PUBLIC_ORIGIN}/privacy/{site.key}"
    return {
        "site": site.key,
        "version": shown.version,
        "language": shown.language,
        "title": words["title"],
        "lead": words.get("lead") or lead_of(shown.text),
        "textSha256": shown.text_sha256,
        "words": {key: words[key] for key in BANNER_KEYS},
        "purposes": purposes_of(shown, words),
        "lasting": lasting,
        "page": f"{centre}/notice/{quote(shown.version, safe='')}?language={shown.language}",
        "preferences": centre,
    }


def purposes_of(shown: ShownNotice, words: Any = None) -> list[dict[str, Any]]:
    """Return the choices that a notice offers, in the words of its language."""
    said = words or {**words_of(shown.language), **_own_words(shown)}
    asked = [key for key in OFFERED if key in shown.purposes] or list(OFFERED)
    return [
        {"key": key, "name": said[key], "text": said[f"{key}.text"], "sends": list(OFFERED[key])}
        for key in asked
    ]


def lead_of(text: str) -> str:
    """Return the first paragraph of a notice."""
    return text.strip().partition("\n\n")[0].strip()


def _own_words(shown: ShownNotice) -> dict[str, str]:
    """What the notice's layout says in place of our words, where it is a text."""
    known = {*words_of("en"), "lead"}
    return {
        key: text
        for key, text in shown.layout.items()
        if key in known and isinstance(text, str) and text.strip()
    }


def _built_in(site: PublicSite, language: str) -> ShownNotice:
    shown = language_of(language, *site.locales)
    return ShownNotice(
        version=BUILT_IN,
        language=shown,
        text=TEXTS[shown],
        text_sha256=digest_of(TEXTS[shown]),
        layout={},
        controller=site.name,
        contact="",
        purposes=list(OFFERED),
        recipients=[],
        retention="",
        withdrawal="",
        is_material=False,
        published_at=WRITTEN_AT,
        others=tuple(one for one in TEXTS if one != shown),
    )
