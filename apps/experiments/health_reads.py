"""What health asks the database."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, F, Q
from django.db.models.fields.json import KT

from apps.experiments.models import Change, Participant, Phase, Serving, Uncounted

# What a wrong split may come of: the fact -> its name.
CAUSES: Final[Mapping[str, str]] = {
    "day": "day",
    "browser": "browser",
    "country": "country",
    "source": "source",
    "device": "device",
}
SHOWN: Final = 12  # lines of a table
Table = dict[str, dict[int, int]]  # participants by the fact's value and the arm's number


@dataclass(frozen=True, slots=True)
class Facts:
    """What is asked of a phase once.

    Attributes:
        people: by arm, without bots and those who were shown several arms. Of a bandit, whose
            shares move, who was shown several counts for the first one.
        everybody, mixed: participants, and those who were shown several arms; bots: by arm.
        first_stop: when an arm was stopped first; stopped_since: those that are, since when.
        let_go_on: keys of arms that were stopped and are shown again.
        resumed_at: when somebody let an arm go on the last time, stopped again since or not.
        serves: number of the phase that visitors get; None: never published.
        unknown_arms: exposures of arms that it has not, by what they said; without_consent: others.
    """

    people: Mapping[int, int] = field(default_factory=Counter)
    everybody: int = 0
    mixed: int = 0
    mixed_by_arm: Mapping[int, int] = field(default_factory=dict)
    bots: Mapping[int, int] = field(default_factory=dict)
    first_stop: datetime | None = None
    stopped_since: Mapping[str, datetime] = field(default_factory=dict)
    let_go_on: tuple[str, ...] = ()
    resumed_at: Mapping[str, datetime] = field(default_factory=dict)
    serves: int | None = None
    unknown_arms: Mapping[str, int] = field(default_factory=dict)
    without_consent: int = 0


def facts_of(phases: Collection[Phase]) -> dict[UUID, Facts]:
    """Return what results and health need of each phase, by its id. Four queries for all."""
    counts, stops = _counts(phases), _stops(phases)
    serves, uncounted = _serves(phases), _uncounted(phases)
    found = {}
    for phase in phases:
        by_arm = counts.get(phase.pk, {})
        first, since, resumed, resumed_at = stops[phase.pk]
        arms, consent = uncounted[phase.pk]
        found[phase.pk] = Facts(
            people=Counter(
                {arm: n - (bots if phase.bandit else left)
                 for arm, (n, _, bots, left) in by_arm.items()}
            ),
            everybody=sum(n for n, *_ in by_arm.values()),
            mixed=sum(mixed for _, mixed, *_ in by_arm.values()),
            mixed_by_arm={arm: mixed for arm, (_, mixed, *_) in by_arm.items() if mixed},
            bots={arm: bots for arm, (_, _, bots, _) in by_arm.items() if bots},
            first_stop=first,
            stopped_since=since,
            let_go_on=resumed,
            resumed_at=resumed_at,
            serves=serves.get(phase.experiment_id),
            unknown_arms=arms,
            without_consent=consent,
        )  # fmt: skip
    return found


def _counts(phases: Collection[Phase]) -> dict[UUID, dict[int, tuple[int, int, int, int]]]:
    """Participants by arm: all, shown several, machines, and either of both."""
    rows = Participant.objects.filter(phase__in=phases).order_by().values_list("phase_id", "arm")
    counts = rows.annotate(
        n=Count("pk"),
        mixed=Count("pk", filter=Q(is_mixed=True)),
        bots=Count("pk", filter=Q(is_bot=True)),
        left=Count("pk", filter=Q(is_mixed=True) | Q(is_bot=True)),
    )
    found: dict[UUID, dict[int, tuple[int, int, int, int]]] = {}
    for phase_id, arm, n, mixed, bots, left in counts:
        found.setdefault(phase_id, {})[arm] = n, mixed, bots, left
    return found


Stops = tuple[datetime | None, dict[str, datetime], tuple[str, ...], dict[str, datetime]]


def _stops(phases: Collection[Phase]) -> dict[UUID, Stops]:
    rows = Change.objects.filter(
        experiment__in={phase.experiment_id for phase in phases},
        action__in=("arm_stopped", "arm_resumed"),
    )
    by_phase: dict[tuple[UUID, int], list[tuple[str, datetime, str]]] = {}
    for experiment_id, number, action, at, arm in rows.order_by("at", "pk").values_list(
        "experiment_id", "phase", "action", "at", "detail__arm"
    ):
        by_phase.setdefault((experiment_id, number), []).append((action, at, arm))
    return {
        phase.pk: _stops_of(phase, by_phase.get((phase.experiment_id, phase.number), []))
        for phase in phases
    }


def _stops_of(phase: Phase, changes: Sequence[tuple[str, datetime, str]]) -> Stops:
    first: datetime | None = None
    since: dict[str, datetime] = {}
    resumed: dict[str, None] = {}
    resumed_at: dict[str, datetime] = {}
    for action, at, arm in changes:
        if action == "arm_resumed":
            resumed_at[arm] = at
        if action == "arm_stopped":
            first = first or at
            since[arm] = at
            resumed.pop(arm, None)
        elif since.pop(arm, None) is not None:
            resumed[arm] = None
    stopped = {key: at for key, at in since.items() if key in phase.stopped}
    return first, stopped, tuple(resumed), resumed_at


def _serves(phases: Collection[Phase]) -> dict[UUID, int]:
    """The phase that the newest publication of each experiment serves."""
    rows = Serving.objects.filter(experiment__in={phase.experiment_id for phase in phases})
    newest = rows.order_by("experiment_id", "-publication").distinct("experiment_id")
    return dict(newest.values_list("experiment_id", "phase__number"))


def _uncounted(phases: Collection[Phase]) -> dict[UUID, tuple[dict[str, int], int]]:
    """Exposures of unknown arms by what they said, and those without consent, since the start."""
    rows = Uncounted.objects.filter(
        site__in={phase.experiment.site_id for phase in phases},
        experiment__in={phase.experiment.key for phase in phases},
        day__gte=min((phase.started_at.date() for phase in phases), default=date.max),
    )
    told: dict[tuple[UUID, str], list[tuple[date, str, str, int]]] = {}
    names = ("site_id", "experiment", "day", "why", "arm", "n")
    for site_id, key, day, why, arm, n in rows.values_list(*names):
        told.setdefault((site_id, key), []).append((day, why, arm, n))
    found = {}
    for phase in phases:
        arms: Counter[str] = Counter()
        consent = 0
        for day, why, arm, n in told.get((phase.experiment.site_id, phase.experiment.key), []):
            if day < phase.started_at.date():
                continue
            if why == Uncounted.Why.ARM:
                arms[arm] += n
            elif why == Uncounted.Why.CONSENT:
                consent += n
        found[phase.pk] = dict(arms), consent
    return found


def people_before(phase: Phase, before: datetime) -> Counter[int]:
    """Return the participants by arm who joined before a moment. One query."""
    rows = phase.participants.filter(is_bot=False, is_mixed=False, first_at__lt=before)
    return Counter(dict(rows.order_by().values_list("arm").annotate(n=Count("pk"))))


def counts_by(phase: Phase, name: str, before: datetime | None) -> Table:
    """Return participants by one of CAUSES and arm. One query."""
    rows = phase.participants.filter(is_mixed=False, is_bot=False)
    if before is not None:
        rows = rows.filter(first_at__lt=before)
    value: Any = F("day") if name == "day" else KT(f"facts__{name}")
    table: Table = {}
    counted = rows.order_by().annotate(value=value).values_list("value", "arm")
    for found, arm, n in counted.annotate(n=Count("pk")):
        table.setdefault("" if found is None else str(found), {})[arm] = n
    return table


def largest(table: Table) -> list[tuple[str, dict[int, int]]]:
    """Return the rows of most participants, those of days in their order."""
    rows = sorted(table.items(), key=lambda one: (-sum(one[1].values()), one[0]))[:SHOWN]
    is_days = all(len(value) == 10 and value[4] == value[7] == "-" for value, _ in rows)
    return sorted(rows) if is_days else rows


def name_of(phase: Phase, key: str) -> str:
    """Return the name of an arm."""
    return next((str(arm["name"]) for arm in phase.arms if arm["key"] == key), key)
