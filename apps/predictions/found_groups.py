"""Groups of visitors and the worth of customers, as pages show them: reads, two small writes.

Nothing here needs the heavy libraries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Count

from apps.access.services import record_audit
from apps.predictions import tasks
from apps.predictions.domain.feature_names import feature_of
from apps.predictions.errors import UnknownFeature
from apps.predictions.models import Group, ModelSpec, ModelVersion, Score, TrainingRun
from apps.work.selectors import open_of
from apps.work.types import Standing

MAX_NAME: Final = 120
KEPT: Final = 12  # versions in the history of groups


@dataclass(frozen=True, slots=True)
class Model:
    """A model of one of these kinds."""

    id: UUID
    key: str
    name: str
    kind: str
    purpose: str
    window_days: int
    target_event: str
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Version:
    """A version as it is shown: `state` as its model has it."""

    id: UUID
    number: int
    state: str
    trained_at: datetime
    card: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """One group of a version.

    Attributes:
        size: of the people looked at; members: people who have it as their trait now.
        words: [{feature, words, mean, others, by}], the most different first.
        boxes: of a rule, each [[feature, low, high], ...]; fidelity: how near it came, F1.
    """

    key: str
    name: str
    size: int
    members: int
    stability: float | None
    words: Sequence[Mapping[str, Any]]
    boxes: Sequence[Sequence[Sequence[Any]]]
    fidelity: float | None
    segment_key: str


@dataclass(frozen=True, slots=True)
class State:
    """Where a model stands.

    Attributes:
        shown: what serves, else what waits for a yes; newest: what waits beside what serves.
        run_state, outcome, report: of the last training; ended_at None: it runs.
        work: asked for, and not done.
    """

    shown: Version | None
    newest: Version | None
    run_state: str
    outcome: str
    report: Mapping[str, Any] = field(default_factory=dict)
    ended_at: datetime | None = None
    work: Standing | None = None


def models_of(site_id: UUID, kinds: Sequence[str]) -> list[Model]:
    """Return the models of these kinds at a site, by name. One query."""
    rows = ModelSpec.objects.filter(site_id=site_id, kind__in=kinds).order_by("name", "key")
    return [
        Model(
            one.pk, one.key, one.name, one.kind, one.purpose, one.window_days, one.target_event,
            one.settings,
        )
        for one in rows
    ]  # fmt: skip


def state_of(model: Model) -> State:
    """Return where a model stands. Four queries."""
    versions = ModelVersion.objects.filter(spec_id=model.id, deleted_at=None)
    serving = versions.filter(state=ModelVersion.State.CHAMPION).first()
    waiting = versions.filter(
        state__in=(ModelVersion.State.CANDIDATE, ModelVersion.State.CHALLENGER)
    ).order_by("-number")
    newest = waiting.first()
    if serving is not None and newest is not None and newest.number < serving.number:
        newest = None
    shown = serving or newest
    run = TrainingRun.objects.filter(spec_id=model.id).order_by("-started_at").first()
    return State(
        shown=None if shown is None else _version(shown),
        newest=None if newest is None or newest == shown else _version(newest),
        run_state="" if run is None else run.state,
        outcome="" if run is None else run.outcome,
        report={} if run is None else run.report,
        ended_at=None if run is None else run.finished_at,
        work=open_of(tasks.TRAIN, str(model.id)),
    )


def groups_of(version_id: UUID) -> list[Found]:
    """Return the groups of a version, the largest first. Two queries."""
    rows = list(Group.objects.filter(version_id=version_id).order_by("-size", "key"))
    if not rows:
        return []
    scores = Score.objects.filter(spec__versions=version_id, output="")
    members = dict(scores.values_list("label").annotate(people=Count("*")))
    return [
        Found(
            key=one.key,
            name=one.name,
            size=one.size,
            members=members.get(one.key, 0),
            stability=one.stability,
            words=one.words,
            boxes=one.surrogate.get("boxes", []),
            fidelity=one.surrogate.get("fidelity"),
            segment_key=one.segment_key,
        )
        for one in rows
    ]


def history_of(model: Model) -> tuple[list[Version], list[tuple[str, str, list[int | None]]]]:
    """Return the last versions, oldest first, and of each group its size in each. Two queries.

    A group is (key, name, sizes): None where it was not there.
    """
    newest = ModelVersion.objects.filter(spec_id=model.id).order_by("-number")[:KEPT]
    versions = [_version(one) for one in reversed(newest)]
    place = {one.id: number for number, one in enumerate(versions)}
    sizes: dict[str, list[int | None]] = {}
    names: dict[str, str] = {}
    rows = Group.objects.filter(version_id__in=list(place)).order_by("version__number", "key")
    for key, name, size, version_id in rows.values_list("key", "name", "size", "version_id"):
        sizes.setdefault(key, [None] * len(versions))[place[version_id]] = size
        names[key] = name
    return versions, [(key, names[key], own) for key, own in sizes.items()]


def look_again(*, model: Model, now: datetime) -> None:
    """Ask a worker to learn anew; its progress shows with the model."""
    tasks.ask(tasks.TRAIN, tasks.TRAIN_QUEUE, ModelSpec.objects.get(pk=model.id), now)


def rename(*, model: Model, key: str, name: str, actor: Any, now: datetime) -> None:
    """Give a group another name; its key stays, and with it whatever asks for it.

    The name goes with the key into versions to come.
    """
    with transaction.atomic():
        Group.objects.filter(version__spec_id=model.id, key=key).update(name=name[:MAX_NAME])
        _audit("predictions.group_renamed", model, key, actor, now)


def became_segment(*, model: Model, key: str, segment_key: str, actor: Any, now: datetime) -> None:
    """Note which segment an editor made of a group."""
    with transaction.atomic():
        Group.objects.filter(version__spec_id=model.id, key=key).update(segment_key=segment_key)
        _audit("predictions.group_made_segment", model, key, actor, now)


def condition_parts(
    boxes: Sequence[Sequence[Sequence[Any]]], window_days: int
) -> list[list[dict[str, Any]]] | None:
    """Return the boxes of a rule as conditions: any of the lists, all of each.

    None where nothing can be asked: no boxes, or a feature that no condition asks for (any more).
    """
    found = []
    for box in boxes:
        parts = []
        for name, low, high in box:
            try:
                condition = feature_of(name).condition
            except UnknownFeature:
                return None
            if condition is None:
                return None
            if low is not None or high is not None:
                parts.append(condition(f"{window_days}d", low, high))
        if not parts:
            return None
        found.append(parts)
    return found or None


def words_of(name: str) -> str:
    """Return what a feature measures, in words; its name where nothing computes it any more."""
    try:
        return feature_of(name).words
    except UnknownFeature:
        return name


def _audit(action: str, model: Model, key: str, actor: Any, now: datetime) -> None:
    site_id = ModelSpec.objects.values_list("site_id", flat=True).get(pk=model.id)
    record_audit(
        action=action,
        actor=actor,
        site_id=site_id,
        target_kind="predictions.modelspec",
        target_id=str(model.id),
        detail={"model": model.key, "group": key},
        now=now,
    )


def _version(one: ModelVersion) -> Version:
    return Version(one.pk, one.number, one.state, one.trained_at, one.card)
