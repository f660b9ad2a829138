"""What others may ask of experiments."""

from collections.abc import Callable, Mapping
from typing import Any


def stat_ops() -> Mapping[str, Callable[[Mapping[str, Any]], Any]]:
    """Return the statistics of experiments by name, for `stats_eval`. Needs scipy: workers only."""
    from apps.experiments.domain.ops import OPS

    return OPS
