"""Records of before they said what was allowed are replayed as they were decided then."""

from typing import Any

import msgspec
import pytest

from apps.consent.types import ALL_PURPOSES, Purpose
from apps.decisions.record_inputs import Inputs
from apps.delivery.past_calls import permitted_then
from engine.facts import TraitMeta

PERSONALIZATION = int(Purpose.PERSONALIZATION)


class Before(msgspec.Struct, array_like=True):
    """The inputs of a record as versions 1 and 2 packed them."""

    kind: str = "pk"
    consent_mode: str = "assumed"
    gpc: bool = False
    zone: str = "UTC"
    is_known: bool = True
    is_away: bool = False
    subject: str = ""
    granted: int = 0
    denied: int = 0
    memberships: bytes = b""
    traits: dict[str, Any] = {}
    scored_ms: dict[str, int] = {}
    trait_meta: dict[str, TraitMeta] = {}
    recent: bytes = b""
    read: dict[str, Any] = {}
    paths: list[Any] = []
    items: dict[str, bytes] = {}
    facts_digest: bytes = b""
    shown: dict[int, list[int]] = {}
    session_since_ms: int | None = None
    intensities: dict[str, float] = {}


def read(before: Before) -> Inputs:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(before), type=Inputs)


@pytest.mark.parametrize(
    ("before", "is_allowed"),
    [
        pytest.param(Before(), True, id="a browser that assumed, in whatever regime"),
        pytest.param(Before(gpc=True), True, id="with a signal"),
        pytest.param(Before(denied=PERSONALIZATION), False, id="refused"),
        pytest.param(Before(consent_mode="required"), False, id="asked, and no answer"),
        pytest.param(
            Before(consent_mode="required", granted=PERSONALIZATION), True, id="asked, and a yes"
        ),
        pytest.param(
            Before(consent_mode="required", granted=PERSONALIZATION, gpc=True), True,
            id="a yes with a signal",
        ),
    ],
)  # fmt: skip
def test_what_was_recorded_and_the_mode_say_what_was_allowed(
    before: Before, is_allowed: bool
) -> None:
    inputs = read(before)
    assert inputs.permitted is None
    permitted = permitted_then(inputs)
    assert bool(permitted & PERSONALIZATION) is is_allowed
    assert not (before.gpc and permitted & (Purpose.ADVERTISING | Purpose.SALE))


def test_records_of_now_say_it_themselves() -> None:
    inputs = msgspec.structs.replace(read(Before(consent_mode="required")), permitted=ALL_PURPOSES)
    assert permitted_then(inputs) == ALL_PURPOSES
