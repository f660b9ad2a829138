"""One event with a number that nobody can work with ends no counting, and is left out and told."""

import pytest

from apps.experiments.models import DaySum, Metric
from tests.apps.experiments.conftest import Audience, Lab

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("odd", [1e200, -1e300, 1e-200, 1e308])
@pytest.mark.parametrize("of", ["value", "property"])
def test_a_number_beyond_all_sizes_is_left_out_and_counted(
    lab: Lab, audience: Audience, odd: float, of: str
) -> None:
    Metric.objects.update(kind="mean", of=of, property="points")
    experiment = lab.design()
    lab.start(experiment)
    audience.join(experiment, 4)
    audience.order("visitor-0", value=30.0, points=30.0)
    audience.order("visitor-1", value=odd, points=odd)
    audience.refresh()
    rows = DaySum.objects.filter(segment="")
    assert sum(row.y for row in rows) == 30.0
    assert sum(row.left_out for row in rows) == 1
