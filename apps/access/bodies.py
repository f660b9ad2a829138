"""Request bodies: raw bytes whatever their label, decompressed up to a limit, parsed by type."""

import re
import zlib
from collections.abc import Iterator
from typing import Final, TypeVar

import msgspec
from django.http import HttpRequest

from apps.access.errors import Fault, InvalidRequest, LengthRequired, PayloadTooLarge

T = TypeVar("T")

# A publishable key said anywhere in a body that no parser can read.
_WRITE_KEY: Final = re.compile(rb'"writeKey"\s*:\s*"(pk_[A-Za-z0-9_-]{1,100})"')
# Where the server leaves, in request.META, what was wrong with a body that it has read: a sentence.
BODY_FAULT: Final = "attune.body_fault"
_GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = 31
_ZLIB_WINDOW: Final = 15
_RAW_WINDOW: Final = -15
_PIECE: Final = 65_536


def read_body(request: HttpRequest, limit: int) -> bytes:
    """Return the whole body, decompressed, of at most `limit` bytes. Form parsing is never touched.

    Content-Encoding gzip and deflate are undone; gzip bytes without the label too, since no JSON
    starts like them. Decompression stops at the limit.

    Raises:
        PayloadTooLarge: more than `limit` bytes, as sent or decompressed.
        InvalidRequest: it ended early, is not what its encoding says, or has an unknown encoding.
    """
    body = _raw(request, limit)
    encoding = request.META.get("HTTP_CONTENT_ENCODING")
    if encoding is None:
        return _inflate(body, _GZIP_WINDOW, limit) if body[:2] == _GZIP_MAGIC else body
    match encoding.strip().lower():
        case "gzip" | "x-gzip":
            return _inflate(body, _GZIP_WINDOW, limit) if body else body
        case "deflate":
            return _inflate_deflate(body, limit) if body else body
        case "" | "identity":
            return body
        case _:
            raise InvalidRequest("Compress the body with gzip or deflate, or not at all.")


def stream_body(request: HttpRequest, limit: int) -> Iterator[bytes]:
    """Yield the body in pieces, gzip undone, of at most `limit` bytes: for files.

    A file must say its length. One in pieces that is cut off on the way looks like a whole one, and
    gzip may have several members, of which each has an end.

    Raises:
        LengthRequired: it does not.
        PayloadTooLarge: more than `limit` bytes, as sent or decompressed.
        InvalidRequest: it ended early, or has an encoding other than gzip.
    """
    encoding = request.META.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip"}:
        raise InvalidRequest("Compress the body with gzip, or not at all.")
    pieces = _raw_pieces(request, limit)
    return _unzipped(pieces, limit) if encoding.endswith("gzip") else pieces


def _raw_pieces(request: HttpRequest, limit: int) -> Iterator[bytes]:
    meta = request.META
    length = _length(request, limit)
    kept: bytes | None = getattr(request, "_body", None)
    if kept is not None:  # somebody in the full chain has read it
        yield kept
        return
    if length < 0:
        if meta.get("HTTP_TRANSFER_ENCODING") is not None:
            raise LengthRequired()
        return
    read = 0
    while read < length:
        try:
            piece: bytes = meta["wsgi.input"].read(min(_PIECE, length - read))
        except OSError:
            raise InvalidRequest("The body ended early.") from None
        if not piece:
            break
        read += len(piece)
        yield piece
    if BODY_FAULT in meta:
        raise InvalidRequest(meta[BODY_FAULT])
    if read < length:
        raise InvalidRequest("The body ended early.")


def _unzipped(pieces: Iterator[bytes], limit: int) -> Iterator[bytes]:
    inflater = zlib.decompressobj(_GZIP_WINDOW)
    size = 0
    for piece in pieces:
        left = piece
        while left:
            try:
                found = inflater.decompress(left, _PIECE)
            except zlib.error:
                raise InvalidRequest("The body is not what its Content-Encoding says.") from None
            size += len(found)
            if size > limit:
                raise PayloadTooLarge(limit)
            yield found
            left = inflater.unconsumed_tail
            if inflater.eof:  # a gzip body may have several members
                left = inflater.unused_data
                inflater = zlib.decompressobj(_GZIP_WINDOW) if left else inflater
                if not left:
                    break
    if not inflater.eof:
        raise InvalidRequest("The compressed body ended early.")


def parse(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T:
    """Decode a JSON body by type.

    Raises:
        InvalidRequest: not JSON, or not of the type; the fault's pointer says where.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise invalid(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"The body is not JSON: {error}.") from None
    except RecursionError:
        raise InvalidRequest("The body is nested too deeply.") from None


def write_key_in(body: bytes) -> str | None:
    """Return the publishable key that a broken body names, None when it names none.

    For a body that will be refused anyway: its sender learns what is wrong with it, not that a key
    is missing, which stands there in plain sight.
    """
    found = _WRITE_KEY.search(body)
    return found[1].decode() if found else None


def invalid(error: msgspec.ValidationError) -> InvalidRequest:
    """Return msgspec's complaint ("Expected `int`, got `str` - at `$.a[0]`") as a refusal."""
    sentence, _, place = str(error).partition(" - at `")
    pointer = place.rstrip("`").replace("$", "", 1).replace("[...]", "/-")
    pointer = pointer.replace("[", "/").replace("]", "").replace(".", "/")
    fault: Fault = {"pointer": pointer, "code": "invalid", "detail": f"{sentence}."}
    where = f" at {pointer}" if pointer else ""
    return InvalidRequest(f"The body is malformed{where}: {sentence}.", errors=[fault])


def _raw(request: HttpRequest, limit: int) -> bytes:
    kept: bytes | None = getattr(request, "_body", None)
    meta = request.META
    length = _length(request, limit)
    if kept is not None:  # the server, or somebody in the full chain, has read it
        if len(kept) > limit:
            raise PayloadTooLarge(limit)
        if BODY_FAULT in meta:
            raise InvalidRequest(meta[BODY_FAULT])
        if len(kept) < length:
            raise InvalidRequest("The body ended early.")
        return kept
    try:
        if length < 0:
            if meta.get("HTTP_TRANSFER_ENCODING") is None:
                return b""
            body: bytes = meta["wsgi.input"].read(limit + 1)
            if len(body) > limit:
                raise PayloadTooLarge(limit)
        else:
            body = meta["wsgi.input"].read(length)
    except OSError:
        raise InvalidRequest("The body ended early.") from None
    if BODY_FAULT in meta:
        raise InvalidRequest(meta[BODY_FAULT])
    if length < 0:
        return body
    if len(body) != length:
        raise InvalidRequest("The body ended early.")
    return body


def _length(request: HttpRequest, limit: int) -> int:
    """The length that the sender says, -1 where it says none."""
    try:
        length = int(request.META.get("CONTENT_LENGTH") or -1)
    except ValueError:
        raise InvalidRequest("Content-Length is not a number.") from None
    if length > limit:
        raise PayloadTooLarge(limit)
    return length


def _inflate_deflate(body: bytes, limit: int) -> bytes:
    # "deflate" means zlib's format, but some senders leave out its two-byte header.
    has_header = len(body) > 1 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
    return _inflate(body, _ZLIB_WINDOW if has_header else _RAW_WINDOW, limit)


def _inflate(body: bytes, window: int, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while body:  # a gzip body may have several members
        inflater = zlib.decompressobj(window)
        try:
            part = inflater.decompress(body, limit + 1 - size)
        except zlib.error:
            raise InvalidRequest("The body is not what its Content-Encoding says.") from None
        parts.append(part)
        size += len(part)
        if size > limit:
            raise PayloadTooLarge(limit)
        if not inflater.eof:
            raise InvalidRequest("The compressed body ended early.")
        body = inflater.unused_data if window == _GZIP_WINDOW else b""
    return parts[0] if len(parts) == 1 else b"".join(parts)
