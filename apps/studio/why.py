"""/admin/why/: why did somebody see this, or not see that? Every look at a person is audited.

A decision or a request is found by its id, which says nothing about who it was: whoever may read
publications may ask, and what was found about the person stays hidden. Asking by an identity or a
profile is a look at a person: it needs the permission, and a reason.
"""

from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from apps.access.selectors import regime_of, zone_of
from apps.decisions import lookups
from apps.decisions import selectors as decisions
from apps.decisions.errors import InvalidDecisionId
from apps.decisions.past import Record
from apps.decisions.selectors import DecisionPayload
from apps.segments.studies import computed_values
from apps.studio import explaining, looks, selectors, sites, why_decisions
from apps.studio.domain.reasons import reason_words
from apps.studio.preview_form import plain
from apps.studio.types import SiteChoice
from apps.studio.why_evidence import with_evidence
from apps.work import clock
from engine.snapshot import CompiledSnapshot

SEES: Final = "decisions.view_publication"
TEMPLATE: Final = "admin/studio/why.html"
KEPT_DAYS: Final = 30  # decisions; see apps/decisions/retention.py
_KEPT: Final = ("placement", "source", "facts", "variant")


def why(request: HttpRequest) -> HttpResponse:
    """Find a decision, a request or a visitor by `q`, and show what was decided, and why.

    A question leads on to a record's or a profile's own id: no identity stays in an address.
    """
    if not request.user.has_perm(SEES):
        raise PermissionDenied
    asked = request.POST if request.method == "POST" else request.GET
    site, all_sites = _site(request, asked)
    if site is None:
        return redirect("admin:index")
    question = plain(asked.get("q", ""))
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Why did they see this?",
        "site": site,
        "sites": all_sites,
        "may_look": looks.may_look(request),
        "least_reason": looks.LEAST_REASON,
        "kept_days": KEPT_DAYS,
    }
    if question.startswith(("dec_", "req_")):
        return _asked_by_id(request, site, question, context)
    if question:
        return _asked_by_identity(request, site, question, asked, context)
    if asked.get("record"):
        return _shown(request, _record_shown(request, site, asked, context))
    person = None
    if asked.get("profile"):
        found = _person(request, site, asked, context)
        if isinstance(found, HttpResponseRedirect):
            return found
        person = found
    if person is not None or asked.get("new"):
        context |= _explained(site, person, asked)
    return _shown(request, context)


def _shown(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    response = TemplateResponse(request, TEMPLATE, context, status=status)
    response["Cache-Control"] = "private, no-store"
    return response


def _asked_by_id(
    request: HttpRequest, site: SiteChoice, question: str, context: dict[str, Any]
) -> HttpResponse:
    """Lead on to the record of a decision or a request; say what is known where there is none."""
    context["question"] = question
    record: Record | None = None
    payload: DecisionPayload | None = None
    try:
        if question.startswith("dec_"):
            payload = decisions.verified(site.id, question)
            record = lookups.record_of(site.id, payload)
        else:
            record = lookups.record_of_request(site.id, question)
    except InvalidDecisionId:
        context["trouble"] = "This decision id is not one of this site, or it is not whole."
    except lookups.LookupTooSlow:
        context["trouble"] = (
            "There are too many decisions since then to find one by its request. Ask with a "
            "decision id (dec_...): it says itself when it was made."
        )
    if record is not None:
        return redirect(f"{reverse('admin:why')}?{urlencode({'record': record.pk})}")
    if payload is not None:
        context["payload"] = payload
        context["payload_at"] = clock.from_ms(payload.at_ms)
        context["payload_words"] = reason_words(payload.reason)
    context.setdefault("is_unknown_decision", True)
    return _shown(request, context)


def _asked_by_identity(
    request: HttpRequest,
    site: SiteChoice,
    question: str,
    asked: QueryDict,
    context: dict[str, Any],
) -> HttpResponse:
    """Lead on to the profile, once the reason for looking has been given."""
    if not looks.may_look(request):
        raise PermissionDenied
    profile_id = explaining.profile_of(site.id, question)
    if profile_id is None or selectors.site_of_profile(profile_id) != site.id:
        return _shown(request, context | {"question": question, "is_unknown": True})
    if request.method == "POST" and not looks.is_open(request, profile_id):
        _begin(request, site, profile_id)
    kept = {key: asked[key] for key in _KEPT if asked.get(key)}
    return redirect(f"{reverse('admin:why')}?{urlencode({'profile': profile_id, **kept})}")


def _begin(request: HttpRequest, site: SiteChoice, profile_id: UUID) -> str:
    reason = request.POST.get("reason", "")
    return looks.begin(request, site_id=site.id, profile_id=profile_id, reason=reason, page="why")


def _site(request: HttpRequest, asked: QueryDict) -> tuple[SiteChoice | None, list[SiteChoice]]:
    """The chosen site; a link to a profile leads to the profile's own."""
    site, all_sites = sites.choose(request)
    profile_id = _uuid(asked.get("profile", ""))
    if profile_id is not None and len(all_sites) > 1 and looks.may_look(request):
        own = selectors.site_of_profile(profile_id)
        found = next((one for one in all_sites if one.id == own), None)
        if found is not None and found != site:
            sites.remember(request, found)
            return found, all_sites
    return site, all_sites


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text.removeprefix("prf_"))
    except ValueError:
        return None


def _person(
    request: HttpRequest, site: SiteChoice, asked: QueryDict, context: dict[str, Any]
) -> explaining.Person | HttpResponseRedirect | None:
    """Return the person once a reason has been given, which the page asks for otherwise."""
    if not looks.may_look(request):
        raise PermissionDenied
    profile_id = _uuid(asked.get("profile", ""))
    if profile_id is None or selectors.site_of_profile(profile_id) != site.id:
        context["is_unknown"] = True
        return None
    if request.method == "POST":
        refused = _begin(request, site, profile_id)
        if not refused:
            kept = {key: asked[key] for key in ("record", *_KEPT) if asked.get(key)}
            query = kept if "record" in kept else {"profile": profile_id, **kept}
            return HttpResponseRedirect(f"{reverse('admin:why')}?{urlencode(query)}")
        context["refused"] = refused
    if not looks.is_open(request, profile_id):
        context["asks_reason_for"] = profile_id
        context["kept"] = [(key, asked[key]) for key in _KEPT if asked.get(key)]
        return None
    if request.method == "GET":
        looks.note(request, site_id=site.id, profile_id=profile_id, page="why")
    context["minutes_left"] = looks.minutes_left(request, profile_id)
    return explaining.person_of(profile_id)


def _record_shown(
    request: HttpRequest, site: SiteChoice, asked: QueryDict, context: dict[str, Any]
) -> dict[str, Any]:
    """One past decision: whole for who has said why they look, else without the person."""
    record_id = _uuid(asked.get("record", ""))
    record = None if record_id is None else lookups.record_with(site.id, record_id)
    if record is None:
        return context | {"is_unknown_decision": True}
    profile_id = record.profile_id
    is_open = profile_id is None and looks.may_look(request)
    if profile_id is not None:
        if request.method == "POST":
            if not looks.may_look(request):
                raise PermissionDenied
            context["refused"] = _begin(request, site, profile_id)
        is_open = looks.is_open(request, profile_id)
        if is_open:
            looks.note(request, site_id=site.id, profile_id=profile_id, page="why")
    told = why_decisions.told_of(
        record,
        is_masked=not is_open,
        placement=asked.get("placement", "")[:100],
        wanted=asked.get("variant", "").strip()[:100],
    )
    asks = profile_id is not None and not is_open and looks.may_look(request)
    return context | {
        "told": told,
        "wanted": asked.get("variant", ""),
        "wanted_at": asked.get("placement", ""),
        "asks_reason_of_record": record.pk if asks else None,
        "profile_of_record": profile_id if is_open else None,
    }


def _explained(
    site: SiteChoice, person: explaining.Person | None, asked: QueryDict
) -> dict[str, Any]:
    """The past decisions of a person, and a decision of the chosen placement made again."""
    senders = selectors.sources(site.id)
    source = next((one for one in senders if str(one[0]) == asked.get("source")), None)
    source = source or (senders[0] if senders else None)
    compiled = _serving(site)
    placements = sorted(compiled.placements) if compiled is not None else []
    placement = asked.get("placement", "").strip()
    if placement not in placements:
        placement = placements[0] if placements else ""
    facts, wrong = explaining.context_of(asked.get("facts", ""))
    wanted = asked.get("variant", "").strip()[:100]
    context: dict[str, Any] = {
        "person": person,
        "is_new": person is None,
        "senders": senders,
        "source": source,
        "placements": placements[: why_decisions.MOST_VARIANTS],
        "placement": placement,
        "facts": asked.get("facts", ""),
        "wrong_facts": wrong,
        "wanted": wanted,
    }
    if person is not None:
        context["consent"] = explaining.consent_rows(person.hot)
        context["computed"] = computed_values.values_of(site.id, person.profile_id, now=clock.now())
        context["past"] = explaining.past_decisions(site.id, person.profile_id)
    if compiled is not None and placement:
        explained = explaining.explain(
            compiled,
            placement,
            person.hot if person is not None else None,
            mode=source[2] if source is not None else "required",
            regime=regime_of(site.id),
            context=facts,
            site_zone=zone_of(site.id),
            now=clock.now(),
            wanted=wanted,
        )
        context |= _in_words(site, compiled, placement, explained, person)
    return context


def _in_words(
    site: SiteChoice,
    compiled: CompiledSnapshot,
    placement: str,
    explained: explaining.Explained,
    person: explaining.Person | None,
) -> dict[str, Any]:
    """A decision made now for the page: its steps with evidence, what could be asked about."""
    profile_id = None if person is None else person.profile_id
    variants = sorted(compiled.placements[placement].block.variants)
    return {
        "explained": explained,
        "steps": with_evidence(
            site.id, compiled, placement, explained.lines, profile_id, clock.now()
        ),
        "variants": variants[: why_decisions.MOST_VARIANTS],
        "ways": why_decisions.ways_of(explained.missed, compiled),
    }


def _serving(site: SiteChoice) -> CompiledSnapshot | None:
    """The publication that serves, as decisions read it."""
    latest = decisions.latest_publication(site.id)
    if latest is None:
        return None
    served = decisions.current(site.id, b"%d" % latest.number)
    return None if served is None else served.compiled
