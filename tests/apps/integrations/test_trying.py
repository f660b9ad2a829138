"""A connection is tried: its secret compared, its content system asked, each failure a sentence.

The content systems are servers of this machine.
"""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.access.models import AuditEntry
from apps.content.archiving import archive
from apps.content.models import Block
from apps.integrations import checking
from apps.integrations.checking import Question, compared, findings_here, findings_there
from apps.integrations.models import Connection, Mapping
from apps.work import clock
from tests.apps.integrations.conftest import entry, imported
from tests.apps.integrations.test_admin import administrator, change_url, editor  # noqa: F401
from tests.ports import free_port

# ruff: noqa: F811  # the roles are fixtures

TYPES = {
    "items": [
        {
            "sys": {"id": "heroBanner"},
            "fields": [{"id": "title"}, {"id": "body"}, {"id": "image"}],
        },
        {"sys": {"id": "author"}, "fields": []},
    ]
}
STRAPI_TYPES = {
    "data": [
        {
            "uid": "api::hero-banner.hero-banner",
            "apiID": "hero-banner",
            "schema": {
                "singularName": "hero-banner",
                "attributes": {"title": {}, "body": {}, "image": {}},
            },
        },
        {"uid": "plugin::users.user", "apiID": "user", "schema": {"attributes": {}}},
    ]
}


@dataclass
class System:
    """Somebody's content system: what it answers, and what it was asked."""

    address: str = ""
    status: int = 200
    body: Any = field(default_factory=lambda: TYPES)
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    is_silent: bool = False
    ended: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def system(settings: Any) -> Iterator[System]:
    settings.PRIVATE_TARGETS = ("127.0.0.0/8",)
    found = System()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append((self.path, self.headers["Authorization"]))
            if found.is_silent:
                found.ended.wait(10)
                return
            body = found.body if isinstance(found.body, bytes) else json.dumps(found.body).encode()
            self.send_response(found.status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    found.address = f"http://127.0.0.1:{server.server_port}"
    yield found
    found.ended.set()
    server.shutdown()
    thread.join()
    server.server_close()


def question(system: System, **given: str) -> Question:
    asked = {"address": system.address, "space": "sp", "environment": "master", "token": "t0ken"}
    return Question(**{**asked, **given})


def told(connection: Connection, system: System, **given: str) -> list[tuple[str, str]]:
    return [(one.level, one.words) for one in findings_there(connection, question(system, **given))]


def test_contentful_is_asked_for_its_types_and_they_are_compared(
    contentful: Connection, system: System
) -> None:
    assert told(contentful, system) == [
        ("ok", "Contentful answers, and the key may read its types (2)."),
        ("ok", "“heroBanner” is there, with all fields that are named."),
    ]
    path = "/spaces/sp/environments/master/content_types?limit=1000"
    assert system.asked == [(path, "Bearer t0ken")]


def test_strapi_is_asked_for_its_types_by_the_names_of_its_hooks(
    strapi: Connection, system: System
) -> None:
    system.body = STRAPI_TYPES
    assert told(strapi, system, address=f"{system.address}/")[1] == (
        "ok",
        "“hero-banner” is there, with all fields that are named.",
    )
    assert system.asked[0][0] == "/api/content-type-builder/content-types"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"content_type": "herobanner"}, "no type “herobanner” there: did you mean “heroBanner”?"),
        ({"content_type": "story"}, "no type “story” there: it has “author”, “heroBanner”."),
        ({"fields": "headline = headline"}, "“heroBanner” has no field “headline” there"),
        ({"fields": ""}, "have no field of one name: say which is which."),
    ],
    ids=["spelling", "type", "field", "no-lines"],
)
def test_what_is_mapped_and_not_there_is_named(
    contentful: Connection, system: System, given: dict[str, str], sentence: str
) -> None:
    Mapping.objects.update(**given)
    level, words = told(contentful, system)[1]
    assert level == "bad" and sentence in words


@pytest.mark.parametrize(
    ("kind", "answer", "sentence"),
    [
        ("contentful", {"status": 401}, "Take the one for the Content Delivery API"),
        ("contentful", {"status": 404}, "It knows no space “sp” with an environment “master”"),
        ("strapi", {"status": 403}, "Make an API token that may read “Content-type-builder”"),
        ("strapi", {"status": 404}, "Give Strapi's own address, without /admin or /api."),
        ("contentful", {"status": 429}, "asked too often just now"),
        ("contentful", {"status": 503}, "has trouble of its own (status 503)"),
        (
            "contentful",
            {"status": 301, "headers": {"Location": "http://127.0.0.1:9/"}},
            "leads on to another one",
        ),
        ("contentful", {"body": b"<html>"}, "What answers there is not Contentful"),
        ("contentful", {"body": {"items": [{"sys": 1}]}}, "What answers there is not Contentful"),
        ("strapi", {"body": [1]}, "What answers there is not Strapi"),
        ("contentful", {"body": b"x" * (checking.MOST_BYTES + 1)}, "more than 5,242,880 bytes"),
    ],
    ids=[
        "key", "space", "token", "address", "busy", "trouble", "moved", "html", "shape",
        "list", "huge",
    ],
)  # fmt: skip
def test_each_failure_has_its_own_sentence(
    hero: Block, system: System, kind: str, answer: dict[str, Any], sentence: str
) -> None:
    connection = Connection.objects.create(
        site_id=hero.site_id, name="There", kind=kind, created_at=clock.now()
    )
    for name, value in answer.items():
        setattr(system, name, value)
    ((level, words),) = told(connection, system)
    assert level == "bad" and sentence in words
    assert len(system.asked) == 1, "nothing is followed"


def test_an_address_that_cannot_be_reached_is_told_apart(
    contentful: Connection, system: System, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = told(contentful, system, address=f"http://127.0.0.1:{free_port()}")
    assert refused == [("bad", "Nothing listens at this address and port.")]
    ((_, words),) = told(contentful, system, address=system.address.replace("http:", "https:"))
    assert "certificate" in words
    ((_, words),) = told(contentful, system, address="http://no-such-host.invalid")
    assert "no host of this name" in words
    ((_, words),) = told(contentful, system, token="a\nb: c")
    assert "sign that cannot be sent" in words
    monkeypatch.setattr(checking, "TIMEOUT_S", 0.2)
    system.is_silent = True
    ((_, words),) = told(contentful, system)
    assert "did not answer within" in words
    settings.PRIVATE_TARGETS = ()
    asked = len(system.asked)
    ((_, words),) = told(contentful, system)
    assert "private network" in words and len(system.asked) == asked


def test_a_secret_is_compared_without_being_told(contentful: Connection) -> None:
    assert compared(contentful, f" {contentful.secret}\n").level == "ok"
    wrong = compared(contentful, "another secret")
    assert wrong.level == "bad" and contentful.secret not in wrong.words


def test_what_is_known_without_asking_is_said_first(
    client: Client, contentful: Connection, standard: Connection, hero: Block
) -> None:
    now = clock.now()
    assert [one.level for one in findings_here(contentful, now)] == ["warn"]
    imported(client, contentful, entry())
    (last,) = findings_here(contentful, now)
    assert last.level == "ok" and "in the draft" in last.words
    imported(client, contentful, entry("2026-03-11T12:00:00Z", title={"en": [1]}))
    assert findings_here(contentful, clock.now())[-1].level == "bad"
    archive("block", hero.pk, None, now)
    contentful.is_enabled = False
    words = " ".join(one.words for one in findings_here(contentful, now))
    assert "switched off" in words and "which is archived" in words
    Mapping.objects.all().delete()
    standard.secret = "no base64 at all"
    words = " ".join(one.words for one in findings_here(standard, now))
    assert "not of this kind" in words and "every entry is refused" in words


def test_the_page_tries_and_keeps_nothing(
    administrator: Client, contentful: Connection, system: System
) -> None:
    page = reverse("admin:connection_try", args=[contentful.pk])
    assert "No call has come yet" in administrator.get(page).content.decode()
    before = Connection.objects.values().get()
    given = {
        "secret": contentful.secret, "address": system.address, "space": "sp",
        "environment": "master", "token": "t0ken",
    }  # fmt: skip
    answer = administrator.post(page, given)
    words = answer.content.decode()
    assert "the one kept here are the same" in words and "with all fields that are named" in words
    assert "t0ken" not in words and contentful.secret not in words
    assert "no-store" in answer["Cache-Control"]
    assert Connection.objects.values().get() == before
    line = AuditEntry.objects.get(action="integrations.connection_tried")
    assert line.detail == {"asked": "127.0.0.1"}
    missing = administrator.post(page, {"token": "t0ken"}).content.decode()
    assert "It is needed to ask with this key." in missing
    assert "Try the connection" in administrator.get(change_url(contentful)).content.decode()


def test_an_editor_asks_the_system_and_sees_no_input_for_the_secret(
    editor: Client, contentful: Connection, system: System
) -> None:
    page = reverse("admin:connection_try", args=[contentful.pk])
    assert 'name="secret"' not in editor.get(page).content.decode()
    given = {"secret": "guess", "address": system.address, "space": "sp", "environment": "e"}
    words = editor.post(page, {**given, "token": "t"}).content.decode()
    assert "Contentful answers" in words and "is not the one kept" not in words


def test_who_may_not_change_a_connection_does_not_try_it(
    client: Client, contentful: Connection
) -> None:
    page = reverse("admin:connection_try", args=[contentful.pk])
    assert client.get(page).status_code == 302
