"""OpenDSR 2.0: what controllers' systems send, how it is answered, signed, and told back."""

import base64
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from django.db import connection
from django.http import HttpResponse
from django.test import RequestFactory

from apps.access import targets
from apps.privacy import requests
from apps.privacy.models.requests import Request
from apps.work import clock
from apps.work.models import Intent
from apps.work.performing import perform
from tests.apps.delivery.conftest import World, _new_process, world  # noqa: F401

BASE = "/opendsr/v2"


class Controller:
    """The system of a site that sends requests."""

    def __init__(self, world: World) -> None:  # noqa: F811
        self.world = world

    def call(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> Any:
        token = self.world.sk if key is None else key
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"data": data, "content_type": "application/json"} if body is not None else {}
        return getattr(self.world.client, method)(f"{BASE}{path}", headers=headers, **given)

    def body(self, **given: Any) -> dict[str, Any]:
        return {
            "regulation": "gdpr",
            "subject_request_id": str(uuid4()),
            "subject_request_type": "access",
            "submitted_time": "2026-11-22T10:00:00Z",
            "subject_identities": [
                {
                    "identity_type": "email",
                    "identity_value": "ada@example.com",
                    "identity_format": "raw",
                }
            ],
            **given,
        }

    def submit(self, **given: Any) -> HttpResponse:
        response: HttpResponse = self.call("post", "/requests", self.body(**given))
        return response

    def work(self) -> None:
        waiting = Intent.objects.filter(state="waiting", kind__startswith="privacy.")
        for intent in waiting.order_by("pk"):
            perform(intent.pk, now=clock.now())


@pytest.fixture
def controller(world: World, settings: Any, tmp_path: Path) -> Controller:  # noqa: F811
    settings.OPENDSR_DIR = tmp_path
    settings.PUBLIC_ORIGIN = "https://attune.example"
    return Controller(world)


def is_signed(controller: Controller, response: HttpResponse) -> bool:
    """Whether a stranger with the published certificate believes an answer."""
    pem = controller.world.client.get(f"{BASE}/certificate.pem").content
    key = x509.load_pem_x509_certificate(pem).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert response["X-OpenDSR-Processor-Domain"] == "attune.example"
    try:
        key.verify(
            base64.b64decode(response["X-OpenDSR-Signature"]),
            response.content,
            padding.PKCS1v15(),
            SHA256(),
        )
    except InvalidSignature:
        return False
    return True


def test_discovery_names_what_can_be_asked_and_the_certificate(controller: Controller) -> None:
    response = controller.call("get", "/discovery")

    assert response.status_code == 200 and is_signed(controller, response)
    said = response.json()
    assert said["api_version"] == "2.0"
    assert said["supported_subject_request_types"] == ["access", "portability", "erasure"]
    assert {"identity_type": "email", "identity_format": "sha256"} in said["supported_identities"]
    assert said["processor_certificate"] == "https://attune.example/opendsr/v2/certificate.pem"
    assert said["processor_certificate_is_self_signed"] is True


def test_a_request_is_received_and_echoed_but_not_stored(controller: Controller) -> None:
    body = controller.body()
    response = controller.call("post", "/requests", body)

    assert response.status_code == 201 and is_signed(controller, response)
    said = response.json()
    assert json.loads(base64.b64decode(said["encoded_request"])) == body
    assert said["controller_id"] == controller.world.site.key
    assert said["subject_request_id"] == body["subject_request_id"]
    assert said["received_time"] < said["expected_completion_time"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM privacy_request t")
        assert "ada@" not in cursor.fetchone()[0]


def test_a_changed_byte_is_not_believed(controller: Controller) -> None:
    response = controller.submit()
    response.content = response.content.replace(b"gdpr", b"GDPR") + b" "

    assert not is_signed(controller, response)


def test_the_same_request_twice_is_one(controller: Controller) -> None:
    body = controller.body()
    first = controller.call("post", "/requests", body)
    second = controller.call("post", "/requests", dict(reversed(body.items())))

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["received_time"] == second.json()["received_time"]
    assert Request.objects.count() == 1


def test_the_same_id_for_another_request_is_refused(controller: Controller) -> None:
    body = controller.body()
    controller.call("post", "/requests", body)

    response = controller.call("post", "/requests", {**body, "subject_request_type": "erasure"})

    assert response.status_code == 400
    assert Request.objects.get().kind == "access"


BAD: list[tuple[str, dict[str, Any]]] = [
    ("no regulation", {"regulation": None}),
    ("unknown regulation", {"regulation": "lgpd"}),
    ("id in capitals", {"subject_request_id": str(uuid4()).upper()}),
    ("id of version 1", {"subject_request_id": "8c1b5a9e-6f0a-11ee-b962-0242ac120002"}),
    ("unknown type", {"subject_request_type": "forget"}),
    ("no time", {"submitted_time": "yesterday"}),
    ("time without a zone", {"submitted_time": "2026-11-22T10:00:00"}),
    ("nobody", {"subject_identities": []}),
    ("identities that are no list", {"subject_identities": {}}),
    ("an identity without a format", {"subject_identities": [{"identity_type": "email"}]}),
    (
        "a format that cannot be looked up",
        {
            "subject_identities": [
                {"identity_type": "email", "identity_format": "md5", "identity_value": "a" * 32}
            ]
        },
    ),
    (
        "no address",
        {
            "subject_identities": [
                {"identity_type": "email", "identity_format": "raw", "identity_value": "ada"}
            ]
        },
    ),
    ("a callback into the machine", {"status_callback_urls": ["http://127.0.0.1/x"]}),
    ("a callback into a cloud", {"status_callback_urls": ["http://169.254.169.254/latest"]}),
    ("a callback that is a file", {"status_callback_urls": ["file:///etc/passwd"]}),
    ("too many callbacks", {"status_callback_urls": ["https://a.example/"] * 6}),
]


@pytest.mark.parametrize("given", [bad for _, bad in BAD], ids=[name for name, _ in BAD])
def test_a_malformed_request_is_refused_in_opendsrs_words(
    controller: Controller, given: dict[str, Any]
) -> None:
    response = controller.submit(**given)

    assert response.status_code == 400
    error = response.json()["error"]
    assert error["code"] == 400 and error["message"]
    assert {"domain", "reason", "message"} == set(error["errors"][0])
    assert "ada" not in response.content.decode()
    assert not Request.objects.exists()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "/requests/b6c9b1e0-0000-4000-8000-000000000000", 404),
        ("get", "/requests/not-an-id", 400),
        ("get", "/nothing", 404),
        ("put", "/requests", 405),
        ("delete", "/discovery", 405),
    ],
)
def test_other_refusals_have_the_same_shape(
    controller: Controller, method: str, path: str, status: int
) -> None:
    response = controller.call(method, path)

    assert response.status_code == status
    assert response.json()["error"]["code"] == status
    assert is_signed(controller, response)


def test_a_key_that_may_not_is_told_so_in_the_same_shape(controller: Controller) -> None:
    for key, status in (("", 401), ("sk_unknown", 401), (controller.world.pk, 403)):
        response = controller.call("get", "/discovery", key=key)
        assert (response.status_code, response.json()["error"]["code"]) == (status, status)


def test_too_many_bytes_and_too_many_requests_have_the_same_shape(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    response = controller.call("post", "/requests", b"x" * (64 * 1024 + 1))
    assert (response.status_code, response.json()["error"]["code"]) == (413, 413)

    source = controller.world.source
    source.rate_per_s, source.burst_s = 1, 1
    source.save(update_fields=["rate_per_s", "burst_s"])
    from apps.access.keys import KEYS

    KEYS.forget()
    statuses = [controller.call("get", "/discovery") for _ in range(5)]
    late = statuses[-1]
    assert late.status_code == 429 and late.json()["error"]["code"] == 429
    assert int(late["Retry-After"]) >= 1


def test_a_pending_request_is_taken_back_and_a_done_one_is_not(controller: Controller) -> None:
    pending, done = controller.body(), controller.body(subject_request_type="portability")
    controller.call("post", "/requests", pending)
    taken = controller.call("delete", f"/requests/{pending['subject_request_id']}")
    controller.call("post", "/requests", done)
    controller.work()
    late = controller.call("delete", f"/requests/{done['subject_request_id']}")

    assert taken.status_code == 202 and is_signed(controller, taken)
    assert set(taken.json()) >= {"controller_id", "received_time", "subject_request_id"}
    assert late.status_code == 400
    status = controller.call("get", f"/requests/{pending['subject_request_id']}").json()
    assert status["request_status"] == "cancelled"


def test_a_completed_access_leads_to_its_results(controller: Controller) -> None:
    event = {"type": "identify", "userId": "42", "traits": {"plan": "pro"}, "messageId": "m1"}
    controller.world.post("/v1/batch", {"batch": [event]}, key=controller.world.sk)
    from apps.pipeline import fold

    while fold.fold_once(now=clock.now()) is not fold.NOTHING:
        pass
    identity = {
        "identity_type": "controller_customer_id",
        "identity_value": "42",
        "identity_format": "raw",
    }
    body = controller.body(subject_identities=[identity])
    controller.call("post", "/requests", body)
    before = controller.call("get", f"/requests/{body['subject_request_id']}").json()

    controller.work()

    after = controller.call("get", f"/requests/{body['subject_request_id']}").json()
    assert (before["request_status"], after["request_status"]) == ("pending", "completed")
    assert after["results_count"] >= 3
    path = after["results_url"].removeprefix("https://attune.example")
    package = controller.world.client.get(path).json()
    assert package["schema"] == "attune.access/1"
    assert "pro" in json.dumps(package)


def test_another_sites_request_is_not_there(controller: Controller) -> None:
    body = controller.body()
    controller.call("post", "/requests", body)
    Request.objects.update(opendsr_id=uuid4())

    response = controller.call("get", f"/requests/{body['subject_request_id']}")

    assert response.status_code == 404


@pytest.fixture
def listener(settings: Any) -> Iterator[list[tuple[dict[str, str], bytes, int]]]:
    """A controller's address: what it was told, and the statuses it answers with (popped)."""
    heard: list[tuple[dict[str, str], bytes, int]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = statuses.pop(0) if statuses else 200
            heard.append((dict(self.headers), body, status))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            return

    statuses: list[int] = []
    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    settings.PRIVATE_TARGETS = ["127.0.0.1/32"]
    LISTENER.update(url=f"http://127.0.0.1:{server.server_port}/told", statuses=statuses)
    yield heard
    server.shutdown()
    server.server_close()


LISTENER: dict[str, Any] = {}


def test_each_change_is_told_signed(
    controller: Controller, listener: list[tuple[dict[str, str], bytes, int]]
) -> None:
    controller.submit(status_callback_urls=[LISTENER["url"]])

    for _ in range(3):
        controller.work()

    told = [json.loads(body) for _, body, _ in listener]
    assert [one["request_status"] for one in told] == ["in_progress", "completed"]
    assert all(one["status_callback_url"] == LISTENER["url"] for one in told)
    headers, body, _ = listener[-1]
    response = HttpResponse(body, headers={k: v for k, v in headers.items() if k.startswith("X-")})
    assert is_signed(controller, response)


def test_a_callback_that_fails_is_tried_again_and_one_that_is_gone_is_not(
    controller: Controller, listener: list[tuple[dict[str, str], bytes, int]]
) -> None:
    LISTENER["statuses"][:] = [503, 410]
    controller.submit(status_callback_urls=[LISTENER["url"]])
    controller.work()
    controller.work()  # in_progress: 503, waits; completed: 410, never again

    waiting = Intent.objects.get(kind="privacy.call_back", state="waiting")
    assert waiting.attempts == 1
    assert Request.objects.get().callbacks == [""]
    perform(waiting.pk, now=waiting.run_after)
    assert len(listener) == 2


def test_an_address_that_leads_inside_later_is_not_called(
    controller: Controller, listener: object, settings: Any
) -> None:
    controller.submit(status_callback_urls=[LISTENER["url"]])
    settings.PRIVATE_TARGETS = []
    with pytest.raises(targets.ForbiddenTarget):
        targets.check(LISTENER["url"])

    controller.work()
    controller.work()

    assert listener == []
    assert Request.objects.get().callbacks == [""]


def test_a_refused_request_is_completed_without_results(controller: Controller) -> None:
    body = controller.body(subject_request_type="erasure")
    controller.call("post", "/requests", body)
    found = Request.objects.get()
    requests.refuse(
        request_id=found.pk,
        article="17(3)(b)",
        reason="Invoices have to be kept for ten years.",
        actor=None,
        now=clock.now(),
    )

    said = controller.call("get", f"/requests/{body['subject_request_id']}").json()

    assert (said["request_status"], said["results_count"]) == ("completed", 0)


def test_the_servers_own_short_way_to_it_words_refusals_alike(controller: Controller) -> None:
    from config.wsgi import application

    heard: list[tuple[str, dict[str, str]]] = []
    for path in ("/opendsr/v2/discovery", "/opendsr/v2/requests/x", "/opendsr/v2/nothing"):
        environ = RequestFactory().get(path).environ
        body = b"".join(application(environ, lambda s, h, e=None: heard.append((s, dict(h)))))
        status, headers = heard[-1]
        assert json.loads(body)["error"]["code"] == int(status[:3]), path
        response = HttpResponse(
            body, headers={k: v for k, v in headers.items() if k.startswith("X-OpenDSR")}
        )
        assert is_signed(controller, response), path
