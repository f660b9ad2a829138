"""Tickets: an address for one visitor's notices that says nothing, and that only we can make."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit
from uuid import UUID

import pytest

from apps.access.models import Source
from apps.decisions.notices import digest_of
from apps.delivery.stream.tickets import read_ticket, stream_url, ticket_of
from apps.work import clock
from tests.apps.delivery.conftest import NOW_MS, World

SITE, SOURCE = UUID(int=7), UUID(int=8)
ANNA = "user_id:anna@shop.example"


def at(text: str) -> int:
    return clock.to_ms(datetime.fromisoformat(text).replace(tzinfo=UTC))


def test_a_ticket_says_again_what_it_was_made_of() -> None:
    ticket = read_ticket(ticket_of(SITE, SOURCE, ANNA, NOW_MS), NOW_MS)
    assert ticket is not None
    assert (ticket.site_id, ticket.source_id) == (SITE, SOURCE)
    assert (ticket.identity, ticket.is_over) == (digest_of(ANNA), False)


def test_a_ticket_is_the_same_all_through_a_month_and_another_in_the_next() -> None:
    first, last, next_one = (
        ticket_of(SITE, SOURCE, ANNA, at(moment))
        for moment in ("2026-12-01", "2026-12-31T23:59:59.999", "2027-01-01")
    )
    assert first == last != next_one


@pytest.mark.parametrize("given", ["2026-12-01", "2026-12-31T23:59:59.999", "2028-02-29"])
def test_a_ticket_opens_for_sixty_days_at_least_and_three_months_at_most(given: str) -> None:
    text = ticket_of(SITE, SOURCE, ANNA, at(given))
    for days, is_over in ((59, False), (60, False), (92, True)):
        ticket = read_ticket(text, at(given) + days * 86_400_000)
        assert ticket is not None and ticket.is_over is is_over, days


def test_other_visitors_sources_and_sites_have_other_tickets() -> None:
    tickets = {
        ticket_of(site, source, identity, NOW_MS)
        for site in (SITE, SOURCE)
        for source in (SITE, SOURCE)
        for identity in (ANNA, "anonymous_id:a1")
    }
    assert len(tickets) == 8


def test_nothing_can_be_read_from_a_ticket(settings: Any) -> None:
    text = ticket_of(SITE, SOURCE, ANNA, NOW_MS)
    settings.SIGNING_KEY = "another key, of at least thirty-two characters"
    assert read_ticket(text, NOW_MS) is None
    assert read_ticket(ticket_of(SITE, SOURCE, ANNA, NOW_MS), NOW_MS) is not None
    assert ticket_of(SITE, SOURCE, ANNA, NOW_MS)[20:] != text[20:]


def test_no_letter_of_a_ticket_may_change() -> None:
    text = ticket_of(SITE, SOURCE, ANNA, NOW_MS)
    for place in range(len(text)):
        changed = "A" if text[place] != "A" else "B"
        assert read_ticket(text[:place] + changed + text[place + 1 :], NOW_MS) is None, place
    for other in ("", "A", text[:-1], text + "A", text + "!", "é" * 90, "A" * 5000, text + "\n"):
        assert read_ticket(other, NOW_MS) is None, other


def test_an_address_is_absolute_where_streams_have_an_origin(settings: Any) -> None:
    settings.STREAM_ORIGIN = "https://live.shop.example"
    assert stream_url("t") == "https://live.shop.example/v1/stream?ticket=t"
    settings.STREAM_ORIGIN = ""
    assert stream_url("t") == "/v1/stream?ticket=t"


def ask(world: World, key: str | None = None, **body: Any) -> tuple[int, bytes | None, Any]:
    """Status, the digest in the ticket, and the answer."""
    response = world.post("/v1/stream/tickets", body, key=key)
    answer = response.json()
    if response.status_code != 200:
        return response.status_code, None, answer
    (text,) = parse_qs(urlsplit(answer["url"]).query)["ticket"]
    ticket = read_ticket(text, NOW_MS)
    assert ticket is not None
    assert (ticket.site_id, ticket.source_id) == (world.site.pk, world.source.pk)
    return 200, ticket.identity, answer


def test_a_page_gets_its_own_stream(world: World) -> None:
    who = "a visitor"  # with a blank, which no ticket has by chance
    status, identity, answer = ask(world, anonymousId=who)
    assert (status, identity) == (200, digest_of(f"anonymous_id:{who}"))
    assert answer.keys() == {"url", "expiresAt"}
    ends_at = datetime.fromisoformat(answer["expiresAt"])
    assert ends_at == datetime(2026, 4, 1, tzinfo=UTC) + timedelta(days=60)
    assert who not in unquote_plus(answer["url"])
    assert ask(world, anonymousId=who)[2] == answer


def test_a_login_needs_proof_from_a_page_and_none_from_a_server(world: World) -> None:
    Source.objects.filter(pk=world.source.pk).update(proof_secret="s3cret")
    proof = hmac.new(b"s3cret", b"anna", hashlib.sha256).hexdigest()
    anna, device = digest_of("user_id:anna"), digest_of("anonymous_id:a1")
    assert ask(world, userId="anna", userHash=proof)[:2] == (200, anna)
    assert ask(world, userId="anna", anonymousId="a1")[:2] == (200, device)
    assert ask(world, userId="bert", userHash=proof, anonymousId="a1")[:2] == (200, device)
    status, _, refused = ask(world, userId="anna", userHash=proof[::-1])
    assert (status, refused["code"]) == (400, "invalid_request")
    assert refused["errors"][0]["pointer"] == "/anonymousId"
    assert ask(world, world.sk, userId="anna")[:2] == (200, anna)


@pytest.mark.parametrize(
    ("key", "status"), [("pk_unknown", 401), ("", 401)], ids=["unknown", "none"]
)
def test_without_a_key_there_is_no_ticket(world: World, key: str, status: int) -> None:
    response = world.client.post(
        "/v1/stream/tickets",
        {"anonymousId": "a1"},
        content_type="application/json",
        headers={"Authorization": f"Bearer {key}"} if key else {},
    )
    assert response.status_code == status
