"""Log lines: one event per moment, its ids and counts behind it as key=value."""

import logging

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class LineFormatter(logging.Formatter):
    """`2026-01-31T12:00:00+0000 INFO segment.published segment=... size=12`."""

    default_time_format = "%Y-%m-%dT%H:%M:%S"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (the base class's name)
        line = super().formatMessage(record)
        extra = {k: v for k, v in record.__dict__.items() if k not in _STANDARD}
        return " ".join([line, *(f"{k}={v}" for k, v in extra.items())])
