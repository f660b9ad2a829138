"""Starting, pausing, ramping, stopping and concluding: what changes what visitors are shown.

Nothing here publishes: the page, or the worker, that asks for it publishes the experiment's part.
Every step is a row of `Change` and an entry of the audit trail.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.access.services import Actor, record_audit
from apps.experiments.designing import WEIGHTS_TOLERANCE, check_design, money_problems
from apps.experiments.errors import InvalidExperiment, NotAsItStands, problem
from apps.experiments.layering import part_for
from apps.experiments.models import Arm, Change, Experiment, Phase

State = Experiment.State


@transaction.atomic
def start(*, experiment_id: UUID, actor: Actor, note: str = "", now: datetime) -> Phase:
    """Start a design: it is frozen as the first phase.

    Without a planned size it is marked for good.

    Raises:
        InvalidExperiment: it cannot be run as it is.
        NotAsItStands: it was started before.
    """
    if wrong := money_problems(experiment_id, now):
        raise InvalidExperiment(wrong)
    experiment = _locked(experiment_id)
    _require(experiment, "started", State.DRAFT)
    experiment.is_unplanned = experiment.per_arm is None
    return _begin(experiment, "started", actor, note, now)


@transaction.atomic
def begin_phase(
    *, experiment_id: UUID, actor: Actor, note: str, after: int | None = None, now: datetime
) -> Phase:
    """End the phase that runs, and start the design as it is now with a new seed.

    Everybody is dealt anew, and what was measured before stays with the phase before.

    Args:
        after: the number of the phase that is to end; None: whichever runs.

    Raises:
        InvalidExperiment, NotAsItStands: as `start`.
    """
    experiment = _locked(experiment_id)
    _require(experiment, "begun anew", State.RUNNING, State.PAUSED)
    if not note:
        raise InvalidExperiment([problem("note", "Say why it is begun anew.")])
    if after is not None and after != experiment.phase:
        raise NotAsItStands(f"Phase {experiment.phase} has begun already. Look at its page again.")
    _phase(experiment, now, ends=True)
    return _begin(experiment, "new_phase", actor, note, now)


@transaction.atomic
def pause(*, experiment_id: UUID, actor: Actor, note: str = "", now: datetime) -> None:
    """Show nobody an arm for a while. Who took part is measured on; the phase stays.

    Raises:
        NotAsItStands: it does not run.
    """
    experiment = _locked(experiment_id)
    _require(experiment, "paused", State.RUNNING)
    _to(experiment, State.PAUSED, "paused", actor, note, now)


@transaction.atomic
def resume(*, experiment_id: UUID, actor: Actor, note: str = "", now: datetime) -> None:
    """Go on with the phase that was paused: everybody gets the arm they had.

    Raises:
        NotAsItStands: it is not paused.
    """
    experiment = _locked(experiment_id)
    _require(experiment, "resumed", State.PAUSED)
    _to(experiment, State.RUNNING, "resumed", actor, note, now)


@transaction.atomic
def ramp(*, experiment_id: UUID, coverage: float, actor: Actor, now: datetime) -> None:
    """Let more visitors take part. Nobody is moved from one arm to another.

    Raises:
        InvalidExperiment: it would be fewer: who took part would be left without their arm.
        NotAsItStands: it does not run.
    """
    experiment = _locked(experiment_id)
    _require(experiment, "ramped", State.RUNNING, State.PAUSED)
    phase = _phase(experiment, now)
    if not phase.coverage <= coverage <= 1:
        raise InvalidExperiment(
            [
                problem(
                    "coverage",
                    f"Between {phase.coverage:.0%} and 100 %: with fewer, some would lose "
                    "their arm in the middle. Pause it, or begin a new phase.",
                )
            ]
        )
    detail = {"from": phase.coverage, "to": coverage}
    phase.coverage = experiment.coverage = coverage
    phase.save(update_fields=["coverage"])
    experiment.save(update_fields=["coverage"])
    _note(experiment, "ramped", actor, "", now, detail)


@transaction.atomic
def stop_arm(
    *,
    experiment_id: UUID,
    arm: str,
    actor: Actor,
    note: str,
    cause: str = "hand",
    figures: Mapping[str, Any] | None = None,
    now: datetime,
) -> bool:
    """Show the control in the place of an arm; False when that is so already.

    Its visitors keep their place, so nobody else is moved, and `let_go_on` undoes it.

    Args:
        figures: by which it was found out, kept with the change.

    Raises:
        InvalidExperiment: there is no such arm, or it is the control.
        NotAsItStands: it does not run.
    """
    experiment = _locked(experiment_id)
    _require(experiment, "changed", State.RUNNING, State.PAUSED)
    phase = _phase(experiment, now)
    found = next((one for one in phase.arms if one["key"] == arm), None)
    if found is None or found["is_control"]:
        raise InvalidExperiment([problem("arm", f"'{arm}' is not an arm that can be stopped.")])
    if arm in phase.stopped:
        return False
    phase.stopped = [*phase.stopped, arm]
    phase.save(update_fields=["stopped"])
    detail = {"arm": arm, "cause": cause} | ({"figures": dict(figures)} if figures else {})
    _note(experiment, "arm_stopped", actor, note, now, detail)
    return True


@transaction.atomic
def let_go_on(*, experiment_id: UUID, arm: str, actor: Actor, note: str, now: datetime) -> bool:
    """Show a stopped arm again; False when it was not stopped.

    Raises:
        NotAsItStands: the experiment does not run.
    """
    experiment = _locked(experiment_id)
    _require(experiment, "changed", State.RUNNING, State.PAUSED)
    phase = _phase(experiment, now)
    if arm not in phase.stopped:
        return False
    phase.stopped = [one for one in phase.stopped if one != arm]
    phase.save(update_fields=["stopped"])
    _note(experiment, "arm_resumed", actor, note, now, {"arm": arm})
    return True


@transaction.atomic
def set_shares(
    *,
    experiment_id: UUID,
    shares: Mapping[str, float],
    contexts: Mapping[str, Mapping[str, float]] | None = None,
    read: Phase | None = None,
    now: datetime,
) -> bool:
    """Give the arms of a bandit the shares that what works asks for; False: nothing changed.

    Args:
        shares: by the arm's key, at least 0, of the sum 1.
        contexts: the same for those in a segment, by its key.
        read: the phase that they were worked out from. Where another one runs by now, an arm was
            stopped or let go on, or somebody else has set shares, nothing is changed.

    Raises:
        InvalidExperiment: they are not that.
        NotAsItStands: it is no bandit, or does not run.
    """
    experiment = _locked(experiment_id)
    _require(experiment, "changed", State.RUNNING)
    if experiment.kind != Experiment.Kind.BANDIT:
        raise NotAsItStands("Only the shares of a bandit change while it runs.")
    phase = _phase(experiment, now)
    if read is not None and _as_read(phase) != _as_read(read):
        return False
    own = {key: dict(one) for key, one in (contexts or {}).items()}
    keys = {one["key"] for one in phase.arms}
    for each in (shares, *own.values()):
        total = sum(each.values())
        if keys != set(each) or min(each.values()) < 0 or abs(total - 1) > WEIGHTS_TOLERANCE:
            raise InvalidExperiment([problem("arms", "Give each arm a share; their sum is 1.")])
    if not own.keys() <= set(phase.segments):
        raise InvalidExperiment([problem("segments", "Shares for a segment it does not tell of.")])
    before = {one["key"]: one["weight"] for one in phase.arms}
    if before == dict(shares) and phase.bandit.get("contexts", {}) == own:
        return False
    phase.arms = [one | {"weight": shares[one["key"]]} for one in phase.arms]
    phase.bandit = phase.bandit | {"shared_at": now.isoformat(), "contexts": own}
    phase.save(update_fields=["arms", "bandit"])
    detail: dict[str, Any] = {"from": before, "to": dict(shares)}
    _note(experiment, "shares", None, "", now, detail | ({"contexts": own} if own else {}))
    return True


@transaction.atomic
def conclude(
    *, experiment_id: UUID, winner: str, learnings: str, actor: Actor, now: datetime
) -> None:
    """End an experiment for good, with what was learned; it stays in the archive.

    Args:
        winner: the key of an arm; empty: none.

    Raises:
        InvalidExperiment: there is no such arm.
        NotAsItStands: it was not started, or is concluded already.
    """
    experiment = _locked(experiment_id)
    _require(experiment, "concluded", State.RUNNING, State.PAUSED)
    phase = _phase(experiment, now, ends=True)
    if winner and winner not in {one["key"] for one in phase.arms}:
        raise InvalidExperiment([problem("winner", f"There is no arm '{winner}'.")])
    experiment.winner, experiment.learnings = winner, learnings
    experiment.concluded_at = now
    experiment.save(update_fields=["winner", "learnings", "concluded_at"])
    _to(experiment, State.CONCLUDED, "concluded", actor, "", now, {"winner": winner})


def _locked(experiment_id: UUID) -> Experiment:
    # Whoever publishes writes rows that name it: those do not wait for this.
    rows = Experiment.objects.select_for_update(of=("self",), no_key=True)
    rows = rows.select_related("placement")
    return rows.get(pk=experiment_id)


def _require(experiment: Experiment, done: str, *states: str) -> None:
    if experiment.state not in states:
        is_now = State(experiment.state).label.lower()
        raise NotAsItStands(f"It cannot be {done}: it is {is_now} now. Look at its page again.")


def _phase(experiment: Experiment, now: datetime, *, ends: bool = False) -> Phase:
    phase = experiment.phases.select_for_update(no_key=True).get(ended_at=None)
    if ends:
        phase.ended_at = now
        phase.save(update_fields=["ended_at"])
    return phase


def _as_read(phase: Phase) -> tuple[int, list[str], Any]:
    """What the shares of a bandit are worked out from, besides its figures."""
    return phase.number, sorted(phase.stopped), phase.bandit.get("shared_at")


def under_way(*, experiment_id: UUID) -> Phase:
    """Lock an experiment that is not over, and return its phase. In a transaction of the caller's.

    Raises:
        NotAsItStands: it was not started, or is concluded already.
    """
    experiment = _locked(experiment_id)
    _require(experiment, "concluded", State.RUNNING, State.PAUSED)
    phase: Phase = experiment.phases.select_for_update(no_key=True).get(ended_at=None)
    return phase


def _begin(experiment: Experiment, action: str, actor: Actor, note: str, now: datetime) -> Phase:
    # A placement runs one experiment: of two that begin at the same time one finds the other.
    placements = type(experiment.placement)._default_manager
    locked = placements.select_for_update(no_key=True, of=("self",)).select_related("block")
    experiment.placement = locked.get(pk=experiment.placement_id)
    arms = check_design(experiment)
    layer, start_at, end_at = part_for(experiment)
    number = experiment.phase + 1
    phase = Phase.objects.create(
        experiment=experiment,
        number=number,
        seed=f"{experiment.pk.hex}.{number}",
        arms=[_frozen(arm) for arm in arms],
        coverage=experiment.coverage,
        layer_key=layer,
        layer_start=start_at,
        layer_end=end_at,
        condition=experiment.condition,
        segments=list(experiment.segments),
        bandit=_moving(experiment),
        started_at=now,
    )
    experiment.phase = number
    experiment.save(update_fields=["phase", "is_unplanned"])
    _to(experiment, State.RUNNING, action, actor, note, now, {"arms": len(arms)})
    return phase


def _moving(experiment: Experiment) -> dict[str, Any]:
    """How the shares of a bandit move; nothing of another experiment."""
    if experiment.kind != Experiment.Kind.BANDIT:
        return {}
    return {
        "floor": experiment.bandit_floor,
        "burn_in": experiment.bandit_burn_in,
        "hours": experiment.bandit_hours,
        "is_contextual": experiment.is_contextual,
    }


def _frozen(arm: Arm) -> dict[str, Any]:
    return {
        "number": arm.number,
        "key": arm.key,
        "name": arm.name,
        "variant": None if arm.variant is None else str(arm.variant_id),
        "variant_key": "" if arm.variant is None else arm.variant.key,
        "weight": arm.weight,
        "is_control": arm.is_control,
        "levels": arm.levels,
        "changes": arm.changes if arm.variant is None else {},
    }


def _to(
    experiment: Experiment,
    state: str,
    action: str,
    actor: Actor,
    note: str,
    now: datetime,
    detail: Mapping[str, Any] | None = None,
) -> None:
    experiment.state = state
    experiment.save(update_fields=["state"])
    _note(experiment, action, actor, note, now, detail or {})


def _note(
    experiment: Experiment,
    action: str,
    actor: Actor,
    note: str,
    now: datetime,
    detail: Mapping[str, Any],
) -> None:
    Change.objects.create(
        experiment=experiment,
        phase=experiment.phase,
        at=now,
        action=action,
        by_id=None if actor is None else actor.pk,
        note=note[:500],
        detail=dict(detail),
    )
    record_audit(
        action=f"experiments.{action}",
        actor=actor,
        site_id=experiment.site_id,
        target_kind="experiments.experiment",
        target_id=str(experiment.pk),
        detail={"key": experiment.key, "phase": experiment.phase},
        now=now,
    )
