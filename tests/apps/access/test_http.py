"""The hot chain: methods, CORS, bodies, refusals; the same through Django's handler and our own."""

import gzip
import io
import json
import zlib
from typing import Any

import msgspec
import pytest
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from apps.access.errors import InvalidRequest, PayloadTooLarge
from apps.access.http import authenticate, hot, json_response, parse, read_body
from config.wsgi import application
from tests.apps.access.conftest import Access

LIMIT = 1000


@hot("POST", route="echo")
def echo(request: HttpRequest) -> HttpResponse:
    authenticate(request)
    return json_response(read_body(request, LIMIT))


@hot("GET", route="broken")
def broken(request: HttpRequest) -> HttpResponse:
    if "db" in request.path:
        raise OperationalError("server closed the connection")
    raise KeyError("x")


def post(factory: RequestFactory, access: Access, body: bytes, **headers: Any) -> HttpResponse:
    request = factory.generic(
        "POST", "/v1/echo", body, "application/json", HTTP_X_API_KEY=access.publishable, **headers
    )
    answer = echo(request)
    assert isinstance(answer, HttpResponse)
    return answer


def wsgi(method: str, path: str, body: bytes = b"", **headers: str) -> tuple[str, Any, bytes]:
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "CONTENT_LENGTH": str(len(body)),
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(body),
        "wsgi.url_scheme": "http",
        **headers,
    }
    head: list[Any] = []
    content = b"".join(application(environ, lambda *start: head.extend(start)))
    return head[0], dict(head[1]), content


@pytest.mark.parametrize("origin", ["https://shop.example", "http://localhost:5173"])
def test_an_allowed_origin_is_echoed_on_success_and_on_refusal(
    access: Access, factory: RequestFactory, origin: str
) -> None:
    for body, status in ((b"{}", 200), (b"x" * (LIMIT + 1), 413)):
        answer = post(factory, access, body, HTTP_ORIGIN=origin)
        assert answer.status_code == status
        assert answer["Access-Control-Allow-Origin"] == origin
        assert answer["Vary"] == "Origin"
        assert "RateLimit" in answer["Access-Control-Expose-Headers"]
        assert "Access-Control-Allow-Credentials" not in answer


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "https://shop.example.evil.example",
        "http://localhost:5173.evil",
        "null",
    ],
)
def test_another_origin_is_not_echoed(access: Access, factory: RequestFactory, origin: str) -> None:
    answer = post(factory, access, b"{}", HTTP_ORIGIN=origin)
    assert "Access-Control-Allow-Origin" not in answer
    assert answer["Vary"] == "Origin"


def test_a_preflight_names_every_header_and_no_key_is_needed(
    access: Access, factory: RequestFactory
) -> None:
    answer = echo(factory.options("/v1/echo", HTTP_ORIGIN="https://shop.example"))
    assert answer.status_code == 204
    assert answer["Access-Control-Max-Age"] == "7200"
    assert answer["Access-Control-Allow-Methods"] == "POST"
    assert answer["Access-Control-Allow-Headers"].split(", ") == [
        "authorization",
        "content-type",
        "x-api-key",
        "if-none-match",
        "x-retry-count",
        "idempotency-key",
        "traceparent",
        "x-contentful-user-agent",
    ]
    stranger = echo(factory.options("/v1/echo", HTTP_ORIGIN="https://evil.example"))
    assert stranger.status_code == 204
    assert "Access-Control-Allow-Origin" not in stranger


def test_an_unknown_key_is_told_so_readably_across_origins(
    access: Access, factory: RequestFactory
) -> None:
    request = factory.post(
        "/v1/echo", b"{}", "application/json",
        HTTP_ORIGIN="https://shop.example", HTTP_X_API_KEY="pk_nobody",
    )  # fmt: skip
    answer = echo(request)
    assert isinstance(answer, HttpResponse)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    assert answer["Access-Control-Allow-Origin"] == "https://shop.example"


def test_a_refusal_has_the_one_shape(access: Access, factory: RequestFactory) -> None:
    request = factory.get("/v1/echo", HTTP_TRACEPARENT=f"00-{'4b' * 16}-{'1' * 16}-01")
    answer = echo(request)
    assert isinstance(answer, HttpResponse)
    assert answer.status_code == 405
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["Allow"] == "POST, OPTIONS"
    problem = json.loads(answer.content)
    assert problem == {
        "type": "/docs/errors/method_not_allowed",
        "title": "Method not allowed",
        "status": 405,
        "instance": "/v1/echo",
        "detail": "Use POST, OPTIONS here.",
        "code": "method_not_allowed",
        "message": "Use POST, OPTIONS here.",
        "traceId": "4b" * 16,
    }
    assert answer["X-Request-Id"].startswith("req_")


def test_what_nobody_expected_tells_nothing_of_the_inside(factory: RequestFactory) -> None:
    answer = broken(factory.get("/v1/broken"))
    assert isinstance(answer, HttpResponse)
    assert answer.status_code == 500
    assert json.loads(answer.content)["code"] == "internal_error"
    assert b"KeyError" not in answer.content


@pytest.mark.django_db
def test_a_lost_database_is_a_503_with_whole_seconds(factory: RequestFactory) -> None:
    answer = broken(factory.get("/v1/db"))
    assert answer.status_code == 503
    assert answer["Retry-After"].isdigit()


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda body: zlib.compress(body, wbits=-15)),
        ("", gzip.compress),
    ],
)
def test_compressed_bodies_are_read_with_or_without_a_label(
    access: Access, factory: RequestFactory, encoding: str, encode: Any
) -> None:
    headers = {"HTTP_CONTENT_ENCODING": encoding} if encoding else {}
    answer = post(factory, access, encode(b'{"a": 1}'), **headers)
    assert (answer.status_code, answer.content) == (200, b'{"a": 1}')


def test_decompression_stops_at_the_limit(access: Access, factory: RequestFactory) -> None:
    bomb = gzip.compress(b"0" * 50_000)
    assert len(bomb) < LIMIT
    answer = post(factory, access, bomb, HTTP_CONTENT_ENCODING="gzip")
    assert answer.status_code == 413
    exact = gzip.compress(b"0" * LIMIT)
    assert post(factory, access, exact, HTTP_CONTENT_ENCODING="gzip").status_code == 200
    two = gzip.compress(b"0" * 600) + gzip.compress(b"0" * 600)
    assert post(factory, access, two, HTTP_CONTENT_ENCODING="gzip").status_code == 413


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"plain", "gzip"),
        (gzip.compress(b"x" * 500, mtime=0)[:-9], "gzip"),
        (b"\x78\x9cbroken", "deflate"),
        (b"{}", "br"),
    ],
)
def test_a_body_that_is_not_what_it_says_is_malformed(
    access: Access, factory: RequestFactory, body: bytes, encoding: str
) -> None:
    answer = post(factory, access, body, HTTP_CONTENT_ENCODING=encoding)
    assert (answer.status_code, json.loads(answer.content)["code"]) == (400, "invalid_request")


def test_a_body_shorter_than_announced_is_malformed(factory: RequestFactory) -> None:
    request = factory.post("/v1/echo", b"{}", "application/json")
    request.META["CONTENT_LENGTH"] = "7"
    request.META["wsgi.input"] = io.BytesIO(b"{}")
    with pytest.raises(InvalidRequest, match="ended early"):
        read_body(request, LIMIT)


def test_a_chunked_body_has_no_length_and_the_same_limit(factory: RequestFactory) -> None:
    request = factory.post("/v1/echo", b"", "application/json")
    request.META.pop("CONTENT_LENGTH", None)
    request.META["HTTP_TRANSFER_ENCODING"] = "chunked"
    request.META["wsgi.input"] = io.BytesIO(b"x" * LIMIT)
    assert len(read_body(request, LIMIT)) == LIMIT
    request.META["wsgi.input"] = io.BytesIO(b"x" * (LIMIT + 1))
    with pytest.raises(PayloadTooLarge):
        read_body(request, LIMIT)


class Item(msgspec.Struct):
    size: int


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"items": [{"size": 1}, {"size": "x"}]}', "/items/1/size"),
        (b'{"items": [{}]}', "/items/0"),
        (b"[]", ""),
    ],
)
def test_a_wrong_type_is_pointed_at(body: bytes, pointer: str) -> None:
    class Items(msgspec.Struct):
        items: list[Item]

    with pytest.raises(InvalidRequest) as refused:
        parse(msgspec.json.Decoder(Items), body)
    assert refused.value.errors[0]["pointer"] == pointer


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"a": NaN}', b"\xff", b'"\\ud800"', b"[" * 100_000, b'{"a": 1}x', b"\x00"],
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse(msgspec.json.Decoder(Any), body)


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1", "/v1/", "/ofrep/v1/x"])
def test_unknown_api_paths_answer_problems_and_never_redirect(
    access: Access, client: Client, path: str
) -> None:
    answer = client.post(path, b"{}", "application/json")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"
    status, headers, content = wsgi("POST", path, b"{}", HTTP_ORIGIN="https://shop.example")
    assert status == "404 Not Found"
    assert json.loads(content)["code"] == "not_found"
    assert headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert int(headers["Content-Length"]) == len(content)


def test_both_handlers_give_the_same_answer(db: None, client: Client) -> None:
    plain = client.get("/healthz")
    status, headers, content = wsgi("GET", "/healthz")
    assert (plain.status_code, plain.content) == (200, content)
    assert status == "200 OK"
    assert headers["Content-Type"] == plain["Content-Type"]
    assert wsgi("HEAD", "/healthz")[0] == "200 OK"


def test_an_endpoint_of_the_rest_framework_gets_the_same_chain(db: None) -> None:
    status, headers, content = wsgi("GET", "/v1/openapi.json", HTTP_HOST="testserver")
    assert status == "200 OK"
    assert json.loads(content)["openapi"].startswith("3.1")
    assert headers["X-Request-Id"].startswith("req_")
    status, _, content = wsgi("POST", "/v1/openapi.json", HTTP_HOST="testserver")
    assert status == "405 Method Not Allowed"
    assert json.loads(content)["code"] == "method_not_allowed"


def test_a_broken_content_type_breaks_nothing(db: None) -> None:
    status, _, _ = wsgi("POST", "/v1/nothing", b"", CONTENT_TYPE="a; b*0='" + "x" * 2000)
    assert status == "404 Not Found"


@pytest.mark.parametrize("path", ["/admin/login/", "/docs/", "/nowhere", "/v1/nowhere", "/healthz"])
def test_every_answer_has_an_id_once(access: Access, path: str) -> None:
    head: list[Any] = []
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": "", "SERVER_NAME": "localhost",
        "SERVER_PORT": "80", "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost",
        "wsgi.input": io.BytesIO(), "wsgi.url_scheme": "http",
    }  # fmt: skip
    b"".join(application(environ, lambda *start: head.extend(start)))
    ids = [value for name, value in head[1] if name == "X-Request-Id"]
    assert len(ids) == 1 and ids[0].startswith("req_")
