"""What came of experiments that are over, as the archive shows them: reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Q

from apps.experiments.models import Experiment, Result

JSON = Any
PAGE: Final = 30
WON, LOST, NOTHING = "won", "lost", "nothing"
_LOST: Final = frozenset({"worse", "harm"})
_READ: Final = ("name", "key", "hypothesis", "learnings", "winner", "placement__name")


@dataclass(frozen=True, slots=True)
class Concluded:
    """An experiment of the archive.

    Attributes:
        outcome: "won": a person has made another arm than the control the winner; "lost": it was
            worse; "nothing": neither.
        winner: the name of the arm; empty: none.
        document: of its last phase, None where nothing was ever worked out.
    """

    id: UUID
    key: str
    name: str
    hypothesis: str
    placement: str
    winner: str
    learnings: str
    concluded_at: datetime
    outcome: str
    document: Mapping[str, JSON] | None


@dataclass(frozen=True, slots=True)
class Archive:
    """A page of the archive. `counts`: by outcome, of all that fit; `found`: how many fit."""

    rows: Sequence[Concluded]
    counts: Mapping[str, int]
    found: int


def archive(site_id: UUID, *, text: str = "", outcome: str = "", page: int = 1) -> Archive:
    """Return the concluded experiments of a site, the newest first. Four queries.

    Args:
        text: words that all stand somewhere in what was asked or learned.
        outcome: only these; empty: all.
    """
    over = Experiment.objects.filter(
        site_id=site_id, state=Experiment.State.CONCLUDED, concluded_at__isnull=False
    )
    for word in text.split()[:10]:
        over = over.filter(_anywhere(word))
    winners = dict(over.order_by("-concluded_at", "key").values_list("pk", "winner"))
    told = _told(winners)
    outcomes = {pk: _outcome(winner, told.get(pk)) for pk, winner in winners.items()}
    fitting = [pk for pk, one in outcomes.items() if not outcome or one == outcome]
    chosen = fitting[(page - 1) * PAGE : page * PAGE]
    rows = Experiment.objects.select_related("placement").in_bulk(chosen)
    documents: dict[UUID, Mapping[str, JSON]] = {}
    results = Result.objects.filter(phase__experiment__in=chosen).order_by("phase__number")
    documents.update(results.values_list("phase__experiment_id", "document"))
    counts = {one: list(outcomes.values()).count(one) for one in (WON, LOST, NOTHING)}
    return Archive(
        [_row(rows[pk], outcomes[pk], told.get(pk), documents.get(pk)) for pk in chosen],
        counts,
        len(fitting),
    )


def _anywhere(word: str) -> Q:
    found = Q()
    for name in _READ:
        found |= Q(**{f"{name}__icontains": word})
    return found


# The kind of the last verdict, and the arms.
_Told = tuple[str | None, list[dict[str, JSON]]]


def _told(ids: Mapping[UUID, str]) -> dict[UUID, _Told]:
    results = Result.objects.filter(phase__experiment__in=list(ids)).order_by("phase__number")
    return {
        pk: (kind, arms)
        for pk, kind, arms in results.values_list(
            "phase__experiment_id", "document__verdict__kind", "phase__arms"
        )
    }


def _outcome(winner: str, told: _Told | None) -> str:
    kind, arms = told or (None, [])
    control = next((arm["key"] for arm in arms if arm["is_control"]), "")
    if winner and winner != control:
        return WON
    return LOST if kind in _LOST else NOTHING


def _row(
    row: Experiment, outcome: str, told: _Told | None, document: Mapping[str, JSON] | None
) -> Concluded:
    names = {arm["key"]: arm["name"] for arm in (told[1] if told else [])}
    assert row.concluded_at is not None
    return Concluded(
        row.pk,
        row.key,
        row.name,
        row.hypothesis,
        row.placement.name,
        names.get(row.winner, row.winner),
        row.learnings,
        row.concluded_at,
        outcome,
        document,
    )
