"""A click becomes the event that a shop's tracker would send."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from apps.demo.clicks import SHIPPED, Session, read_sessions
from apps.demo.convert import (
    event_of,
    history_of,
    last_moment,
    message_id,
    moments,
    split,
    visitor_of,
)
from tests.apps.demo.samples import write_clicks


@pytest.fixture(scope="module")
def sessions() -> list[Session]:
    return read_sessions([SHIPPED])


def test_a_row_keeps_everything_it_says(sessions: list[Session]) -> None:
    session = sessions[0]
    at = datetime(2026, 3, 1, 12, 30, 5, 250_000, tzinfo=UTC)

    assert event_of(session, session.clicks[0], at) == {
        "type": "track",
        "event": "Product Viewed",
        "messageId": message_id(session, session.clicks[0]),
        "anonymousId": "eshop-v1",
        "timestamp": "2026-03-01T12:30:05.250Z",
        "properties": {
            "product_id": "A13",
            "category": "trousers",
            "price": 28.0,
            "currency": "USD",
            "above_category_average": False,
            "colour": "beige",
            "photo_position": "bottom middle",
            "photo_style": "en face",
            "list_page": 1,
            "click_number": 1,
            "original_date": "2008-04-01",
            "time_synthetic": True,
        },
        "context": {"sessionId": "eshop-s1", "location": {"country": "PL"}},
    }


def test_an_event_of_now_brings_no_time_of_its_own(sessions: list[Session]) -> None:
    event = event_of(sessions[0], sessions[0].clicks[0])

    assert "timestamp" not in event
    assert event["properties"]["original_date"] == "2008-04-01"


def test_message_ids_are_those_of_the_rows(sessions: list[Session]) -> None:
    ids = {message_id(s, c) for s in sessions[:2000] for c in s.clicks}

    assert len(ids) == sum(len(session.clicks) for session in sessions[:2000])
    assert message_id(sessions[0], sessions[0].clicks[0]) in ids


def test_made_up_times_keep_the_day_and_the_order_and_never_look_like_two_visits(
    sessions: list[Session],
) -> None:
    for session in sessions:
        found = moments(session)
        assert {moment.date() for moment in found} == {session.on}
        pauses = [later - earlier for earlier, later in pairwise(found)]
        assert all(timedelta(seconds=4) < pause < timedelta(seconds=51) for pause in pauses)


def test_history_is_moved_as_a_whole(sessions: list[Session]) -> None:
    shift = datetime(2026, 3, 1, tzinfo=UTC) - last_moment(sessions)
    longest = max(sessions, key=lambda session: len(session.clicks))

    times = [datetime.fromisoformat(event["timestamp"]) for event in history_of(longest, shift)]

    expected = [at + shift for at in moments(longest)]
    assert all(abs(a - b) < timedelta(milliseconds=1) for a, b in zip(times, expected, strict=True))
    assert max(times) <= datetime(2026, 3, 1, tzinfo=UTC)


def test_places_that_are_no_country_are_not_called_one(sessions: list[Session]) -> None:
    by_country = {session.clicks[0].country: session for session in sessions}

    def context(code: str) -> object:
        session = by_country[code]
        found = dict(event_of(session, session.clicks[0])["context"])
        del found["sessionId"]
        return found

    assert context("16") == {"location": {"country": "DE"}}
    assert context("12") == {}
    assert context("44") == {"network": {"topLevelDomain": "com"}}


def test_a_day_divides_what_is_learned_from_what_is_replayed(tmp_path: Path) -> None:
    path = write_clicks(
        tmp_path / "c.csv",
        [
            ("2008-05-31", "1", [("sale", "P1")]),
            ("2008-06-01", "2", [("sale", "P1")]),
        ],
    )
    sessions = read_sessions([path])

    before, after = split(sessions, sessions[1].on)

    assert [visitor_of(session) for session in before] == ["eshop-v1"]
    assert [visitor_of(session) for session in after] == ["eshop-v2"]
