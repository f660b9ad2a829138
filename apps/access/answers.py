"""An answer of a hot endpoint: Django's response, made without looking at headers that are ours."""

from collections.abc import Mapping
from http.cookies import SimpleCookie

from django.http import HttpResponse
from django.http.response import ResponseHeaders


class JsonAnswer(HttpResponse):
    """Bytes that are JSON already. Headers added later are checked, as everywhere.

    Django's own constructor costs as much as four decisions' signatures, most of it for finding
    out whether a header could hold a line break.
    """

    def __init__(self, body: bytes, headers: Mapping[str, str], status: int = 200) -> None:
        """Take the body and headers of our own making: printable ASCII, names as they are sent."""
        self.headers = ResponseHeaders({})
        self.headers._store = {
            "content-type": ("Content-Type", "application/json"),
            **{name.lower(): (name, value) for name, value in headers.items()},
        }
        self._charset = None
        self._resource_closers: list[object] = []
        self._handler_class = None
        self.cookies = SimpleCookie()
        self.closed = False
        self._reason_phrase = None
        self.status_code = status
        self._container = [body]
