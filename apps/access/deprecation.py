"""How a route says that it will go: `Deprecation` (RFC 9745), `Sunset` (RFC 8594), and where to go.

Nothing under /v1 goes without this, at least `NOTICE` ahead.
"""

from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from django.utils.http import http_date

NOTICE: Final = timedelta(days=180)


def goodbye(*, since: datetime, sunset: datetime, instead: str) -> list[tuple[str, str]]:
    """Return the headers of each answer of a route that will go.

    Args:
        since: from when on nobody should begin to use it.
        sunset: from when on it may be gone.
        instead: the address of a page that says what to use instead.

    Raises:
        ValueError: that is too soon, a time without a zone, or no address.
    """
    if since.tzinfo is None or sunset.tzinfo is None:
        raise ValueError("Times need a zone.")
    if sunset - since < NOTICE:
        raise ValueError(f"A route goes {NOTICE.days} days after it was announced, not earlier.")
    if not urlsplit(instead).path or set(instead) & set('<>" \r\n'):
        raise ValueError("Name the page that says what to use instead.")
    return [
        ("Deprecation", f"@{int(since.timestamp())}"),
        ("Sunset", http_date(sunset.astimezone(UTC).timestamp())),
        ("Link", f'<{instead}>; rel="deprecation"; type="text/html"'),
    ]
