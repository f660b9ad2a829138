"""Sessions are packed whole, and every batch is one that the API takes."""

import json
from datetime import timedelta
from pathlib import Path

from apps.demo import load
from apps.demo.clicks import read_sessions
from apps.demo.load import parcels_of
from tests.apps.demo.samples import write_clicks

SHIFT = timedelta(days=6_000)


def test_parcels_hold_whole_sessions_and_name_their_last_message(tmp_path: Path) -> None:
    visits = [("2008-04-01", str(n), [("sale", "P1")] * 60) for n in range(20)]
    sessions = read_sessions([write_clicks(tmp_path / "c.csv", visits)])

    parcels = list(parcels_of(sessions, SHIFT))

    assert [parcel.events for parcel in parcels] == [540, 540, 120]
    seen: set[str] = set()
    for parcel in parcels:
        (body,) = parcel.bodies
        batch = json.loads(body)["batch"]
        assert len(batch) == parcel.events
        visitors = {event["anonymousId"] for event in batch}
        assert not visitors & seen
        seen |= visitors
        assert batch[-1]["messageId"] == parcel.last_message_id
        assert batch[-1]["anonymousId"] == parcel.visitor
    assert len(seen) == 20


def test_a_session_too_large_for_a_batch_is_several_in_order(tmp_path: Path) -> None:
    visits = [("2008-04-01", "1", [("sale", "P1")] * 3_000)]
    sessions = read_sessions([write_clicks(tmp_path / "c.csv", visits)])

    (parcel,) = parcels_of(sessions, SHIFT)

    assert len(parcel.bodies) > 1
    assert all(len(body) <= load.MOST_BYTES + 100 for body in parcel.bodies)
    events = [event for body in parcel.bodies for event in json.loads(body)["batch"]]
    assert [event["properties"]["click_number"] for event in events] == list(range(1, 3_001))
