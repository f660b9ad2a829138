"""Portable data: given back to the doors of intake it makes the same profile again."""

import json
from typing import Any
from uuid import UUID

from apps.access.models import Site
from apps.access.services import create_source, issue_key
from apps.events.models import Event
from apps.pipeline import fold
from apps.privacy.models.packages import Package
from apps.profiles.models import Identity, Trait
from apps.segments.refresh import refresh_site
from apps.work import clock
from tests.apps.privacy.test_packages import (  # noqa: F401
    DEVICE,
    USER,
    Counter,
    asked_by_user,
    content_of,
    desk,
)
from tests.apps.profiles.conftest import (  # noqa: F401
    Shop,
    _new_process,
    identify,
    shop,
    track,
    world,
)

WHEN = "2026-03-01T1{}:00:00.000Z"


def lived(shop: Shop) -> None:  # noqa: F811
    """Somebody who came, looked, signed in, changed and joined a company."""
    shop.send(
        {
            "type": "page",
            "anonymousId": DEVICE,
            "messageId": "p1",
            "timestamp": WHEN.format(0),
            "properties": {"path": "/blouses"},
        },
        track(
            anonymousId=DEVICE,
            messageId="t1",
            timestamp=WHEN.format(1),
            properties={"category": "blouses", "price": 12.5},
        ),
        identify(
            USER,
            anonymousId=DEVICE,
            messageId="i1",
            timestamp=WHEN.format(2),
            traits={"plan": "free", "age": 41, "tags": ["a", "b"]},
        ),
        identify(
            USER,
            anonymousId=DEVICE,
            messageId="i2",
            timestamp=WHEN.format(3),
            traits={"plan": "pro"},
        ),
        track(
            "Order Completed",
            anonymousId=None,
            userId=USER,
            messageId="t2",
            timestamp=WHEN.format(4),
        ),
        {
            "type": "group",
            "userId": USER,
            "groupId": "acme",
            "messageId": "g1",
            "timestamp": WHEN.format(5),
            "traits": {"size": 50},
        },
    )
    choice = {"userId": USER, "purposes": {"analytics": True, "sale": False}}
    assert shop.world.post("/v1/consent", choice, key=shop.world.sk).status_code == 200


def profile_of(site_id: UUID) -> dict[str, Any]:
    """What a site knows of the person, without numbers of rows."""
    profile_id = Identity.objects.get(site_id=site_id, kind="user_id", value=USER).profile_id
    traits = Trait.objects.filter(profile_id=profile_id)
    rows = Event.objects.filter(profile_id=profile_id)
    return {
        "identities": sorted(
            Identity.objects.filter(profile_id=profile_id).values_list("kind", "value")
        ),
        "traits": {
            trait.key: (trait.value, trait.observed_at, trait.message_id) for trait in traits
        },
        "events": sorted(
            (row.message_id, row.kind, row.name, row.occurred_at, json.dumps(row.properties))
            for row in rows
        ),
    }


def fold_all() -> None:
    while fold.fold_once(now=clock.now()) is not fold.NOTHING:
        pass


def newcomer(shop: Shop) -> tuple[Site, str]:  # noqa: F811
    """Another site with a secret key."""
    site = Site.objects.create(key="newcomer", name="Newcomer", created_at=clock.now())
    source = create_source(site_id=site.pk, name="server", kind="server", now=clock.now())
    return site, issue_key(source_id=source.pk, kind="sk", now=clock.now())[1]


def test_what_is_taken_along_makes_the_same_profile_elsewhere(
    desk: Counter,  # noqa: F811
    shop: Shop,  # noqa: F811
) -> None:
    lived(shop)
    content = content_of(asked_by_user(desk, "portability"))
    site, key = newcomer(shop)

    response = shop.world.post("/v1/import", {"batch": content["messages"]}, key=key)
    assert response.json()["rejected"] == [], response.content
    fold_all()
    for choice in content["choices"]:
        body = {name: choice[name] for name in ("purposes", "userId", "method")}
        assert shop.world.post("/v1/consent", body, key=key).status_code == 200

    assert profile_of(site.pk) == profile_of(shop.world.site.pk)
    chosen = [
        shop.world.client.get(
            f"/v1/consent?userId={USER}", headers={"Authorization": f"Bearer {one}"}
        ).json()["recorded"]
        for one in (key, shop.world.sk)
    ]
    assert chosen[0] == chosen[1]


def test_the_same_site_takes_it_as_what_it_knows_already(desk: Counter, shop: Shop) -> None:  # noqa: F811
    lived(shop)
    before = profile_of(shop.world.site.pk)
    content = content_of(asked_by_user(desk, "portability"))

    answer = shop.world.post("/v1/import", {"batch": content["messages"]}, key=shop.world.sk)

    assert answer.json()["duplicates"] == len(content["messages"])
    assert profile_of(shop.world.site.pk) == before


def test_what_was_taken_along_brings_nobody_back_after_an_erasure(
    desk: Counter,  # noqa: F811
    shop: Shop,  # noqa: F811
    settings: Any,
    tmp_path: Any,
) -> None:
    settings.LEDGER_DIR = tmp_path
    lived(shop)
    content = content_of(asked_by_user(desk, "portability"))
    desk.approve(desk.verified("erasure", names=[("user_id", USER)]))
    for _ in range(6):
        desk.work()
    assert not Identity.objects.filter(value=USER).exists()

    shop.world.post("/v1/import", {"batch": content["messages"]}, key=shop.world.sk)
    fold_all()

    assert not Identity.objects.filter(value__in=(USER, DEVICE)).exists()
    assert not Event.objects.exists()


def test_conclusions_of_the_site_stay_here(desk: Counter, shop: Shop) -> None:  # noqa: F811
    shop.world.hero()
    lived(shop)
    refresh_site(site_id=shop.world.site.pk)

    content = content_of(asked_by_user(desk, "portability"))

    assert content["schema"] == "attune.portability/1"
    assert set(content["traits"]) >= {"plan", "age", "tags"}
    assert content["traits"]["plan"]["value"] == "pro"
    assert [one["value"] for one in content["traits"]["plan"]["history"]] == ["free", "pro"]
    text = json.dumps(content)
    assert "segment" not in text and "score" not in text
    assert Package.objects.get().kind == "portability"
