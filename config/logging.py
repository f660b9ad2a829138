"""Log lines: one event per moment, its ids and counts behind it, and the request that it was in."""

import json
import logging
import time
from typing import Any

from apps.work import tracing
from apps.work.error_text import without_values

# Django adds the request to what it says of one: its address may hold a key, or somebody's name.
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message", "asctime", "taskName", "request",
}  # fmt: skip


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    """What was said beside the event, and which request it was about."""
    extra = {
        k: without_values(v) if isinstance(v, str) else v
        for k, v in record.__dict__.items()
        if k not in _STANDARD
    }
    meta = tracing.current()
    if meta is not None:
        extra.setdefault("request_id", tracing.request_id_of(meta))
        trace = tracing.trace_of(meta)
        if trace is not None:
            extra.setdefault("trace_id", trace.trace_id)
    return extra


class _WithoutValues(logging.Formatter):
    """Tracebacks and messages without what Postgres quotes of the data."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 (the base class's name)
        return without_values(super().formatException(ei))


class LineFormatter(_WithoutValues):
    """`2026-01-31T12:00:00+0000 INFO segment.published segment=... size=12`."""

    default_time_format = "%Y-%m-%dT%H:%M:%S"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (the base class's name)
        record.message = without_values(record.message)
        line = super().formatMessage(record)
        return " ".join([line, *(f"{k}={v}" for k, v in _extra(record).items())])


class JsonFormatter(_WithoutValues):
    """One JSON object a line: at (UTC), level, logger, event, then what was said beside it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; what JSON has no words for is written as text."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        entry: dict[str, Any] = {
            "at": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": without_values(record.getMessage()),
        }
        for name, value in _extra(record).items():
            entry.setdefault(name, value)
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            entry["stack"] = record.stack_info
        return json.dumps(entry, default=str, ensure_ascii=False)
