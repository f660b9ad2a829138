"""A request as the event loop sees it, made into what views read: an environ, and its whole body.

Bodies are awaited here, where a slow sender costs nothing but its socket. Each has a deadline and a
bound, and all that are on their way a bound together.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import IO, Any, Final, Protocol, TypeVar

from apps.access.bodies import BODY_FAULT
from apps.access.errors import PayloadTooLarge, RequestRefused, Unavailable
from config.env import ENV

T = TypeVar("T", covariant=True)

BODY_S: Final = 10.0
# Larger than the limit of any view that reads its body whole; each refuses by its own.
BODY_BYTES: Final = 512_000
# A form of a page, and a file of people. A view's own limit is a little less.
FORM_BYTES: Final = 5 * 1024 * 1024
FILE_BYTES: Final = 65 * 1024 * 1024
# A file may come slowly, but not more slowly than this on the whole.
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
    """Whether a body is on its way: HTTP/1.1, the only one that is spoken here, says so."""
    length = environ.get("CONTENT_LENGTH")
    return (length is not None and length != "0") or "HTTP_TRANSFER_ENCODING" in environ


class Room:
    """How many bytes of bodies may still come into this process. For one event loop."""

    __slots__ = ("left",)

    def __init__(self, size: int) -> None:
        """`size` bytes in all."""
        self.left = size

    def take(self, size: int) -> None:
        """Take so many bytes.

        Raises:
            Unavailable: there are not as many left now.
        """
        if size > self.left:
            raise Unavailable("Too many bodies are on their way: try again.")
        self.left -= size

    def give_back(self, size: int) -> None:
        """Let others have so many bytes again."""
        self.left += size


async def body_of(incoming: Incoming, environ: dict[str, Any], room: Room) -> bytes:
    """Return a body that a view reads whole; a piece of it when it is too long or does not come.

    What is wrong with it is left in the environ, for the view to refuse in its own words: see
    `access.bodies`. A body that announces more than any view takes is not read at all.

    Raises:
        Unavailable: too many are on their way.
    """
    length = environ.get("CONTENT_LENGTH")
    if length is not None and (not length.isdigit() or int(length) > BODY_BYTES):
        return b""
    expected = BODY_BYTES if length is None else int(length)
    room.take(expected)
    loop = asyncio.get_running_loop()
    try:
        if length is None:
            return await _pieces(incoming, loop.time() + BODY_S)
        waiting = incoming()
        deadline = loop.call_later(BODY_S, waiting.cancel)
        try:
            return await waiting
        finally:
            deadline.cancel()
    except asyncio.CancelledError:
        environ[BODY_FAULT] = _LATE
    except Exception:  # whatever the server says of a broken sender
        environ[BODY_FAULT] = _ENDED
    finally:
        room.give_back(expected)
    return b""


async def _pieces(incoming: Incoming, until: float) -> bytes:
    pieces: list[bytes] = []
    size = 0

    def keep(piece: bytes) -> bool:
        nonlocal size
        pieces.append(piece)
        size += len(piece)
        return size <= BODY_BYTES

    await _receive(incoming, lambda: until, keep)
    return b"".join(pieces)


async def file_of(
    incoming: Incoming, environ: dict[str, Any], *, most: int, room: Room
) -> IO[bytes]:
    """Return a body of up to `most` bytes as a file, on disk when it is large.

    It has `BODY_S` and a second more for every FILE_BYTES_A_S that came. One that does not come is
    left as far as it came, with what is wrong said in the environ. One in pieces, without a length,
    that is cut off may look whole: the server does not tell the end from the cut. So whoever needs
    to know asks for the length (`bodies.stream_body` does).

    The bytes that came are taken from `room`; whoever closes the file gives them back.

    Raises:
        PayloadTooLarge: it has, or announces, more.
        Unavailable: there is no room for it.
    """
    length = environ.get("CONTENT_LENGTH", "")
    if length.isdigit() and int(length) > most:
        raise PayloadTooLarge(most)
    file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_FILE_IN_MEMORY)  # noqa: SIM115
    began = asyncio.get_running_loop().time()
    size = 0

    def keep(piece: bytes) -> bool:
        nonlocal size
        if size + len(piece) > most:
            raise PayloadTooLarge(most)
        room.take(len(piece))
        size += len(piece)
        file.write(piece)
        return True

    try:
        await _receive(incoming, lambda: began + BODY_S + size / FILE_BYTES_A_S, keep)
    except RequestRefused:
        room.give_back(size)
        file.close()
        raise
    except asyncio.CancelledError:
        environ[BODY_FAULT] = _LATE
    except Exception:
        environ[BODY_FAULT] = _ENDED
    file.seek(0)
    return file


async def _receive(
    incoming: Incoming, until: Callable[[], float], keep: Callable[[bytes], bool]
) -> None:
    """Give the pieces of a body to `keep`, up to its end or for as long as that says to go on.

    Args:
        until: the time of the loop until which the next piece has to come.
    """
    loop = asyncio.get_running_loop()
    arriving = aiter(incoming)
    goes_on = True
    while goes_on:
        try:
            # Granian says the end when it is asked for a piece, not when that is awaited.
            waiting = anext(arriving)
            deadline = loop.call_at(until(), waiting.cancel)
            try:
                piece = await waiting
            finally:
                deadline.cancel()
        except StopAsyncIteration:
            return
        goes_on = keep(piece)
