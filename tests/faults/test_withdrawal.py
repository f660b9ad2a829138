"""The short form of `python -m tests.faults.withdrawal`: real processes, a few visitors."""

import pytest

from launcher.home import Home
from launcher.testhome import temporary_home
from tests.faults.__main__ import running
from tests.faults.withdrawal import withdraw

pytestmark = pytest.mark.slow

ROUNDS = 12


def test_nothing_personal_is_answered_or_kept_after_a_withdrawal_was_answered() -> None:
    with temporary_home(Home.locate()) as home, running(home) as (stack, target):
        told = withdraw(stack, target, rounds=ROUNDS)
    assert told.breaches == []
    assert told.personal > ROUNDS, "there was something to take away"
    assert told.after > ROUNDS and told.stored > ROUNDS
