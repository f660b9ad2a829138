"""A clock that a file makes wrong, for processes that tests of faults run."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from apps.work import clock

HOUR = timedelta(hours=1)
NO_TIME = timedelta()
NEARLY = timedelta(minutes=5)


@pytest.mark.parametrize(
    ("text", "offset"),
    [("3600", HOUR), ("-3600", -HOUR), ("", NO_TIME), ("soon", NO_TIME), ("1e300", NO_TIME)],
    ids=["ahead", "behind", "empty", "words", "beyond all time"],
)  # fmt: skip
def test_the_file_says_by_how_much_it_is_wrong(
    tmp_path: Path, text: str, offset: timedelta
) -> None:
    (tmp_path / "clock").write_text(text)
    read = clock.shifted_by(tmp_path / "clock")
    assert abs(read() - datetime.now(UTC) - offset) < NEARLY


def test_without_the_file_it_is_right_and_a_new_one_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = clock.shifted_by(tmp_path / "clock")
    assert abs(read() - datetime.now(UTC)) < NEARLY
    (tmp_path / "clock").write_text("3600")
    monkeypatch.setattr(clock, "LOOK_EVERY_S", 0.0)
    assert abs(read() - datetime.now(UTC) - HOUR) < NEARLY


def test_stores_tell_the_right_time_beside_a_process_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "clock").write_text("3600")
    try:
        clock.replace(clock.shifted_by(tmp_path / "clock"), is_everywhere=False)
        assert clock.stepped_ms() is None
        clock.replace(lambda: datetime.fromtimestamp(5, UTC))
        assert clock.stepped_ms() == 5_000
    finally:
        clock.replace(None)
    assert clock.stepped_ms() is None
