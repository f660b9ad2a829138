"""Each case twice: with the consumer running beside it, and with nobody to fire a timer."""

from collections.abc import Iterator

import pytest

from tests.apps.delivery.conftest import World, _new_process, world  # noqa: F401
from tests.journeys.acceptance.shop import Shop


@pytest.fixture(params=["timers fire", "no timer fires"])
def shop(request: pytest.FixtureRequest, world: World) -> Iterator[Shop]:  # noqa: F811
    made = Shop(world, fires=request.param == "timers fire")
    with made.open():
        yield made


@pytest.fixture
def quiet_shop(world: World) -> Iterator[Shop]:  # noqa: F811
    """The same without a consumer of its own: tests fold by hand."""
    made = Shop(world, fires=False)
    with made.open():
        yield made
