"""A shop that knows people: events sent and folded, and reads of their profiles by secret key."""

from typing import Any
from urllib.parse import quote

import pytest
from django.http import HttpResponse

from apps.pipeline import fold
from apps.work import clock
from apps.work.ids import uuid7
from tests.apps.delivery.conftest import (  # noqa: F401
    World,
    _new_process,
    world,
)


class Shop:
    """One shop: what visitors send, and what its server reads."""

    def __init__(self, world: World) -> None:  # noqa: F811
        self.world = world

    def send(self, *events: dict[str, Any]) -> None:
        """Take a batch in and fold it."""
        response = self.world.post("/v1/batch", {"batch": list(events)}, key=self.world.sk)
        assert response.status_code == 200 and not response.json()["rejected"], response.content
        while fold.fold_once(now=clock.now()) is not fold.NOTHING:
            pass

    def get(
        self, identity: str, part: str, *, key: str | None = None, etag: str = "", **query: Any
    ) -> HttpResponse:
        headers = {"Authorization": f"Bearer {key or self.world.sk}"}
        if etag:
            headers["If-None-Match"] = etag
        kind, _, value = identity.partition(":")
        path = f"/v1/profiles/{kind}:{quote(value, safe='')}/{part}"
        return self.world.client.get(path, query, headers=headers)

    def read(self, identity: str, part: str, **query: Any) -> dict[str, Any]:
        response = self.get(identity, part, **query)
        assert response.status_code == 200, response.content
        return response.json()  # type: ignore[no-any-return]

    def pages(self, identity: str, part: str, **query: Any) -> list[Any]:
        """The rows of every page, following the cursor."""
        rows: list[Any] = []
        cursor = ""
        for _ in range(50):
            page = self.read(identity, part, **({"next": cursor} if cursor else {}), **query)
            rows += page["data"] if "data" in page else page["traits"].items()
            assert page["cursor"]["has_more"] == bool(page["cursor"]["next"])
            cursor = page["cursor"]["next"]
            if not cursor:
                return rows
        raise AssertionError("the cursor does not end")


@pytest.fixture
def shop(world: World) -> Shop:  # noqa: F811
    return Shop(world)


def track(name: str = "Product Viewed", **fields: Any) -> dict[str, Any]:
    event = {"type": "track", "event": name, "anonymousId": "a1", "messageId": str(uuid7())}
    return {**event, **fields}


def identify(user_id: str = "u1", **fields: Any) -> dict[str, Any]:
    event = {"type": "identify", "anonymousId": "a1", "userId": user_id, "messageId": str(uuid7())}
    return {**event, **fields}
