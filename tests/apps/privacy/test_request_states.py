"""Whatever anybody tries with a request, in any order, it only takes the steps there are."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from apps.privacy import requests
from apps.privacy.models.requests import OPEN, Request, RequestEvent
from apps.privacy.subjects import NOBODY, names_of
from engine.errors import PersonalizationError
from tests.apps.privacy.desk import Desk, desk  # noqa: F401

REASON = "The records of three years have to be put together."
State = Request.State


class Life(RuleBasedStateMachine):
    """One request and whatever anybody may try with it, in any order."""

    ALLOWED = {
        State.RECEIVED: {State.VERIFYING, State.APPROVED, State.REFUSED, State.CANCELLED},
        State.VERIFYING: {State.APPROVED, State.REFUSED, State.CANCELLED},
        State.APPROVED: {State.IN_PROGRESS, State.REFUSED, State.CANCELLED, State.FAILED},
        State.IN_PROGRESS: {State.COMPLETED, State.FAILED, State.REFUSED},
        State.FAILED: {State.IN_PROGRESS, State.COMPLETED, State.REFUSED},
    }

    def __init__(self) -> None:
        super().__init__()
        Request.objects.all().delete()
        self.desk = LIVES[0]
        self.request = self.desk.receive("access")
        self.state = self.request.state

    def _try(self, act: object, **given: object) -> None:
        try:
            act(request_id=self.request.pk, now=self.desk.now, **given)  # type: ignore[operator]
        except PersonalizationError:
            assert self.desk.again(self.request).state == self.state

    @rule()
    def ask_for_proof(self) -> None:
        self._try(requests.ask_for_proof, actor=None, how="link")

    @rule()
    def verify(self) -> None:
        self._try(requests.verify, actor=self.desk.officer, how="officer")

    @rule()
    def approve(self) -> None:
        self._try(requests.approve, actor=self.desk.officer)

    @rule()
    def begin(self) -> None:
        self._try(requests.begin_work)

    @rule()
    def fail(self) -> None:
        self._try(requests.fail, trouble="OperationalError")

    @rule()
    def complete(self) -> None:
        self._try(requests.complete, outcome={}, actor=None)

    @rule()
    def cancel(self) -> None:
        self._try(requests.cancel, actor=self.desk.officer)

    @rule(article=st.sampled_from(["12(5)", "none"]))
    def refuse(self, article: str) -> None:
        self._try(requests.refuse, article=article, reason=REASON, actor=self.desk.officer)

    @rule()
    def extend(self) -> None:
        self._try(requests.extend, reason=REASON, actor=self.desk.officer)

    @invariant()
    def only_allowed_steps(self) -> None:
        found = self.desk.again(self.request)
        if found.state != self.state:
            assert found.state in self.ALLOWED[State(self.state)], (self.state, found.state)
            self.state = found.state
        if found.state in (State.APPROVED, State.IN_PROGRESS, State.COMPLETED):
            assert found.verified_at is not None
        assert (found.ended_at is not None) == (found.state not in OPEN)
        if found.state not in OPEN:
            assert names_of(found) == NOBODY
        assert RequestEvent.objects.filter(request_id=found.pk).last() is not None


LIVES: list[Desk] = []


@pytest.mark.slow
def test_no_order_of_acts_leads_past_the_states(desk: Desk) -> None:  # noqa: F811
    LIVES[:] = [desk]
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Life,
        settings=settings(
            max_examples=25,
            stateful_step_count=15,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
