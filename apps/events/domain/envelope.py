"""The body of a call, opened: the events as raw bytes, and what was said about all of them."""

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from apps.events.domain.shape import has_rare_content
from apps.events.errors import InvalidBody

MAX_BATCH_BYTES = 512_000
MAX_EVENTS = 2_000
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Envelope:
    """One call. `items` are undecoded events; `rare` see `shape.has_rare_content`.

    `is_broken`: strict JSON refused the body as a whole, so that nothing around the event was read.
    `cookie_id`: the anonymous id in a cookie of the request, for events that name nobody.
    """

    items: list[bytes]
    sent_at: Any
    context: Any
    integrations: Any
    write_key: str | None
    rare: bool
    is_broken: bool = False
    cookie_id: str | None = None


class _Batch(msgspec.Struct):
    batch: list[msgspec.Raw]
    sentAt: Any = None  # noqa: N815 (wire names)
    context: Any = None
    integrations: Any = None
    writeKey: Any = None  # noqa: N815


class _Single(msgspec.Struct):
    writeKey: Any = None  # noqa: N815
    sentAt: Any = None  # noqa: N815


_decode_batch = msgspec.json.Decoder(_Batch).decode
_decode_single = msgspec.json.Decoder(_Single).decode


def open_batch(body: bytes) -> Envelope:
    """Return the envelope of a batch call.

    A body that strict JSON refuses is split by its brackets instead, so that one event with NaN, a
    lone surrogate or a thousand levels is refused alone and the others are kept.

    Raises:
        InvalidBody: not an object with a list `batch`, or too many events in it.
    """
    body = body.removeprefix(_BOM)
    try:
        batch = _decode_batch(body)
        items = [bytes(item) for item in batch.batch]
    except msgspec.ValidationError as error:
        raise _not_a_batch(error) from None
    except (ValueError, RecursionError):
        rest, items = _split(body)
        try:
            batch = _decode_batch(rest)
        except msgspec.ValidationError as error:
            raise _not_a_batch(error) from None
        except (ValueError, RecursionError):
            raise InvalidBody("The body is not JSON.") from None
    key = batch.writeKey
    return Envelope(
        items=items,
        sent_at=batch.sentAt,
        context=batch.context,
        integrations=batch.integrations,
        write_key=key if isinstance(key, str) else None,
        rare=has_rare_content(body),
    )


def open_single(body: bytes) -> Envelope:
    """Return the envelope of a call with one event, which is the whole body.

    The event itself is judged later, by the same rules as one of a batch; here only the key and the
    sending time that it may carry are read, and nothing is refused.
    """
    body = body.removeprefix(_BOM)
    is_broken = False
    try:
        said = _decode_single(body)
    except (ValueError, RecursionError):
        said, is_broken = _Single(), True
    key = said.writeKey
    return Envelope(
        items=[body],
        sent_at=said.sentAt,
        context=None,
        integrations=None,
        write_key=key if isinstance(key, str) else None,
        rare=has_rare_content(body),
        is_broken=is_broken,
    )


def _not_a_batch(error: msgspec.ValidationError) -> InvalidBody:
    if "missing required field" in str(error):
        return InvalidBody("A batch call needs a list `batch`.", "/batch")
    if "$.batch" in str(error):
        return InvalidBody("`batch` must be a list.", "/batch")
    return InvalidBody("The body must be a JSON object.")


_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{},]', re.DOTALL)
_BATCH_KEY = re.compile(rb'"batch"\s*:\s*\Z')


def _split(body: bytes) -> tuple[bytes, list[bytes]]:
    """Return (the body with an empty batch, the raw items of its batch), looking at brackets only.

    Iterative, so that no depth can exhaust the stack. Raises InvalidBody without a closed batch.
    """
    depth, item_at, items = 0, -1, list[bytes]()
    opened_at = -1
    for token in _TOKEN.finditer(body):
        at, char = token.start(), body[token.start()]
        if char in b"[{":
            depth += 1
            if depth == 2 and char == 0x5B and _BATCH_KEY.search(body[max(0, at - 64) : at]):
                opened_at, item_at, items = at, at + 1, []
        elif char in b"]}":
            depth -= 1
            if item_at >= 0 and depth == 1:
                last = body[item_at:at].strip()
                if last or items:
                    items.append(last)
                return body[:opened_at] + b"[]" + body[at + 1 :], items
        elif char == 0x2C and item_at >= 0 and depth == 2:
            items.append(body[item_at:at].strip())
            item_at = at + 1
    raise InvalidBody("The body is not JSON.")
