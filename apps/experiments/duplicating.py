"""The same again, with a new question: a copy of a design as a draft."""

import itertools
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.text import slugify

from apps.access.services import Actor, record_audit
from apps.experiments.models import Arm, Experiment, Goal
from apps.work.ids import uuid7

_FRESH = {
    "state": Experiment.State.DRAFT, "phase": 0, "is_unplanned": False, "concluded_at": None,
    "winner": "", "learnings": "", "revision": 0, "archived_at": None,
}  # fmt: skip


@transaction.atomic
def duplicate(*, experiment_id: UUID, actor: Actor, now: datetime) -> Experiment:
    """Copy a design with its arms and goals; what was done and measured stays with the old one."""
    old = Experiment.objects.get(pk=experiment_id)
    arms, goals = list(old.arms.order_by("number")), list(old.goals.all())
    copy = Experiment.objects.get(pk=experiment_id)
    copy.pk, copy._state.adding = uuid7(), True
    for name, value in _FRESH.items():
        setattr(copy, name, value)
    copy.key = _free_key(old)
    copy.name = f"{old.name} again"[:120]
    copy.created_at = now
    copy.created_by_id = None if actor is None else actor.pk
    copy.save(force_insert=True)
    for goal in goals:
        goal.added_at = now
    rows: list[Arm | Goal] = [*arms, *goals]
    for row in rows:
        row.pk, row._state.adding, row.experiment = uuid7(), True, copy
        row.save(force_insert=True)
    record_audit(
        action="experiments.copied",
        actor=actor,
        site_id=copy.site_id,
        target_kind="experiments.experiment",
        target_id=str(copy.pk),
        detail={"key": copy.key, "from": old.key},
        now=now,
    )
    return copy


def make_combinations(experiment: Experiment) -> int:
    """Make an arm for each combination of a factorial's levels; return how many are new.

    Arms of no combination go. Each new one shows the default until another variant is chosen; the
    first combination is the control. Shares are even once anything was made.
    """
    factors = {str(one["key"]): [str(x) for x in one["levels"]] for one in experiment.factors}
    wanted = [
        dict(zip(factors, levels, strict=True)) for levels in itertools.product(*factors.values())
    ]
    arms = list(experiment.arms.order_by("number"))
    there = [arm.levels for arm in arms if arm.levels in wanted]
    missing = [levels for levels in wanted if levels not in there]
    gone = [arm for arm in arms if arm.levels not in wanted]
    if not missing and not gone:
        return 0
    for arm in gone:
        arm.delete()
    kept = [arm for arm in arms if arm not in gone]
    number = max((arm.number for arm in kept), default=-1) + 1
    block = experiment.placement.block
    default = None if block is None else block.variants.filter(is_default=True).first()
    if default is None:
        return 0
    has_control = any(arm.is_control for arm in kept)
    for place, levels in enumerate(missing):
        Arm.objects.create(
            experiment=experiment,
            number=number + place,
            key=slugify("-".join(levels.values()))[:90] or f"arm-{number + place}",
            name=", ".join(levels.values())[:120],
            variant=default,
            weight=0.0,
            is_control=not has_control and place == 0,
            levels=levels,
        )
    experiment.arms.update(weight=1 / len(wanted))
    return len(missing)


def _free_key(old: Experiment) -> str:
    """The old key with the next number that is free at the site."""
    stem = old.key[:90]
    taken = set(
        Experiment.objects.filter(site_id=old.site_id, key__startswith=stem).values_list(
            "key", flat=True
        )
    )
    return next(key for n in itertools.count(2) if (key := f"{stem}-{n}") not in taken)
