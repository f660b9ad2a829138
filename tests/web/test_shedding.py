"""A call that is turned away for want of time is told so, whatever it takes to word the answer."""

import asyncio
from io import BytesIO
from typing import Any

import pytest

from apps.access.keys import KEYS


class Answered:
    """The server's side of a request: keeps what was answered."""

    status = 0

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body


@pytest.mark.django_db(transaction=True)
def test_a_page_whose_origin_is_not_known_yet_is_told_503_and_not_500() -> None:
    from config import rsgi, wsgi
    from config.urls import HOT

    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/v1/decide",
        "HTTP_ORIGIN": "https://shop.example",
        "wsgi.input": BytesIO(),
    }
    answered: Any = Answered()

    async def shed() -> None:
        KEYS.forget()  # which origins there are is asked in Postgres
        app = rsgi.Application()
        app.shed(HOT["/v1/decide"], wsgi.ApiRequest(environ), answered)
        asyncio.get_running_loop()  # the loop is there again

    asyncio.run(shed())
    assert answered.status == 503
    assert b"unavailable" in answered.body
