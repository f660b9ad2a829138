"""/admin/coverage/: which visitors see what, as planned and as observed, nobody included."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from apps.decisions.selectors import Served, current, latest_publication
from apps.segments.errors import StudyTooSlow
from apps.studio import coverage_reads, people_meant, sites
from apps.studio.coverage_reads import Placed, Shown
from apps.studio.coverage_reads import Served as Observed
from apps.studio.domain.charts import share_pct
from apps.studio.domain.coverage import Plan, names_of, plan_of, words_of
from apps.studio.domain.reasons import reason_words
from apps.studio.home import VIEW_CONTENT
from apps.studio.pages import require
from apps.studio.people_meant import Shares
from apps.studio.types import SiteChoice
from apps.work import clock

DAYS: Final = 14  # observed
RECENT: Final = timedelta(days=28)  # who was seen since counts as a visitor
LISTED: Final = 20
THEMES: Final = 30
OF_BLOCK: Final = 12  # placements of one block that are shown
BOX_S: Final = 0.5  # a page that is only opened
LONG_BOX_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Share:
    """One variant of a placement: for whom it is, and who got it.

    Attributes:
        planned_pct: of recent visitors; None: not to be told.
        observed_pct: of answers; None without any.
        visitors: words: "120", "<10", or empty.
    """

    variant: str
    is_default: bool
    planned_pct: float | None
    observed_pct: float | None
    calls: int
    visitors: str
    exposures: int
    conversions: int


@dataclass(frozen=True, slots=True)
class Line:
    """One step of the order, for people."""

    kind: str
    key: str
    words: str
    variant: str
    is_told: bool


@dataclass(frozen=True, slots=True)
class Covered:
    """One placement.

    Attributes:
        nobody_pct: of recent visitors who are meant for nothing but the default; None: not told.
        default_pct: of answers that were the default; None without any.
        reasons: why the default was given: (reason, words, percent of all answers).
        is_upper: some step is not told by memberships, so the planned shares are upper bounds.
    """

    placement: str
    block: str
    shares: list[Share]
    lines: list[Line]
    nobody_pct: float | None
    default_pct: float | None
    reasons: list[tuple[str, str, float]]
    calls: int
    is_upper: bool
    is_off: bool
    link: str


def index(request: HttpRequest) -> HttpResponse:
    """Placements by key, twenty at a time. `q` looks for one, `page` goes on, `block` opens one."""
    require(request, VIEW_CONTENT)
    if request.GET.get("block"):
        return redirect("admin:coverage_block", request.GET["block"])
    site, all_sites = sites.choose(request)
    if site is None:
        return redirect("admin:index")
    query = request.GET.get("q", "").strip()[:60]
    page = _page(request)
    served = _serving(site)
    keys = sorted(_keys(served, query))
    shown = keys[page * LISTED : (page + 1) * LISTED]
    context = {
        **_shared(request, site, all_sites, "Coverage"),
        **_covered(request, site, served, shown),
        "query": query,
        "found": len(keys),
        "is_published": served is not None and served.number > 0,
        **_pages(request, page, (page + 1) * LISTED < len(keys)),
    }
    return TemplateResponse(request, "admin/studio/coverage.html", context)


def of_block(request: HttpRequest, key: str) -> HttpResponse:
    """One block: in each placement that it fills, step by step."""
    require(request, VIEW_CONTENT)
    site, all_sites = sites.choose(request)
    if site is None:
        return redirect("admin:index")
    served = _serving(site)
    shown: list[str] = []
    if served is not None:
        shown = sorted(
            place
            for place, placement in served.compiled.placements.items()
            if placement.block.key == key
        )
    if not shown and not coverage_reads.placed(site.id, key, 1):
        known = served is not None and key in served.compiled.blocks
        if not known:
            raise Http404
    context = {
        **_shared(request, site, all_sites, f"Coverage of {key}"),
        **_covered(request, site, served, shown[:OF_BLOCK]),
        "block_key": key,
        "more": max(0, len(shown) - OF_BLOCK),
    }
    return TemplateResponse(request, "admin/studio/coverage_block.html", context)


def themes(request: HttpRequest) -> HttpResponse:
    """Themes beside placements: who is spoken to where, and where nothing is said to them."""
    require(request, VIEW_CONTENT)
    site, all_sites = sites.choose(request)
    if site is None:
        return redirect("admin:index")
    query = request.GET.get("q", "").strip()[:60]
    page = _page(request)
    rows = coverage_reads.placed(site.id, query, LISTED + 1, page * LISTED)
    shown = rows[:LISTED]
    columns = coverage_reads.themes(site.id, THEMES)
    context = {
        **_shared(request, site, all_sites, "Themes by placement", tab="coverage_themes"),
        "themes": columns,
        "rows": _matrix(shown, columns),
        "query": query,
        **_pages(request, page, len(rows) > LISTED),
    }
    return TemplateResponse(request, "admin/studio/coverage_themes.html", context)


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a theme meets a placement: "theme", "segments" or "gap", and the variants' keys."""

    kind: str
    variants: str


def _matrix(
    rows: Sequence[Placed], columns: Sequence[coverage_reads.Theme]
) -> list[tuple[Placed, list[Cell]]]:
    found: dict[tuple[Any, Any], dict[str, bool]] = {}
    if rows and columns:
        for one in coverage_reads.speaking(list({row.block_id for row in rows})):
            variants = found.setdefault((one.block_id, one.theme_id), {})
            variants[one.variant] = one.is_of_theme or variants.get(one.variant, False)
    return [
        (row, [_cell(found.get((row.block_id, one.id), {})) for one in columns]) for row in rows
    ]


def _cell(variants: Mapping[str, bool]) -> Cell:
    of_theme = sorted(key for key, is_of_theme in variants.items() if is_of_theme)
    if of_theme:
        return Cell("theme", ", ".join(of_theme))
    return Cell("segments" if variants else "gap", ", ".join(sorted(variants)))


def _serving(site: SiteChoice) -> Served | None:
    """What serves now, compiled once in this process; None while the record is away."""
    latest = latest_publication(site.id)
    return current(site.id, None if latest is None else b"%d" % latest.number)


def _keys(served: Served | None, query: str) -> list[str]:
    if served is None:
        return []
    wanted = query.lower()
    return [
        key
        for key, placement in served.compiled.placements.items()
        if wanted in key.lower() or wanted in placement.block.key.lower()
    ]


def _covered(
    request: HttpRequest, site: SiteChoice, served: Served | None, keys: Sequence[str]
) -> dict[str, Any]:
    """The placements as the pages show them. Four queries, whatever they are."""
    now = clock.now()
    plans = _plans(served, keys, now)
    since = coverage_reads.first_day(now, DAYS)
    observed = coverage_reads.served(site.id, list(keys), since)
    seen = coverage_reads.shown(site.id, list(keys), since)
    shares, slow = None, ""
    is_patient = bool(request.GET.get("count"))
    try:
        shares = people_meant.shares(
            site.id, plans, since=now - RECENT, limit_s=LONG_BOX_S if is_patient else BOX_S
        )
    except StudyTooSlow as error:
        slow = str(error)
    names = {} if served is None else names_of(served.compiled)
    covered = [_one(at, plan, shares, observed, seen, names) for at, plan in enumerate(plans)]
    return {
        "covered": covered,
        "slow": slow,
        "is_patient": is_patient,
        "everyone": None if shares is None else people_meant.told(shares.everyone),
        "sampled": shares is not None and shares.sampled < 1.0,
        "counted_at": coverage_reads.counted_at(site.id),
        "observed_days": DAYS,
        "recent_days": RECENT.days,
    }


def _plans(served: Served | None, keys: Sequence[str], now: datetime) -> list[Plan]:
    if served is None:
        return []
    now_ms = clock.to_ms(now)
    compiled = served.compiled
    return [plan_of(compiled, compiled.placements[key], now_ms) for key in keys]


def _one(
    at: int,
    plan: Plan,
    shares: Shares | None,
    observed: Sequence[Observed],
    seen: Sequence[Shown],
    names: Mapping[int, str],
) -> Covered:
    own = [one for one in observed if one.placement == plan.placement]
    calls = sum(one.calls for one in own)
    people = None if shares is None else shares.people[at]
    everyone = 0 if shares is None else shares.everyone
    default = plan.steps[-1].variant
    told = people is not None and people_meant.told(everyone) is not None
    listed = dict.fromkeys([*plan.variants, *(one.variant for one in own if one.variant)])
    found = [
        _share(key, key == default, people if told else None, everyone, own, seen, plan.placement)
        for key in listed
    ]
    by_default = [one for one in own if one.variant == default]
    reasons: dict[str, int] = {}
    for one in by_default:
        reasons[one.reason] = reasons.get(one.reason, 0) + one.calls
    ordered = sorted(reasons.items(), key=lambda item: -item[1])
    return Covered(
        placement=plan.placement,
        block=plan.block,
        shares=found,
        lines=_lines(plan, names),
        nobody_pct=share_pct(people[default], everyone) if told and people else None,
        default_pct=share_pct(sum(reasons.values()), calls) if calls else None,
        reasons=[(name, reason_words(name), share_pct(count, calls)) for name, count in ordered],
        calls=calls,
        is_upper=bool(plan.untold),
        is_off=plan.is_off,
        link=reverse("admin:coverage_block", args=[plan.block]),
    )


def _share(
    key: str,
    is_default: bool,
    people: Mapping[str, int] | None,
    everyone: int,
    own: Sequence[Observed],
    seen: Sequence[Shown],
    placement: str,
) -> Share:
    all_calls = sum(one.calls for one in own)
    mine = [one for one in own if one.variant == key]
    calls = sum(one.calls for one in mine)
    visitors = people_meant.told(sum(one.visitors for one in mine))
    shown = [one for one in seen if (one.placement, one.variant) == (placement, key)]
    planned = None if people is None else _planned(people.get(key, 0), everyone)
    return Share(
        variant=key,
        is_default=is_default,
        planned_pct=planned,
        observed_pct=share_pct(calls, all_calls) if all_calls else None,
        calls=calls,
        visitors="" if not calls else ("<10" if visitors is None else f"{visitors:,}"),
        exposures=sum(one.exposures for one in shown),
        conversions=sum(one.conversions for one in shown),
    )


def _planned(people: int, everyone: int) -> float:
    """In percent; a few people are told as none: nobody is to be found by it."""
    return share_pct(people, everyone) if people_meant.told(people) is not None else 0.0


_KINDS: Final = {"rule": "Rule", "experiment": "Experiment", "segment": "Segment"}


def _lines(plan: Plan, names: Mapping[int, str]) -> list[Line]:
    if plan.is_off:
        words = "Switched off: everybody gets the default"
        return [Line("default", "", words, plan.steps[-1].variant, True)]
    lines = []
    if plan.needs_consent:
        words = "Who has not agreed to personalization"
        lines.append(Line("consent", "", words, plan.steps[-1].variant, True))
    for step in plan.steps[:-1]:
        if step.test is None:
            words = f"{_KINDS[step.kind]} “{step.key}”: decided when the page asks"
        elif step.kind == "rule":
            words = f"Rule “{step.key}”: {words_of(step.test, names)}"
        else:
            words = words_of(step.test, names)
        lines.append(
            Line(
                step.kind, step.key, words, step.variant or "one of its arms", step.test is not None
            )
        )
    lines.append(Line("default", "", "Everybody else", plan.steps[-1].variant, True))
    return lines


def _shared(
    request: HttpRequest,
    site: SiteChoice,
    all_sites: list[SiteChoice],
    title: str,
    tab: str = "coverage",
) -> dict[str, Any]:
    tabs = (("coverage", "Placements"), ("coverage_themes", "Themes"))
    return {
        **admin.site.each_context(request),
        "title": title,
        "site": site,
        "sites": all_sites,
        "tabs": [(reverse(f"admin:{name}"), words, name == tab) for name, words in tabs],
    }


def _page(request: HttpRequest) -> int:
    text = request.GET.get("page", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def _pages(request: HttpRequest, page: int, has_more: bool) -> dict[str, str]:
    def address(number: int) -> str:
        return "?" + urlencode({"q": request.GET.get("q", ""), "page": number})

    return {
        "before": address(page - 1) if page else "",
        "after": address(page + 1) if has_more else "",
    }
