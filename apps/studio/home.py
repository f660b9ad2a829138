"""The home page: what is going on at one site, as far as the reader's role may know."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse

from apps.rules.selectors import trigger_troubles
from apps.segments.selectors import freshness
from apps.segments.types import Freshness
from apps.studio import selectors, sites
from apps.studio.audit_told import home_problems
from apps.studio.domain import problems
from apps.studio.domain.charts import Chart, share_pct, stacked
from apps.studio.domain.reasons import reason_words
from apps.studio.drafts import Drafts, drafts_of
from apps.studio.experiments.home_card import card as experiments_card
from apps.studio.live_now import coming, lately, live_now, unsaved_problems
from apps.studio.performance import performance
from apps.studio.release_problems import problems_of_releases
from apps.studio.tour import tour
from apps.studio.types import Intake, Outcomes, Piece, Problem
from apps.work import attention, clock

PUBLICATIONS_SHOWN: Final = 5
REFRESH_S: Final = 10

VIEW_INTAKE: Final = "events.view_intakeminute"
VIEW_QUARANTINE: Final = "events.view_quarantine"
VIEW_SEGMENTS: Final = "segments.view_segment"
VIEW_TRIGGERS: Final = "rules.view_trigger"
VIEW_RECOMMENDERS: Final = "recommendations.view_recommender"
VIEW_MODELS: Final = "predictions.view_modelspec"
VIEW_EXPERIMENTS: Final = "experiments.view_experiment"
VIEW_PUBLICATIONS: Final = "decisions.view_publication"
VIEW_DECISIONS: Final = "decisions.view_publication"  # shares, no single visitor
VIEW_CONTENT: Final = "content.view_block"
VIEW_WORK: Final = "work.view_intent"
VIEW_KEYS: Final = "access.view_apikey"
ADD_SOURCE: Final = "access.add_source"
PUBLISH: Final = "decisions.publish_site"


def context(request: HttpRequest) -> dict[str, Any]:
    """Return what the home page shows. The number of queries does not grow with the data."""
    site, all_sites = sites.choose(request)
    shown: dict[str, Any] = {
        "title": site.name if site is not None else "Home",
        "site": site,
        "sites": all_sites,
        "refresh_s": REFRESH_S,
        "links": _links(),
        "may_add_site": request.user.has_perm("access.add_site"),
    }
    if site is None:
        return shown
    page = _Page(request, site.id, clock.now())
    return shown | {"tour": tour(request, site)} | page.context()


def _links() -> list[tuple[str, str, str]]:
    return [
        ("API reference", reverse("docs"), "Every call, with examples"),
        ("Error codes", reverse("errors"), "What a refusal means"),
        ("Demo shop", "/demo/", "A page that uses all of it"),
    ]


class _Page:
    """One rendering of the home page: reads what the role may see, and gathers what is wrong."""

    def __init__(self, request: HttpRequest, site_id: UUID, now: datetime) -> None:
        self._may = request.user.has_perm
        self._user_id = int(request.user.pk or 0)
        self._site_id = site_id
        self._now = now
        self._problems: list[Problem] = []

    def context(self) -> dict[str, Any]:
        # In this order problems are listed: what visitors notice first comes first.
        shown = {
            **self._processes(),
            **self._backlog(),
            **self._publication(),
            **self._work(),
            **self._quarantine(),
            **self._segments(),
            **self._triggers(),
            **self._models(),
            **self._experiments(),
            **self._intake(),
            **self._decisions(),
            **self._senders(),
        }
        for notice in attention.notices(self._may, self._site_id, self._now):
            told = (notice.level, notice.text, "", notice.link, notice.link_words)
            self._problems.append(Problem(*told))
        order = {"bad": 0, "warn": 1, "info": 2}
        shown["problems"] = sorted(self._problems, key=lambda one: order[one.level])
        return shown

    def _found(self, found: Iterator[Problem]) -> None:
        self._problems.extend(found)

    def _processes(self) -> dict[str, Any]:
        found = selectors.processes()
        self._found(problems.of_processes(found))
        return {"processes": found}

    def _backlog(self) -> dict[str, Any]:
        backlog = selectors.backlog(self._site_id, self._now)
        self._found(problems.of_backlog(backlog))
        return {"backlog": backlog, "is_late": backlog.oldest_s >= problems.LATE_S}

    def _intake(self) -> dict[str, Any]:
        if not self._may(VIEW_INTAKE):
            return {}
        intake = selectors.intake(self._site_id, self._now)
        self._found(problems.of_intake(intake))
        return {"intake": intake, "intake_chart": intake_chart(intake)}

    def _quarantine(self) -> dict[str, Any]:
        if not self._may(VIEW_QUARANTINE):
            return {}
        held = selectors.held(self._site_id)
        link = f"{reverse('admin:events_quarantine_changelist')}?state__exact=waiting"
        self._found(problems.of_quarantine(held, link))
        return {"held": held, "held_total": sum(one.count for one in held), "held_link": link}

    def _segments(self) -> dict[str, Any]:
        if not self._may(VIEW_SEGMENTS):
            return {}
        segments = freshness(self._site_id)
        link = reverse("admin:segments_segment_changelist")
        self._found(problems.of_segments(segments, self._now, link))
        return {"segment_rows": segment_rows(segments), "segments_link": link}

    def _triggers(self) -> dict[str, Any]:
        if self._may(VIEW_TRIGGERS):
            link = reverse("admin:rules_trigger_changelist")
            for text in trigger_troubles(self._site_id):
                self._problems.append(Problem("bad", text, link=link, link_words="Triggers"))
        return {}

    def _models(self) -> dict[str, Any]:
        models = []
        if self._may(VIEW_RECOMMENDERS):
            found = selectors.recommenders(self._site_id)
            link = reverse("admin:recommendations_recommender_changelist")
            self._found(problems.of_models(found, self._now, link))
            models += found
        if self._may(VIEW_MODELS):
            found = selectors.models(self._site_id)
            link = reverse("admin:predictions_modelspec_changelist")
            self._found(problems.of_models(found, self._now, link))
            models += found
        may_see = self._may(VIEW_RECOMMENDERS) or self._may(VIEW_MODELS)
        rows = [(model, reverse(model.url_name, args=[model.id])) for model in models]
        return {"models": rows} if may_see else {}

    def _experiments(self) -> dict[str, Any]:
        may_see = self._may(VIEW_EXPERIMENTS)
        return {"experiments": experiments_card(self._site_id)} if may_see else {}

    def _publication(self) -> dict[str, Any]:
        if not self._may(VIEW_PUBLICATIONS):
            return {}
        listed = selectors.publications(self._site_id, PUBLICATIONS_SHOWN)
        serving = listed[0] if listed else None
        shown: dict[str, Any] = {
            "publications": listed,
            "serving": serving,
            "may_publish": self._may(PUBLISH),
        }
        if serving is None:
            self._problems.append(
                Problem(
                    "bad",
                    "No publication yet: pages that ask what to show get nothing.",
                    link=reverse("admin:publish") if self._may(PUBLISH) else "",
                    link_words="Publish the drafts",
                )
            )
        may_approve = self._may("decisions.approve_release")
        self._found(problems_of_releases(self._site_id, self._user_id, may_approve=may_approve))
        may_read = self._may(VIEW_CONTENT)
        shown["lately"] = lately(self._site_id, listed, with_saves=may_read)
        shown["coming"] = coming(self._site_id, self._now)
        if may_read:
            self._problems.extend(unsaved_problems(self._user_id, self._now))
            drafts = drafts_of(self._site_id)
            shown["live"] = live_now(self._site_id, self._now)  # what serves is known by then
            self._found(_of_drafts(drafts))
            self._found(home_problems(self._site_id))
            shown["drafts"] = drafts
        return shown

    def _work(self) -> dict[str, Any]:
        if not self._may(VIEW_WORK):
            return {}
        pieces = selectors.pieces(self._site_id, self._now)
        link = reverse("admin:work_intent_changelist")
        self._found(problems.of_work(pieces, self._now, link))
        return {"work_rows": [(piece, piece_pct(piece)) for piece in pieces], "work_link": link}

    def _decisions(self) -> dict[str, Any]:
        if not self._may(VIEW_DECISIONS):
            return {}
        outcomes = selectors.outcomes(self._site_id, self._now)
        curves = performance(self._site_id, self._now)
        return {
            "outcomes": outcomes, "reason_rows": reason_rows(outcomes), "performance": curves,
        }  # fmt: skip

    def _senders(self) -> dict[str, Any]:
        if not self._may(VIEW_KEYS):
            return {}
        senders = selectors.senders(self._site_id, self._now)
        if not senders.sources:
            link = reverse("admin:access_source_add") if self._may(ADD_SOURCE) else ""
            text = "This site has no source: nothing can send events to it or ask it anything."
            self._problems.append(Problem("warn", text, link=link, link_words="Add a source"))
        elif not senders.keys:
            link = reverse("admin:access_source_changelist")
            text = "No API key of this site works: issue one on its source."
            self._problems.append(Problem("warn", text, link=link, link_words="Sources"))
        return {"senders": senders}


def _of_drafts(drafts: Drafts) -> Iterator[Problem]:
    for warning in drafts.warnings[: problems.NAMED]:
        yield Problem("warn", warning)


def intake_chart(intake: Intake) -> Chart:
    """Stack what was accepted, refused and dropped in each minute."""
    return stacked(
        [
            (
                f"{minute.at:%H:%M} UTC: {minute.accepted:,} accepted, "
                f"{minute.rejected:,} refused, {minute.without_consent:,} without consent",
                [
                    ("accepted", minute.accepted),
                    ("rejected", minute.rejected),
                    ("dropped", minute.without_consent),
                ],
            )
            for minute in intake.minutes
        ]
    )


def segment_rows(segments: list[Freshness]) -> list[tuple[Freshness, float]]:
    """Return segments with their size in percent of the largest, the largest first."""
    largest = max((segment.size or 0 for segment in segments), default=0)
    ordered = sorted(segments, key=lambda one: (-(one.size or 0), one.name))
    return [(segment, share_pct(segment.size or 0, largest)) for segment in ordered]


def reason_rows(outcomes: Outcomes) -> list[tuple[str, str, int, float]]:
    """Return (reason, what it means, answers, percent), the most frequent first."""
    total = sum(count for _, count in outcomes.reasons)
    return [
        (reason, reason_words(reason), count, share_pct(count, total))
        for reason, count in outcomes.reasons
    ]


def piece_pct(piece: Piece) -> float | None:
    """Return how far a piece of work is in percent; None when it has not said."""
    return share_pct(piece.done, piece.total) if piece.total else None
