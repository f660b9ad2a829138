"""Calls to addresses that people of a site have given: only where a stranger could call as well.

Such an address must not reach what only this server can: its own machine, its network, a cloud's
metadata. Names are resolved here, every address that comes out is judged, and the connection goes
to a judged one: a name that says something else a moment later leads nowhere.
"""

import http.client
import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# What frames a message or belongs to the connection; and what is ours to say.
_TAKEN: Final = frozenset(
    {
        "connection", "content-encoding", "content-length", "content-type", "date", "expect",
        "host", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection",
        "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,60}")
# IPv4 addresses in IPv6 clothes, beside those that `ipaddress` knows: RFC 6052, and its local kind.
_TRANSLATED: Final = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
# Forms given up, which `ipaddress` takes for global: site-local, IPv4-compatible and SIIT's.
_GIVEN_UP: Final = tuple(map(ipaddress.ip_network, ("fec0::/10", "::/96", "::ffff:0:0:0/96")))


class ForbiddenTarget(OSError):
    """An address that this server does not call; the text says why, for who gave it."""


class UnknownTarget(OSError):
    """The host's name cannot be resolved now."""


class NotTaken(OSError):
    """The host answered with another status than 2xx; `retry_after` is its header, "" for none."""

    def __init__(self, host: str, status: int, retry_after: str = "") -> None:
        self.status = status
        self.retry_after = retry_after
        super().__init__(f"{host} answered {status}")


class _Target(NamedTuple):
    """Where a URL leads; `path` with its query."""

    is_secure: bool
    host: str
    port: int
    path: str
    addresses: list[str]


def check(url: str) -> None:
    """Return if the address may be called; a name that is not known yet is judged at the call.

    Raises:
        ForbiddenTarget: it may not.
    """
    try:
        _resolved(url)
    except UnknownTarget:
        return


def is_free_header(name: str) -> bool:
    """Tell whether a header may be given by people: it frames no message, and we do not say it."""
    return _NAME.fullmatch(name) is not None and name.lower() not in _TAKEN


def post(url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float) -> None:
    """POST once, without proxies of the environment; no redirect is followed.

    Raises:
        ForbiddenTarget: the address, or what its name leads to now, may not be called.
        NotTaken: the answer's status is other than 2xx.
        OSError: nobody took it: not reached, no certificate to be trusted, or no answer in time
            (each step has `timeout_s`, asking and being answered together twice as long).
        ValueError: a header's value is malformed.
    """
    _exchanged("POST", url, body, headers, timeout_s, most_bytes=0)


def get(url: str, headers: Mapping[str, str], *, timeout_s: float, most_bytes: int) -> bytes:
    """GET once, as `post`; return the body.

    Raises:
        As `post`; an answer of more than `most_bytes`, or one that drips, is an OSError.
    """
    return _exchanged("GET", url, None, headers, timeout_s, most_bytes)


def _exchanged(
    method: str,
    url: str,
    body: bytes | None,
    headers: Mapping[str, str],
    timeout_s: float,
    most_bytes: int,
) -> bytes:
    target = _resolved(url)
    connection = _connected(target, timeout_s)
    try:
        with _cut_after(connection, 2 * timeout_s, target.host):
            connection.request(method, target.path, body, dict(headers))
            answer = connection.getresponse()
        if not 200 <= answer.status < 300:
            retry_after = answer.headers.get("Retry-After", "")
            raise NotTaken(target.host, answer.status, retry_after[:100])
        return _read(answer, target.host, timeout_s, most_bytes) if most_bytes else b""
    except http.client.HTTPException as error:
        raise OSError(f"{target.host} does not speak HTTP: {type(error).__name__}") from error
    finally:
        connection.close()


@contextmanager
def _cut_after(connection: http.client.HTTPConnection, seconds: float, host: str) -> Iterator[None]:
    """End a connection that is not through in time, as a TimeoutError.

    A socket's own time begins anew with every byte: who sends one now and then holds a worker.
    """
    sock, is_cut = connection.sock, threading.Event()

    def cut() -> None:
        is_cut.set()
        with suppress(OSError):  # it has ended meanwhile
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    trouble: Exception | None = None
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        trouble = error
    finally:
        timer.cancel()
    if is_cut.is_set():  # a head that was cut short may read as a whole one
        raise TimeoutError(f"{host} takes too long to answer") from trouble
    if trouble is not None:
        raise trouble


def _read(answer: http.client.HTTPResponse, host: str, timeout_s: float, most_bytes: int) -> bytes:
    """The body, within the time and the size that were said."""
    until = time.monotonic() + timeout_s
    found = bytearray()
    while piece := answer.read1(64 * 1024):
        found += piece
        if len(found) > most_bytes:
            raise OSError(f"{host} answered more than {most_bytes:,} bytes")
        if time.monotonic() > until:
            raise TimeoutError(f"{host} takes too long to answer")
    return bytes(found)


def _resolved(url: str) -> _Target:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ForbiddenTarget("This is not an address.") from error
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ForbiddenTarget("An address starts with https:// or http://.")
    if parts.username is not None or parts.password is not None:
        raise ForbiddenTarget("Leave out the name before the @: give a secret in a header.")
    is_secure = parts.scheme == "https"
    port = port or (443 if is_secure else 80)
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnknownTarget(f"{parts.hostname[:100]} is not known") from error
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    if not addresses or not all(map(_may_be_called, addresses)):
        raise ForbiddenTarget(
            "This address leads into a private network. If it is meant, name the network in the "
            "setting PRIVATE_TARGETS."
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _Target(is_secure, parts.hostname, port, path, addresses)


def _may_be_called(text: str) -> bool:
    address = _plain(ipaddress.ip_address(text.partition("%")[0]))
    if any(address in network for network in _allowed(tuple(settings.PRIVATE_TARGETS))):
        return True
    if any(address in network for network in _GIVEN_UP):
        return False
    return address.is_global and not address.is_multicast


def _plain(address: _Address) -> _Address:
    """The IPv4 address inside an IPv6 one, where there is one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and any(address in network for network in _TRANSLATED):
        inner = ipaddress.IPv4Address(address.packed[-4:])
    return inner or address


@lru_cache(maxsize=4)
def _allowed(texts: tuple[str, ...]) -> tuple[_Network, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def _connected(target: _Target, timeout_s: float) -> http.client.HTTPConnection:
    """A connection to the first of the judged addresses that answers."""
    trouble: OSError = OSError("no address")
    for address in target.addresses:
        try:
            sock = socket.create_connection((address, target.port), timeout_s)
        except OSError as error:
            trouble = error
            continue
        try:
            return _speaking(target, sock, timeout_s)
        except BaseException:
            sock.close()
            raise
    raise trouble


def _speaking(target: _Target, sock: socket.socket, timeout_s: float) -> http.client.HTTPConnection:
    if not target.is_secure:
        plain = http.client.HTTPConnection(target.host, target.port, timeout=timeout_s)
        plain.sock = sock
        return plain
    context = ssl.create_default_context()
    connection = http.client.HTTPSConnection(
        target.host, target.port, timeout=timeout_s, context=context
    )
    try:
        # The certificate is of the name, whatever address it led to.
        connection.sock = context.wrap_socket(sock, server_hostname=target.host)
    except ssl.SSLCertVerificationError as error:
        # Python's error is a ValueError too, as one of a header that cannot be sent is: that stays
        # wrong, and a certificate that has run out is renewed.
        told = f"{target.host} has no certificate to be trusted: {error.verify_message}"
        raise OSError(told) from error
    return connection
