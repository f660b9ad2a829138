"""Open pages are told when to ask again: by a real stream process, and by whatever changes."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import redis
from django.db import transaction

from apps.access import keys
from apps.access import services as access
from apps.access.models import ApiKey, Source
from apps.decisions import hot_state, hot_wire, personal_data
from apps.decisions.notices import STREAM
from apps.delivery.stream.tickets import stream_url, ticket_of
from apps.pipeline import fold
from apps.profiles.models import Identity
from apps.rules import services as rules
from apps.segments import refresh
from apps.work import clock
from tests.apps.delivery.conftest import World
from tests.apps.delivery.live_streams import Client, Server, running, wait_until
from tests.apps.delivery.test_request_facts import SEEN_BEFORE
from tests.apps.pipeline.test_timers import BROWSING_BLOUSES

pytestmark = pytest.mark.slow

HATS = {
    "kind": "event", "name": "Product Viewed", "aggregate": "last", "of": "category",
    "window": "session", "op": "eq", "value": "hats",
}  # fmt: skip


@pytest.fixture(scope="module")
def server(django_db_setup: None, valkey_client: "redis.Redis") -> Iterator[Server]:
    """A stream process on the tests' own servers."""
    with running() as server:
        yield server


@pytest.fixture
def shop(world: World, settings: Any, server: Server) -> World:
    """A shop whose streams that process serves, in the present: tickets are for real time."""
    clock.replace(None)
    settings.STREAM_ORIGIN = server.origin
    world.hero()
    make_live(world)
    return world


def make_live(world: World) -> None:
    """Have the segments that were published looked at from now on."""
    refresh.refresh_site(site_id=world.site.pk, read_clock=clock.now)


def address(world: World, anonymous_id: str, server: Server | None = None) -> str:
    """Where a visitor's stream is, at another process if one is given."""
    answer = world.post("/v1/stream/tickets", {"anonymousId": anonymous_id})
    assert answer.status_code == 200, answer.content
    url = str(answer.json()["url"])
    return url if server is None else f"{server.origin}{url[url.index('/v1/') :]}"


def listening(world: World, anonymous_id: str, last_event_id: str | None = None) -> Client:
    return Client(address(world, anonymous_id), last_event_id)


def views(world: World, anonymous_id: str, category: str, **more: Any) -> None:
    """The visitor looks at something, and it is folded."""
    event = {
        "type": "track",
        "event": "Product Viewed",
        "anonymousId": anonymous_id,
        "properties": {"category": category},
        **more,
    }
    assert world.post("/v1/batch", {"batch": [event]}).status_code == 200
    fold.fold_once(now=clock.now())


def profile_of(world: World, value: str) -> UUID:
    return Identity.objects.get(site=world.site, value=value).profile_id


def test_every_answer_has_an_id(shop: World, server: Server) -> None:
    page = listening(shop, "a1")
    refused = Client(f"{server.origin}/v1/stream?ticket=x")
    assert (page.status, refused.status) == (200, 401)
    ids = [one.headers["x-request-id"] for one in (page, refused)]
    assert all(one.startswith("req_") for one in ids) and ids[0] != ids[1]
    assert json.loads(refused.body)["traceId"] == ids[1]


def test_a_page_is_told_that_a_membership_changed_and_nothing_else(shop: World) -> None:
    views(shop, "a1", "trousers")
    page, other = listening(shop, "a1"), listening(shop, "b1")

    views(shop, "a1", "blouses")

    (notice,) = page.wait()
    assert notice.keys() == {"type", "etag", "lastModified"}
    assert (notice["type"], notice["etag"]) == ("refetchEvaluation", "pub-1")
    assert abs(notice["lastModified"] - clock.now().timestamp()) < 60
    assert shop.hero_of("a1")["fields"] == {"headline": "Blouses"}
    assert other.stays_quiet()


def test_an_event_that_changes_nothing_tells_nobody(shop: World) -> None:
    views(shop, "a1", "blouses")
    page = listening(shop, "a1")

    views(shop, "a1", "blouses")

    assert page.stays_quiet()


def test_a_visitor_nobody_knew_is_told_of_the_first_event(shop: World) -> None:
    page = listening(shop, "a1")
    views(shop, "a1", "blouses")
    page.wait()
    views(shop, "a1", "trousers")
    page.wait(2)


def test_a_condition_of_a_rule_that_no_segment_shows_tells_too(shop: World) -> None:
    """Its history is kept by a hidden segment, of which the change feed says nothing."""
    rules.create_rule(
        site_id=shop.site.pk,
        key="chosen",
        placement_key="home.hero",
        variant_key="blouses",
        condition={"v": 1, "where": HATS},
    )
    shop.publish()
    make_live(shop)
    views(shop, "a1", "trousers")
    page = listening(shop, "a1")
    views(shop, "a1", "hats")
    page.wait()
    assert shop.hero_of("a1")["reason"] == "TARGETING_MATCH"


def chosen_by_hats(shop: World, **where: Any) -> None:
    """A rule of home.hero for who looks at hats."""
    rules.create_rule(
        site_id=shop.site.pk,
        key="chosen",
        placement_key="home.hero",
        variant_key="blouses",
        condition={"v": 1, "where": where or HATS},
    )
    shop.publish()
    make_live(shop)


FIRED = {"type": "trigger", "placement": "home.hero", "rule": "chosen"}


def test_a_rule_that_begins_to_hold_fires_once_and_before_the_notice(shop: World) -> None:
    chosen_by_hats(shop)
    views(shop, "a1", "trousers")
    page, other = listening(shop, "a1"), listening(shop, "b1")
    views(shop, "a1", "hats")
    assert page.wait(2)[0] == FIRED
    assert page.notices()[1]["type"] == "refetchEvaluation"
    views(shop, "a1", "hats")  # it holds as before
    views(shop, "a1", "trousers")
    assert page.wait(3)[2]["type"] == "refetchEvaluation"
    views(shop, "a1", "hats")
    assert page.wait(5)[3] == FIRED
    assert other.stays_quiet()


def test_a_rule_that_needs_the_request_does_not_fire(shop: World) -> None:
    phone = {"kind": "context", "name": "device", "op": "eq", "value": "mobile"}
    chosen_by_hats(shop, all=[HATS, phone])
    views(shop, "a1", "trousers")
    page = listening(shop, "a1")
    views(shop, "a1", "hats")
    assert [one["type"] for one in page.wait()] == ["refetchEvaluation"]
    assert page.stays_quiet(after=1)


def test_whoever_comes_back_hears_what_fired_meanwhile(shop: World) -> None:
    chosen_by_hats(shop)
    views(shop, "a1", "trousers")
    page = listening(shop, "a1")
    views(shop, "a1", "blouses")
    page.wait()
    page.close()
    views(shop, "a1", "hats")
    again = listening(shop, "a1", page.last_id)
    assert again.wait(2)[0] == FIRED
    # An id between the two: the trigger was heard, the notice was not.
    heard = next(number for number, data in again.events if data == FIRED)
    third = listening(shop, "a1", heard)
    assert third.wait(2)[-1]["type"] == "refetchEvaluation"


@pytest.mark.parametrize("told", [False, True], ids=["not asked", "granted"])
def test_where_consent_is_asked_for_a_rule_fires_with_consent_alone(
    shop: World, told: bool
) -> None:
    chosen_by_hats(shop)
    Source.objects.filter(pk=shop.source.pk).update(consent_mode="required")
    keys.announce()
    agreed = {"consent": {"categoryPreferences": {"analytics": True}}}
    views(shop, "a1", "trousers", context=agreed)
    if told:
        shop.post("/v1/consent", {"anonymousId": "a1", "purposes": {"personalization": True}})
    page = listening(shop, "a1")
    views(shop, "a1", "hats", context=agreed)
    if told:
        page.wait(2)
    assert page.stays_quiet(after=2 if told else 0)  # who was never asked is in no segment
    assert (FIRED in page.notices()) is told


def test_a_withdrawal_and_a_grant_tell(shop: World) -> None:
    views(shop, "a1", "blouses")
    page = listening(shop, "a1")
    for count, purposes in enumerate(({"personalization": False}, {"personalization": True}), 1):
        shop.post("/v1/consent", {"anonymousId": "a1", "purposes": purposes})
        page.wait(count)


def test_a_login_on_one_device_tells_the_page_on_another(shop: World) -> None:
    """The page of the profile that was merged away is the other one's from then on."""
    for name in ("phone", "laptop"):
        views(shop, name, "trousers")
    shop.post("/v1/identify", {"anonymousId": "phone", "userId": "anna"})
    fold.fold_once(now=clock.now())
    pages = [listening(shop, "phone"), listening(shop, "laptop")]

    shop.post("/v1/identify", {"anonymousId": "laptop", "userId": "anna"})
    fold.fold_once(now=clock.now())
    for page in pages:
        page.wait()

    assert profile_of(shop, "phone") == profile_of(shop, "laptop")
    views(shop, "phone", "blouses")
    for page in pages:
        page.wait(2)


def test_a_membership_that_ends_by_itself_tells(shop: World) -> None:
    rules.create_rule(
        site_id=shop.site.pk,
        key="browsing",
        placement_key="home.hero",
        variant_key="blouses",
        condition=BROWSING_BLOUSES,
    )
    shop.publish()
    make_live(shop)
    views(shop, "a1", "blouses")
    page = listening(shop, "a1")

    assert fold.fold_due(now=clock.now() + timedelta(minutes=31)) == 1

    page.wait()


def test_a_publication_tells_every_page_of_its_site_and_no_other(shop: World) -> None:
    elsewhere = World(key="elsewhere")
    pages = [listening(shop, "a1"), listening(shop, "b1")]
    other = listening(elsewhere, "a1")
    rules.create_rule(
        site_id=shop.site.pk,
        key="seen",
        placement_key="home.hero",
        variant_key="blouses",
        condition={"v": 1, "where": SEEN_BEFORE},
    )
    shop.publish()
    assert [page.wait()[0]["etag"] for page in pages] == ["pub-2", "pub-2"]
    assert other.stays_quiet()


def test_an_erased_visitors_page_asks_again(shop: World) -> None:
    views(shop, "a1", "blouses")
    page = listening(shop, "a1")
    with transaction.atomic():
        personal_data.HOLDER.erase(profile_of(shop, "a1"))
    page.wait()


def test_who_comes_back_is_told_what_it_missed_once(shop: World) -> None:
    views(shop, "a1", "trousers")
    page = listening(shop, "a1")
    page.close()
    assert listening(shop, "a1", page.last_id).stays_quiet()

    views(shop, "a1", "blouses")
    again = listening(shop, "a1", page.last_id)
    again.wait()

    assert again.stays_quiet(after=1)
    assert listening(shop, "a1", again.last_id).stays_quiet()


def test_a_page_names_the_moment_of_its_answer(shop: World) -> None:
    """Between an answer and the opening of the stream things change, too."""
    views(shop, "a1", "trousers")
    before = clock.now_ms()
    views(shop, "a1", "blouses")
    url = address(shop, "a1")
    Client(f"{url}&lastEventId={before}-0").wait()
    assert Client(f"{url}&lastEventId={clock.now_ms()}-0").stays_quiet()


@pytest.mark.parametrize(
    "last_event_id", ["0-0", "none of ours", "99999999999999-0"], ids=["old", "garbage", "future"]
)
def test_an_id_that_says_nothing_asks_again(shop: World, last_event_id: str) -> None:
    page = listening(shop, "a1", last_event_id)
    page.wait()
    assert page.stays_quiet(after=1)


def test_tickets_that_open_nothing(shop: World, server: Server) -> None:
    bad = Client(f"{server.origin}/v1/stream?ticket=AZOguDTzejXvSteklVsTt")
    assert (bad.status, b'"code": "invalid_ticket"' in bad.body) == (401, True)
    assert bad.headers["content-type"] == "application/problem+json"
    assert bad.headers["vary"] == "Origin"

    long_ago = clock.now_ms() - 120 * 86_400_000
    old = ticket_of(shop.site.pk, shop.source.pk, "anonymous_id:a1", long_ago)
    assert Client(stream_url(old)).status == 204

    url = address(shop, "a1")
    for key in ApiKey.objects.filter(source=shop.source):
        access.revoke_key(key_id=key.pk, actor=None, now=clock.now())
    assert Client(url).status == 204


def test_a_stream_is_never_kept_and_never_buffered(shop: World) -> None:
    headers = listening(shop, "a1").headers
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-store"
    assert headers["x-accel-buffering"] == "no"
    assert "content-encoding" not in headers


def test_what_could_not_be_told_while_redis_was_away_is_told_to_all(
    shop: World, settings: Any
) -> None:
    views(shop, "a1", "trousers")
    page = listening(shop, "a1")
    [state] = hot_state.hot_profiles_of([profile_of(shop, "a1")])
    there, settings.REDIS_URL = settings.REDIS_URL, "unix:///nonexistent/valkey.sock"
    assert not hot_state.publish([state])
    settings.REDIS_URL = there
    hot_wire.close_circuit()
    assert page.stays_quiet()

    views(shop, "b1", "trousers")

    page.wait()


def test_streams_survive_the_death_of_their_process(shop: World) -> None:
    with running() as server:
        views(shop, "a1", "trousers")
        page, quiet = Client(address(shop, "a1", server)), Client(address(shop, "b1", server))
        server.kill()
        wait_until(lambda: page.has_ended and quiet.has_ended, "the end of the streams")
        views(shop, "a1", "blouses")
        server.start()
        Client(address(shop, "a1", server), page.last_id).wait()
        assert Client(address(shop, "b1", server), quiet.last_id).stays_quiet()


def test_a_redis_that_forgot_asks_who_comes_back_once(shop: World, valkey: "redis.Redis") -> None:
    """Its stream began anew: what was told before cannot be known."""
    views(shop, "a1", "trousers")
    page = listening(shop, "a1")
    valkey.delete(STREAM)
    with running() as server:
        again = Client(address(shop, "a1", server), page.last_id)
        again.wait()
        assert again.stays_quiet(after=1)
