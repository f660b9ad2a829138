"""The short form of `make faults`: two faults of real processes under a light load."""

from collections.abc import Iterator

import pytest

from launcher.home import Home
from launcher.testhome import temporary_home
from tests.faults.campaign import make_target, suffer
from tests.faults.faults import FAULTS, Fault
from tests.faults.load import Target
from tests.faults.running import RunningStack

pytestmark = pytest.mark.slow

LIGHT = 0.1
SECONDS = 5.0
# Nothing here is a matter of time: a machine that runs tests may be as slow as it likes.
SHORT = [fault for fault in FAULTS if fault.name in ("web", "flush")]


@pytest.fixture(scope="module")
def loaded() -> Iterator[tuple[RunningStack, Target]]:
    with temporary_home(Home.locate()) as home:
        stack = RunningStack(home)
        try:
            stack.wait_up()
            yield stack, make_target(stack)
        finally:
            stack.end()


@pytest.mark.parametrize("fault", SHORT, ids=lambda fault: fault.name)
def test_nothing_acknowledged_is_lost_or_doubled(
    loaded: tuple[RunningStack, Target], fault: Fault
) -> None:
    outcome = suffer(*loaded, fault, seconds=SECONDS, factor=LIGHT, within_ms=None)
    assert len(outcome.ledger.acknowledged) > 100 and outcome.ledger.decisions > 10
    assert outcome.balance.is_even, outcome.balance
    assert not outcome.ledger.bad and not outcome.ledger.strange, outcome.failures()
    assert outcome.healed_s is not None, "an event is seen by decisions again"
    assert outcome.moved == 0, "memberships are what a recomputation says"
