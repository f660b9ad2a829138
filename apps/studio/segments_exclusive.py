"""The part of the page of overlaps that makes segments exclusive: sizes now and then, a form."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, QueryDict
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode

from apps.segments import excluding
from apps.segments.domain.overlaps import Overlap
from apps.segments.studies import overlap as studies
from apps.studio import sites
from apps.studio.segments_pages import CHANGE, require, said
from apps.work import clock
from engine.errors import PersonalizationError

HIDDEN: Final = "not told"
NOBODY: Final = "nobody"
GROUP: Final = "exclusive"  # unless somebody names it


def order_of(chosen: Sequence[studies.Kept], asked: QueryDict) -> list[int]:
    """Return the places of segments in the order asked for (`rank-<key>`), else the smallest first.

    What is most particular comes first: of a large and a small one the small one stays whole.
    """

    def rank(place: int) -> tuple[float, int, str]:
        one = chosen[place]
        text = asked.get(f"rank-{one.key}", "")
        number = float(text) if text.isascii() and text.isdigit() and len(text) < 4 else 1e9
        return number, one.size, one.key

    return sorted(range(len(chosen)), key=rank)


def proposal(
    chosen: Sequence[studies.Kept], found: Overlap, asked: QueryDict, *, is_whole: bool
) -> Mapping[str, Any]:
    """Return what the page shows: each segment in order, its size now and as part of the group.

    Args:
        is_whole: every combination may be told. Where one may not, sizes in the group would tell
            it beside the sizes of now; the first one alone stays what it is.
    """
    order = order_of(chosen, asked)
    firsts = found.firsts(order)
    rows = []
    for number, place in enumerate(order, start=1):
        now, then = found.sizes[place], firsts[place]
        is_told = is_whole or number == 1
        rows.append(
            {
                "key": chosen[place].key,
                "name": chosen[place].name,
                "rank": number,
                "now": said(now),
                "then": said(then) if is_told else HIDDEN,
                "leaving": (said(now - then) if now > then else NOBODY) if is_told else HIDDEN,
            }
        )
    return {"rows": rows, "group": asked.get("group", "").strip()[:60] or GROUP}


def addresses(admin_view: Callable[..., Any]) -> list[URLPattern]:
    """The door, for the admin site."""
    return [path("audience/exclusive/", admin_view(exclusive), name="audience_exclusive")]


def exclusive(request: HttpRequest) -> HttpResponse:
    """POST `segment` (several), `rank-<key>`, `group`: drafts are written, and nobody moves."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    require(request, CHANGE)
    site, _ = sites.choose(request)
    if site is None:
        return redirect("admin:index")
    wanted = set(request.POST.getlist("segment"))
    chosen = [one for one in studies.kept_segments(site.id) if one.key in wanted]
    order = order_of(chosen, request.POST)
    group = request.POST.get("group", "").strip()[:60] or GROUP
    actor: Any = request.user  # the admin lets nobody else in
    try:
        made = excluding.make_exclusive(
            site_id=site.id,
            segment_ids=[chosen[place].id for place in order],
            group=group,
            actor=actor,
            now=clock.now(),
        )
    except PersonalizationError as refusal:
        messages.error(request, str(refusal))
    else:
        names = ", ".join(one.name for one in made)
        messages.success(
            request,
            f"The drafts say it now, in this order: {names}. Nobody moves before they are "
            "published, the first one first.",
        )
    query = urlencode([("site", site.key), *(("segment", one.key) for one in chosen)])
    return redirect(f"{reverse('admin:audience')}?{query}#exclusive")
