"""Learning what will happen: an event, an absence, or which of several categories comes next.

Only workers import this module (LightGBM, scikit-learn).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from apps.predictions import (
    artifacts,
    auditing,
    champion_gate,
    estimators,
    labels,
    leaving_out,
    measuring,
    mitigating,
    reading,
    runs,
    services,
    shadow,
    tuning,
    watching,
    weighed,
)
from apps.predictions.domain import passing
from apps.predictions.errors import ArtifactBroken, ModelRefused
from apps.predictions.estimators import Calibrated, Vector
from apps.predictions.fitted import Fitted, restored
from apps.predictions.gates import short_of
from apps.predictions.models import ModelSpec, ModelVersion, TrainingRun
from apps.predictions.reading import CALIBRATE, JUDGE, TEACH, Looked
from apps.work.ids import uuid7
from apps.work.types import Progress

# Of the whole work, in hundredths: where each stage ends.
READ, CHOSEN, LEARNED, JUDGED, DONE = 40, 60, 85, 95, 100


def train(spec: ModelSpec, run: TrainingRun, now: datetime, progress: Progress) -> None:
    """Look back, learn, judge, and keep one version that waits for a yes.

    Raises:
        ModelRefused: too little to learn from, or nothing that beats the plain rate.
    """
    champion = services.champion_of(spec.pk)
    runs.at_stage(run, "Looking back")
    looked = reading.read(spec, champion, now=now, progress=runs.within(progress, 0, READ, DONE))
    looked = mitigating.without(spec, looked)
    run.rows = sum(len(one.y) for one in looked.moments)
    run.positives = int(sum(one.y.sum() for one in looked.moments))
    asked = labels.labels_of(spec)
    told = _teachable(looked, asked)
    runs.at_stage(run, "Choosing how")
    choice, trials = _chosen(spec, looked, told[0], runs.within(progress, READ, CHOSEN, DONE))
    runs.at_stage(run, "Learning")
    weights = {output: mitigating.weights_of(spec, looked, output, now=now) for output in told}
    parts = _learned(spec, looked, asked, weights, choice, progress)
    runs.at_stage(run, "Judging")
    progress(LEARNED, DONE, "Judging")
    judged = _judged(spec, looked, asked, parts)
    fitted = Fitted({output: parts[output] for output in judged})
    version = _version(spec, looked, fitted, choice, now)
    reason = _measure(version, champion, looked, judged, fitted)
    if len(judged) == 1:
        runs.at_stage(run, "Would more data help?")
        told_of = runs.within(progress, LEARNED, JUDGED, DONE)
        version.card["learning"] = _learning(spec, looked, choice, told[0], told_of)
    run.report = {
        "trials": [one.document() for one in trials],
        "infinite": reading.infinities(looked),
    }
    runs.at_stage(run, "Keeping")
    progress(JUDGED, DONE, "Keeping")
    _keep(version, fitted)
    auditing.audit_new(version, now=now)
    run.version = version
    _end(run, version, reason, now)
    progress(DONE, DONE, "Done")


def _measure(
    version: ModelVersion,
    champion: ModelVersion | None,
    looked: Looked,
    judged: Mapping[str, weighed.Judged],
    fitted: Fitted,
) -> str | None:
    """Write card, gates and reference; return why it should serve, None: it need not."""
    version.card = weighed.card_of(judged) | {"dropped": looked.dropped}
    version.card["importance"] = measuring.importance(looked, fitted)
    version.card[champion_gate.AGAINST] = None if champion is None else champion.number
    reason = _reason_to_replace(champion, version, looked, judged)
    version.online_us = measuring.microseconds(fitted, looked.x(JUDGE))
    version.gates = [list(gate) for gate in _gates(version, looked, judged, fitted, reason)]
    version.reference = watching.reference_of(
        looked.names,
        looked.x(JUDGE),
        {output: one.foreseen for output, one in judged.items()},
        np.column_stack([one.y for one in judged.values()]),
    )
    version.reference["deciles"] = measuring.deciles(looked)
    return reason


def _teachable(looked: Looked, asked: Sequence[labels.Label]) -> list[int]:
    """Return which outputs have enough to learn from; the most frequent first.

    Raises:
        ModelRefused: none has.
    """
    refusals, found = [], []
    for output, label in enumerate(asked):
        try:
            reading.require_enough(looked, f"'{label.words}' came true", output)
        except ModelRefused as refusal:
            refusals.append(refusal)
        else:
            found.append(output)
    if not found:
        raise refusals[0]
    return sorted(found, key=lambda output: -looked.y(TEACH, output).sum())


def _chosen(
    spec: ModelSpec, looked: Looked, output: int, progress: Progress
) -> tuple[tuning.Choice, Sequence[tuning.Trial]]:
    return tuning.search(spec, _rows(looked, output), progress)


def _rows(looked: Looked, output: int) -> tuning.Rows:
    return tuning.Rows(
        names=looked.names,
        x=looked.x(TEACH),
        y=looked.y(TEACH, output),
        times=looked.times(TEACH),
        groups=looked.people(TEACH),
        categorical=(),
    )


def _learned(
    spec: ModelSpec,
    looked: Looked,
    asked: Sequence[labels.Label],
    weights: Mapping[int, Vector | None],
    choice: tuning.Choice,
    progress: Progress,
) -> dict[str, Calibrated]:
    """Teach one model for each output, calibrated on a time that did not teach."""
    width = (LEARNED - CHOSEN) // len(weights)
    return {
        asked[output].output: estimators.fitted(
            choice.method,
            choice.hyperparameters,
            seed=spec.seed,
            teach=(looked.x(TEACH), looked.y(TEACH, output)),
            calibrate=(looked.x(CALIBRATE), looked.y(CALIBRATE, output)),
            weight=weight,
            progress=runs.within(
                progress, CHOSEN + place * width, CHOSEN + (place + 1) * width, DONE
            ),
        )
        for place, (output, weight) in enumerate(weights.items())
    }


def _judged(
    spec: ModelSpec,
    looked: Looked,
    asked: Sequence[labels.Label],
    parts: Mapping[str, Calibrated],
) -> dict[str, weighed.Judged]:
    """Judge each output on the newest time, and keep those that beat the plain rate.

    Raises:
        ModelRefused: none does.
    """
    found, refusals = {}, []
    for place, label in enumerate(asked):
        if label.output in parts:
            one = weighed.judge(spec, looked, parts[label.output], place)
            if one.gained.is_certain:
                found[label.output] = one
            else:
                refusals.append(one)
    if not found:
        raise ModelRefused(refusals[0].words())
    return found


def _version(
    spec: ModelSpec, looked: Looked, fitted: Fitted, choice: tuning.Choice, now: datetime
) -> ModelVersion:
    data = looked.sha256()
    return ModelVersion(
        pk=uuid7(),
        spec=spec,
        trained_at=now,
        feature_names=looked.names,
        method=choice.method,
        calibration=fitted.calibration(),
        data_sha256=data,
        lineage={
            "question": question(spec),
            "words": [one.words for one in labels.labels_of(spec)],
            "method": choice.method,
            "hyperparameters": dict(next(iter(fitted.parts.values())).estimator.document()),
            "knows_by": looked.moments[-1].knows_by,
            "moments": [
                {
                    "part": part,
                    "as_of": one.as_of.isoformat(),
                    "rows": len(one.y),
                    "positives": int(one.y.sum()),
                }
                for part, one in looked.parts()
            ],
            "rows_sha256": data,
            "software": measuring.software(),
        },
        card={},
    )


def question(spec: ModelSpec) -> dict[str, Any]:
    """Return what a version answers. Two that differ in it cannot be compared."""
    return {
        "kind": spec.kind,
        "target_event": spec.target_event,
        "target": spec.target,
        "horizon_hours": spec.horizon_hours,
        "active_days": spec.active_days,
        "window_days": spec.window_days,
    }


def _reason_to_replace(
    champion: ModelVersion | None,
    version: ModelVersion,
    looked: Looked,
    judged: Mapping[str, weighed.Judged],
) -> str | None:
    """Return why the version should serve, None when the champion is as good for all we know.

    Both answer for the same visitors at the same moment, which neither was taught with.
    """
    if champion is None:
        return "it is the first that beats the plain rate"
    if champion.lineage.get("question") != version.lineage["question"]:
        return "the champion answered another question"
    if champion.cut_at is not None:
        return "somebody was erased whom the champion may have learned from"
    if not reading.computable(champion.feature_names):
        return "nothing computes what the champion looks at any more"
    try:
        old = restored(champion).outputs(looked.x(JUDGE, champion.feature_names))
    except ArtifactBroken:
        return "the champion's file is broken"
    shared = [output for output in judged if output in old]
    if not shared:
        return "the champion foresees none of the same"
    compared = weighed.compared({output: judged[output] for output in shared}, old)
    version.card["champion_log_loss"] = compared.other
    version.card["champion_gain"] = [compared.gained.mean, compared.gained.standard_error]
    if not compared.gained.is_certain:
        return None
    return (
        f"it is surely better than the champion on the newest time (log loss "
        f"{compared.own:.4f} against {compared.other:.4f})"
    )


def _gates(
    version: ModelVersion,
    looked: Looked,
    judged: Mapping[str, weighed.Judged],
    fitted: Fitted,
    reason: str | None,
) -> list[passing.Gate]:
    """Return what is measured now and frozen with the version."""
    card = version.card
    first = next(iter(judged.values()))
    flags = leaving_out.flags(version.spec, looked, fitted.parts)
    vouched = version.spec.settings.get("vouched", [])
    mean, error = card["advantage"]
    return [
        (
            "beats_plain",
            True,
            f"Log loss {card['log_loss']:.4f}, against {card['base_log_loss']:.4f} for telling "
            f"everyone the plain rate: better by {mean:.4f}, give or take {1.96 * error:.4f}.",
        ),
        passing.beats_rules(weighed.over_rules(judged)),
        (
            "beats_champion",
            reason is not None,
            f"It may serve: {reason}."
            if reason is not None
            else "It is not surely better than what serves on the newest time (log loss "
            f"{card['log_loss']:.4f}, the champion {card['champion_log_loss']:.4f}).",
        ),
        passing.calibrated(card["calibration_error"], card["bins"]),
        passing.no_leak([leak.words for leak in flags if leak.name not in vouched]),
        passing.steady(first.auc_before, first.auc, first.positives, first.rows),
        passing.quick(version.online_us),
    ]


def _learning(
    spec: ModelSpec, looked: Looked, choice: tuning.Choice, output: int, progress: Progress
) -> list[dict[str, Any]]:
    """Return how well it foresees with ever more to learn from."""
    return tuning.learning_curve(
        choice,
        seed=spec.seed,
        teach=_rows(looked, output),
        calibrate=(looked.x(CALIBRATE), looked.y(CALIBRATE, output)),
        judge=(looked.x(JUDGE), looked.y(JUDGE, output)),
        progress=progress,
    )


def _keep(version: ModelVersion, fitted: Fitted) -> None:
    version.artifact_sha256 = artifacts.store(version.pk, fitted.text())
    version.signature = artifacts.sign(version)
    runs.keep(version)


def _end(run: TrainingRun, version: ModelVersion, reason: str | None, now: datetime) -> None:
    card = version.card
    if reason is None:
        runs.finish(
            run,
            TrainingRun.State.KEPT,
            f"Version {version.number} is not surely better than the champion on the newest time "
            f"(log loss {card['log_loss']:.4f}, the champion {card['champion_log_loss']:.4f}).",
        )
        return
    failed = [short_of(name) for name, passed, _ in version.gates if not passed]
    but = f" Not passed: {', '.join(failed)}." if failed else ""
    runs.finish(
        run,
        TrainingRun.State.READY,
        f"Version {version.number} is ready and waits for a yes: {reason}.{but}",
    )
    shadow.begin(version, now)
