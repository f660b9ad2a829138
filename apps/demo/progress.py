"""Showing how far something is: a bar with rate and time left, or plain lines in a log."""

import time
from typing import Final, Protocol

WIDTH: Final = 28
REDRAW_S: Final = 0.1
LINE_EVERY_S: Final = 10.0


class Screen(Protocol):
    """Where progress is shown: a terminal, a log, a command's output."""

    def write(self, text: str, /) -> object: ...
    def flush(self) -> object: ...
    def isatty(self) -> bool: ...


class Watched(Protocol):
    """What is told how much is done."""

    def update(self, done: int, /) -> None: ...


class Progress:
    """One line of progress. `total` 0 is not known yet."""

    def __init__(self, stream: Screen, label: str, *, total: int, unit: str) -> None:
        self._stream = stream
        self._label = label
        self._total = total
        self._unit = unit
        self._began = time.monotonic()
        self._shown_at = 0.0 if stream.isatty() else self._began
        self._done = 0

    def update(self, done: int, *, total: int | None = None, note: str = "") -> None:
        """Say how much is done; drawn only as often as somebody can read."""
        self._done = done
        if total is not None:
            self._total = total
        now = time.monotonic()
        if now - self._shown_at >= (REDRAW_S if self._stream.isatty() else LINE_EVERY_S):
            self._shown_at = now
            self._show(note)

    def finish(self, note: str = "") -> float:
        """Draw the last state; return the seconds since the beginning."""
        took_s = time.monotonic() - self._began
        self._done = self._total = max(self._done, self._total)
        self._show(note, took_s=took_s)
        if self._stream.isatty():
            self._stream.write("\n")
        self._stream.flush()
        return took_s

    def _show(self, note: str, *, took_s: float | None = None) -> None:
        spent_s = time.monotonic() - self._began if took_s is None else took_s
        rate = self._done / spent_s if spent_s > 0 else 0.0
        parts = []
        if self._total:
            parts = [f"{self._done:,}/{self._total:,} {self._unit}", f"{rate:,.0f}/s"]
        if took_s is not None:
            parts.append(f"{'in' if parts else 'done in'} {clock_text(took_s)}")
        elif not parts:
            parts.append(f"{clock_text(spent_s)} so far")
        elif rate > 0 and self._total:
            parts.append(f"{clock_text((self._total - self._done) / rate)} left")
        if note:
            parts.append(note)
        text = ", ".join(parts)
        if self._stream.isatty():
            share = min(1.0, self._done / self._total) if self._total else float(took_s is not None)
            filled = int(WIDTH * share)
            bar = "#" * filled + "." * (WIDTH - filled)
            self._stream.write(f"\r\x1b[K{self._label:<10} [{bar}] {share:4.0%}  {text}")
        else:
            self._stream.write(f"{self._label}: {text}\n")
        self._stream.flush()


def clock_text(seconds: float) -> str:
    """Return a duration as people read it: "8 s", "3:05 min"."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60}:{whole % 60:02d} min"
