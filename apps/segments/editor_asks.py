"""What a form of a condition asks for while somebody writes: values seen, and thresholds."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest

from apps.segments import admin_views
from apps.segments.baselines import GOAL
from apps.segments.editor_values import values_seen
from apps.segments.studies import proposals as studies
from apps.segments.studies.boxed import FEWEST
from apps.segments.studies.proposals import Proposed, Study
from apps.work import clock
from engine.conditions.trace_words import found_text
from engine.errors import InvalidCondition

FEW: Final = f"fewer than {FEWEST}"
SMALL: Final = 10  # people a day: below that a decimal is told


@admin_views.json_view
def values(request: HttpRequest, body: Mapping[str, Any]) -> dict[str, Any]:
    """{"site" or "segment", "of", "name", "event"?, "prefix"?}: values really seen, most first.

    `of` is "property", "trait" or "context".
    """
    found = values_seen(
        _site(body),
        of=str(body.get("of", "")),
        name=str(body.get("name", "")),
        event=str(body.get("event", "")),
        prefix=str(body.get("prefix", "")),
    )
    return {"values": found}


@admin_views.json_view
def proposals(request: HttpRequest, body: Mapping[str, Any]) -> dict[str, Any]:
    """{"site" or "segment", "leaf", "path"?, "goal"?, "horizonDays"?}: thresholds and their effect.

    `path` of the number below the leaf: ["value"], ["for"], ["within"], ["times"] or
    ["window", "last"].
    """
    leaf, horizon, at = body.get("leaf"), body.get("horizonDays", 7), body.get("path", ["value"])
    if not isinstance(leaf, dict) or not isinstance(at, list):
        raise InvalidCondition("leaf", "expected a condition, and the path of a number in it")
    found = studies.study(
        _site(body),
        leaf,
        [str(name) for name in at],
        goal=str(body.get("goal") or GOAL).strip(),
        horizon_days=horizon if isinstance(horizon, int) else 0,
        now=clock.now(),
    )
    return {
        "now": _row(found, found.now),
        "proposed": [_row(found, one) for one in found.proposed],
        "bins": [
            {"low": one.low, "label": _number(found, one.low), "people": one.people}
            for one in found.bins
        ],
        "goal": found.goal,
        "horizonDays": found.horizon_days,
        "isWhole": found.is_whole,
        "said": _said(found),
    }


def _site(body: Mapping[str, Any]) -> UUID:
    if body.get("segment"):
        return admin_views.segment_of(body["segment"]).site_id
    site_id = admin_views.uuid_of(body.get("site"))
    if site_id is None:
        raise InvalidCondition("site", "expected the id of a site, or of a segment")
    return site_id


def _row(found: Study, one: Proposed) -> dict[str, Any]:
    return {
        "value": one.value,
        "number": one.number,
        "text": _number(found, one.number),
        "share": FEW if one.share is None else _percent(one.share),
        "aDay": _a_day(found, one),
        "false": _false(found, one),
    }


def _number(found: Study, number: float) -> str:
    return found_text(int(number) if found.is_age else number, "ms" if found.is_age else None)


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.1 else f"{share:.1%}"


def _a_day(found: Study, one: Proposed) -> str:
    if not found.is_whole:
        return "not known"
    if one.a_day is None:
        return FEW
    return f"{one.a_day:.1f}" if one.a_day < SMALL else f"{one.a_day:,.0f}"


def _false(found: Study, one: Proposed) -> str:
    if not found.is_whole:
        return "not known"
    if one.false_share is None or one.false_low is None or one.false_high is None:
        return f"{FEW} to judge by"
    return f"{one.false_share:.0%} ({one.false_low:.0%} to {one.false_high:.0%})"


def _said(found: Study) -> list[str]:
    """What the figures are, in sentences."""
    said = [
        f"Looked at {found.looked_at:,} of the {found.everyone:,} people who were here in the last"
        f" {found.days} days."
    ]
    if not found.is_whole:
        return [
            *said,
            "Only what is so now is known of a trait or a model's score, not what it was on each"
            " day: so nobody can say how often it would have been met, or how wrongly.",
        ]
    said.append(
        f"A false trigger is a person who met it and had no “{found.goal}” within"
        f" {found.horizon_days} {'day' if found.horizon_days == 1 else 'days'} afterwards. In"
        " brackets: where the true share lies with 95 % confidence."
    )
    if found.goal_share is not None:
        said.append(f"Of everyone, {_percent(found.goal_share)} did it in these days.")
    return said
