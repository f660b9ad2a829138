"""Access packages: everything of one person, nothing of another, encrypted, for a week."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from apps.access.models import Site
from apps.privacy import packages
from apps.privacy.models.packages import Package
from apps.privacy.models.requests import Request, RequestSubject
from apps.profiles.holders import holders
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
from tests.apps.profiles.test_forgetting import whole_person

USER, DEVICE, OTHER = "person-77f0", "device-5d1c", "person-of-another-0b3e"


class Counter(Desk):
    """The desk of the shop whose visitors send events."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.now = clock.now()


@pytest.fixture
def desk(shop: Shop) -> Counter:  # noqa: F811
    return Counter(shop.world.site)


def asked_by_user(desk: Counter, kind: str = "access") -> Request:
    return desk.done(kind, names=[("user_id", USER)])


def content_of(request: Request) -> dict[str, Any]:
    package = Package.objects.get(request=request)
    link = packages.link_of(package)
    data = packages.opened(package, link.removeprefix(packages.PATH), now=clock.now())
    assert data is not None
    found: dict[str, Any] = json.loads(data)
    return found


def test_every_store_is_asked_and_what_it_keeps_is_in_it(desk: Counter, shop: Shop) -> None:  # noqa: F811
    profile_id = whole_person(shop)
    held = {holder.name: list(holder.export(profile_id)) for holder in holders()}

    content = content_of(asked_by_user(desk))

    stores = {part["store"]: part["items"] for part in content["stores"]}
    assert set(stores) == {holder.name for holder in holders()}
    for name, items in held.items():
        if name != "privacy requests":
            assert len(stores[name]) >= len(items), name
    assert {"events", "consent", "decisions", "segments"} <= {n for n, i in stores.items() if i}
    assert content["segmentRules"]["blouses"]


def test_nothing_of_another_person_is_in_it(desk: Counter, shop: Shop) -> None:  # noqa: F811
    whole_person(shop)
    shop.send(
        identify(OTHER, anonymousId="device-of-another", traits={"plan": "secret-of-another"}),
        track(anonymousId="device-of-another", properties={"page": "of-another"}),
    )

    text = json.dumps(content_of(asked_by_user(desk)))

    assert USER in text and DEVICE in text
    assert "of-another" not in text


def test_a_device_of_two_people_gives_each_their_own(desk: Counter, shop: Shop) -> None:  # noqa: F811
    shop.send(identify(USER, anonymousId="shared", timestamp="2026-03-01T10:00:00Z"))
    shop.send(identify(OTHER, anonymousId="shared", timestamp="2026-03-01T12:00:00Z"))
    shop.send(
        track("Mine", anonymousId="shared", timestamp="2026-03-01T11:00:00Z"),
        track("Theirs", anonymousId="shared", timestamp="2026-03-01T13:00:00Z"),
    )

    text = json.dumps(content_of(asked_by_user(desk)))

    assert "Mine" in text
    assert "Theirs" not in text and OTHER not in text


def test_somebody_unknown_gets_a_package_that_says_so(desk: Counter) -> None:
    content = content_of(desk.done(names=[("user_id", "nobody")]))

    assert all(part["items"] == [] for part in content["stores"])
    assert {part["store"] for part in content["stores"]} == {one.name for one in holders()}


def test_a_package_is_not_readable_from_the_database(desk: Counter, shop: Shop) -> None:  # noqa: F811
    whole_person(shop)
    asked_by_user(desk)

    with connection.cursor() as cursor:
        cursor.execute("SELECT content_enc, token_digest FROM privacy_package")
        content, digest = cursor.fetchone()
    assert USER.encode() not in bytes(content)
    link = packages.link_of(Package.objects.get())
    assert link.removeprefix(packages.PATH) not in digest


def test_the_link_opens_for_seven_days_and_no_longer(desk: Counter, shop: Shop) -> None:  # noqa: F811
    whole_person(shop)
    package = Package.objects.get(request=asked_by_user(desk))
    link = packages.link_of(package)
    end = package.expires_at

    client = Client()
    page = client.get(link)
    assert page.status_code == 200 and not page.cookies
    assert package.request.public_ref in page.content.decode()
    data = client.get(f"{link}/data.json")
    assert data["Content-Disposition"].startswith("attachment")
    assert json.loads(data.content)["schema"] == "attune.access/1"
    readable = client.get(f"{link}/data.html").content.decode()
    assert USER in readable and "What you did" in readable
    package.refresh_from_db()
    assert package.opened_at is not None

    assert packages.found(link.removeprefix(packages.PATH), now=end) is None
    assert packages.close_expired(now=end) == 1
    for path in (link, f"{link}/data.json", f"{link}/data.html"):
        assert client.get(path).status_code == 410
    package.refresh_from_db()
    assert bytes(package.content_enc) == b""


def test_a_wrong_link_says_the_same_as_an_old_one(desk: Counter) -> None:
    package = Package.objects.get(request=desk.done())
    right = packages.link_of(package)
    wrong = right[:-1] + ("A" if right[-1] != "A" else "B")
    packages.close(package, now=clock.now())

    client = Client()

    assert client.get(wrong).status_code == client.get(right).status_code == 410
    assert client.get(wrong).content == client.get(right).content


def test_a_link_outlives_a_change_of_the_signing_key(desk: Counter, settings: Any) -> None:
    package = Package.objects.get(request=desk.done())
    link = packages.link_of(package)

    settings.SIGNING_KEYS_RETIRED = (settings.SIGNING_KEY,)
    settings.SIGNING_KEY = "another key that is long enough to be one"

    assert packages.link_of(package) == link


def test_what_somebody_wrote_is_words_in_the_readable_page(desk: Counter, shop: Shop) -> None:  # noqa: F811
    shop.send(identify(USER, traits={"nick": "<script>alert(1)</script>"}))
    link = packages.link_of(Package.objects.get(request=asked_by_user(desk)))

    page = Client().get(f"{link}/data.html").content.decode()

    assert "&lt;script&gt;alert" in page and "<script" not in page


def test_an_erasure_closes_the_packages_of_the_person(desk: Counter, shop: Shop) -> None:  # noqa: F811
    profile_id = whole_person(shop)
    package = Package.objects.get(request=asked_by_user(desk))
    holder = next(one for one in holders() if one.name == "privacy requests")

    holder.erase(profile_id)

    package.refresh_from_db()
    assert package.closed_at is not None and bytes(package.content_enc) == b""
    assert Request.objects.get().subject_digests == []
    assert holder.erase(profile_id) == 0


def test_the_person_is_told_the_link_by_mail_and_the_log_is_not(desk: Counter) -> None:
    request = desk.done()
    link = packages.link_of(Package.objects.get(request=request))

    from apps.privacy.models.requests import RequestEvent

    token = link.removeprefix(packages.PATH)
    assert all(token not in json.dumps(row.detail) for row in RequestEvent.objects.all())
    assert token not in json.dumps(desk.again(request).outcome)


def test_a_request_follows_its_person_into_a_merge_and_is_there_once(desk: Counter) -> None:
    one, other = uuid4(), uuid4()
    first, second = desk.receive(), desk.receive("erasure")
    RequestSubject.objects.create(request=first, profile_id=one)
    RequestSubject.objects.create(request=second, profile_id=one)
    RequestSubject.objects.create(request=second, profile_id=other)
    holder = next(one for one in holders() if one.name == "privacy requests")

    holder.reassign(one, other)

    rows = RequestSubject.objects.order_by("request__received_at", "pk")
    assert sorted(rows.values_list("request_id", "profile_id")) == sorted(
        [(first.pk, other), (second.pk, other)]
    )
    assert {row["kind"] for row in holder.export(other)} == {"access", "erasure"}
