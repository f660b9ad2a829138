"""The ledger finds what is lost, doubled, invented, or served beyond a cap."""

import pytest

from tests.faults.ledger import CAP, RESERVED_S, Ledger, Trouble, balance, commonest


def a_ledger() -> Ledger:
    ledger = Ledger()
    ledger.will_send(["a", "b", "c"])
    ledger.was_acknowledged(["a", "b"])
    return ledger


@pytest.mark.parametrize(
    ("stored", "lost", "doubled", "unknown"),
    [
        ({"a": 1, "b": 1}, [], [], []),
        ({"a": 1, "b": 1, "c": 1}, [], [], []),  # sent, and its answer was lost
        ({"a": 1}, ["b"], [], []),
        ({"a": 1, "b": 2}, [], ["b"], []),
        ({"a": 1, "b": 1, "d": 1}, [], [], ["d"]),
    ],
    ids=["even", "unanswered", "lost", "doubled", "unknown"],
)
def test_the_record_is_compared_with_what_was_acknowledged(
    stored: dict[str, int], lost: list[str], doubled: list[str], unknown: list[str]
) -> None:
    found = balance(a_ledger(), stored)
    assert (found.lost, found.doubled, found.unknown) == (lost, doubled, unknown)
    assert found.is_even == (not lost and not doubled and not unknown)


def test_more_than_a_cap_allows_while_reservations_last_is_told() -> None:
    ledger = Ledger()
    ledger.capped["within"] = [float(n) for n in range(CAP)]
    ledger.capped["later"] = [n * RESERVED_S for n in range(CAP + 1)]
    ledger.capped["beyond"] = [float(n) for n in range(CAP + 1)]
    assert ledger.beyond_caps() == ["beyond"]


def test_what_went_wrong_most_is_told_with_its_moments() -> None:
    troubles = [Trouble(12.5, "late", 412.0), Trouble(9.0, "status 503"), Trouble(13.0, "late")]
    assert commonest(troubles, began=10.0) == (
        "2 x late; 1 x status 503; at +2.5 s (412 ms), -1.0 s, +3.0 s"
    )
