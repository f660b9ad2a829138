"""What health asks the database."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, F, Q, Sum
from django.db.models.fields.json import KT

from apps.experiments.models import Change, Phase, Serving, Uncounted

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
        everybody, mixed: participants, and those who were shown several arms; bots: by arm.
        first_stop: when an arm was stopped first; stopped_since: those that are, since when.
        let_go_on: keys of arms that were stopped and are shown again.
    """

    everybody: int = 0
    mixed: int = 0
    mixed_by_arm: Mapping[int, int] = field(default_factory=dict)
    bots: Mapping[int, int] = field(default_factory=dict)
    first_stop: datetime | None = None
    stopped_since: Mapping[str, datetime] = field(default_factory=dict)
    let_go_on: tuple[str, ...] = ()


def facts_of(phase: Phase) -> Facts:
    """Return what health needs of a phase. Two queries."""
    rows = phase.participants.order_by().values_list("arm")
    counts = rows.annotate(
        n=Count("pk"),
        mixed=Count("pk", filter=Q(is_mixed=True)),
        bots=Count("pk", filter=Q(is_bot=True)),
    )
    by_arm = {arm: numbers for arm, *numbers in counts}
    first, since, resumed = _stops(phase)
    return Facts(
        everybody=sum(n for n, _, _ in by_arm.values()),
        mixed=sum(mixed for _, mixed, _ in by_arm.values()),
        mixed_by_arm={arm: mixed for arm, (_, mixed, _) in by_arm.items() if mixed},
        bots={arm: bots for arm, (_, _, bots) in by_arm.items() if bots},
        first_stop=first,
        stopped_since=since,
        let_go_on=resumed,
    )


def _stops(phase: Phase) -> tuple[datetime | None, dict[str, datetime], tuple[str, ...]]:
    first: datetime | None = None
    since: dict[str, datetime] = {}
    resumed: dict[str, None] = {}
    changes = Change.objects.filter(
        experiment_id=phase.experiment_id,
        phase=phase.number,
        action__in=("arm_stopped", "arm_resumed"),
    )
    for action, at, arm in changes.order_by("at", "pk").values_list("action", "at", "detail__arm"):
        if action == "arm_stopped":
            first = first or at
            since[arm] = at
            resumed.pop(arm, None)
        elif since.pop(arm, None) is not None:
            resumed[arm] = None
    return first, {key: at for key, at in since.items() if key in phase.stopped}, tuple(resumed)


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


def serving_phase(phase: Phase) -> int | None:
    """Return the number of the phase that visitors get; None: never published. One query."""
    newest = Serving.objects.filter(experiment_id=phase.experiment_id).order_by("-publication")
    return newest.values_list("phase__number", flat=True).first()


def uncounted(phase: Phase) -> tuple[dict[str, int], int]:
    """Return exposures of unknown arms by what they said, and those without consent. One query."""
    rows = Uncounted.objects.filter(
        site_id=phase.experiment.site_id,
        experiment=phase.experiment.key,
        day__gte=phase.started_at.date(),
    )
    arms: dict[str, int] = {}
    consent = 0
    for why, arm, n in rows.order_by().values_list("why", "arm").annotate(n=Sum("n")):
        if why == Uncounted.Why.ARM:
            arms[arm] = n
        elif why == Uncounted.Why.CONSENT:
            consent += n
    return arms, consent


def name_of(phase: Phase, key: str) -> str:
    """Return the name of an arm."""
    return next((str(arm["name"]) for arm in phase.arms if arm["key"] == key), key)
