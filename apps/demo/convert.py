"""From clicks to events as a shop's own tracker would send them. Pure.

One click is one `track` "Product Viewed". Visitors are not known across sessions, so each session
is a visitor. The data has days but no clock times: those are made up from a hash and marked
`time_synthetic`; the day itself is kept as `original_date` however far the events are moved.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID, uuid5

from apps.demo.clicks import Click, Session

EVENT_NAME: Final = "Product Viewed"
NAMESPACE: Final = UUID("9d3f2c5e-4b0a-5d61-8f2e-7c1a60b4d9f3")

OPENS: Final = time(6, tzinfo=UTC)
OPEN_S: Final = 54_000  # sessions begin within so many seconds, and end on their day
SHORTEST_PAUSE_S: Final = 5.0
PAUSE_RANGE_S: Final = 45.0

COLOURS: Final = (
    "beige", "black", "blue", "brown", "burgundy", "gray", "green", "navy blue", "multicolour",
    "olive", "pink", "red", "violet", "white",
)  # fmt: skip
POSITIONS: Final = (
    "top left", "top middle", "top right", "bottom left", "bottom middle", "bottom right",
)  # fmt: skip
STYLES: Final = ("en face", "profile")
# ISO 3166-1 alpha-2 of the codes 1 to 42; "-" is "unidentified".
COUNTRIES: Final = (
    "AU", "AT", "BE", "VG", "KY", "CX", "HR", "CY", "CZ", "DK", "EE", "-", "FO", "FI", "FR", "DE",
    "GR", "HU", "IS", "IN", "IE", "IT", "LV", "LT", "LU", "MX", "NL", "NO", "PL", "PT", "RO", "RU",
    "SM", "SK", "SI", "ES", "SE", "CH", "UA", "AE", "GB", "US",
)  # fmt: skip
DOMAINS: Final = {"43": "biz", "44": "com", "45": "int", "46": "net", "47": "org"}

Event = dict[str, Any]


def visitor_of(session: Session) -> str:
    """Return the anonymous id of a session's visitor."""
    return f"eshop-v{session.id}"


def message_id(session: Session, click: Click) -> str:
    """Return the id of a click's event: the same whenever it is sent."""
    return str(uuid5(NAMESPACE, f"{session.id}|{click.order}"))


def moments(session: Session) -> list[datetime]:
    """Return when each click happened, the time of day made up, in the calendar of the data."""
    start = datetime.combine(session.on, OPENS)
    offset_s = OPEN_S * _fraction(session.id)
    found = []
    for place, click in enumerate(session.clicks):
        if place:
            offset_s += SHORTEST_PAUSE_S + PAUSE_RANGE_S * _fraction(f"{session.id}|{click.order}")
        found.append(start + timedelta(milliseconds=int(offset_s * 1000)))
    return found


def last_moment(sessions: Iterable[Session]) -> datetime:
    """Return when the last of all clicks happened, in the calendar of the data."""
    return max(moments(session)[-1] for session in sessions)


def event_of(session: Session, click: Click, at: datetime | None = None) -> Event:
    """Return the event of one click; without `at` it happens when it arrives."""
    event: Event = {
        "type": "track",
        "event": EVENT_NAME,
        "messageId": message_id(session, click),
        "anonymousId": visitor_of(session),
        "properties": {
            "product_id": click.product,
            "category": click.category,
            "price": click.price,
            "currency": "USD",
            "above_category_average": click.is_dearer,
            "colour": _named(COLOURS, click.colour),
            "photo_position": _named(POSITIONS, click.position),
            "photo_style": _named(STYLES, click.style),
            "list_page": click.page,
            "click_number": click.order,
            "original_date": click.on.isoformat(),
            "time_synthetic": True,
        },
        "context": {"sessionId": f"eshop-s{session.id}", **_place(click.country)},
    }
    if at is not None:
        event["timestamp"] = instant(at)
    return event


def history_of(session: Session, shift: timedelta) -> Iterator[Event]:
    """Yield a session's events, each moved by `shift` from the time in `moments`."""
    for click, at in zip(session.clicks, moments(session), strict=True):
        yield event_of(session, click, at + shift)


def instant(at: datetime) -> str:
    """Return an instant as RFC 3339 UTC with milliseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def split(sessions: Sequence[Session], until: date) -> tuple[list[Session], list[Session]]:
    """Return (sessions before a day, to learn from; those from that day on, to replay)."""
    return (
        [session for session in sessions if session.on < until],
        [session for session in sessions if session.on >= until],
    )


def _place(country: str) -> Event:
    if country in DOMAINS:
        return {"network": {"topLevelDomain": DOMAINS[country]}}
    name = _named(COUNTRIES, country)
    return {"location": {"country": name}} if name != country and name != "-" else {}


def _named(names: Sequence[str], code: str) -> str:
    """Return what a code from "1" on stands for; the code itself when nobody has said."""
    return names[int(code) - 1] if code.isdigit() and 0 < int(code) <= len(names) else code


def _fraction(text: str) -> float:
    """Return a number in [0, 1) fixed by a text."""
    return int.from_bytes(blake2b(text.encode(), digest_size=6).digest(), "big") / (1 << 48)
