"""The stream process in figures, as Prometheus reads them."""

from typing import Final

from apps.delivery.stream.hub import Hub

CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"

_COUNTED: Final = {
    "opened": "Streams opened.",
    "cut": "Streams cut: the client took nothing for 15 s, or the process ended.",
    "refused_ticket": "Streams refused: not a ticket of ours (401).",
    "refused_over": "Streams refused: the ticket is over, its source has no key (204).",
    "refused_full": "Streams refused: too many (503).",
    "notices": "Notices read.",
    "told": "Notices for an open stream.",
    "triggers": "Rules that fired, for an open stream.",
    "losses": "Times the connection to Redis was lost.",
}


def text_of(hub: Hub, streams: int) -> str:
    """The figures of this process as Prometheus text."""
    gauges = {
        "open": (float(streams), "Streams open now."),
        "connected": (float(hub.is_connected), "1 while notices arrive."),
        "lag_seconds": (hub.lag_s, "From the writing of the newest notice to its reading."),
        "remembered": (float(len(hub.recent)), "Visitors and sites told something lately."),
    }
    lines: list[str] = []
    for name, (value, words) in gauges.items():
        lines += _family(f"attune_stream_{name}", "gauge", words, f"{value:g}")
    for name, words in _COUNTED.items():
        lines += _family(f"attune_stream_{name}_total", "counter", words, str(hub.counts[name]))
    return "\n".join(lines) + "\n"


def _family(name: str, kind: str, words: str, value: str) -> list[str]:
    return [f"# HELP {name} {words}", f"# TYPE {name} {kind}", f"{name} {value}"]
