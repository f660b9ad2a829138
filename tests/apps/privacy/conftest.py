"""A shop, and a visitor of its public privacy pages."""

import pytest

from tests.apps.delivery.conftest import (  # noqa: F401
    World,
    _new_process,
    world,
)
from tests.apps.privacy.visiting_centre import Visitor


@pytest.fixture
def visitor(world: World) -> Visitor:  # noqa: F811
    return Visitor(world)
