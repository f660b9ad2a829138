"""A request as the event loop sees it, made into what views read: an environ, and its whole body.

Bodies are awaited here, where a slow sender costs nothing but its socket. Each has a deadline and a
bound, and all that are on their way a bound together.
"""

import asyncio
import tempfile
from collections.abc import Awaitable
from io import BytesIO
from typing import IO, Any, Final, Protocol, TypeVar

from apps.access.bodies import BODY_FAULT
from config.env import ENV

T = TypeVar("T", covariant=True)

BODY_S: Final = 10.0
# Larger than the limit of any view that reads its body whole; each refuses by its own.
BODY_BYTES: Final = 512_000
# A file may come slowly, but not more slowly than this on the whole.
FILE_BYTES: Final = 65 * 1024 * 1024
FILE_BYTES_A_S: Final = 64 * 1024
_FILE_IN_MEMORY: Final = 1024 * 1024
_LATE: Final = "The body did not arrive in time."
_ENDED: Final = "The body ended early."

_NOTHING: Final = BytesIO()
_MOST_NAMES: Final = 1_000
_NAMES: Final[dict[str, str]] = {
    "content-type": "CONTENT_TYPE",
    "content-length": "CONTENT_LENGTH",
}


class Waiting(Awaitable[T], Protocol[T]):
    """What the server hands out for something to come; it can be given up."""

    def cancel(self) -> object: ...


class Incoming(Protocol):
    """The server's side of one request (granian's RSGI protocol)."""

    def __call__(self) -> Waiting[bytes]: ...

    def __aiter__(self) -> Any: ...

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None: ...

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None: ...

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> Any: ...


def environ_of(scope: Any) -> dict[str, Any]:
    """Return the WSGI environ of a request, without its body.

    A header with an underscore is left out: its name would be another's, a proxy's for instance.
    """
    path: str = scope.path
    client: str = scope.client
    host, _, _ = client.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path if path.isascii() else path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "REMOTE_ADDR": host.strip("[]"),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": str(ENV.port),
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": _NOTHING,
    }
    authority = scope.authority
    if authority:
        environ["HTTP_HOST"] = authority
    for header, value in scope.headers.items():
        name = _NAMES.get(header) or _name(header)
        if name in environ:
            environ[name] += ("; " if name == "HTTP_COOKIE" else ",") + value
        elif name:
            environ[name] = value
    return environ


def _name(header: str) -> str:
    name = "" if "_" in header else f"HTTP_{header.upper().replace('-', '_')}"
    if len(_NAMES) < _MOST_NAMES:
        _NAMES[header] = name
    return name


def has_body(environ: dict[str, Any]) -> bool:
    """Whether a body is on its way: HTTP/1.1 says so in the head."""
    length = environ.get("CONTENT_LENGTH")
    return (length is not None and length != "0") or "HTTP_TRANSFER_ENCODING" in environ


async def body_of(incoming: Incoming, environ: dict[str, Any]) -> bytes:
    """Return a body that a view reads whole; a piece of it when it is too long or does not come.

    What is wrong with it is left in the environ, for the view to refuse in its own words: see
    `access.bodies`. A body that announces more than any view takes is not read at all.
    """
    length = environ.get("CONTENT_LENGTH")
    loop = asyncio.get_running_loop()
    try:
        if length is not None:
            if not length.isdigit() or int(length) > BODY_BYTES:
                return b""
            waiting = incoming()
            deadline = loop.call_later(BODY_S, waiting.cancel)
            try:
                return await waiting
            finally:
                deadline.cancel()
        return await _pieces(incoming, loop.time() + BODY_S)
    except asyncio.CancelledError:
        environ[BODY_FAULT] = _LATE
    except Exception:  # whatever the server says of a broken sender
        environ[BODY_FAULT] = _ENDED
    return b""


async def _pieces(incoming: Incoming, until: float) -> bytes:
    loop = asyncio.get_running_loop()
    pieces: list[bytes] = []
    size = 0
    arriving = aiter(incoming)
    while size <= BODY_BYTES:
        waiting = anext(arriving)
        deadline = loop.call_at(until, waiting.cancel)
        try:
            pieces.append(await waiting)
        except StopAsyncIteration:
            break
        finally:
            deadline.cancel()
        size += len(pieces[-1])
    return b"".join(pieces)


async def file_of(incoming: Incoming, environ: dict[str, Any]) -> IO[bytes]:
    """Return a body of any size up to FILE_BYTES as a file, on disk when it is large.

    It has `BODY_S` and a second more for every FILE_BYTES_A_S that came. One that does not come, or
    is too long, ends early, which whoever reads it finds out by its length.
    """
    file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_FILE_IN_MEMORY)  # noqa: SIM115
    loop = asyncio.get_running_loop()
    began = loop.time()
    size = 0
    arriving = aiter(incoming)
    try:
        while size <= FILE_BYTES:
            waiting = anext(arriving)
            deadline = loop.call_at(began + BODY_S + size / FILE_BYTES_A_S, waiting.cancel)
            try:
                piece = await waiting
            finally:
                deadline.cancel()
            size += len(piece)
            file.write(piece)
    except StopAsyncIteration:
        pass
    except asyncio.CancelledError:
        environ[BODY_FAULT] = _LATE
    except Exception:
        environ[BODY_FAULT] = _ENDED
    file.seek(0)
    return file
