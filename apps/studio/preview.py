"""/admin/preview/: pages and blocks as somebody else sees them. Nothing is counted."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from apps.access.selectors import find_site
from apps.access.site_time import wall_clock
from apps.content import offers
from apps.decisions import lookups
from apps.decisions import selectors as decisions
from apps.delivery.previewing import answer, tokens
from apps.delivery.previewing.pages import Column, page_of, pictures_of
from apps.delivery.previewing.types import AsPerson, Pane, Previewed, PreviewSpec, Serving
from apps.segments import pretending
from apps.studio import looks, sites
from apps.studio.explaining import Line, lines_of
from apps.studio.preview_form import (
    BY,
    DEVICES,
    LETTERS,
    WHO,
    Picture,
    Setting,
    Shown,
    SitePage,
    keys_in,
    picture_of,
    plain,
    query_of,
    segments_named,
    shown_of,
)
from apps.studio.types import SiteChoice
from apps.work import clock
from engine.errors import PersonalizationError
from engine.snapshot import CompiledSnapshot

SEES: Final = "content.view_block"
SHARES: Final = "decisions.share_preview"
TOKEN_MS: Final = 3_600_000  # how long the address of a real page under preview is good
OFFERED: Final = 20
_ORIGIN: Final = re.compile(r"(https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?)(?:[/?#]|\Z)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Told:
    """One placement of a picture in words: what is shown, and step by step why."""

    key: str
    shown: str
    reason: str
    holds_until: str
    lines: list[tuple[str, str, Line]]
    differs: bool


@dataclass(slots=True)
class Drawn:
    """A picture with what came of it."""

    picture: Picture
    previewed: Previewed | None
    told: list[Told]
    frame: str = ""
    page: str = ""
    chosen: str = "[]"

    @property
    def first(self) -> str:
        """The segment that a member would be drawn of."""
        return next(iter(keys_in(self.picture.values["segments"])), "")

    @property
    def unsaid(self) -> int:
        """How many things are asked of somebody in segments and not answered."""
        switches = () if self.previewed is None else self.previewed.switches
        return sum(one.answer is None for one in switches)

    @property
    def unasked(self) -> list[tuple[str, str]]:
        """Answers to what this picture does not ask now: kept for when it asks again."""
        shown = set() if self.previewed is None else {one.key for one in self.previewed.switches}
        answers = self.picture.answers.items()
        return [("yes" if holds else "no", key) for key, holds in answers if key not in shown]

    @property
    def undealt(self) -> list[tuple[str, str]]:
        """Arms of experiments that this picture does not run now, kept likewise."""
        shown = set() if self.previewed is None else {one.key for one in self.previewed.splits}
        return [(key, arm) for key, arm in self.picture.arms.items() if key not in shown]


def desk(request: HttpRequest) -> HttpResponse:
    """GET: the desk. All that it shows stands in its address."""
    opened = _opened(request)
    if opened is None:
        return redirect("admin:index")
    site, all_sites, setting = opened
    asked = request.GET
    offered = _serving_placements(site)
    named = segments_named(asked)
    setting.names.update(pretending.names_of(site.id, named) if named else {})
    shown = shown_of(asked, setting, offered)
    count = _count(asked)
    drawn = [_draw(request, asked, letter, setting, shown) for letter in LETTERS[:count]]
    marked = differing([one.previewed for one in drawn])
    for one in drawn:
        _finish(request, one, setting, shown, marked)
    here = "&".join(
        [
            f"pictures={count}",
            *(query_of(one.picture, shown, prefix=True, marked=[]) for one in drawn),
        ]
    )
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Preview",
        "site": site,
        "sites": all_sites,
        "setting": setting,
        "shown": shown,
        "drawn": drawn,
        "count": count,
        "more": count + 1 if count < len(LETTERS) else 0,
        "marked": marked,
        "differences": _differences(drawn, marked),
        "here": here,
        "whos": WHO,
        "devices": [(key, words) for key, (words, _, _) in DEVICES.items()],
        "bys": BY,
        "personas": pretending.persona_choices(site.id),
        "releases": decisions.open_releases(site.id),
        "offered": offered[:OFFERED],
        "may_look": looks.may_look(request),
        "may_share": request.user.has_perm(SHARES),
        "has_person": any(one.picture.is_person for one in drawn),
        "least_reason": looks.LEAST_REASON,
    }
    response = TemplateResponse(request, "admin/studio/preview.html", context)
    _let_frames(response, setting)
    response["Cache-Control"] = "private, no-store"
    return response


def frame(request: HttpRequest) -> HttpResponse:
    """GET: one picture, as a page that runs nothing and loads nothing of others."""
    opened = _opened(request)
    if opened is None:
        return redirect("admin:index")
    setting = opened[2]
    shown = shown_of(request.GET, setting, [])
    picture = picture_of(request, request.GET, "", setting, shown)
    column = Column("", [], " ".join(picture.troubles))
    if picture.spec is not None:
        try:
            found = answer(picture.spec, clock.now())
            pictures = pictures_of(found.panes, request.GET.getlist("mark"))
            column = Column("", pictures)
        except PersonalizationError as error:
            column = Column("", [], str(error))
    return page_of(request, [column], is_framed=True)


def options(request: HttpRequest) -> HttpResponse:
    """GET ?kind=segments|placements|blocks&q=...: [[key, name]] to choose from, as JSON."""
    if not request.user.has_perm(SEES):
        raise PermissionDenied
    site, _ = sites.choose(request)
    if site is None:
        return JsonResponse({"found": []})
    text = plain(request.GET.get("q", ""))[:100]
    kind = request.GET.get("kind", "")
    found = offers.offered(kind, site.id, query=text)[0] if kind in offers.KINDS else []
    return JsonResponse({"found": [[one.key, one.name] for one in found]})


def _opened(request: HttpRequest) -> tuple[SiteChoice, list[SiteChoice], Setting] | None:
    """The chosen site; None where there is none yet.

    Raises:
        PermissionDenied: the role may not see content.
    """
    if not request.user.has_perm(SEES):
        raise PermissionDenied
    site, all_sites = sites.choose(request)
    if site is None:
        return None
    return site, all_sites, setting_of(site)


def setting_of(site: SiteChoice) -> Setting:
    """Return the site as the desk needs it. One query."""
    row = find_site(site.key)
    assert row is not None
    pages = [
        SitePage(str(one.get("name") or one.get("url")), str(one.get("url") or ""), _texts(one))
        for one in (row.preview_pages if isinstance(row.preview_pages, list) else ())
        if isinstance(one, Mapping)
    ]
    locales = [str(one) for one in row.locales]
    return Setting(site.id, row.time_zone, row.retention_days, locales, pages)


def _texts(page: Mapping[str, Any]) -> tuple[str, ...]:
    found = page.get("placements")
    return tuple(str(one) for one in found) if isinstance(found, list) else ()


def _serving_placements(site: SiteChoice) -> list[str]:
    """What serves, by key. At most one query while it is in memory."""
    latest = decisions.latest_publication(site.id)
    served = decisions.current(site.id, b"%d" % latest.number if latest is not None else None)
    return [] if served is None else sorted(served.compiled.placements)


def _count(asked: QueryDict) -> int:
    text = asked.get("add") or asked.get("pictures", "")
    wanted = int(text) if text.isascii() and text.isdigit() and len(text) < 3 else 1
    return max(1, min(wanted, len(LETTERS)))


def _draw(
    request: HttpRequest, asked: QueryDict, letter: str, setting: Setting, shown: Shown
) -> Drawn:
    """One picture with its answer, or the sentence that says why there is none."""
    picture = picture_of(request, asked, letter, setting, shown)
    if picture.spec is None or not (shown.placements or shown.block):
        return Drawn(picture, None, [])
    if isinstance(picture.spec.who, AsPerson) and not picture.spec.who.is_masked:
        looks.note(
            request,
            site_id=setting.id,
            profile_id=picture.spec.who.profile_id,
            page="preview",
        )
    try:
        return Drawn(picture, _answered(picture.spec, setting), [])
    except PersonalizationError as error:
        picture.troubles.append(str(error))
        return Drawn(picture, None, [])


def _answered(spec: PreviewSpec, setting: Setting) -> Previewed:
    """A preview, with what a moment of the past leaves out."""
    now = clock.now()
    found = answer(spec, now)
    if spec.at_ms is None or spec.at_ms >= clock.to_ms(now):
        return found
    notes = list(found.notes)
    at = clock.from_ms(spec.at_ms)
    if isinstance(spec.content, Serving):
        then = lookups.number_served_at(setting.id, at)
        if then is None:
            notes.append("Nothing was published yet then: this is what serves now.")
        elif then != found.number:
            notes.append(
                f"Publication {then} served then; this is publication {found.number}, which serves "
                "now. Choose “An earlier publication” to see the other."
            )
    if isinstance(spec.who, AsPerson) and (now - at).days >= setting.kept_days:
        notes.append(f"People are remembered for {setting.kept_days} days: not so far back.")
    return replace(found, notes=notes)


def differing(found: Sequence[Previewed | None]) -> list[str]:
    """Return the keys of the placements that are not the same in all pictures."""
    pictures = [one for one in found if one is not None]
    if len(pictures) < 2:
        return []
    by_key: dict[str, list[tuple[Any, ...]]] = {}
    for one in pictures:
        for pane in one.panes:
            by_key.setdefault(pane.key, []).append(_look_of(pane))
    return [key for key, looked in by_key.items() if any(one != looked[0] for one in looked)]


def _look_of(pane: Pane) -> tuple[Any, ...]:
    return pane.block, pane.variant, dict(pane.fields), pane.html, pane.value, list(pane.items)


def _differences(drawn: Sequence[Drawn], marked: Sequence[str]) -> list[dict[str, Any]]:
    """A line for each placement that differs: its variant in each picture, and which fields."""
    lines = []
    for key in marked:
        panes = [
            next((pane for pane in one.previewed.panes if pane.key == key), None)
            if one.previewed is not None
            else None
            for one in drawn
        ]
        present = [pane for pane in panes if pane is not None]
        names = {name for pane in present for name in pane.fields}
        fields = sorted(
            name
            for name in names
            if any(pane.fields.get(name) != present[0].fields.get(name) for pane in present)
        )
        variants = ["" if pane is None else pane.variant or "nothing" for pane in panes]
        lines.append({"key": key, "variants": variants, "fields": fields})
    return lines


def _finish(
    request: HttpRequest, one: Drawn, setting: Setting, shown: Shown, marked: list[str]
) -> None:
    """Put the words and the addresses of a picture beside it."""
    picture = one.picture
    keys = keys_in(picture.values["segments"])
    one.chosen = json.dumps([[key, setting.names.get(key, key)] for key in keys])
    if one.previewed is not None:
        compiled = one.previewed.served.compiled
        one.told = [
            _told(pane, compiled, setting.zone, differs=pane.key in marked)
            for pane in one.previewed.panes
        ]
    one.frame = f"{reverse('admin:preview_frame')}?" + query_of(
        picture, shown, prefix=False, marked=marked
    )
    spec = picture.spec
    url = "" if shown.page is None else shown.page.url
    is_address = url.startswith("/") or _ORIGIN.match(url) is not None
    if is_address and spec is not None and not isinstance(spec.who, AsPerson):
        token = tokens.token_of(spec, clock.now_ms() + TOKEN_MS)
        joint = "&" if "?" in url else "?"
        one.page = f"{url}{joint}{urlencode({'attune_preview': token})}"


def _told(pane: Pane, compiled: CompiledSnapshot, zone: str, *, differs: bool) -> Told:
    if pane.error:
        return Told(pane.key, "nothing", "Nothing is there under this name.", "", [], differs)
    lines = lines_of(pane.steps, compiled)
    until = ""
    if pane.valid_until_ms is not None:
        until = wall_clock(clock.from_ms(pane.valid_until_ms), zone)
    leading = [sentence for kind, sentence, _ in lines if kind == "yes"]
    reason = leading[-1] if leading else lines[-1][1] if lines else "This variant was chosen here."
    return Told(pane.key, f"{pane.block} / {pane.variant}", reason, until, lines, differs)


def _let_frames(response: TemplateResponse, setting: Setting) -> None:
    """Allow frames of the site's own preview pages, beside those of this server."""
    # What is no origin and nothing more would say something else in the header.
    found = (_ORIGIN.match(page.url) for page in setting.pages)
    origins = {origin[1] for origin in found if origin is not None}
    response._csp_update = {"frame-src": ["'self'", *sorted(origins)]}  # type: ignore[attr-defined]
