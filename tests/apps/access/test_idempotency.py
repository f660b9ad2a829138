"""Idempotency-Key: what a call that is sent again makes, and answers."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from apps.access import idempotency
from apps.access.errors import Unavailable
from apps.access.http import authenticate, hot, json_response, read_body
from apps.access.models import IdempotentCall
from apps.work import clock
from tests.apps.access.conftest import NOW, Access


class Door:
    """A small hot view that counts how often it really ran."""

    def __init__(self, access: Access, factory: RequestFactory) -> None:
        self.access = access
        self.factory = factory
        self.runs = 0
        self.fails = False
        self.inside: Any = lambda: None

    def call(
        self,
        key: str | None = "k1",
        body: bytes = b"{}",
        *,
        secret: bool = True,
        path: str = "/v1/things",
    ) -> HttpResponse:
        @hot("POST", route="things")
        def view(request: Any) -> HttpResponse:
            given = read_body(request, 1000)
            caller = authenticate(request)
            return idempotency.once(request, caller, given, self.work)

        headers = {} if key is None else {"Idempotency-Key": key}
        api_key = self.access.secret if secret else self.access.publishable
        request = self.factory.post(
            path,
            body,
            content_type="application/json",
            headers={"Authorization": f"Bearer {api_key}", **headers},
        )
        answer = view(request)
        assert isinstance(answer, HttpResponse)
        return answer

    def work(self) -> HttpResponse:
        self.runs += 1
        self.inside()
        if self.fails:
            raise Unavailable
        return json_response(b'{"run":%d}' % self.runs, 201, {"Location": "/v1/things/1"})


@pytest.fixture
def door(access: Access, factory: RequestFactory) -> Iterator[Door]:
    clock.replace(lambda: NOW)
    yield Door(access, factory)
    clock.replace(None)


def code_of(answer: HttpResponse) -> tuple[int, str]:
    import json

    return answer.status_code, json.loads(answer.content).get("code", "")


def test_the_same_call_again_gets_the_first_answer_and_makes_nothing(door: Door) -> None:
    first, again = door.call(), door.call()
    assert door.runs == 1
    assert (again.status_code, again.content) == (201, first.content)
    assert (again["Location"], again["Content-Type"]) == ("/v1/things/1", "application/json")
    assert again["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first


def test_without_a_key_each_call_is_one(door: Door) -> None:
    door.call(None)
    door.call(None)
    assert door.runs == 2
    assert not IdempotentCall.objects.exists()


@pytest.mark.parametrize("other", ["body", "path"])
def test_another_call_under_the_same_key_is_refused(door: Door, other: str) -> None:
    door.call()
    changed: dict[str, Any] = {"body": b"[]"} if other == "body" else {"path": "/v1/others"}
    assert code_of(door.call(**changed)) == (422, "idempotency_key_reused")
    assert door.runs == 1


def test_a_key_belongs_to_the_api_key_that_sent_it(door: Door) -> None:
    door.call()
    assert door.call(secret=False).content == b'{"run":2}'


def test_while_the_first_call_runs_the_second_is_told_so(door: Door) -> None:
    during: list[tuple[int, str]] = []
    door.inside = lambda: during.append(code_of(door.call()))
    door.call()
    assert during == [(409, "idempotency_key_in_use")]
    assert door.runs == 1


def test_a_call_that_failed_may_be_tried_again(door: Door) -> None:
    door.fails = True
    assert door.call().status_code == 503
    door.fails = False
    assert door.call().status_code == 201
    assert door.runs == 2


def test_a_call_whose_process_died_gives_way_after_a_while(door: Door) -> None:
    class Killed(BaseException):
        """As kill -9: nothing is tidied up."""

    def die() -> None:
        raise Killed

    door.inside = die
    real, idempotency._FREE = idempotency._FREE, "SELECT %s, %s, %s"
    try:
        with pytest.raises(Killed):
            door.call()
    finally:
        idempotency._FREE = real
    door.inside = lambda: None
    assert door.call().status_code == 409
    clock.replace(lambda: NOW + idempotency.LONGEST_RUN)
    assert door.call().status_code == 201


def test_after_a_day_a_key_is_new_and_its_row_is_forgotten(door: Door) -> None:
    door.call()
    clock.replace(lambda: NOW + timedelta(hours=24, seconds=-1))
    assert door.call()["Idempotency-Replayed"] == "true"
    clock.replace(lambda: NOW + timedelta(hours=24))
    assert "Idempotency-Replayed" not in door.call(body=b"[]")
    assert idempotency.prune(NOW + timedelta(hours=47)) == 0
    assert idempotency.prune(NOW + timedelta(hours=48)) == 1


@pytest.mark.parametrize("key", ["", "k" * 65, "schlüssel"], ids=["empty", "long", "not-ascii"])
def test_an_odd_key_is_refused(door: Door, key: str) -> None:
    assert code_of(door.call(key)) == (400, "invalid_request")
    assert door.call("k" * 64).status_code == 201


def test_neither_the_key_nor_the_body_stands_in_the_table(door: Door) -> None:
    door.call("visible-key", b'{"anonymousId": "grace"}')
    row = IdempotentCall.objects.values().get()
    assert "visible-key" not in str(row) and "grace" not in str(row)
