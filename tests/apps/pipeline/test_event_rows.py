"""An event row says exactly what the event said, whatever characters it has."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.events import fold
from apps.events.models import Event
from apps.events.types import Accepted, InboxBody
from apps.work import clock

NOW = datetime(2026, 3, 10, 12, 0, 0, 123_456, tzinfo=UTC)
NOW_MS = clock.to_ms(NOW)
AWKWARD = [
    "\\",
    "\\N",
    "\\.",
    "\t",
    "\n",
    "\r\n",
    "a\\\tb",
    "\\\\n",
    "\x01\x7f",
    "\u2028 ü🛒",
    '"',
    "",
]

texts = st.sampled_from(AWKWARD) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12
)
trees = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
documents = st.dictionaries(texts, trees, max_size=4)


def placed(event: Accepted, sent_ms: int | None = None, user: int | None = None) -> fold.Placed:
    batch = fold.Batch(1, uuid4(), uuid4(), NOW, InboxBody(1, NOW_MS, sent_ms, None, [event]))
    return fold.Placed(batch, event, uuid4(), 7, user)


def said(name: str, properties: dict[str, Any], context: dict[str, Any]) -> Accepted:
    return Accepted(
        type="track", name=name, occurred_ms=NOW_MS - 5, original_ms=None, message_id=name,
        anonymous_id="a", user_id=None, properties=properties, traits=None, context=context,
        epoch=3, purposes=5, flags=1,
    )  # fmt: skip


def stored(one: fold.Placed) -> Event:
    fold.insert([one])
    return Event.objects.get(profile_id=one.profile_id)


@pytest.mark.django_db
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=texts, properties=documents, context=documents)
def test_what_is_read_is_what_was_written(
    name: str, properties: dict[str, Any], context: dict[str, Any]
) -> None:
    row = stored(placed(said(name, properties, context)))
    assert (row.name, row.message_id) == (name, name)
    assert (row.properties, row.context) == (properties, context)


@pytest.mark.django_db
def test_every_column_has_its_own() -> None:
    properties = {"category": "\\N", "product_id": 7, "value": 1e300, "price": 2}
    event = said("Order\tCompleted", properties, {})
    event.type, event.original_ms = "conversion", NOW_MS - 86_400_000
    one = placed(event, sent_ms=NOW_MS - 1, user=8)

    row = stored(one)

    assert (row.site_id, row.profile_id, row.source_id) == (
        one.batch.site_id, one.profile_id, one.batch.source_id,
    )  # fmt: skip
    assert (row.identity_id, row.user_identity_id, row.kind) == (7, 8, Event.Kind.CONVERSION)
    assert (row.category, row.item, row.value) == ("\\N", "7", 1e300)
    assert clock.to_ms(row.occurred_at) == NOW_MS - 5
    assert row.original_at is not None and clock.to_ms(row.original_at) == NOW_MS - 86_400_000
    assert row.sent_at is not None and clock.to_ms(row.sent_at) == NOW_MS - 1
    assert row.received_at == NOW
    assert (row.consent_epoch, row.purposes, row.flags) == (3, 5, 1)


@pytest.mark.django_db
def test_what_an_event_does_not_say_is_null() -> None:
    row = stored(placed(said("Seen", {"value": "much", "category": ""}, {})))
    assert (row.user_identity_id, row.category, row.item, row.value) == (None, None, None, None)
    assert (row.original_at, row.sent_at) == (None, None)


@pytest.mark.django_db
@pytest.mark.parametrize("ms", [253_402_300_799_999, -62_135_596_799_999], ids=["last", "first"])
def test_an_instant_at_the_end_of_time_keeps_its_milliseconds(ms: int) -> None:
    event = said("far", {}, {})
    event.original_ms = ms
    found = stored(placed(event)).original_at
    assert found is not None
    assert (found - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1) == ms
