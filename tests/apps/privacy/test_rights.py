"""What each right does to what visitors get, and to what is kept of them."""

from typing import Any

import pytest
from django.db import connection

from apps.access.errors import InvalidRequest
from apps.consent import disclosures
from apps.consent.recipients import Recipient
from apps.pipeline import fold
from apps.privacy import rectifying, requests, restricting, verification
from apps.privacy.errors import RequestNotOpen
from apps.privacy.models.erasures import Certificate, RecipientTelling
from apps.privacy.models.requests import Request
from apps.profiles.models import Identity, Trait, TraitChange
from apps.segments.refresh import refresh_site
from apps.work import clock
from tests.apps.privacy.desk import Desk
from tests.apps.profiles.conftest import (  # noqa: F401
    Shop,
    _new_process,
    identify,
    shop,
    track,
    world,
)

USER, DEVICE = "person-77f0", "device-5d1c"


@pytest.fixture
def desk(shop: Shop) -> Desk:  # noqa: F811
    found = Desk(shop.world.site)
    found.now = clock.now()
    return found


def known(shop: Shop, **traits: Any) -> None:  # noqa: F811
    shop.world.hero()
    refresh_site(site_id=shop.world.site.pk)
    shop.send(
        track(anonymousId=DEVICE, properties={"category": "blouses"}),
        identify(USER, anonymousId=DEVICE, traits=traits),
    )


def hero(shop: Shop) -> str:  # noqa: F811
    return str(shop.world.hero_of(DEVICE)["reason"])


def asked(desk: Desk, kind: str) -> Request:
    return desk.verified(kind, names=[("user_id", USER)])


@pytest.mark.parametrize("kind", ["restriction", "objection"])
def test_who_restricts_or_objects_gets_the_default_at_once_and_until_it_is_lifted(
    desk: Desk,
    shop: Shop,  # noqa: F811
    kind: str,
) -> None:
    known(shop)
    assert hero(shop) == "TARGETING_MATCH"

    request = desk.carry_out(asked(desk, kind))

    assert (request.state, request.outcome["profiles"]) == ("completed", 1)
    assert hero(shop) == "NO_CONSENT"
    with pytest.raises(RequestNotOpen, match="told"):
        restricting.lift(request=request, actor=desk.officer, told="", now=desk.now)
    told = "By letter of 20 November"
    assert restricting.lift(request=request, actor=desk.officer, told=told, now=desk.now) == 1
    shop.send(track(anonymousId=DEVICE, properties={"category": "blouses"}))
    assert hero(shop) in ("TARGETING_MATCH", "DEFAULT")


def test_an_opt_out_refuses_sale_and_leaves_personalization(desk: Desk, shop: Shop) -> None:  # noqa: F811
    known(shop)

    desk.carry_out(asked(desk, "opt_out"))

    said = shop.world.client.get(
        f"/v1/consent?userId={USER}", headers={"Authorization": f"Bearer {shop.world.sk}"}
    ).json()["recorded"]
    assert (said["advertising"], said["sale"]) == (False, False)
    assert hero(shop) == "TARGETING_MATCH"


def test_an_opt_out_of_somebody_unknown_counts_when_they_come(desk: Desk, shop: Shop) -> None:  # noqa: F811
    request = desk.verified("opt_out", names=[("user_id", "later-99")])
    desk.carry_out(request)

    said = shop.world.client.get(
        "/v1/consent?userId=later-99", headers={"Authorization": f"Bearer {shop.world.sk}"}
    ).json()["recorded"]
    assert said["sale"] is False


def test_what_is_put_right_keeps_its_history_and_segments_follow(desk: Desk, shop: Shop) -> None:  # noqa: F811
    known(shop, plan="free")
    request = desk.carry_out(desk.approve(asked(desk, "rectification")))
    assert request.state == "in_progress"

    rectifying.rectify(
        request_id=request.pk, key="plan", value="pro", actor=desk.officer, now=desk.now
    )

    assert shop.read(f"user_id:{USER}", "traits")["traits"]["plan"] == "pro"
    changes = TraitChange.objects.filter(key="plan").order_by("id")
    assert [change.value for change in changes] == ["free", "pro"]
    assert changes.last().source == "officer:rectified"
    assert Trait.objects.get(key="plan").source == "officer:rectified"
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM profiles_due")
        assert cursor.fetchone()[0] == 1, "nobody looks at the segments again"
    log = desk.log_of(request)
    requests.complete(
        request_id=request.pk, outcome={"note": "The plan"}, actor=desk.officer, now=desk.now
    )
    assert "rectified" in log and desk.again(request).state == "completed"


@pytest.mark.parametrize("key", ["", "score.churn", "x" * 121], ids=["none", "derived", "long"])
def test_what_the_site_works_out_itself_is_not_put_right_by_hand(
    desk: Desk,
    shop: Shop,  # noqa: F811
    key: str,
) -> None:
    known(shop)
    request = desk.carry_out(desk.approve(asked(desk, "rectification")))

    with pytest.raises(InvalidRequest):
        rectifying.rectify(
            request_id=request.pk, key=key, value=1, actor=desk.officer, now=desk.now
        )


def test_an_older_message_does_not_undo_what_was_put_right(desk: Desk, shop: Shop) -> None:  # noqa: F811
    known(shop, plan="free")
    request = desk.carry_out(desk.approve(asked(desk, "rectification")))
    rectifying.rectify(
        request_id=request.pk, key="plan", value="pro", actor=desk.officer, now=desk.now
    )

    shop.send(identify(USER, timestamp="2026-03-01T10:00:00Z", traits={"plan": "old"}))

    assert shop.read(f"user_id:{USER}", "traits")["traits"]["plan"] == "pro"


def test_recipients_of_the_last_year_are_told(desk: Desk, shop: Shop) -> None:  # noqa: F811
    known(shop)
    profile_id = Identity.objects.get(value=USER).profile_id
    recipient = Recipient.objects.create(
        site=shop.world.site, key="mailer", name="Mailer Ltd", contact="dpo@mailer.example"
    )
    disclosures.note([profile_id], recipient.pk, "trigger:welcome", desk.now)

    request = desk.carry_out(asked(desk, "restriction"))

    told = RecipientTelling.objects.get()
    assert (told.request_id, told.recipient, told.what) == (
        request.pk, "mailer", "profile.restricted",
    )  # fmt: skip
    assert request.outcome["recipients"] == 1
    assert USER.encode() not in bytes(told.body)


def test_an_erasure_asked_for_at_the_desk_ends_with_its_certificate(
    desk: Desk,
    shop: Shop,  # noqa: F811
    settings: Any,
    tmp_path: Any,
) -> None:
    settings.LEDGER_DIR = tmp_path
    known(shop, plan="pro")
    request = desk.approve(asked(desk, "erasure"))

    for _ in range(6):
        desk.work()

    found = desk.again(request)
    assert found.state == "completed", (found.trouble, desk.log_of(request))
    assert not Identity.objects.filter(value=USER).exists()
    assert Certificate.objects.count() == 1
    assert found.subject_digests == []
    with connection.cursor() as cursor:
        for table in ("privacy_request", "privacy_requestevent", "privacy_message"):
            cursor.execute(f"SELECT count(*) FROM {table} t WHERE t::text ~ %s", [USER])
            assert cursor.fetchone()[0] == 0, table
    shop_answer = shop.world.post(
        "/v1/track", {"event": "Late", "userId": USER, "timestamp": "2026-03-02T10:00:00Z"},
        key=shop.world.sk,
    )  # fmt: skip
    assert shop_answer.status_code == 200
    while fold.fold_once(now=clock.now()) is not fold.NOTHING:
        pass
    assert not Identity.objects.filter(value=USER).exists()


def test_what_failed_is_shown_and_tried_again(
    desk: Desk,
    shop: Shop,  # noqa: F811
) -> None:
    known(shop)
    request = desk.approve(asked(desk, "access"))
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE privacy_package RENAME TO privacy_package_away")
    try:
        with pytest.raises(Exception, match="privacy_package"):
            desk.carry_out(request)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE privacy_package_away RENAME TO privacy_package")

    failed = desk.again(request)
    assert (failed.state, failed.failures, failed.trouble) == ("failed", 1, "ProgrammingError")
    assert desk.carry_out(request).state == "completed"


def test_who_is_known_by_a_number_is_found_by_the_address_they_told(
    desk: Desk,
    shop: Shop,  # noqa: F811
) -> None:
    shop.send(identify("1815", anonymousId="a-of-ada", traits={"email": "Ada@Example.com"}))
    shop.send(identify("1852", anonymousId="a-of-eve", traits={"email": "eve@example.com"}))

    request = desk.verified("access", names=[("email", "ada@example.com")])

    ada = Identity.objects.get(value="1815").profile_id
    assert list(request.subjects.values_list("profile_id", flat=True)) == [ada]
    assert verification.ways_to(request) == {ada: ["email"]}
