"""Lists filled by files over HTTP."""

import gzip
from typing import Any

import pytest

from apps.segments.models import ListMember, ListUpload
from tests.apps.delivery.conftest import World
from tests.apps.segments.api.conftest import (
    get,
    post,
    problem,
    read,
)
from tests.apps.segments.world import NOW


def uploaded(
    world: World, body: bytes, path: str = "/v1/lists/press/uploads", **headers: str
) -> Any:
    response = post(world, path, body, **headers)
    assert response.status_code == 200, response.content
    return response.json()


@pytest.fixture
def press(world: World) -> None:
    from apps.segments import lists

    lists.create_list(site_id=world.site.pk, key="press", name="Press", actor=None, now=NOW)


def test_a_file_fills_a_list_and_says_what_became_of_it(world, press):
    path = "/v1/lists/press/uploads?mode=replace&fileName=crm%2Fpress.csv"
    body = "\ufeffkind,value\r\nuser_id,u1\r\nuser_id,=1+1\r\nuser_id,u2\r\n".encode()
    made = uploaded(world, body, path)
    assert (made["rows"], made["refused"], made["added"]) == (3, 1, 2)
    assert (made["fileName"], made["mode"], made["state"]) == ("press.csv", "replace", "applying")
    assert made["faults"] == [
        {"line": 3, "code": "formula", "detail": "The value is a formula for spreadsheets."}
    ]
    assert read(world, f"/v1/lists/press/uploads/{made['id']}") == made
    upload = ListUpload.objects.get()
    assert upload.uploaded_by is None and upload.uploaded_with
    undone = post(world, f"/v1/lists/press/uploads/{made['id']}/undo").json()
    assert undone["state"] == "undone"
    assert not ListMember.objects.filter(removed_by=None).exists()


def test_a_file_may_be_compressed(world, press):
    body = gzip.compress(b"user_id\n" + b"".join(b"u%d\n" % n for n in range(20_000)))
    assert uploaded(world, body, **{"Content-Encoding": "gzip"})["added"] == 20_000


def test_files_that_are_none_are_refused(world, press, monkeypatch):
    path = "/v1/lists/press/uploads"
    assert problem(post(world, path, b"")) == (422, "invalid_file")
    assert problem(post(world, path, b"\0\0\0")) == (422, "invalid_file")
    assert problem(post(world, f"{path}?mode=guess", b"user_id\nu1")) == (400, "invalid_request")
    broken = gzip.compress(b"user_id\nu1\n")[:-9]
    assert problem(post(world, path, broken, **{"Content-Encoding": "gzip"}))[0] == 400
    assert problem(post(world, path, b"user_id", **{"Content-Encoding": "br"}))[0] == 400
    assert problem(post(world, "/v1/lists/none/uploads", b"user_id\nu1")) == (
        404, "list_not_found",
    )  # fmt: skip
    from apps.segments import api

    monkeypatch.setattr(api, "MAX_FILE", 1_000)
    assert problem(post(world, path, b"user_id\n" + b"u" * 1_000)) == (413, "payload_too_large")
    bomb = gzip.compress(b"u" * 1_000_000)
    assert len(bomb) < 1_000_000 / 500
    monkeypatch.setattr(api, "MAX_FILE", 100_000)
    assert problem(post(world, path, bomb, **{"Content-Encoding": "gzip"})) == (
        413, "payload_too_large",
    )  # fmt: skip
    assert not ListUpload.objects.exists()


def test_uploads_are_found_in_their_own_list_only(world, press):
    made = uploaded(world, b"user_id\nu1\n")
    other = World(key="other")
    path = f"/v1/lists/press/uploads/{made['id']}"
    assert problem(get(other, path)) == (404, "list_not_found")
    assert problem(post(world, f"/v1/lists/press/uploads/{ListUpload().pk}/undo")) == (
        404, "upload_not_found",
    )  # fmt: skip
    uploaded(world, b"user_id\nu2\n")
    assert problem(post(world, f"{path}/undo")) == (409, "upload_not_latest")
