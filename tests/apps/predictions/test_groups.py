"""Groups of visitors: found where they are, named, written as traits, the same after a refresh."""

import random
from collections import Counter
from datetime import timedelta
from html import unescape
from uuid import UUID

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from apps.access.models import Site
from apps.predictions import groups, services
from apps.predictions.models import Group, ModelSpec, ModelVersion, Score, TrainingRun
from apps.profiles.models import ProfileState
from tests.apps.recommendations.world import NOW, Seen, make_profile, make_site, store

pytestmark = pytest.mark.django_db

EACH = 60
# category, visits in six weeks, events a visit: what tells one kind of visitor from the other.
KINDS = {"shoes": (12, 3), "hats": (6, 6), "bags": (9, 4)}


def fill(site: Site, *, seed: int = 1) -> dict[UUID, str]:
    """Three kinds of visitors, who look at different things and come differently often."""
    chance = random.Random(seed)
    kind_of, events = {}, []
    for number in range(EACH * len(KINDS)):
        kind = list(KINDS)[number % len(KINDS)]
        profile_id = make_profile(site, id=UUID(int=chance.getrandbits(128), version=4))
        kind_of[profile_id] = kind
        events += _visits(chance, profile_id, kind)
    store(site, events)
    with connection.cursor() as cursor:  # conditions read the property, features the column
        cursor.execute(
            "UPDATE events_event SET properties = jsonb_build_object('category', category)"
        )
    return kind_of


def _visits(chance: random.Random, profile_id: UUID, kind: str) -> list[Seen]:
    visits, each = KINDS[kind]
    events = []
    for _ in range(visits + chance.randint(-1, 1)):
        start = NOW - timedelta(days=chance.uniform(0.1, 28))
        for n in range(each + chance.randint(0, 1)):
            at = start + timedelta(minutes=n)
            events.append(Seen(profile_id, at, f"{kind}-{n}", category=kind, value=10.0))
    return events


@pytest.fixture
def site() -> Site:
    return make_site()


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("root")


def make_spec(site: Site, **settings: object) -> ModelSpec:
    return ModelSpec.objects.create(
        site=site,
        key="kinds",
        name="Kinds of visitors",
        kind=ModelSpec.Kind.GROUPS,
        settings={"methods": ["kmeans"], "ks": [2, 5], **settings},
        created_at=NOW,
    )


def trained(spec: ModelSpec, root: User, now=NOW) -> ModelVersion:
    run = services.train_now(spec=spec, now=now, approve_as=root)
    assert run.state == TrainingRun.State.PROMOTED, run.outcome
    assert run.version is not None
    return run.version


def labels(site: Site) -> dict[UUID, str]:
    rows = ProfileState.objects.filter(site_id=site.pk).values_list("profile_id", "traits")
    return {one: traits["score.kinds"][0] for one, traits in rows if "score.kinds" in traits}


def test_planted_groups_are_found_named_and_written_as_traits(site: Site, root: User) -> None:
    kind_of = fill(site)
    spec = make_spec(site)
    version = trained(spec, root)
    assert services.score_now(spec=spec, now=NOW) == len(kind_of)

    said = labels(site)
    together = Counter((kind_of[one], key) for one, key in said.items())
    assert len(together) == len(KINDS), "every kind of visitor is one group"
    assert sum(together.values()) >= 0.95 * len(kind_of)
    assert set(said.values()) == {"group-1", "group-2", "group-3"}
    assert Score.objects.filter(spec=spec, label="group-1").exists()
    for group in version.groups.all():
        assert group.size > 0
        assert group.words[0]["words"]
        assert group.surrogate["fidelity"] > 0.9


def test_its_groups_are_told_in_words_before_anybody_says_yes(
    site: Site, root: User, client: Client
) -> None:
    fill(site)
    spec = make_spec(site)
    version = services.train_now(spec=spec, now=NOW).version
    assert version is not None
    client.force_login(root)
    card = client.get(f"/admin/predictions/modelversion/{version.pk}/change/").content.decode()
    for group in version.groups.all():
        assert f"<dt>{group.name}</dt><dd>{group.size} visitors. On average: " in unescape(card)
    page = client.get(f"/admin/predictions/modelspec/{spec.pk}/change/").content.decode()
    assert "Look at the groups" in page
    assert "Which groups are there? Read as" in page
    assert "who did it" not in page


def test_all_that_was_tried_is_told_and_the_map_shows_nobody_alone(site: Site, root: User) -> None:
    fill(site)
    card = trained(make_spec(site), root).card
    assert [one["k"] for one in card["tried"]] == [2, 3, 4, 5]
    assert card["best"]["k"] == 3
    assert card["map"]["cells"]
    assert all(people >= 10 for *_, people in card["map"]["cells"])


def test_visitors_who_differ_gradually_have_no_clear_structure(site: Site) -> None:
    chance = random.Random(3)
    events = []
    for _ in range(200):
        profile_id = make_profile(site, id=UUID(int=chance.getrandbits(128), version=4))
        for _ in range(int(chance.paretovariate(1.2)) + 1):
            at = NOW - timedelta(days=chance.uniform(0.1, 28))
            category = chance.choice(["shoes", "hats"])
            events.append(Seen(profile_id, at, "x", category=category, value=chance.random()))
    store(site, events)
    run = services.train_now(spec=make_spec(site), now=NOW)
    assert run.state == TrainingRun.State.REFUSED
    assert run.outcome.startswith("No clear structure")
    assert len(run.report["tried"]) == 4
    assert run.version is None


def test_groups_keep_their_keys_and_names_through_a_refresh(site: Site, root: User) -> None:
    fill(site)
    spec = make_spec(site)
    first = trained(spec, root)
    services.score_now(spec=spec, now=NOW)
    before = labels(site)

    # Others come, half of them hats: the order of groups by size is another one now.
    chance = random.Random(8)
    later = []
    for number in range(EACH):
        profile_id = make_profile(site, id=UUID(int=chance.getrandbits(128), version=4))
        later += _visits(chance, profile_id, "hats" if number % 2 else "bags")
    store(site, later)
    second = trained(spec, root, NOW + timedelta(minutes=1))
    services.score_now(spec=spec, now=NOW + timedelta(minutes=1))

    after = labels(site)
    stayed = sum(after.get(one) == key for one, key in before.items())
    assert stayed >= 0.95 * len(before)
    assert len(after) > len(before)
    assert set(after.values()) == set(before.values())
    names = dict(first.groups.values_list("key", "name"))
    assert names.items() <= dict(second.groups.values_list("key", "name")).items()


def test_who_refuses_is_in_no_group(site: Site, root: User) -> None:
    fill(site)
    refuses = make_profile(site, denied=-1)
    store(site, [Seen(refuses, NOW - timedelta(days=n, hours=1), "x") for n in range(9)])
    spec = make_spec(site)
    trained(spec, root)
    services.score_now(spec=spec, now=NOW)
    assert refuses not in labels(site)


def test_too_few_visitors_are_told_how_many_are_needed(site: Site) -> None:
    store(site, [Seen(make_profile(site), NOW - timedelta(days=1), "x") for _ in range(20)])
    run = services.train_now(spec=make_spec(site), now=NOW)
    assert run.state == TrainingRun.State.REFUSED
    assert "20 were active" in run.outcome
    assert "100 are needed" in run.outcome


def test_equal_visitors_and_seeds_make_equal_files(site: Site, root: User) -> None:
    fill(site)
    spec = make_spec(site)
    one = services.train_now(spec=spec, now=NOW).version
    other = services.train_now(spec=spec, now=NOW).version
    assert one is not None
    assert other is not None
    assert one.data_sha256 == other.data_sha256
    assert one.artifact_sha256 == other.artifact_sha256
    assert Group.objects.filter(version=other).count() == 3


def test_groups_of_a_row_are_told_without_the_database(site: Site) -> None:
    fill(site)
    version = services.train_now(spec=make_spec(site), now=NOW).version
    assert version is not None
    nowhere = np.full((1, len(version.feature_names)), 1e9)
    assert groups.labels_of(version, nowhere) == [None]
    assert groups.labels_of(version, nowhere[:0]) == []
