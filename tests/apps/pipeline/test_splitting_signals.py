"""What strings of a consent platform refused while two were taken for one, once that is undone."""

from apps.consent import services as consent
from apps.consent.types import OPTED_OUT, Purpose
from tests.apps.pipeline.conftest import NOW, World, event, identify
from tests.apps.pipeline.joined import undo


def test_what_a_string_refused_counts_for_both_and_the_yes_beside_it_for_who_said_it(
    world: World,
) -> None:
    world.fold(event(1, anonymous_id="a1"))
    world.fold(event(2, user_id="ann"))
    world.fold(identify(3, "a1", "ann"))
    consent.record_choice(
        site_id=world.site.id, source_id=None, identities=[("anonymous_id", "a1")],
        purposes={"analytics": True, "advertising": True}, method="banner", policy_version="",
        gpc=False, refused=OPTED_OUT | Purpose.PERSONALIZATION, signals={"gpp": "DBABMA~"},
        client_at=None, regime="eu_opt_in", now=NOW,
    )  # fmt: skip

    undo(world)

    device, ann = world.state_of("anonymous_id", "a1"), world.state_of("user_id", "ann")
    for row in (device, ann):
        assert row.denied == OPTED_OUT | Purpose.PERSONALIZATION
    assert (device.granted, ann.granted) == (Purpose.ANALYTICS, 0)
