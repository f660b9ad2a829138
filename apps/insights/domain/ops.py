"""Control charts by name, JSON in and JSON out: what `stat_ops` offers."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from apps.insights.domain import control_charts as charts

JSON = Any
Op = Callable[[Mapping[str, JSON]], JSON]


def _cusum(given: Mapping[str, JSON]) -> JSON:
    return charts.cusum(given["x"], given["target"], given["sigma"], given["k"], given["h"])


def _ewma(given: Mapping[str, JSON]) -> JSON:
    return charts.ewma(given["x"], given["target"], given["sigma"], given["lambda"], given["L"])


OPS: Final[Mapping[str, Op]] = {
    "spc.individuals": lambda given: charts.individuals(given["x"]),
    "spc.xbar_r": lambda given: charts.subgroups(given["subgroups"]),
    "spc.p_chart": lambda given: charts.proportions(given["events"], given["n"]),
    "spc.cusum": _cusum,
    "spc.ewma": _ewma,
    "spc.rules": lambda given: charts.run_rules(given["x"], given["center"], given["sigma"]),
}
