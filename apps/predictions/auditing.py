"""How a version treats the groups of a trait: rates with intervals, pairs, proxies, a verdict.

People are looked at as at the newest midnight of which the outcome is known, which no training up
to now was taught with. What is kept are counts of groups; who is in which is opened here and
forgotten. Only workers import this module.
"""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np

from apps.predictions import features, labels, mitigating, splitting
from apps.predictions.domain import fairness, proxies
from apps.predictions.domain.card import words_of as feature_in_words
from apps.predictions.domain.fairness import LEAST_JUDGED, LEAST_TOLD, MEASURES, Pair, Rate
from apps.predictions.errors import ModelRefused
from apps.predictions.estimators import Vector
from apps.predictions.fitted import restored
from apps.predictions.models import FairnessAudit, ModelVersion
from apps.predictions.reading import Looked
from apps.predictions.watched_groups import UNKNOWN, groups_of

logger = logging.getLogger(__name__)
Verdict = FairnessAudit.Verdict
# What makes a verdict; the others are told beside it.
_JUDGED: Final = (fairness.SELECTED, fairness.CAME_TRUE)


@dataclass(frozen=True, slots=True)
class Judged:
    """One output: who is selected by `cut`, each group's rates, and their pairs."""

    output: str
    cut: float
    cut_words: str
    rates: dict[str, dict[str, Rate]]
    pairs: list[Pair]
    thresholds: dict[str, float]


def audit(
    version: ModelVersion, *, trait: str, now: datetime, actor_id: int | None = None
) -> FairnessAudit:
    """Look how a version treats the groups of a trait; keep and return what was found.

    Raises:
        ModelRefused: the trait names people.
        ArtifactBroken: its file is missing or is not what was stored.
    """
    spec = version.spec
    fitted = restored(version)
    as_of = splitting.instants(
        now,
        horizon_hours=spec.horizon_hours,
        embargo_hours=spec.embargo_hours,
        moments=spec.moments,
    )[-1]
    names = version.feature_names
    (moment,) = features.moments(spec, names, [as_of], now=now)
    group = groups_of(spec.site_id, moment.profiles, trait, now=now)
    known = np.array([one != UNKNOWN for one in group], dtype=bool)
    told = [one for one in group if one != UNKNOWN]
    judged = [
        judge(label.output, said[known], Looked.outcome(moment, place)[known], told, spec.threshold)
        for place, label in enumerate(labels.labels_of(spec))
        for output, said in (fitted.outputs(moment.x) if told else {}).items()
        if output == label.output
    ]
    by_proxy = proxies.told_by(names, moment.x, group, seed=spec.seed)
    verdict = verdict_of(judged, is_mitigated=mitigating.is_mitigated(spec))
    found = FairnessAudit.objects.create(
        version=version,
        audited_at=now,
        trait=trait,
        groups=[row for one in judged for row in _groups(one)],
        pairs=[asdict(pair) | {"output": one.output} for one in judged for pair in one.pairs],
        proxies=[asdict(one) for one in by_proxy.proxies],
        verdict=verdict,
        words=words_of(judged, verdict, by_proxy, len(group) - len(told), spec),
        asked_by_id=actor_id,
    )
    logger.info("predictions.audited", extra={"version": version.pk, "verdict": str(verdict)})
    return found


def judge(
    output: str, foreseen: Vector, y: Vector, group: Sequence[str], threshold: float
) -> Judged:
    """Judge who is selected: who reaches the threshold, or the likeliest where nobody does.

    Where fewer than LEAST_TOLD reach it, as many are taken as it came true for: a rare event has
    no score of 75 %, and whoever uses it takes the likeliest.
    """
    cut, words = threshold, f"whoever reaches {threshold:.0%}"
    came = int(y.sum())
    if int((foreseen >= threshold).sum()) < LEAST_TOLD and came:
        cut = float(np.sort(foreseen)[::-1][came - 1])
        share = float((foreseen >= cut).mean())  # more where many are equally likely
        words = f"the likeliest {share:.1%} (hardly anybody reaches {threshold:.0%})"
    selected = (foreseen >= cut).astype(int)
    by_group = fairness.rates(y.astype(int).tolist(), selected.tolist(), group)
    pairs = [pair for measure in MEASURES for pair in fairness.pairs(by_group, measure)]
    large = [one for one in group if by_group[one][fairness.SELECTED].of >= LEAST_JUDGED]
    scores = [s for s, g in zip(foreseen.tolist(), group, strict=True) if g in set(large)]
    some = float(selected.mean())
    own = fairness.thresholds(scores, large, some) if some else {}
    return Judged(output, cut, words, by_group, pairs, own)


def verdict_of(judged: Sequence[Judged], *, is_mitigated: bool) -> str:
    """Return the verdict on who is selected, and on what is learned from.

    Outcomes that differ by group are learned and repeated; where something is done against that,
    only what the model makes of them counts.
    """
    asked = (fairness.SELECTED,) if is_mitigated else _JUDGED
    findings = {pair.finding for one in judged for pair in one.pairs if pair.measure in asked}
    if "unfair" in findings:
        return Verdict.UNFAIR
    return Verdict.UNKNOWN if "unknown" in findings or not findings else Verdict.FINE


def words_of(
    judged: Sequence[Judged], verdict: str, by: proxies.Told, unknown: int, spec: Any
) -> str:
    """Say in a paragraph what was found, and what can be done."""
    said = [f"Selected{_of(one.output)}: {one.cut_words}." for one in judged]
    for one in judged:
        for pair in one.pairs:
            if pair.measure in _JUDGED and pair.finding != "fine":
                said.append(_pair_words(pair))
    if not any(one.pairs for one in judged):
        said.append(
            f"Nothing can be told: two groups of {LEAST_JUDGED} people are needed whose choice "
            "allows it."
        )
    elif verdict == Verdict.FINE:
        said.append("No group gets less than four fifths of what another gets.")
    if unknown:
        said.append(f"Of {unknown} people the group is not known or may not be used.")
    if by.together is not None and by.together > proxies.AUC:
        names = ", ".join(feature_in_words(one.name) for one in by.proxies[:8])
        said.append(
            f"Without being told it, the model can know the group (AUC {by.together:.2f}) from: "
            f"{names}."
        )
    if verdict == Verdict.UNFAIR:
        said.append(mitigating.advice(spec, bool(by.proxies)))
    return " ".join(said)


def _pair_words(pair: Pair) -> str:
    surely = (
        "surely less" if pair.finding == "unfair" else "which may be chance: look again with more"
    )
    return (
        f"Of “{pair.group}” {pair.share:.1%} {MEASURES[pair.measure]}, of “{pair.most}” "
        f"{pair.most_share:.1%}: {pair.ratio or 0:.2f} of it, below four fifths, {surely} "
        f"(difference {pair.difference:.1%}, between {pair.low:.1%} and {pair.high:.1%})."
    )


def _groups(one: Judged) -> list[dict[str, Any]]:
    """Rows of the groups that may be told; the people of the others are only counted."""
    rows: list[dict[str, Any]] = []
    too_few = 0
    for name, rates in one.rates.items():
        size = rates[fairness.SELECTED].of
        if size < LEAST_TOLD:
            too_few += size
            continue
        row: dict[str, Any] = {"output": one.output, "group": name, "people": size}
        for measure, rate in rates.items():
            if rate.of >= LEAST_TOLD:
                row[measure] = [rate.share, *rate.interval()]
        if name in one.thresholds:
            row["threshold"] = one.thresholds[name]
        rows.append(row)
    if too_few:
        rows.append({"output": one.output, "group": "", "people": too_few})
    return rows


def _of(output: str) -> str:
    return f" of “{output}”" if output else ""


def audit_new(
    version: ModelVersion, *, now: datetime, actor_id: int | None = None
) -> FairnessAudit | None:
    """Audit a version by the trait that its question names, None where it names none.

    What cannot be audited is said in an audit, too.
    """
    trait = version.spec.audited_trait
    if not trait:
        return None
    try:
        return audit(version, trait=trait, now=now, actor_id=actor_id)
    except ModelRefused as refusal:
        return FairnessAudit.objects.create(
            version=version,
            audited_at=now,
            trait=trait,
            verdict=Verdict.UNKNOWN,
            words=str(refusal),
            asked_by_id=actor_id,
        )
