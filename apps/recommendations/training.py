"""A training: read, try where it is due, learn, and serve what has earned it.

What learns is in methods.py, what judges in evaluating.py. An hourly training learns anew by the
method that serves; which method that is, trials decide, nightly and whenever the settings change.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from apps.consent.declared import problem_of
from apps.recommendations import person_lists
from apps.recommendations.comparing import CHOSEN_FROM, Compared
from apps.recommendations.domain.shelf import POPULAR, SERVING, ListRow
from apps.recommendations.domain.trials import K, paired, surely_above, winner
from apps.recommendations.evaluating import params_of, tried
from apps.recommendations.methods import Learned, learn, silent
from apps.recommendations.models import Recommender, RecommenderVersion, Trial
from apps.recommendations.reading import Read, read
from apps.recommendations.statements import weights_of
from apps.recommendations.versions import State, activate, is_held, prune
from apps.work.types import Progress

ROWS_AT_ONCE: Final = 1_000
STEPS: Final = 6  # of the progress that is told
OVERTAKEN: Final = "A training that began later was done before it: what that has learned counts."

_LISTS = """
INSERT INTO recommendations_itemlist (version_id, item, previous, method, ranked, vector)
SELECT %s, item, previous, method, ranked, vector FROM ROWS FROM
  (jsonb_to_recordset(%s::jsonb)
   AS (item text, previous text, method text, ranked jsonb, vector jsonb)) WITH ORDINALITY
ORDER BY ordinality
"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a training decided to learn, and why in a sentence; `is_worse`: it may not serve."""

    method: str
    words: str
    trial: Compared | None = None
    is_worse: bool = False


def train(
    *,
    recommender_id: UUID,
    now: datetime,
    progress: Progress = silent,
    chooses: bool = False,
) -> UUID | None:
    """Learn a new version and serve it; its id, None when there is nothing to learn.

    It does not serve, and what serves goes on, where it is surely worse on the same days, where a
    training that began later was done before it, or where a person has chosen a version: it waits
    for a yes then. Safe to run twice, and twice at a time.

    Args:
        chooses: methods are tried though nothing has changed: the nightly training.
    """
    recommender = Recommender.objects.select_related("active").get(pk=recommender_id)
    problem = problem_of(recommender.purpose)
    if problem is not None:
        progress(STEPS, STEPS, problem)
        return None
    progress(0, STEPS, "Reading what was met")
    known = read(recommender, now)
    if not len(known.seen) and not (recommender.kind == Recommender.Kind.CONTENT and known.facts):
        progress(STEPS, STEPS, "Nothing to learn from yet")
        return None
    progress(1, STEPS, "Trying methods")
    chosen = _chosen(recommender, known, chooses, progress)
    progress(2, STEPS, f"Learning: {chosen.method}")
    learned, chosen = _learned(recommender, known, chosen, now, progress)
    progress(4, STEPS, "Writing lists")
    version = _kept(recommender, known, learned, chosen, now)
    if version.state == State.ACTIVE:
        progress(5, STEPS, "Writing people's lists" if recommender.per_person else "")
        person_lists.refresh(recommender, version, known, learned, now=now)
    progress(STEPS, STEPS, "Done")
    return version.pk


def recipe_of(recommender: Recommender) -> str:
    """Return a digest of the settings that decide what is learned: another one is tried anew."""
    own = [
        recommender.kind, recommender.event_name, sorted(weights_of(recommender).items()),
        recommender.half_life_days, recommender.diversity, recommender.window_days,
        recommender.purpose,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(own).encode()).hexdigest()


def _methods(recommender: Recommender) -> tuple[str, ...]:
    if recommender.kind == Recommender.Kind.AUTO:
        return CHOSEN_FROM
    return () if recommender.kind == POPULAR else (recommender.kind,)


def _chosen(recommender: Recommender, known: Read, chooses: bool, progress: Progress) -> Chosen:
    """Decide what to learn: by a trial where one is due, else what serves is learned anew."""
    active = recommender.active
    is_auto = recommender.kind == Recommender.Kind.AUTO
    recipe = recipe_of(recommender)
    if active is not None and not chooses and active.params.get("recipe") == recipe:
        return Chosen(active.method, active.outcome)
    trial = tried(
        known,
        recommender,
        _methods(recommender),
        progress=progress,
        serving=_before(active, recipe),
    )
    method, words = winner(trial.found, CHOSEN_FROM)
    if not is_auto:
        method, words = recommender.kind, _told(trial, recommender.kind)
    own, serving = trial.of(method), trial.of(SERVING)
    if own is not None and serving is not None and own.people:
        mean, low, high = paired(own, serving)
        if high < 0:
            words = (
                f"Surely worse than what serves: nDCG@{K} {mean:.4f} ({low:.4f} to {high:.4f}) on "
                f"the same {own.steps:,} steps. What served before goes on."
            )
            return Chosen(method, words, trial, is_worse=True)
    return Chosen(method, words, trial)


def _before(active: RecommenderVersion | None, recipe: str) -> tuple[str, float, float] | None:
    """What serves by other settings: method, half-life in days, diversity."""
    if active is None or active.params.get("recipe", recipe) == recipe:
        return None
    half_life, diversity = active.params["half_life_days"], active.params["diversity"]
    return active.method, float(half_life), float(diversity)


def _told(trial: Compared, method: str) -> str:
    if method in trial.problems:
        return trial.problems[method]
    own = trial.of(method)
    if own is None or not own.people:
        return "Nobody could be followed into days that it had not learned from."
    said = f"nDCG@{K} {own.ndcg:.4f} on {own.steps:,} steps of {own.people:,} people after the cut"
    if own.over_popular is None:
        return said + "."
    mean, low, high = own.over_popular
    return f"{said}; above what is popular by {mean:.4f} ({low:.4f} to {high:.4f})."


def _learned(
    recommender: Recommender, known: Read, chosen: Chosen, now: datetime, progress: Progress
) -> tuple[Learned, Chosen]:
    """Learn from everything. What cannot learn yet leaves the place to what is popular."""
    params = params_of(recommender)

    def told(done: int, total: int, note: str = "") -> None:
        progress(2, STEPS, note)

    args: dict[str, Any] = {"as_of_s": now.timestamp(), "progress": told}
    try:
        return learn(chosen.method, known.seen, known.facts, params, **args), chosen
    except ValueError as problem:
        words = f"{problem} What is popular serves until then."
        found = learn(POPULAR, known.seen, known.facts, params, **args)
        return found, Chosen(POPULAR, words, chosen.trial, chosen.is_worse)


def _kept(
    recommender: Recommender, known: Read, learned: Learned, chosen: Chosen, now: datetime
) -> RecommenderVersion:
    """Store a version with its lists and its trial, and serve it where it may."""
    seen = known.seen
    version = RecommenderVersion(
        recommender=recommender,
        trained_at=now,
        since=known.since,
        until=known.until,
        views=int(seen.is_step.sum()),
        pairs=int(learned.params.get("pairs", 0)),
        popular=learned.popular,
        metrics=_metrics(chosen, recommender.active),
        digest=learned.sha256,
        method=learned.method,
        params={
            **learned.params,
            "diversity": recommender.diversity,
            "recipe": recipe_of(recommender),
        },
        data_sha256=seen.digest(),
        outcome=chosen.words[:500],
        state=State.REFUSED if chosen.is_worse else State.CANDIDATE,
    )
    with transaction.atomic():
        Recommender.objects.select_for_update().get(pk=recommender.pk)
        if not chosen.is_worse and _is_overtaken(recommender, now):
            version.state, version.outcome = State.REFUSED, OVERTAKEN
        is_kept = version.state != State.REFUSED
        version.save(force_insert=True)
        _write_lists(version, learned.rows if is_kept else ())
        if chosen.trial is not None:
            _write_trial(version, chosen, now)
        if is_kept and not is_held(recommender):
            activate(version=version, actor=None, now=now, why="trained")
        prune(recommender)
    return version


def _is_overtaken(recommender: Recommender, now: datetime) -> bool:
    """Whether a training that began later, and so has read more, is there already; locked."""
    newer = recommender.versions.filter(trained_at__gt=now)
    return newer.exclude(state=State.REFUSED).exists()


def _write_lists(version: RecommenderVersion, rows: Sequence[ListRow]) -> None:
    with connection.cursor() as cursor:
        for begin in range(0, len(rows), ROWS_AT_ONCE):
            some = [
                {"item": row.item, "previous": row.previous, "method": row.method,
                 "ranked": row.ranked, "vector": row.vector}
                for row in rows[begin : begin + ROWS_AT_ONCE]
            ]  # fmt: skip
            cursor.execute(_LISTS, [str(version.pk), json.dumps(some)])


def _write_trial(version: RecommenderVersion, chosen: Chosen, now: datetime) -> None:
    trial = chosen.trial
    assert trial is not None
    cut = datetime.fromtimestamp(trial.cut_s, tz=now.tzinfo)
    above = surely_above(trial.found, CHOSEN_FROM)
    rows = [
        Trial(
            recommender=version.recommender,
            version=version if one.method == version.method else None,
            tried_at=now,
            cut_at=cut,
            method=one.method,
            k=K,
            people=one.people,
            figures={
                **{name: [round(value, 6) for value in own] for name, own in one.figures.items()},
                "steps": one.steps,
                "over_popular": one.over_popular,
                "is_surely_above": one.method in above,
            },
            won=one.method == version.method and not chosen.is_worse,
        )
        for one in trial.found
    ]
    rows += [
        Trial(
            recommender=version.recommender, tried_at=now, cut_at=cut, method=method, k=K,
            people=0, figures={"problem": problem},
        )
        for method, problem in trial.problems.items()
    ]  # fmt: skip
    Trial.objects.bulk_create(rows)


def _metrics(chosen: Chosen, active: RecommenderVersion | None) -> dict[str, Any]:
    """Hits among ten after the cut, by lists that did not see it, beside the most popular ten."""
    if chosen.trial is None:
        return {} if active is None else dict(active.metrics)
    own, popular = chosen.trial.of(chosen.method), chosen.trial.of(POPULAR)
    return {
        "held_out_steps": 0 if popular is None else popular.steps,
        "hits_at_10": None if own is None else own.hits,
        "hits_at_10_popular": None if popular is None else popular.hits,
    }
