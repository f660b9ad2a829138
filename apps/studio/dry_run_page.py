"""/admin/dry-run/: what a change would have done to the decisions of the last days."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from apps.decisions import trials
from apps.decisions.past import Unreadable
from apps.decisions.selectors import open_releases
from apps.decisions.trials import Trial
from apps.delivery import dry_running
from apps.delivery.dry_running import DryRun
from apps.rules import trying
from apps.studio import selectors, sites
from apps.studio.candidates import NoCandidate, candidate_of, why_not
from apps.studio.domain.charts import share_pct
from apps.studio.domain.dry_run_words import DEFAULT_WORDS, sentence, share
from apps.studio.drafts import read_values
from apps.studio.home import VIEW_CONTENT
from apps.studio.pages import require
from apps.studio.types import SiteChoice
from apps.work import clock
from apps.work.selectors import standing_of
from apps.work.services import Work
from engine.errors import PersonalizationError

ASK: Final = "content.change_block"
DAYS: Final = (1, 3, 7, 14, 30)
USUAL_DAYS: Final = 7
SHOWN: Final = 12  # rules offered at once
REFRESH_S: Final = 2
STEPS: Final = 100


@dataclass(frozen=True, slots=True)
class MoveLine:
    """One change of variant, for a table."""

    placement: str
    before: str
    after: str
    count: int
    pct: float


def page(request: HttpRequest) -> HttpResponse:
    """What can be tried, and what was tried of late. A POST asks for a dry run.

    `rule`, `release`, `publication` and `q` (a word of a rule's name) prepare the choice.
    """
    require(request, VIEW_CONTENT)
    site, all_sites = sites.choose(request)
    if site is None:
        return redirect("admin:index")
    if request.method == "POST":
        return _ask(request, site)
    query = request.GET.get("q", "").strip()[:60]
    chosen = _uuid(request.GET.get("rule", ""))
    rules = trying.names(site.id, query, SHOWN)
    if chosen is not None and all(one[0] != chosen for one in rules):
        rules = [*trying.named(site.id, chosen), *rules]
    context = {
        **_shared(request, site, all_sites, "Dry run"),
        "rules": rules,
        "chosen_rule": chosen,
        "query": query,
        "releases": open_releases(site.id),
        "chosen_release": _uuid(request.GET.get("release", "")),
        "what": next((one for one in ("rule", "release", "publication") if one in request.GET), "")
        or ("rule" if query else "drafts"),
        "number": request.GET.get("publication", ""),
        "publications": selectors.publications(site.id, SHOWN),
        "days": DAYS,
        "usual_days": USUAL_DAYS,
        "most": dry_running.MOST,
        "trials": [(one, _said(one)) for one in trials.latest(site.id)],
        "may_ask": request.user.has_perm(ASK),
    }
    return TemplateResponse(request, "admin/studio/dry_run.html", context)


def _ask(request: HttpRequest, site: SiteChoice) -> HttpResponse:
    require(request, ASK)
    asked = _asked(request)
    text = request.POST.get("days", "")
    days = int(text) if text in {str(one) for one in DAYS} else USUAL_DAYS
    if asked is None:
        messages.error(request, "Choose what to try first.")
        return redirect("admin:dry_run")
    made = trials.ask(site_id=site.id, asked=asked, days=days, actor=request.user, now=clock.now())
    return redirect("admin:dry_run_result", made.id)


def _asked(request: HttpRequest) -> dict[str, Any] | None:
    what = request.POST.get("what", "")
    if what == "rule":
        rule = _uuid(request.POST.get("rule", ""))
        how = "off" if request.POST.get("how") == "off" else "on"
        return None if rule is None else {"what": what, "id": str(rule), "how": how}
    if what == "release":
        release = _uuid(request.POST.get("release", ""))
        return None if release is None else {"what": what, "id": str(release)}
    if what == "publication":
        number = request.POST.get("number", "")
        is_number = number.isascii() and number.isdigit() and len(number) < 10
        return {"what": what, "number": int(number)} if is_number else None
    if what != "drafts":
        return None
    only = read_values(request.POST.getlist("change"))
    ticked = sorted([*name, digest] for name, digest in only.items())
    return {"what": what, "only": ticked} if ticked else {"what": what}


def result(request: HttpRequest, trial_id: UUID) -> HttpResponse:
    """How far one dry run is, or what came of it."""
    require(request, VIEW_CONTENT)
    site, all_sites = sites.choose(request)
    trial = None if site is None else trials.find(site.id, trial_id)
    if site is None or trial is None:
        raise Http404
    context = {
        **_shared(request, site, all_sites, "Dry run"),
        "trial": trial,
        "said": _said(trial),
        "refresh_s": REFRESH_S,
        "failed": "",
    }
    if trial.found is not None:
        context |= _shown(trial.found)
    elif not trial.refused:
        context |= _progress(trial)
    return TemplateResponse(request, "admin/studio/dry_run_result.html", context)


def _shared(
    request: HttpRequest, site: SiteChoice, all_sites: list[SiteChoice], title: str
) -> dict[str, Any]:
    return {
        **admin.site.each_context(request),
        "title": title,
        "site": site,
        "sites": all_sites,
        "dry_run_link": reverse("admin:dry_run"),
    }


def _progress(trial: Trial) -> dict[str, Any]:
    standing = None if trial.intent_id is None else standing_of(trial.intent_id)
    if standing is None or standing.state == "failed":
        why = "The work on it was lost or failed. Ask again; the Work page says more."
        return {"failed": why}
    pct = share_pct(standing.done_steps, standing.total_steps) if standing.total_steps else None
    return {"state": standing.state, "pct": pct, "note": standing.note}


def _shown(found: Mapping[str, Any]) -> dict[str, Any]:
    known = found["changed"] + found["same"]
    return {
        "sentence": sentence(found),
        "words": found["words"],
        "known": known,
        "total": known + found["unknown"],
        "found": found,
        "exact": known - found["estimated"],
        "exact_pct": share_pct(known - found["estimated"], known + found["unknown"]),
        "estimated_pct": share_pct(found["estimated"], known + found["unknown"]),
        "known_pct": share_pct(known, known + found["unknown"]),
        "unknown_pct": share_pct(found["unknown"], known + found["unknown"]),
        "changed_share": share(found["changed"], known),
        "reworded_share": share(found["reworded"], known),
        "since": None if not found["since"] else datetime.fromisoformat(found["since"]),
        "moves": [
            MoveLine(
                one[0],
                one[1] or DEFAULT_WORDS,
                one[2] or DEFAULT_WORDS,
                one[3],
                share_pct(one[3], known),
            )
            for one in found["moves"]
        ],
    }


def _said(trial: Trial) -> str:
    """One line about a dry run, for a list."""
    if trial.found is not None:
        return f"{trial.found['words']}: {sentence(trial.found)}"
    return trial.refused or "Being worked out."


def perform(task: Work, now: datetime) -> None:
    """Carry out a dry run that was asked for. Safe to run twice."""
    assert task.site_id is not None
    trial = trials.find(task.site_id, UUID(task.payload["trial"]))
    if trial is None or trial.found is not None:
        return
    task.progress(0, STEPS, "Reading what serves and what might")
    try:
        candidate = candidate_of(trial.site_id, trial.asked)
        found = dry_running.run(
            trial.site_id,
            candidate.drafted.served,
            since=now - timedelta(days=trial.days),
            now=now,
            hidden=candidate.drafted.hidden,
            progress=lambda done, of: task.progress(done, of, "Deciding again"),
        )
    except (NoCandidate, Unreadable, PersonalizationError) as error:
        trials.refuse(trial.id, why_not(error))
        return
    trials.answer(trial.id, _kept(found, candidate.words))


def _kept(found: DryRun, words: str) -> dict[str, Any]:
    return {
        "words": words,
        "changed": found.changed,
        "same": found.same,
        "estimated": found.estimated,
        "unknown": found.unknown,
        "reworded": found.reworded,
        "records": found.records,
        "since": "" if found.since is None else found.since.isoformat(),
        "moves": [list(move) for move in found.moves],
    }


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
