"""/admin/rules/tree/: what a placement asks, question by question, and how it was answered."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from apps.rules.selectors import condition_words, order_of, schedule_words, triggers_in
from apps.rules.types import rule_key_of
from apps.studio.domain.charts import share_pct
from apps.studio.domain.reasons import reason_words
from apps.studio.rules_pages import chosen_placement, opened
from apps.work import clock


@dataclass(frozen=True, slots=True)
class Branch:
    """One question and what it leads to.

    Attributes:
        asks, shows: in words.
        answers: how many of the newest answers went this way.
        state: why it takes no part, where it does not.
    """

    word: str
    asks: str
    shows: str
    answers: int
    share: float
    state: str = ""
    is_off: bool = False
    rule: Any = None
    trigger: Any = None


def tree(request: HttpRequest) -> HttpResponse:
    """The page. `placement`: its key; without one, those that have rules."""
    page = opened(request, "rules_tree", "Decision tree")
    if page is None:
        return redirect("admin:index")
    placement = chosen_placement(request, page)
    if placement is not None:
        now = clock.now()
        page.context |= _tree(page.site.id, placement, now)
    return TemplateResponse(request, "admin/rules/tree.html", page.context)


def _tree(site_id: UUID, placement: Any, now: datetime) -> dict[str, Any]:
    """The branches in the order in which a decision takes them. Three queries."""
    counts = served(site_id, placement.key, now)
    total = sum(counts.values())
    by_rule: dict[str, int] = {}
    for (key, _), count in counts.items():
        by_rule[key] = by_rule.get(key, 0) + count
    asked: list[tuple[int, str, Any, Any]] = [
        *((-one.priority, one.key, one, None) for one in order_of(site_id, placement.pk)),
        *(
            (-one.priority, rule_key_of(one.key), None, one)
            for one in triggers_in(site_id, placement.pk)
        ),
    ]
    branches: list[Branch] = []
    for _, key, rule, trigger in sorted(asked, key=lambda one: one[:2]):
        answers = by_rule.get(key, 0)
        state = schedule_words(rule, now) if rule is not None else ""
        is_off = rule is not None and not state.startswith("on")
        is_first = not any(not one.is_off for one in branches)
        branches.append(
            Branch(
                word="" if is_off else ("If" if is_first else "else if"),
                asks=condition_words(rule, "any visitor")
                if rule is not None
                else f"any visitor in “{trigger.segment.name}”",
                shows=(rule or trigger).variant.name,
                answers=answers,
                share=share_pct(answers, total),
                state=state if is_off else "",
                is_off=is_off,
                rule=rule,
                trigger=trigger,
            )
        )
    rest = [(reason, count) for (key, reason), count in counts.items() if not key]
    return {
        "branches": branches,
        "total": total,
        "rest": [
            (reason_words(reason), count, share_pct(count, total))
            for reason, count in sorted(rest, key=lambda one: -one[1])
        ],
        "rest_word": "Else" if any(not one.is_off for one in branches) else "Everybody",
    }


_SERVED = """
WITH newest AS MATERIALIZED (
  SELECT placements FROM decisions_decisionrecord
  WHERE site_id = %(site)s AND at > %(since)s ORDER BY at DESC LIMIT %(limit)s
)
SELECT coalesce(one->>'rule', ''), coalesce(one->>'reason', ''), count(*)
FROM newest, jsonb_array_elements(placements) AS one
WHERE one->>'placement' = %(placement)s GROUP BY 1, 2
"""


def served(site_id: UUID, placement_key: str, now: datetime) -> dict[tuple[str, str], int]:
    """Return how many of the newest answers a rule gave, by (rule, reason); "" for no rule.

    Of the last seven days, at most 5,000 calls. One query.
    """
    params: dict[str, Any] = {
        "site": str(site_id),
        "since": now - timedelta(days=7),
        "limit": 5_000,
        "placement": placement_key,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SERVED, params)
        return {(rule, reason): int(count) for rule, reason, count in cursor.fetchall()}
