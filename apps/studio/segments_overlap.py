"""/admin/audience/: how segments overlap, what stands on what, and who moved between them."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.timezone import get_current_timezone

from apps.consent.types import WIRE_NAMES
from apps.segments.domain.overlaps import MAX_SETS, Overlap
from apps.segments.studies import overlap as studies
from apps.segments.studies.boxed import FEWEST, aloud
from apps.studio.domain.charts import share_pct
from apps.studio.domain.pictures import sankey, shade, upset
from apps.studio.segments_exclusive import proposal
from apps.studio.segments_pages import counted, opened, said
from apps.work import clock

COLUMNS: Final = 20  # combinations drawn
CHOSEN_FIRST: Final = 6  # the largest segments, where nobody chose
OFFERED: Final = 40  # to choose from; others are found by their names
LINES: Final = 200  # of what stands on what
HIDDEN: Final = "not told"
OUTSIDE: Final = "none of these"


def overlap(request: HttpRequest) -> HttpResponse:
    """The page. `segment` (several), `purpose`, `left` and `right` for a drill-down, `from`."""
    page = opened(request, "audience", "Overlap")
    if page is None:
        return redirect("admin:index")
    kept = studies.kept_segments(page.site.id)
    chosen = _chosen(kept, request.GET)
    search = request.GET.get("q", "").strip()[:60]
    offered = _offered(kept, chosen, search)
    tree = studies.hierarchy(page.site.id, kept)
    purpose = request.GET.get("purpose", "")
    purpose = purpose if purpose in WIRE_NAMES else ""
    context: dict[str, Any] = {
        **page.context,
        "kept": [(one, one in chosen) for one in offered],
        "search": search,
        "more": len(kept) - len(offered),
        "purposes": [name for name in WIRE_NAMES if name != "necessary"],
        "purpose": purpose,
        "most": MAX_SETS,
        "tree": _tree(tree[:LINES]),
        "tree_more": max(0, len(tree) - LINES),
    }
    with counted(request, context):
        if len(chosen) > 1:
            found = studies.overlap_of([one.id for one in chosen], purpose=purpose)
            context |= _pictures(chosen, found, request.GET)
            if not purpose:  # a group divides everybody, whoever of them is counted
                is_whole = len(safe_to_draw(found, len(chosen))) == len(found.combinations)
                context["exclusive"] = proposal(chosen, found, request.GET, is_whole=is_whole)
        if chosen:
            context |= _flows(chosen, request.GET)
    return TemplateResponse(request, "admin/studio/segments_overlap.html", context)


def _chosen(kept: list[studies.Kept], asked: QueryDict) -> list[studies.Kept]:
    wanted = set(asked.getlist("segment"))
    if wanted:
        return [one for one in kept if one.key in wanted]
    largest = sorted(kept, key=lambda one: -one.size)[:CHOSEN_FIRST]
    return [one for one in kept if one in largest]


def _offered(
    kept: list[studies.Kept], chosen: list[studies.Kept], search: str
) -> list[studies.Kept]:
    """Those to choose from: the chosen ones, and the largest whose name has what is looked for."""
    wanted = search.lower()
    found = [one for one in kept if wanted in one.name.lower() or wanted in one.key]
    largest = {one.id for one in sorted(found, key=lambda one: -one.size)[:OFFERED]}
    own = {one.id for one in chosen}
    return [one for one in kept if one.id in largest or one.id in own]


def _pictures(chosen: list[studies.Kept], found: Overlap, asked: QueryDict) -> dict[str, Any]:
    names = [one.name for one in chosen]
    places = range(len(chosen))
    drawn = safe_to_draw(found, len(chosen))
    is_whole = len(drawn) == len(found.combinations)
    shown: dict[str, Any] = {
        "names": [(one.key, one.name) for one in chosen],
        # With a part hidden, the sum of all would say how large it is.
        "union": aloud(found.union) if is_whole else None,
        "matrix": [
            (one, [_cell(found, chosen, row, column) for column in places])
            for row, one in enumerate(chosen)
        ],
        "upset": upset(names, [(one.places, one.people) for one in drawn[:COLUMNS]]),
        "upset_more": max(0, len(drawn) - COLUMNS),
        "upset_few": len(found.combinations) - len(drawn),
    }
    by_key = {one.key: place for place, one in enumerate(chosen)}
    left, right = by_key.get(asked.get("left", "")), by_key.get(asked.get("right", ""))
    if left is not None and right is not None and left != right:
        pair = found.pair(left, right)
        # Both sizes are shown, so that one of the three tells the others.
        parts = (pair.both, pair.only_left, pair.only_right)
        is_told = all(aloud(one) is not None for one in parts)
        shown["pair"] = {
            "left": chosen[left],
            "right": chosen[right],
            "both": said(pair.both) if is_told or aloud(pair.both) is None else HIDDEN,
            "only_left": said(pair.only_left) if is_told else HIDDEN,
            "only_right": said(pair.only_right) if is_told else HIDDEN,
            "jaccard": pair.jaccard if is_told else None,
            "coefficient": pair.coefficient if is_told else None,
        }
    return shown


def safe_to_draw(found: Overlap, segments: int) -> list[Any]:
    """Return the combinations whose people may be told beside the sizes of segments and of pairs.

    Where what is hidden of a segment, or of what two share, is one combination or fewer than ten
    people, the sizes would give it away: the next smallest is hidden, too.
    """
    hidden = [one for one in found.combinations if aloud(one.people) is None]
    drawn = [one for one in found.combinations if aloud(one.people) is not None]
    places = range(segments)
    sums = [{one, other} for one in places for other in places if one <= other]
    is_settled = False
    while not is_settled:
        is_settled = True
        for wanted in sums:
            lost = [one for one in hidden if wanted <= set(one.places)]
            if not lost or (len(lost) > 1 and sum(one.people for one in lost) >= FEWEST):
                continue
            rest = [one for one in drawn if wanted <= set(one.places)]
            if rest:
                least = min(rest, key=lambda one: one.people)
                drawn.remove(least)
                hidden.append(least)
                is_settled = False
    return drawn


def _cell(found: Overlap, chosen: list[studies.Kept], row: int, column: int) -> dict[str, Any]:
    """One square: people in both, and which share of the row's segment that is."""
    both = found.both(row, column)
    # Beside the sizes of the two it tells how many are in one of them alone.
    rest = {found.sizes[row] - both, found.sizes[column] - both} if row != column else set()
    known = aloud(both) is not None and all(aloud(one) is not None for one in rest)
    share = both / found.sizes[row] if known and found.sizes[row] else 0.0
    jaccard = None if row == column else found.pair(row, column).jaccard
    return {
        "said": said(both) if known or aloud(both) is None else HIDDEN,
        "pct": round(100 * share) if known else None,
        "shade": shade(share),
        "is_self": row == column,
        "jaccard": jaccard if known else None,
        "left": chosen[row].key,
        "right": chosen[column].key,
    }


def _tree(nested: list[studies.Nested]) -> list[tuple[studies.Nested, str, float, float]]:
    """Lines with the words for a size, the indent (rem) and the bar in percent of the largest."""
    most = max((one.size or 0 for one in nested), default=0)
    return [
        (
            one,
            "-" if one.size is None else said(one.size),
            1.4 * one.branch.depth,
            share_pct(one.size, most) if one.size and one.size >= FEWEST else 0.0,
        )
        for one in nested
    ]


def _flows(chosen: list[studies.Kept], asked: QueryDict) -> dict[str, Any]:
    now = clock.now()
    before, after = _instant(asked.get("from", "")), _instant(asked.get("to", ""))
    after = min(after or now, now)
    before = before or after - timedelta(days=7)
    if before >= after:
        return {"from": before, "to": after, "flow_refused": "The first instant must be earlier."}
    found = studies.moves([one.id for one in chosen], before, after)
    drawn = [one for one in found if one.people >= FEWEST]
    names = [OUTSIDE, *(one.name for one in chosen)]
    return {
        "from": before,
        "to": after,
        "sankey": sankey(names, [(one.before, one.after, one.people) for one in drawn]),
        "moves": [
            (names[one.before], names[one.after], said(one.people))
            for one in sorted(found, key=lambda one: -one.people)
            if one.before != one.after
        ],
        "moves_few": len(found) - len(drawn),
    }


def _instant(text: str) -> datetime | None:
    """What a field of the kind datetime-local holds, in the zone of the page."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=get_current_timezone())
