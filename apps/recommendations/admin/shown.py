"""What the page of a recommender shows: what serves and why, trials, versions, and a try."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse

from apps.access import looks
from apps.recommendations import clicked, positions, selectors, tasks
from apps.recommendations.admin.deciding import CHANGE
from apps.recommendations.domain import shelf
from apps.recommendations.models import Item, Recommender, RecommenderVersion, Trial
from apps.recommendations.statements import met_by
from apps.recommendations.versions import is_held
from apps.work.selectors import open_of

REFRESH_S: Final = 2
TRIED: Final = 10  # items of a try
MOST_MET: Final = 5
MOST_DECISIONS: Final = 10_000  # that are read for their clicks while somebody waits
_State = RecommenderVersion.State

METHODS: Final = {
    "followed_by": "Followed by",
    "als": "Like-minded",
    "neighbours": "Similar",
    "session": "Session, by trees",
    "content": "Alike",
    "popular": "Popular, fading",
    shelf.SERVING: "What served before",
    shelf.EVER_POPULAR: "Popular of all time",
    shelf.LAST_ITEM: "What was met last",
    shelf.MOST_RECENT: "The newest items",
}
# Nobody has to learn them: what the others are held to.
COSTS_NOTHING: Final = frozenset(
    {"popular", shelf.EVER_POPULAR, shelf.LAST_ITEM, shelf.MOST_RECENT}
)


@dataclass(frozen=True, slots=True)
class Line:
    """One method of a trial; shares in hundredths of the longest bar."""

    name: str
    figures: dict[str, str]
    bar: int
    low: int
    high: int
    won: bool
    is_baseline: bool
    beside: str
    problem: str = ""


def of_recommender(request: HttpRequest, recommender: Recommender, now: datetime) -> dict[str, Any]:
    """Return the context of a recommender's page. Eight statements, however much was tried.

    Clicks are counted only where the address asks for them (`clicks`, in days).
    """
    versions = list(recommender.versions.select_related("approved_by").order_by("-trained_at")[:6])
    active = next((one for one in versions if one.pk == recommender.active_id), None)
    active = active or recommender.active
    work = open_of(tasks.TRAIN, f"{recommender.site_id.hex}:{recommender.pk}")
    may_change = request.user.has_perm(CHANGE)
    return {
        "serving": active,
        "method": "" if active is None else METHODS.get(active.method, active.method),
        "held": is_held(recommender),
        "versions": [
            {
                "row": one,
                "method": METHODS.get(one.method, one.method),
                "level": _LEVELS.get(one.state, "plain"),
                "may_serve": may_change
                and one.pk != recommender.active_id
                and one.state != _State.REFUSED,
            }
            for one in versions
        ],
        "trial": _newest_trial(recommender),
        "work": None if work is None else _progress(work),
        "refresh_s": REFRESH_S if work is not None else 0,
        "may_change": may_change,
        "decide": reverse("admin:recommendations_recommender_decide", args=[recommender.pk]),
        "tried": _tried(request, recommender, now),
        "may_count_clicks": clicked.is_counted(),
        "clicks": _clicks(request, recommender, now),
        "look": (
            reverse("admin:recommendations_recommender_look", args=[recommender.pk])
            if looks.may_look(request)
            else ""
        ),
        "items": reverse("admin:recommendations_item_changelist")
        + f"?site__id__exact={recommender.site_id}",
        "item_count": Item.objects.filter(site_id=recommender.site_id).count(),
    }


_LEVELS: Final[dict[str, str]] = {
    _State.ACTIVE: "ok",
    _State.CANDIDATE: "info",
    _State.REFUSED: "warn",
}


def _progress(standing: Any) -> dict[str, Any]:
    total = standing.total_steps
    return {
        "state": standing.state,
        "note": standing.note,
        "pct": round(100 * standing.done_steps / total) if total else None,
    }


def _newest_trial(recommender: Recommender) -> dict[str, Any] | None:
    newest = recommender.trials.order_by("-tried_at").first()
    if newest is None:
        return None
    rows = list(recommender.trials.filter(tried_at=newest.tried_at))
    told = [row for row in rows if "ndcg" in row.figures]
    most = max((row.figures["ndcg"][2] for row in told), default=0.0) or 1.0
    lines = [_line(row, most) for row in sorted(told, key=lambda row: -row.figures["ndcg"][0])]
    lines += [_line(row, most) for row in rows if row not in told]
    return {
        "at": newest.tried_at,
        "cut": newest.cut_at,
        "people": max((row.people for row in rows), default=0),
        "steps": max((row.figures.get("steps", 0) for row in rows), default=0),
        "lines": lines,
        "k": newest.k,
        "fewest": shelf.FEWEST,
        "has_figures": bool(told),
    }


def _line(row: Trial, most: float) -> Line:
    name = METHODS.get(row.method, row.method)
    is_baseline = row.method in COSTS_NOTHING
    if "ndcg" not in row.figures:
        problem = row.figures.get("problem", "Nobody could be followed.")
        return Line(name, {}, 0, 0, 0, row.won, is_baseline, "", problem)
    value, low, high = row.figures["ndcg"]
    figures = {
        "ndcg": f"{value:.4f}",
        "interval": f"{low:.4f} to {high:.4f}",
        "recall": f"{row.figures['recall'][0]:.1%}",
        "hit_rate": f"{row.figures['hit_rate'][0]:.1%}",
        "coverage": f"{row.figures['coverage'][0]:.1%}",
        "novelty": f"{row.figures['novelty'][0]:.1f}",
        "gini": f"{row.figures['gini'][0]:.2f}",
    }
    bar, least, best = (round(100 * one / most) for one in (value, low, high))
    return Line(name, figures, bar, least, best, row.won, is_baseline, _beside(row))


def _beside(row: Trial) -> str:
    """How sure it is that a method is above what is popular, in words."""
    over = row.figures.get("over_popular")
    if over is None:
        return ""
    _, low, high = over
    if low > 0:
        # Trials of before did not judge their methods together.
        is_sure = row.figures.get("is_surely_above", True)
        return "surely above popular" if is_sure else "above popular, unless by chance"
    return "surely below popular" if high < 0 else "no sure difference"


def _clicks(request: HttpRequest, recommender: Recommender, now: datetime) -> dict[str, Any] | None:
    """How the site's lists were clicked in the last days that the address names, if it does."""
    asked = request.GET.get("clicks", "")
    if not asked.isascii() or not asked.isdigit() or len(asked) > 2:
        return None
    days = min(max(int(asked), 1), clicked.MOST_DAYS)
    found = clicked.count(
        recommender.site_id,
        event=recommender.event_name,
        since=now - timedelta(days=days),
        until=now,
        most=MOST_DECISIONS,
    )
    if found is None:
        return None
    return {
        "days": days,
        "since": found.since,
        "most": MOST_DECISIONS,
        "site": recommender.site.key,
        "event": recommender.event_name,
        "lists": found.lists,
        "explored": found.explored,
        "is_measured": found.is_measured,
        "least": positions.LEAST_SHOWN,
        "places": [
            {
                "place": one.place,
                "shown": one.shown,
                "clicked": one.clicked,
                "share": _percent(one.share),
                "rate": _percent(one.rate),
                "looked_at": f"{one.looked_at:.2f}",
            }
            for one in found.places
        ],
        "methods": [
            {
                "name": METHODS.get(one.method, one.method),
                "shown": one.shown,
                "clicked": one.clicked,
                "rate": _percent(one.rate),
                "as_first": _percent(one.as_first),
            }
            for one in found.methods
        ],
    }


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _person(request: HttpRequest) -> UUID | None:
    """Whom the address names, while the reason for looking at them holds."""
    try:
        person = UUID(request.GET.get("person", ""))
    except ValueError:
        return None
    return person if looks.is_open(request, person) else None


def _tried(request: HttpRequest, recommender: Recommender, now: datetime) -> dict[str, Any]:
    """What would be shown after the items named in the address, by the table that serves.

    Or to the person named there, if a reason for the look was given: by what they met last.
    """
    asked = request.GET.get("met", "").replace("\x00", "")[:1000]
    met = [code.strip() for code in asked.split(",") if code.strip()][:MOST_MET]
    person = _person(request)
    if person is not None:
        met = list(met_by(recommender, person, MOST_MET, now))
    table = selectors.lists_of(recommender.site_id).get(recommender.key)
    found: dict[str, Any] = {
        "met": ", ".join(met), "lines": [], "unknown": [], "is_of_person": person is not None,
    }  # fmt: skip
    if table is None:
        return found
    if met:
        known = set(
            Item.objects.filter(site_id=recommender.site_id, code__in=met).values_list(
                "code", flat=True
            )
        )
        found["unknown"] = [code for code in met if code not in known]
    chosen = table.choose([(code, 1.0) for code in met], TRIED, current=met[0] if met else None)
    names = dict(
        Item.objects.filter(
            site_id=recommender.site_id, code__in=[one.code for one in chosen]
        ).values_list("code", "name")
    )
    found["lines"] = [
        {"code": one.code, "name": names.get(one.code, ""), "why": selectors.WORDS[one.why]}
        for one in chosen
    ]
    return found
