"""Progress is a bar on a terminal and a few plain lines in a log."""

import io

import pytest

from apps.demo import progress
from apps.demo.progress import Progress, clock_text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_lines_and_only_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 1.0, 12.0, 13.0, 20.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times, 20.0))
    log = io.StringIO()

    shown = Progress(log, "Replay", total=100, unit="clicks")
    shown.update(10)
    shown.update(50)
    shown.finish()

    lines = log.getvalue().splitlines()
    assert lines == [
        "Replay: 50/100 clicks, 4/s, 13 s left",
        "Replay: 100/100 clicks, 5/s, in 20 s",
    ]


def test_a_terminal_gets_a_bar_that_is_redrawn() -> None:
    terminal = Terminal()

    shown = Progress(terminal, "History", total=4, unit="events")
    shown.update(2)
    shown.update(4)
    shown.finish()

    drawn = terminal.getvalue()
    assert drawn.count("\n") == 1
    assert drawn.endswith("\n")
    assert "[##############..............]  50%" in drawn
    assert "[############################] 100%" in drawn


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1:00 min"), (185, "3:05 min")]
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text


def test_work_of_unknown_size_says_how_long_it_took() -> None:
    log = io.StringIO()

    Progress(log, "Segments", total=0, unit="profiles").finish()

    assert log.getvalue() == "Segments: done in 0 s\n"
