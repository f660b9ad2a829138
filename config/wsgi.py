"""Requests to answers. API paths skip Django's middleware, which costs six times their own work."""

import os
from collections.abc import Iterable
from typing import Any, BinaryIO, Final, cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")

import django
from django.core.handlers.wsgi import LimitedStream, WSGIHandler, WSGIRequest, get_path_info
from django.http import HttpResponse, HttpResponseBase
from django.urls import resolve

django.setup(set_prefix=False)

# These need Django's settings.
from apps.access.cors import HeaderList  # noqa: E402
from apps.access.http import HotView  # noqa: E402
from apps.work import record_watch, tracing  # noqa: E402
from apps.work.collector import spare_the_collector  # noqa: E402
from config.urls import API_PREFIXES, HOT  # noqa: E402

SHORT: Final = tuple(f"/{prefix}" for prefix in API_PREFIXES)
# A page of the admin may take its time; no thread waits for ever.
_PAGE_LIMIT_S: Final = 30.0
_WITHOUT_LENGTH: Final = frozenset({204, 304})


class ApiRequest(WSGIRequest):
    """A request whose content type is not parsed: API bodies are JSON whatever their label."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ = self.META = environ
        self.path = self.path_info = get_path_info(environ) or "/"
        self.method = environ["REQUEST_METHOD"].upper()
        self.content_type = environ.get("CONTENT_TYPE", "")
        self.content_params = {}
        text = environ.get("CONTENT_LENGTH") or ""
        length = int(text) if text.isdigit() else 0
        self._stream = cast(BinaryIO, LimitedStream(environ["wsgi.input"], length))
        self._read_started = False
        self.resolver_match = None


class Application(WSGIHandler):
    """Hot paths by a dictionary, other API paths by the resolver, the rest by the full chain."""

    def __call__(self, environ: Any, start_response: Any) -> Any:
        view = HOT.get(environ["PATH_INFO"])
        is_short = view is not None or environ["PATH_INFO"].startswith(SHORT)
        record_watch.begin(record_watch.LIMIT_S if is_short else _PAGE_LIMIT_S)
        try:
            if view is not None:
                response, headers = view.answer(ApiRequest(environ))
                return _send(response, headers, start_response)
            if is_short:
                return _send(*_answer(ApiRequest(environ)), start_response)
            tracing.enter(environ)

            def start(status: str, head: list[tuple[str, str]], *more: Any) -> Any:
                known = {name for name, _ in head}
                own = [one for one in tracing.headers_of(environ) if one[0] not in known]
                return start_response(status, [*head, *own], *more)

            return super().__call__(environ, start)
        finally:
            tracing.leave()
            record_watch.end()


def _answer(request: ApiRequest) -> tuple[HttpResponseBase, HeaderList]:
    match = resolve(request.path_info)  # config.urls answers any path below these prefixes
    request.resolver_match = match
    view = cast(HotView, match.func)
    return view.answer(request, *match.args, **match.kwargs)


def _send(
    response: HttpResponseBase, headers: HeaderList, start_response: Any
) -> Iterable[bytes] | HttpResponseBase:
    """Hand an answer to the server, without request signals: refusals close broken connections."""
    head = [*response.items(), *headers]
    status = f"{response.status_code} {response.reason_phrase}"
    if response.streaming:
        start_response(status, head)
        return response
    content = cast(HttpResponse, response).content
    if response.status_code not in _WITHOUT_LENGTH and not response.has_header("Content-Length"):
        head.append(("Content-Length", str(len(content))))
    start_response(status, head)
    return [content]


application = Application()

# What was imported stays: a full collection takes a hundredth of the time, and none waits for one.
spare_the_collector()
