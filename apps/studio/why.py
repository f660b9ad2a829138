"""/admin/why/: why did this visitor see this? Every look at a person is audited."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from apps.access.selectors import zone_of
from apps.access.services import record_audit
from apps.decisions import selectors as decisions
from apps.segments.studies import computed_values
from apps.studio import explaining, selectors, sites
from apps.studio.navigation import SEES_PEOPLE
from apps.studio.types import SiteChoice
from apps.work import clock
from engine.snapshot import CompiledSnapshot


def why(request: HttpRequest) -> HttpResponse:
    """Find a visitor by `q` ("kind:value") and show what was decided for them, and why.

    A question leads on to the profile's id, so that no identity stays in an address.
    """
    if not request.user.has_perms(SEES_PEOPLE):
        raise PermissionDenied
    asked = request.POST if request.method == "POST" else request.GET
    site, all_sites = _site(request, asked)
    if site is None:
        return redirect("admin:index")
    question = asked.get("q", "").strip()
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Why did they see this?",
        "site": site,
        "sites": all_sites,
    }
    if question:
        profile_id = explaining.profile_of(site.id, question)
        if profile_id is not None and selectors.site_of_profile(profile_id) == site.id:
            kept = {key: asked[key] for key in ("placement", "source", "facts") if asked.get(key)}
            query = urlencode({"profile": profile_id, **kept})
            return redirect(f"{reverse('admin:why')}?{query}")
        context |= {"question": question, "is_unknown": True}
        return TemplateResponse(request, "admin/studio/why.html", context)
    person = None
    if asked.get("profile"):
        person = _person(request, site, asked["profile"])
        context["is_unknown"] = person is None
    if person is not None or asked.get("new"):
        context |= _explained(site, person, asked)
    return TemplateResponse(request, "admin/studio/why.html", context)


def _site(request: HttpRequest, asked: QueryDict) -> tuple[SiteChoice | None, list[SiteChoice]]:
    """The chosen site; a link to a profile leads to the profile's own."""
    site, all_sites = sites.choose(request)
    profile_id = _uuid(asked.get("profile", ""))
    if profile_id is not None and len(all_sites) > 1:
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


def _person(request: HttpRequest, site: SiteChoice, text: str) -> explaining.Person | None:
    """Return the person and leave word of the look in the audit trail."""
    profile_id = _uuid(text)
    if profile_id is None or selectors.site_of_profile(profile_id) != site.id:
        return None
    user: Any = request.user  # the admin lets nobody anonymous in
    record_audit(
        action="profiles.viewed",
        actor=user,
        site_id=site.id,
        target_kind="profiles.profile",
        target_id=str(profile_id),
        detail={"page": "why"},
        now=clock.now(),
    )
    return explaining.person_of(profile_id)


def _explained(
    site: SiteChoice, person: explaining.Person | None, asked: QueryDict
) -> dict[str, Any]:
    """The past decisions of a person, and a decision of the chosen placement made again."""
    senders = selectors.sources(site.id)
    source = next((one for one in senders if str(one[0]) == asked.get("source")), None)
    source = source or (senders[0] if senders else None)
    compiled = _serving(site)
    placements = sorted(compiled.placements) if compiled is not None else []
    placement = asked.get("placement", "")
    if placement not in placements:
        placement = placements[0] if placements else ""
    facts, wrong = explaining.context_of(asked.get("facts", ""))
    context: dict[str, Any] = {
        "person": person,
        "is_new": person is None,
        "senders": senders,
        "source": source,
        "placements": placements,
        "placement": placement,
        "facts": asked.get("facts", ""),
        "wrong_facts": wrong,
    }
    if person is not None:
        context["consent"] = explaining.consent_rows(person.hot)
        context["computed"] = computed_values.values_of(site.id, person.profile_id, now=clock.now())
        context["past"] = explaining.past_decisions(site.id, person.profile_id)
    if compiled is not None and placement:
        context["explained"] = explaining.explain(
            compiled,
            placement,
            person.hot if person is not None else None,
            mode=source[2] if source is not None else "required",
            context=facts,
            site_zone=zone_of(site.id),
            now=clock.now(),
        )
    return context


def _serving(site: SiteChoice) -> CompiledSnapshot | None:
    """The publication that serves, as decisions read it."""
    latest = decisions.latest_publication(site.id)
    if latest is None:
        return None
    served = decisions.current(site.id, b"%d" % latest.number)
    return None if served is None else served.compiled
