"""The short form of `make faults`: faults of real processes under a light load."""

from collections.abc import Iterator

import pytest

from launcher.home import Home
from launcher.testhome import temporary_home
from tests.faults.campaign import make_target, suffer
from tests.faults.harm import Fault
from tests.faults.load import Target
from tests.faults.running import RunningStack

pytestmark = pytest.mark.slow

LIGHT = 0.1
SECONDS = 2.0


@pytest.fixture
def loaded() -> Iterator[tuple[RunningStack, Target]]:
    with temporary_home(Home.locate()) as home:
        stack = RunningStack(home)
        try:
            stack.wait_up()
            yield stack, make_target(stack)
        finally:
            stack.end()


def killed_and_emptied(stack: RunningStack, seconds: float) -> None:
    """Each web process is killed, the hot state is lost, and the consumer is killed."""
    stack.kill("consumer")
    stack.kill_web("web")
    stack.valkey(["FLUSHALL"])
    stack.kill_web("web server")


def test_nothing_acknowledged_is_lost_or_doubled_and_everybody_is_answered(
    loaded: tuple[RunningStack, Target],
) -> None:
    fault = Fault("short", "kills, and an empty store", killed_and_emptied)
    # No matter of time: a machine that runs tests may be as slow as it likes.
    outcome = suffer(*loaded, fault, seconds=SECONDS, factor=LIGHT, within_ms=None)
    assert len(outcome.ledger.acknowledged) > 100 and outcome.ledger.decisions > 10
    assert outcome.balance.is_even, outcome.balance
    assert not outcome.ledger.bad and not outcome.ledger.strange, outcome.failures()
    assert outcome.healed_s is not None, "an event is seen by decisions again"
    assert outcome.moved == 0, "memberships are what a recomputation says"
