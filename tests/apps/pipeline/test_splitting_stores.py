"""What lists and models say of two people who were taken for one, after the merge is undone."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from apps.consent import services as consent
from apps.pipeline.splitting import split_profile
from apps.predictions.models import ModelSpec, ModelVersion, Score
from apps.profiles import state
from apps.profiles.models import MergeRecord
from apps.segments import list_applying, lists, refresh
from apps.segments.lists import Origin
from apps.segments.models import ListMember
from apps.work import clock
from apps.work.models import Intent
from apps.work.types import Work
from tests.apps.pipeline.conftest import NOW, World, event
from tests.apps.pipeline.joined import LATER, alias, undo

NOW_MS = clock.to_ms(NOW)


def apply_lists() -> None:
    """Do what the intents ask for, as the workers do."""
    for intent in Intent.objects.filter(kind=list_applying.APPLY):
        work = Work(
            intent.pk, intent.kind, intent.site_id, intent.payload, 1,
            lambda done, total, note="": None,
        )  # fmt: skip
        list_applying.perform(work, LATER)


def test_who_is_on_a_list_is_so_alone_again(world: World) -> None:
    lists.create_list(site_id=world.site.pk, key="press", name="P", actor=None, now=NOW)
    refresh.refresh_site(site_id=world.site.pk, read_clock=lambda: NOW)
    lists.receive(
        site_id=world.site.pk, key="press", chunks=[b"user_id\nu2\nu3"], mode="append",
        origin=Origin("people.csv"), now=NOW,
    )  # fmt: skip
    world.fold(event(1, user_id="u1"))
    world.fold(event(2, user_id="u2"))
    world.fold(alias(3, "u2", "u1"))

    def on() -> list[Any]:
        rows = (world.state_of("user_id", user) for user in ("u1", "u2"))
        return [row.trait_values().get("list.press") for row in rows]

    assert on() == [True, True]
    undo(world)
    assert on() == [None, True]

    assert Intent.objects.filter(kind=list_applying.APPLY).exists()
    apply_lists()
    assert on() == [None, True]
    entry = ListMember.objects.get(value="u2")
    assert entry.profile_id == world.profile_of("user_id", "u2")


@pytest.fixture
def version(world: World) -> ModelVersion:
    spec = ModelSpec.objects.create(
        site=world.site, key="buys", name="Buys", target_event="Order Completed",
        horizon_hours=24, created_at=NOW,
    )  # fmt: skip
    return ModelVersion.objects.create(
        spec=spec, number=1, trained_at=NOW, artifact_sha256="0" * 64, feature_names=[],
        calibration={}, lineage={}, card={},
    )  # fmt: skip


def scored(world: World, version: ModelVersion, user: str, value: float, minute: int) -> UUID:
    """A model has foreseen something of a user."""
    row = world.state_of("user_id", user)
    at = NOW + timedelta(minutes=minute)
    row.traits[version.spec.trait] = (value, clock.to_ms(at), "", clock.to_ms(at), "score", None)
    state.save([row])
    Score.objects.update_or_create(
        profile_id=row.profile_id, spec=version.spec,
        defaults={"version": version, "value": value, "as_of": at},
    )  # fmt: skip
    return row.profile_id


def test_each_has_the_score_of_before(world: World, version: ModelVersion) -> None:
    world.fold(event(1, user_id="u1"))
    world.fold(event(2, user_id="u2"))
    one = scored(world, version, "u1", 0.1, 1)
    two = scored(world, version, "u2", 0.2, 2)
    world.fold(alias(3, "u2", "u1"))
    assert [row.value for row in Score.objects.all()] == [0.2]
    scored(world, version, "u1", 0.3, 3)

    undo(world)

    assert dict(Score.objects.values_list("profile_id", "value")) == {one: 0.1, two: 0.2}
    told = [world.state_of("user_id", user).traits[version.spec.trait] for user in ("u1", "u2")]
    assert [entry[:2] for entry in told] == [
        (0.1, NOW_MS + 60_000), (0.2, NOW_MS + 120_000),
    ]  # fmt: skip


def test_who_has_refused_gets_no_score_back(world: World, version: ModelVersion) -> None:
    world.fold(event(1, user_id="u1"))
    world.fold(event(2, user_id="u2"))
    for minute, user in enumerate(("u1", "u2")):
        scored(world, version, user, 0.5, minute)
    world.fold(alias(3, "u2", "u1"))
    consent.record_choice(
        site_id=world.site.id, source_id=None, identities=[("user_id", "u1")],
        purposes={"personalization": False}, method="api", policy_version="", gpc=False,
        signals={}, client_at=None, regime="eu_opt_in", now=NOW,
    )  # fmt: skip

    undo(world)

    assert not Score.objects.exists()
    for user in ("u1", "u2"):
        assert version.spec.trait not in world.state_of("user_id", user).traits


def test_what_an_undo_needs_names_nobody(world: World, version: ModelVersion) -> None:
    world.fold(event(1, user_id="secret-one"))
    world.fold(event(2, user_id="secret-two", properties={"product_id": "secret-three"}))
    world.fold(alias(3, "secret-two", "secret-one"))
    record = MergeRecord.objects.get()
    assert record.kept and "secret" not in str(record.kept)
    split_profile(merge_id=record.pk, actor=None, reason="Two people.", now=LATER)
    record.refresh_from_db()
    assert record.undone_at == LATER
