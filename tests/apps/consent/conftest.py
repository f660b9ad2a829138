"""A shop whose visitors choose: what a decision says, and what the ledger keeps."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from apps.access import services as access
from apps.consent.models import ConsentEvent
from apps.segments.live import Stay
from apps.work import clock
from tests.apps.delivery.conftest import (  # noqa: F401
    INSIDE,
    NOW,
    World,
    _new_process,
    world,
)

CONSENT = "/v1/consent"


class Chooser:
    """One source of the shop, and a visitor's choices through it."""

    def __init__(self, world: World, **options: Any) -> None:  # noqa: F811
        self.world = world
        self._has_spoken = False
        if options:
            source = access.create_source(site_id=world.site.pk, name="another", now=NOW, **options)
            self.source = source
            self.pk = access.issue_key(source_id=source.pk, kind="pk", now=NOW)[1]
            self.sk = access.issue_key(source_id=source.pk, kind="sk", now=NOW)[1]
        else:
            self.source, self.pk, self.sk = world.source, world.pk, world.sk

    def say(self, *, gpc: bool = False, key: str | None = None, **body: Any) -> Any:
        if self._has_spoken:
            tick()  # of two choices at one time the refusal would stand
        self._has_spoken = True
        headers = {"Sec-GPC": "1"} if gpc else {}
        if "userId" not in body:
            body.setdefault("anonymousId", "a1")
        return self.world.post(CONSENT, body, key=key or self.pk, headers=headers)

    def choose(self, *, gpc: bool = False, status: int = 200, **purposes: Any) -> dict[str, Any]:
        response = self.say(gpc=gpc, purposes=purposes)
        assert response.status_code == status, response.content
        return response.json()  # type: ignore[no-any-return]

    def read(self, *, key: str | None = None, gpc: bool = False, **query: str) -> Any:
        headers = {"Authorization": f"Bearer {key or self.pk}"}
        if gpc:
            headers["Sec-GPC"] = "1"
        return self.world.client.get(CONSENT, query or {"anonymousId": "a1"}, headers=headers)


def tick(by: timedelta = timedelta(milliseconds=1)) -> datetime:
    """Move the clock on, and tell what it says."""
    at = clock.now() + by
    clock.replace(lambda: at)
    return at


@pytest.fixture
def shop(world: World) -> Chooser:  # noqa: F811
    return Chooser(world)


@pytest.fixture
def source_of(world: World) -> Callable[..., Chooser]:  # noqa: F811
    def make(**options: Any) -> Chooser:
        return Chooser(world, **options)

    return make


def ledger() -> list[ConsentEvent]:
    """The entries, in order."""
    return list(ConsentEvent.objects.order_by("pk"))


def stays(*numbers: int) -> Mapping[int, Stay]:
    return dict.fromkeys(numbers, INSIDE)
