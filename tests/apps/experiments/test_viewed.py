"""What other tools tell of their own splits: by id, by name, by place, as they really say it."""

from datetime import timedelta
from typing import Any

import pytest

from apps.experiments.models import Participant, Uncounted
from apps.pipeline import fold
from apps.work import clock
from tests.apps.delivery.conftest import NOW
from tests.apps.experiments.conftest import Audience, Lab

# The name of who sees it, the body of the event, and the arm that is meant.
SAID: list[tuple[str, dict[str, Any], int | None]] = [
    # Segment's specification, and the libraries that follow it
    ("by-id", {"experiment_id": "words", "variation_id": "arm1"}, 1),
    (
        "by-both",
        {
            "experiment_id": "1234",
            "experiment_name": "Which words?",
            "variation_id": "v-77",
            "variation_name": "Short ones",
        },
        1,
    ),
    ("by-name", {"experiment_name": "which WORDS?", "variation_name": "Plain"}, 0),
    ("by-key-as-name", {"experiment_name": "words", "variation_name": "arm0"}, 0),
    # GrowthBook: the place of an arm, as a number or as text
    ("by-place", {"experimentId": "words", "variationId": 1}, 1),
    ("by-text", {"experimentId": "words", "variationId": "0"}, 0),
    # What nobody takes part by
    ("no-arm", {"experimentId": "words", "variationId": "7"}, None),
    ("no-such", {"experiment_id": "other", "variation_id": "arm1"}, None),
    ("nothing", {}, None),
    ("no-text", {"experiment_id": {"key": "words"}, "variation_id": ["arm1"]}, None),
]


@pytest.fixture
def told(lab: Lab, audience: Audience) -> dict[str, int]:
    """The arm of each who told something by /v1/track."""
    experiment = lab.design()
    experiment.name = "Which words?"
    experiment.save(update_fields=["name"])
    for arm, name in zip(experiment.arms.order_by("number"), ("Plain", "Short ones"), strict=True):
        arm.name = name
        arm.save(update_fields=["name"])
    lab.start(experiment)
    clock.replace(lambda: NOW + timedelta(hours=2))
    for who, properties, _ in SAID:
        body = {
            "event": "Experiment Viewed",
            "anonymousId": who,
            "properties": properties,
            "timestamp": (NOW + timedelta(hours=1)).isoformat(),
        }
        response = lab.world.post("/v1/track", body, key=lab.world.sk)
        assert response.status_code == 200, response.content
    while fold.fold_once(now=clock.now()) is not fold.NOTHING:
        pass
    audience.refresh()
    return dict(Participant.objects.values_list("profile__identities__value", "arm"))


def test_it_is_taken_up_as_it_is_told_and_the_rest_is_counted(told: dict[str, int]):
    assert told == {who: arm for who, _, arm in SAID if arm is not None}
    rows = set(Uncounted.objects.values_list("experiment", "arm", "why"))
    assert {("words", "7", "arm"), ("other", "", "experiment"), ("", "", "experiment")} < rows
    assert len(rows) == 4
