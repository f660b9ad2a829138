"""The JSON beside the form of an experiment: conditions, and how large it has to be."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest
from django.template.loader import render_to_string

from apps.experiments.admin.where import placements
from apps.experiments.errors import InvalidExperiment, problem
from apps.experiments.models import Experiment, Goal, Metric
from apps.segments import editing
from apps.work import clock
from engine.errors import InvalidCondition

_json = editing.json_view("experiments.view_experiment")


@_json
def schema(request: HttpRequest, body: Mapping[str, Any]) -> dict[str, Any]:
    """{"site"}: the language, and the names that this site has seen."""
    return editing.schema(_uuid(body.get("site")))


@_json
def live(request: HttpRequest, body: Mapping[str, Any]) -> dict[str, Any]:
    """{"site", "condition"}: what stands beside the form of who is meant; see `editing`."""
    site_id = _uuid(body.get("site"))
    if site_id is None:
        raise InvalidCondition("site", "expected the id of a site")
    answer = editing.beside(
        body,
        draft=lambda: editing.draft_of(site_id, body["condition"]),
        findings=lambda _: [],
        may_see_people=request.user.has_perm(editing.SEES_PEOPLE),
    )
    for name in ("entered", "left"):
        answer.get("counted", {}).pop(name, None)
    return answer


@_json
def power(request: HttpRequest, body: Mapping[str, Any]) -> dict[str, Any]:
    """{"placement", "metric", "mde", ...} in percent: what it takes, as numbers and as HTML.

    {"per_arm", "baseline", "weeks", "html"}; null where there is no number: the HTML says why.
    """
    from apps.experiments.power_words import Question, metric_of, told  # scipy

    try:
        placement = placements(request).filter(pk=_uuid(body.get("placement"))).first()
    except ValueError:
        placement = None
    metric = None if placement is None else metric_of(placement.site_id, body.get("metric"))
    if placement is None or metric is None:
        said = "Choose a metric as the goal first: its baseline is measured."
        raise InvalidExperiment([problem("goals", said)])
    question = Question(
        placement=placement.key,
        metric=metric,
        mde=_share(body.get("mde"), None),
        alpha=_within(_share(body.get("alpha"), 0.05), 0.001, 0.2, 0.05),
        power=_within(_share(body.get("power"), 0.8), 0.5, 0.99, 0.8),
        arms=int(_within(_number(body.get("arms")), 2, 100, 2)),
        goals=int(_within(_number(body.get("goals")), 1, 100, 1)),
        looking="planned" if body.get("looking") == "planned" else "any_time",
        looks=int(_within(_number(body.get("looks")), 1, 50, 4)),
        coverage=_within(_share(body.get("coverage"), 1.0), 0.0, 1.0, 1.0),
        layer_share=_within(_share(body.get("layer_share"), 1.0), 0.0, 1.0, 1.0),
        given=_number(body.get("baseline")),
    )
    found = told(question, clock.now())
    return {
        "per_arm": found.plan.per_arm,
        "baseline": found.mean,
        "weeks": found.plan.weeks,
        "html": render_to_string("admin/experiments/_power.html", {"told": found}),
    }


def asked_of(experiment: Experiment) -> Any:
    """Return the question of power that a saved design asks; None without a goal. Two queries."""
    from apps.experiments.power_words import Question

    goals = list(
        experiment.goals.filter(role=Goal.Role.GOAL).select_related("metric").order_by("pk")
    )
    goals = [one for one in goals if one.metric.kind != Metric.Kind.QUANTILE]
    if not goals or experiment.placement_id is None:
        return None
    return Question(
        placement=experiment.placement.key,
        metric=goals[0].metric,
        mde=experiment.mde_relative,
        alpha=experiment.alpha,
        power=experiment.power,
        arms=max(2, experiment.arms.count()),
        goals=len(goals),
        looking=experiment.looking,
        looks=experiment.looks,
        coverage=experiment.coverage,
        layer_share=experiment.layer_share if experiment.layer_id else 1.0,
        given=experiment.baseline,
    )


def plan_size(request: HttpRequest, experiment: Experiment) -> None:
    """Work out the size of a design that says the least change and no size."""
    from apps.experiments.power_words import told

    question = asked_of(experiment)
    if question is None:
        return
    found = told(question, clock.now())
    for line in found.lines[:1] if found.plan.per_arm is None else found.lines:
        messages.info(request, line)
    if found.plan.per_arm is not None:
        experiment.per_arm = found.plan.per_arm
        experiment.baseline = experiment.baseline or found.mean
        experiment.save(update_fields=["per_arm", "baseline"])


def _uuid(text: object) -> UUID | None:
    try:
        return UUID(str(text))
    except ValueError:
        return None


def _number(given: object) -> float | None:
    try:
        found = float(str(given).replace(",", ".")) if given not in (None, "") else None
    except ValueError:
        return None
    return found if found is not None and abs(found) < 1e12 and found == found else None


def _share(given: object, default: float | None) -> float | None:
    found = _number(given)
    return default if found is None else found / 100


def _within(given: float | None, least: float, most: float, default: float) -> float:
    return default if given is None else min(most, max(least, given))
