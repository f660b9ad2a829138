"""The state is a function of the set of events, never of their arrival."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.events import history
from apps.events.models import Inbox
from apps.events.types import Accepted
from tests.apps.pipeline.conftest import World, event, identify

DEVICES = ["d1", "d2", "d3"]
USERS = ["u1", "u2"]


@st.composite
def shuffled_events(draw: st.DrawFn) -> tuple[list[Accepted], list[list[Accepted]]]:
    """A set of events of three devices and two users, and an order and batches of arrival."""
    moments = draw(st.lists(st.integers(0, 3000), min_size=2, max_size=14, unique=True))
    events: list[Accepted] = []
    for number, at_s in enumerate(moments):
        device, user = draw(st.sampled_from(DEVICES)), draw(st.sampled_from(USERS))
        if draw(st.integers(0, 3)) == 0:
            made = identify(at_s, device, user, step=number)
        else:
            made = event(at_s, anonymous_id=device, properties={"product_id": f"p{number}"})
        made.message_id = f"m{number}"
        events.append(made)
    arrival = draw(st.permutations(events))
    cuts = sorted(draw(st.sets(st.integers(1, len(events)), max_size=4)))
    batches = [
        list(arrival[start:end])
        for start, end in zip([0, *cuts], [*cuts, len(events)], strict=True)
        if start < end
    ]
    return sorted(events, key=lambda e: e.occurred_ms), batches


def outcome(world: World, events: list[Accepted]) -> dict[str, object]:
    """What is known afterwards, in words that do not depend on generated ids."""
    found: dict[str, object] = {}
    names = {("anonymous_id", e.anonymous_id) for e in events}
    names |= {("user_id", e.user_id) for e in events if e.user_id}
    for kind, value in names:
        if value is None:
            continue
        row = world.state_of(kind, value)
        found[f"{kind}:{value}"] = (
            world.events_of(kind, value),
            row.trait_values(),
            [h.at_ms for h in history.decode(row.history).happenings],
            row.event_count,
        )
    return found


@pytest.mark.django_db
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(case=shuffled_events())
def test_any_order_and_batching_gives_the_same_people(
    world_of: Callable[[], World], case: tuple[list[Accepted], list[list[Accepted]]]
) -> None:
    in_order, batches = case
    Inbox.objects.all().delete()  # of an example that failed
    one, other = world_of(), world_of()

    for made in in_order:
        one.fold(made)
    for batch in batches:
        other.fold(*batch)

    assert outcome(other, in_order) == outcome(one, in_order)
