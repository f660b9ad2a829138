"""Experiments on the home page: which run, which need somebody, which can be concluded."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.apps import apps
from django.db.models import OuterRef, Subquery
from django.db.models.fields.json import KT
from django.urls import reverse

from apps.access import small_cells

SHOWN: Final = 5
# Kind of the verdict -> (place in the list, level of the badge, what the badge says).
_SAYS: Final[Mapping[str, tuple[int, str, str]]] = {
    "unhealthy": (0, "bad", "Needs attention"),
    "harm": (0, "bad", "Needs attention"),
    "worse": (1, "warn", "To be concluded"),
    "winner": (1, "ok", "To be concluded"),
    "no_difference": (1, "info", "To be concluded"),
}
_PAUSED: Final = (2, "warn", "Paused")
_RUNNING: Final = (3, "info", "Running")
JSON = Any


@dataclass(frozen=True, slots=True)
class Line:
    """One experiment that runs or is paused.

    Attributes:
        people: how many take part, as words; empty where nothing has been worked out.
    """

    name: str
    link: str
    level: str
    badge: str
    words: str
    people: str


@dataclass(frozen=True, slots=True)
class Card:
    """The experiments of a site that are not over, what needs somebody first.

    Attributes:
        lines: at most SHOWN.
        going: how many there are.
        attention: how many of them need somebody.
        concluding: how many of them can be concluded.
    """

    lines: list[Line]
    going: int
    attention: int
    concluding: int


def card(site_id: UUID) -> Card:
    """Return what the home page says of a site's experiments. One query."""
    experiment: Any = apps.get_model("experiments.experiment")
    result: Any = apps.get_model("experiments.result")
    newest = result._default_manager.filter(phase__experiment=OuterRef("pk"))
    newest = newest.order_by("-phase__number")
    rows = experiment._default_manager.filter(
        site_id=site_id,
        state__in=[experiment.State.RUNNING, experiment.State.PAUSED],
    ).annotate(
        people=Subquery(newest.values(found=KT("document__participants"))[:1]),
        verdict=Subquery(newest.values(found=KT("document__verdict__kind"))[:1]),
        said=Subquery(newest.values(found=KT("document__verdict__words"))[:1]),
    )
    wanted = ("pk", "name", "state", "people", "verdict", "said")
    placed = [(_place(one), one) for one in rows.order_by("name").values(*wanted)]
    placed.sort(key=lambda one: one[0][0])
    return Card(
        [_line(one, level, badge) for (_, level, badge), one in placed[:SHOWN]],
        len(placed),
        sum(place[0] == 0 for place, _ in placed),
        sum(place[0] == 1 for place, _ in placed),
    )


def _place(row: Mapping[str, JSON]) -> tuple[int, str, str]:
    found = _SAYS.get(row["verdict"] or "")
    if found is not None:
        return found
    return _PAUSED if row["state"] == "paused" else _RUNNING


def _line(row: Mapping[str, JSON], level: str, badge: str) -> Line:
    is_known = row["said"] is not None
    name = "admin:experiment_results" if is_known else "admin:experiments_experiment_change"
    return Line(
        row["name"],
        reverse(name, args=[row["pk"]]),
        level,
        badge,
        row["said"] or "Nothing has been worked out yet.",
        small_cells.words(int(row["people"])) if row["people"] is not None else "",
    )
