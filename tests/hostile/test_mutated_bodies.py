"""Mutated bodies at every hot endpoint: answered, never by a 5xx, and the next good one is right.

A few hundred of each here; `make contract` sends ten thousand of each to real processes and looks
at memory and time, too.
"""

from typing import Any

import pytest
from django.test import Client

from apps.access.models import Source
from tests.apps.delivery.conftest import (  # noqa: F401
    World,
    _new_process,
    world,
)
from tests.hostile.doors import Door, doors, fault_of
from tests.hostile.mutants import mutants

COUNT = 200


@pytest.fixture
def shop(world: World) -> World:  # noqa: F811
    """A shop with a hero, that may be asked as often as a test likes."""
    world.hero()
    rates = {"rate_per_s": 1_000_000, "rate_per_address_s": 1_000_000}
    Source.objects.filter(pk=world.source.pk).update(**rates)
    return world


@pytest.mark.parametrize("path", [door.path for door in doors("")])
def test_no_mutated_body_brings_the_server_down(shop: World, path: str) -> None:
    decision_id = shop.hero_of("m1")["decisionId"]
    (door,) = (one for one in doors(decision_id) if one.path == path)
    client = Client(raise_request_exception=False)
    statuses: set[int] = set()
    for number, mutant in enumerate(mutants(path, door.bodies, COUNT)):
        key = shop.sk if number % 2 else shop.pk
        answer = sent(client, door, key, mutant.body, mutant.headers)
        fault = fault_of(door, answer.status_code, answer["Content-Type"], answer.content)
        assert fault is None, (mutant.story, fault, answer.content[:500])
        statuses.add(answer.status_code)
    assert 400 in statuses and statuses & {200, 202}  # else nothing was tried
    shop.hero_of("m1")


def sent(client: Client, door: Door, key: str, body: bytes, headers: dict[str, str]) -> Any:
    """POST a body as it is, whatever its label."""
    label = headers.get("Content-Type", "application/json")
    rest = {name: value for name, value in headers.items() if name != "Content-Type"}
    return client.generic(
        "POST", door.path, body, content_type=label,
        headers={**rest, "Authorization": f"Bearer {key}"},
    )  # fmt: skip


def test_the_same_seed_makes_the_same_bodies() -> None:
    (first, *_) = doors("dec_x")
    assert list(mutants("s", first.bodies, 50)) == list(mutants("s", first.bodies, 50))
    assert list(mutants("s", first.bodies, 50)) != list(mutants("t", first.bodies, 50))
