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
    """Return what the home page says of a site's experiments. At most two queries.

    By the result of the phase under way: what an earlier one has said is over.
    """
    experiment: Any = apps.get_model("experiments.experiment")
    going = experiment._default_manager.filter(
        site_id=site_id,
        state__in=[experiment.State.RUNNING, experiment.State.PAUSED],
    )
    rows = going.annotate(verdict=_of_result("document__verdict__kind"))
    placed = [(_place(one), one) for one in rows.order_by("name").values("pk", "state", "verdict")]
    placed.sort(key=lambda one: one[0][0])
    shown = {one["pk"]: place for place, one in placed[:SHOWN]}
    told = going.filter(pk__in=shown).annotate(
        people=_of_result("document__participants"), said=_of_result("document__verdict__words")
    )
    known = {one["pk"]: one for one in told.values("pk", "name", "people", "said")} if shown else {}
    return Card(
        [_line(known[pk], place[1], place[2]) for pk, place in shown.items() if pk in known],
        len(placed),
        sum(place[0] == 0 for place, _ in placed),
        sum(place[0] == 1 for place, _ in placed),
    )


def _of_result(path: str) -> Subquery:
    """One value of the result of an experiment's phase under way; None without a result."""
    result: Any = apps.get_model("experiments.result")
    own = result._default_manager.filter(
        phase__experiment=OuterRef("pk"), phase__number=OuterRef("phase")
    )
    return Subquery(own.values(found=KT(path))[:1])


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
