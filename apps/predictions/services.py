"""Writes to predictions that others may ask for. Nothing here needs the heavy libraries at import.

`train_now` and `score_now` do: they are for workers, commands and tests.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import F

from apps.access import services as access
from apps.predictions import artifacts, tasks
from apps.predictions.domain.feature_names import features_of
from apps.predictions.domain.hyperparameters import settled
from apps.predictions.errors import GateFailed
from apps.predictions.gates import LEAST_NOTE, SAFETY, Gate, gates_of, red
from apps.predictions.models import ModelSpec, ModelVersion, TrainingRun

DECIDE: Final = "predictions.change_modelversion"
OVERRULE: Final = "predictions.overrule_modelversion"
Cause = TrainingRun.Cause
State = TrainingRun.State
Version = ModelVersion.State
# What of a card names events and categories, which visitors' own words may be.
_NAMED: Final = frozenset({"gains", "importance", "leaks", "dropped", "features"})


def create_spec(
    *,
    site_id: UUID,
    key: str,
    name: str,
    target_event: str,
    now: datetime,
    horizon_hours: int = 168,
    feature_names: Sequence[str] = (),
    hyperparameters: Mapping[str, Any] | None = None,
    **options: Any,
) -> ModelSpec:
    """Add a model to be trained, or return the one with this key.

    Args:
        options: other columns of the question, such as kind, method, target, moments, seed.

    Raises:
        UnknownFeature, InvalidHyperparameters: what cannot be trained is not kept.
    """
    features_of(feature_names)
    settled(options.get("method", ModelSpec.Method.TREES), hyperparameters or {})
    spec, _ = ModelSpec.objects.get_or_create(
        site_id=site_id,
        key=key,
        defaults={
            "name": name,
            "target_event": target_event,
            "horizon_hours": horizon_hours,
            "feature_names": list(feature_names),
            "hyperparameters": dict(hyperparameters or {}),
            "created_at": now,
            **options,
        },
    )
    return spec


def ask_training(*, spec: ModelSpec, now: datetime, cause: str = Cause.HAND) -> UUID:
    """Ask a worker to train; return the id of the intent, which shows the progress.

    Args:
        cause: one of TrainingRun.Cause.
    """
    return tasks.ask(tasks.TRAIN, tasks.TRAIN_QUEUE, spec, now, cause=cause)


def ask_scoring(*, spec: ModelSpec, now: datetime) -> UUID:
    """Ask a worker to bring the scores up to date; return the id of the intent."""
    return tasks.ask(tasks.SCORE, tasks.SCORE_QUEUE, spec, now)


def train_now(
    *, spec: ModelSpec, now: datetime, approve_as: Any = None, note: str = ""
) -> TrainingRun:
    """Train in this process; the run says what came of it.

    Args:
        approve_as: who says yes to what is ready, if it passes every gate; None: nobody yet.
        note: why, for the audit trail.
    """
    from apps.predictions import training

    run = training.train(spec_id=spec.pk, now=now)
    if approve_as is not None and run.version is not None and run.state == State.READY:
        approve(version=run.version, actor=approve_as, note=note, now=now)
        run.refresh_from_db()
    return run


def score_now(*, spec: ModelSpec, now: datetime) -> int:
    """Bring the scores up to date in this process; return how many profiles were looked at."""
    from apps.predictions import scoring

    return scoring.score(spec_id=spec.pk, now=now)


def champion_of(spec_id: UUID) -> ModelVersion | None:
    """Return the version that serves, None for none. One query."""
    return ModelVersion.objects.filter(spec_id=spec_id, state=ModelVersion.State.CHAMPION).first()


def approve(*, version: ModelVersion, actor: Any, note: str = "", now: datetime) -> None:
    """Let a version serve: somebody has said yes. Its scores follow; the audit trail tells.

    One that serves already stays as it is: people click twice.

    Raises:
        GateFailed: the actor may not, its file is gone, somebody was erased whom it learned from,
            or a gate is red and the actor is no administrator who says why (20 characters).
    """
    with transaction.atomic():
        found = _to_decide_on(version, actor)
        if found.state == Version.CHAMPION:
            return
        gates = gates_of(found, now=now)
        overruled = red(gates)
        if overruled:
            _require_overruling(actor, note, overruled)
        _serve(found, actor=actor, note=note, now=now)
        _promoted(found)
        action = "predictions.overruled" if overruled else "predictions.approved"
        _audit(action, found, actor, note, now, gates=gates)
    _copy(found, version)


def roll_back(*, spec: ModelSpec, actor: Any, note: str = "", now: datetime) -> ModelVersion:
    """Let the version serve again that served before; return it.

    Only what keeps people safe is asked again: that its file is whole, and that it is fair.

    Raises:
        GateFailed: the actor may not, or nothing that served before can serve again.
    """
    with transaction.atomic():
        ModelSpec.objects.select_for_update().get(pk=spec.pk)
        earlier = spec.versions.filter(state=Version.RETIRED, deleted_at=None, cut_at=None)
        reasons = []
        for version in earlier.order_by("-promoted_at", "-number"):
            found = _to_decide_on(version, actor)
            gates = [gate for gate in gates_of(found, now=now) if gate[0] in SAFETY]
            if not red(gates):
                # Why it may serve stays said, where nobody says it anew.
                _serve(found, actor=actor, note=note or found.approval_note, now=now)
                _audit("predictions.rolled_back", found, actor, note, now, gates=gates)
                return found
            reasons += [f"Version {found.number}: {words}" for _, _, words in red(gates)]
        raise GateFailed(" ".join(["Nothing that served before can serve again.", *reasons]))


def stop(*, spec: ModelSpec, actor: Any, note: str = "", now: datetime) -> bool:
    """Let nothing serve any more; the scores go with the next pass. False: nothing served.

    Raises:
        GateFailed: the actor may not.
    """
    with transaction.atomic():
        champion = champion_of(spec.pk)
        if champion is None:
            return False
        _require_may(actor)
        retire(version=champion, now=now)
        _audit("predictions.stopped", champion, actor, note, now)
    return True


def refuse(*, version: ModelVersion, actor: Any, note: str = "", now: datetime) -> None:
    """Say no to a version that waits.

    Raises:
        GateFailed: the actor may not, or it does not wait.
    """
    with transaction.atomic():
        found = _to_decide_on(version, actor)
        if found.state not in (Version.CANDIDATE, Version.CHALLENGER):
            raise GateFailed(f"{found} does not wait for an answer.")
        found.state = Version.REFUSED
        found.save(update_fields=["state"])
        _audit("predictions.refused", found, actor, note, now)
    _copy(found, version)


def start_shadow(version: ModelVersion, now: datetime) -> None:
    """Let a candidate foresee beside what serves, without serving; whoever did so waits again."""
    with transaction.atomic():
        spec = ModelSpec.objects.select_for_update().get(pk=version.spec_id)
        if not spec.versions.filter(pk=version.pk, state=Version.CANDIDATE).exists():
            return
        spec.versions.filter(state=Version.CHALLENGER).update(state=Version.CANDIDATE)
        version.state = Version.CHALLENGER
        version.shadow = {"since": now.isoformat(), "moments": []}
        version.save(update_fields=["state", "shadow"])


def _to_decide_on(version: ModelVersion, actor: Any) -> ModelVersion:
    """Return the row as it is now, under the lock of its question, if the actor may decide."""
    _require_may(actor)
    spec = ModelSpec.objects.select_for_update().get(pk=version.spec_id)
    found = spec.versions.select_related("spec").get(pk=version.pk)
    if found.deleted_at is not None:
        raise GateFailed(f"The file of {found} was deleted: train it again.")
    if found.cut_at is not None and found.state != Version.CHAMPION:
        raise GateFailed(f"Somebody whom {found} may have learned from was erased: train it again.")
    return found


def _require_may(actor: Any) -> None:
    if actor is None or not actor.has_perm(DECIDE):
        raise GateFailed("Analysts and administrators decide which model serves.")


def _require_overruling(actor: Any, note: str, gates: list[Gate]) -> None:
    said = " ".join(words for _, _, words in gates)
    if not actor.has_perm(OVERRULE):
        raise GateFailed(f"It may not serve yet. {said} Only an administrator may overrule this.")
    if len(note.strip()) < LEAST_NOTE:
        raise GateFailed(
            f"It may not serve yet. {said} To overrule this, say why in {LEAST_NOTE} characters "
            "at least: the audit trail keeps it."
        )


def _serve(version: ModelVersion, *, actor: Any, note: str, now: datetime) -> None:
    """Make it the champion, and who was it retired. Under the lock of the question."""
    versions = ModelVersion.objects.filter(spec_id=version.spec_id).exclude(pk=version.pk)
    versions.filter(state=Version.CHAMPION).update(state=Version.RETIRED)
    # What ran beside the one that has gone has nothing to be compared with.
    versions.filter(state=Version.CHALLENGER).update(state=Version.CANDIDATE)
    version.state, version.promoted_at = Version.CHAMPION, now
    version.approved_by, version.approved_at, version.approval_note = actor, now, note[:500]
    version.save(
        update_fields=["state", "promoted_at", "approved_by", "approved_at", "approval_note"]
    )
    ask_scoring(spec=version.spec, now=now)


def _promoted(version: ModelVersion) -> None:
    """Say in the run that what it left has been said yes to."""
    for run in version.runs.all():
        run.state = State.PROMOTED
        run.outcome = run.outcome.replace("is ready and waits for a yes", "serves")
        run.save(update_fields=["state", "outcome"])


def _audit(
    action: str,
    version: ModelVersion,
    actor: Any,
    note: str,
    now: datetime,
    *,
    gates: Sequence[Gate] = (),
) -> None:
    access.record_audit(
        action=action,
        actor=actor,
        site_id=version.spec.site_id,
        target_kind="predictions.modelversion",
        target_id=str(version.pk),
        detail={
            "model": version.spec.key,
            "version": version.number,
            "note": note[:500],
            "gates": {name: passed for name, passed, _ in gates},
        },
        now=now,
    )


def _copy(found: ModelVersion, version: ModelVersion) -> None:
    """Show the caller's object what was written."""
    for name in ("state", "promoted_at", "approved_by_id", "approved_at", "approval_note"):
        setattr(version, name, getattr(found, name))


def retire(*, version: ModelVersion, now: datetime) -> None:
    """Let nobody serve any more: the scores of this question go with the next pass."""
    with transaction.atomic():
        spec = ModelSpec.objects.select_for_update().get(pk=version.spec_id)
        spec.versions.filter(pk=version.pk).update(state=Version.RETIRED)
        ask_scoring(spec=spec, now=now)


def cut(*, site_id: UUID, now: datetime) -> list[UUID]:
    """Mark every trained model of a site that may have learned from who is erased now.

    Returns the ids of their questions; see `settle_cut`. Repeatable.
    """
    versions = ModelVersion.objects.filter(
        spec__site_id=site_id, deleted_at=None, trained_at__lte=now
    )
    versions.filter(cut_at=None).update(cut_at=now)
    # A training that is under way may have read the events already, and leaves its version later.
    learning = TrainingRun.objects.filter(
        spec__site_id=site_id, state=State.RUNNING, started_at__lte=now
    )
    found = {*versions.values_list("spec_id", flat=True)}
    return sorted(found.union(learning.values_list("spec_id", flat=True)))


def settle_cut(*, spec_id: UUID, cut_at: datetime, insist_at: datetime, now: datetime) -> bool:
    """Delete what was trained up to `cut_at`, once something newer serves; False: not yet.

    Until `insist_at` somebody has to say yes to a newer one; from then on the newest serves without
    a yes and without a gate, and where there is none, nobody: what learned from who was erased may
    not go on. This is the one exception, and the audit trail tells of it.
    """
    spec = ModelSpec.objects.filter(pk=spec_id).first()
    if spec is None:
        return True
    if spec.runs.filter(state=State.RUNNING, started_at__lte=cut_at).exists():
        return False  # what it leaves was learned from before
    champion = champion_of(spec.pk)
    if champion is not None and champion.trained_at <= cut_at:
        if now < insist_at:
            _replace(spec, cut_at, now)
            return False
        newer = _after(spec, cut_at)
        with transaction.atomic():
            if newer is not None:
                _serve(newer, actor=None, note="", now=now)
                _audit("predictions.replaced_after_erasure", newer, None, "", now)
            else:
                retire(version=champion, now=now)
                _audit("predictions.stopped_after_erasure", champion, None, "", now)
    for version in spec.versions.filter(deleted_at=None, trained_at__lte=cut_at):
        delete_artifact(version=version, now=now)
    return True


def _after(spec: ModelSpec, cut_at: datetime) -> ModelVersion | None:
    """Return the newest version that learned from nobody who was erased."""
    newer = spec.versions.filter(trained_at__gt=cut_at, deleted_at=None).order_by("-trained_at")
    return newer.exclude(state=Version.REFUSED).select_related("spec").first()


def _replace(spec: ModelSpec, cut_at: datetime, now: datetime) -> None:
    """Ask for one that may take the place, unless one waits for its yes already."""
    if _after(spec, cut_at) is None:
        ask_training(spec=spec, now=now, cause=Cause.ERASURE)


def delete_artifact(*, version: ModelVersion, now: datetime) -> None:
    """Delete the file of a version that serves no more, and the names in its card. Repeatable.

    How well it did stays: it is nobody's data.
    """
    assert version.state != Version.CHAMPION, "scoring would stop"
    card = {name: value for name, value in version.card.items() if name not in _NAMED}
    ModelVersion.objects.filter(pk=version.pk).update(
        deleted_at=now, card=card, feature_names=[], reference={}
    )
    # What a group is known by, and its size, tell of nobody; its words name events and categories.
    version.groups.update(name=F("key"), words=[], surrogate={}, center=[])
    transaction.on_commit(lambda: artifacts.delete(version.pk))


def stat_ops() -> Mapping[str, Callable[[Mapping[str, Any]], Any]]:
    """Return the arithmetic of models by name. Needs scikit-learn: workers only."""
    from apps.predictions.domain.ops import OPS

    return OPS
