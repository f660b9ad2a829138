"""Metrics, layers and holdouts in words."""

from apps.experiments.layering import phases_in
from apps.experiments.models import Holdout, Layer, Metric

_Kind, _Of = Metric.Kind, Metric.Of


def metric_words(metric: Metric) -> str:
    """Return what a metric measures, in a sentence."""
    event = f"“{metric.event}”" if metric.event else "any event"
    within = f"within {_span(metric.window_hours)} of the first exposure"
    match metric.kind:
        case _Kind.CONVERSION:
            said = f"The share of participants with {event} {within}"
        case _Kind.RETENTION:
            after = _span(metric.after_hours)
            said = f"The share who came back: {event} {after} after the first exposure or later, "
            said += within
        case _Kind.RATIO:
            per = _of(metric.per_of, metric.per_property, f"“{metric.per_event}”")
            what = _of(metric.of, metric.property, event)
            said = f"{what[0].upper()}{what[1:]} divided by {per}, "  # names stay as they are
            said += within
        case _Kind.QUANTILE:
            of = _of(metric.of, metric.property, event)
            said = f"The {metric.quantile:.0%} quantile of {of}, {within}"
        case _:
            said = f"For each participant, {_of(metric.of, metric.property, event)} {within}"
    if metric.most is not None and metric.kind in (_Kind.MEAN, _Kind.RATIO):
        said += f", at most {metric.most:g} of one person"
    if metric.currency:
        said += f", in {metric.currency}"
    better = "more" if metric.direction == Metric.Direction.UP else "less"
    return f"{said}. {better.capitalize()} is better."


def _of(of: str, name: str, event: str) -> str:
    match of:
        case _Of.VALUE:
            return f"the value of {event}"
        case _Of.PROPERTY:
            return f"“{name}” of {event}"
    return f"the number of {event}"


def _span(hours: int) -> str:
    if hours % 24 == 0 and hours:
        return "a day" if hours == 24 else f"{hours // 24} days"
    return "an hour" if hours == 1 else f"{hours} hours"


def layer_parts(layer: Layer) -> list[tuple[str, float, float, str]]:
    """Return who has which part of a layer, what is free between: (name, start, width, id).

    In percent, in order; the name of what is free is empty. One query.
    """
    rows = phases_in(layer)
    found: list[tuple[str, float, float, str]] = []
    begin = 0.0
    for name, pk, start, end in rows.order_by("layer_start").values_list(
        "experiment__name", "experiment_id", "layer_start", "layer_end"
    ):
        if start > begin + 1e-9:
            found.append(("", begin * 100, (start - begin) * 100, ""))
        found.append((name, start * 100, (end - start) * 100, str(pk)))
        begin = max(begin, end)
    if begin < 1 - 1e-9:
        found.append(("", begin * 100, (1 - begin) * 100, ""))
    return [(name, round(start, 2), round(width, 2), pk) for name, start, width, pk in found]


def holdout_words(holdout: Holdout) -> str:
    """Return whom a holdout leaves out of what, and for how long."""
    about = ", ".join(holdout.placements) or "everything"
    again = (
        f"others every {holdout.rotates_days} days"
        if holdout.rotates_days
        else "always the same ones"
    )
    return f"{holdout.share:.1%} of the visitors see the default in {about}; {again}"
