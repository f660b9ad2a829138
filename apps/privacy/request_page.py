"""The page of one request: what is asked, who asks, what was done, and every step that is open."""

from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from apps.access.errors import InvalidRequest
from apps.access.models import Site
from apps.access.site_staff import narrowed
from apps.privacy import erasing, packages, requests, subjects, verification
from apps.privacy.due_words import due_of
from apps.privacy.mailing import address_of
from apps.privacy.models.erasures import Certificate, RecipientTelling
from apps.privacy.models.requests import OPEN, Note, Request, RequestEvent
from apps.privacy.request_acts import act
from apps.privacy.request_steps import AT_ONCE
from apps.privacy.request_words import EVENTS, KINDS
from apps.privacy.sealed_text import unseal
from apps.work import clock
from engine.errors import PersonalizationError

State = Request.State
Kind = Request.Kind

_UNDECIDED: Final = (State.RECEIVED, State.VERIFYING)
_LIFTABLE: Final = (Kind.RESTRICTION, Kind.OBJECTION)
# Steps that change nothing and show what is personal; the log says who has looked.
_LOOKS: Final = frozenset({"show", "link"})
LIVE_S: Final = 2
# Of the log what a reader understands; ids are for the ledger.
_TOLD: Final = (
    "how", "profiles", "due", "from", "to", "article", "late", "trait", "why", "trouble", "joined",
    "results", "address",
)  # fmt: skip


def show(request: HttpRequest, found: Request, may_change: bool) -> HttpResponse:
    """GET shows the page, POST takes a step."""
    problem, step = "", request.POST.get("step", "")
    if request.method == "POST":
        if not may_change:
            raise PermissionDenied
        if step in _LOOKS:
            act(request, found, step)
        else:
            try:
                told = act(request, found, step)
            except PersonalizationError as error:
                problem = str(error)
            else:
                messages.success(request, told)
                return redirect("admin:privacy_request_change", found.pk)
        found.refresh_from_db()
    context = {
        **admin.site.each_context(request),
        **_shown(found, is_shown=step == "show", is_link_shown=step == "link", may_read=may_change),
        **_doors(found, may_change),
        "problem": problem,
        "given": request.POST,
    }
    return TemplateResponse(request, "admin/privacy/request.html", context)


def add(request: HttpRequest) -> HttpResponse:
    """A request that came by letter or telephone."""
    offered = list(narrowed(request.user, Site.objects.order_by("name")))
    problem = ""
    if request.method == "POST":
        try:
            made = _received(request, offered)
        except PersonalizationError as error:
            problem = str(error)
        else:
            messages.success(request, f"Request {made.public_ref} is received. Its clock runs.")
            return redirect("admin:privacy_request_change", made.pk)
    context = {
        **admin.site.each_context(request),
        "title": "New request",
        "sites": offered,
        "kinds": KINDS.items(),
        "given": request.POST,
        "problem": problem,
    }
    return TemplateResponse(request, "admin/privacy/request_add.html", context)


def _received(request: HttpRequest, offered: list[Site]) -> Request:
    given = {name: value.strip() for name, value in request.POST.items() if isinstance(value, str)}
    site = next((one for one in offered if str(one.pk) == given.get("site")), None)
    if site is None or given.get("kind") not in KINDS:
        raise InvalidRequest("Choose a site and what is asked for.")
    names: list[subjects.Name] = []
    contact = address_of(given["email"]) if given.get("email") else ""
    if contact:
        names.append((subjects.EMAIL, contact))
    if given.get("number"):
        names.append(("user_id", given["number"][:200]))
    if given.get("device"):
        names.append(("anonymous_id", given["device"][:200]))
    if not names:
        raise InvalidRequest("Give at least one name of the person: an address or a number.")
    user: Any = request.user
    return requests.receive(
        site_id=site.pk,
        kind=given["kind"],
        route=Request.Route.DESK,
        names=names,
        contact=contact,
        told=given.get("words", "")[:1_000],
        agent=given.get("agent", "")[:100],
        regulation=given["regulation"] if given.get("regulation") in ("gdpr", "ccpa") else "",
        actor=user,
        now=clock.now(),
    )


def _shown(
    found: Request, *, is_shown: bool, is_link_shown: bool, may_read: bool
) -> dict[str, Any]:
    """What the page says; notes of officers are for officers."""
    now = clock.now()
    names = subjects.names_of(found)
    package = packages.open_of(found, now=now)
    progress = _progress(found)
    waits = found.state == State.APPROVED and found.joined_to_id is not None
    is_running = (
        found.state in (State.APPROVED, State.IN_PROGRESS)
        and found.kind not in (Kind.RECTIFICATION, Kind.REVIEW)
        and not waits
    )
    rows = RequestEvent.objects.filter(request_id=found.pk).order_by("pk")
    return {
        "title": f"Request {found.public_ref}",
        "asked": found,
        "kind_words": KINDS[found.kind],
        "due": due_of(found, now),
        "names": [
            (kind.replace("_", " "), value if is_shown else subjects.masked(value))
            for kind, value in names.given
        ],
        "told": names.told if is_shown else "",
        "has_told": bool(names.told),
        "agent": names.agent if is_shown else names.agent and "somebody else",
        "contact": subjects.masked(names.contact) if names.contact else "",
        "is_shown": is_shown,
        "ways": verification.ways_to(found) if found.state in OPEN else {},
        "subjects": subjects.subjects_of(found),
        "package": package,
        "package_link": packages.link_of(package) if package and is_link_shown else "",
        "progress": progress,
        "tellings": RecipientTelling.objects.filter(
            Q(request_id=found.pk) | Q(erasure_id__in=_erasures(found))
        ).order_by("name"),
        "certificates": Certificate.objects.filter(erasure_id__in=_erasures(found)).order_by("at"),
        "refresh_s": LIVE_S if is_running else 0,
        "log": [(row, EVENTS.get(row.kind, row.kind), _detail(row)) for row in rows],
        "notes": [(note, _text(note)) for note in found.notes.order_by("pk")] if may_read else [],
        "twins": found.joined.order_by("received_at"),
        "is_open": found.state in OPEN,
        "is_undecided": found.state in _UNDECIDED,
    }


def _doors(found: Request, may_change: bool) -> dict[str, Any]:
    """Which steps are open now, to this person."""
    is_undecided = may_change and found.state in _UNDECIDED
    is_known = found.verified_at is not None
    in_hand = may_change and found.state == State.IN_PROGRESS
    return {
        "may_change": may_change,
        "may_verify": is_undecided and not is_known,
        "may_approve": is_undecided and is_known and found.bulk_id is None,
        "may_refuse": may_change and found.state in OPEN and not requests.has_begun_erasing(found),
        "may_extend": may_change
        and found.state in OPEN
        and found.extended_at is None
        and found.extended_due_on != found.due_on
        and due_of(found, clock.now()).words.find("late") < 0,
        "may_cancel": may_change and found.state in (*_UNDECIDED, State.APPROVED),
        "may_rectify": in_hand and found.kind == Kind.RECTIFICATION,
        "may_review": in_hand and found.kind == Kind.REVIEW,
        "may_lift": may_change and found.state == State.COMPLETED and found.kind in _LIFTABLE,
        "may_note": may_change and found.state in OPEN,
        "is_at_once": found.kind in AT_ONCE,
        "articles": requests.ARTICLES.items(),
    }


def _erasures(found: Request) -> list[UUID]:
    """The erasures of a request, also those that it found under way."""
    joined = found.outcome.get("erasure")
    return [UUID(text) for text in found.outcome.get("erasures", [joined] if joined else [])]


def _progress(found: Request) -> list[erasing.StepShown]:
    return [step for erasure_id in _erasures(found) for step in erasing.progress(erasure_id)]


def _detail(row: RequestEvent) -> str:
    told = {key: row.detail[key] for key in _TOLD if row.detail.get(key) not in (None, "", False)}
    words = [f"{key}: {value}" for key, value in told.items()]
    if row.detail.get("told") is False:
        words.append("no address: to be told by hand")
    return ", ".join(words)


def _text(note: Note) -> str:
    plain = unseal("note", bytes(note.text_enc), bound=note.request_id.bytes)
    return "This note cannot be read." if plain is None else plain.decode()
