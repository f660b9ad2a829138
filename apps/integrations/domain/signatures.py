"""Whether a call comes from who knows the connection's secret. Pure."""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from apps.integrations.errors import InvalidSignature

# A call tried again is signed again, so this is only how far clocks and networks may be off.
MOST_AGE_S: Final = 300
_CONTENTFUL: Final = "x-contentful-"


def check_contentful(
    secret: str, method: str, path: str, headers: Mapping[str, str], body: bytes, now_s: float
) -> None:
    """Return if the request is signed as Contentful signs: HMAC-SHA256, hex, of a canonical text.

    The text is method, path, the signed headers as `name:value` joined by semicolons in the order
    of their names, and the body, a line each. The time in milliseconds is one of these headers.

    Args:
        headers: by lower-case name.

    Raises:
        InvalidSignature
    """
    names = [name.strip() for name in headers.get(f"{_CONTENTFUL}signed-headers", "").split(",")]
    needed = {f"{_CONTENTFUL}signed-headers", f"{_CONTENTFUL}timestamp"}
    # What was not signed proves nothing: without these two anybody could change what was.
    if not needed <= {name.lower() for name in names}:
        raise InvalidSignature("The call is not signed as Contentful signs requests.")
    check_age(headers.get(f"{_CONTENTFUL}timestamp", ""), 1000, now_s)
    picked = {name.lower() for name in names} & headers.keys()
    said = ";".join(f"{name}:{headers[name].strip()}" for name in sorted(picked))
    text = "\n".join((method, path, said, "")).encode("utf-8", "surrogatepass") + body
    expected = hmac.new(secret.encode(), text, sha256).hexdigest()
    check_equal(expected, headers.get(f"{_CONTENTFUL}signature", ""))


def check_strapi(secret: str, headers: Mapping[str, str]) -> None:
    """Return if the Authorization header is the secret, alone or as a Bearer token.

    Raises:
        InvalidSignature
    """
    given = headers.get("authorization", "").strip()
    scheme, _, token = given.partition(" ")
    check_equal(secret, token.strip() if scheme.lower() == "bearer" else given)


def check_standard(secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> None:
    """Return if the call is signed as Standard Webhooks has it: one of its signatures fits.

    Raises:
        InvalidSignature
    """
    message_id, seconds = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message_id or len(message_id) > 200:
        raise InvalidSignature("Send webhook-id, webhook-timestamp and webhook-signature.")
    check_age(seconds, 1, now_s)
    try:
        key = b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        raise InvalidSignature("The secret of this connection is not of this kind.") from None
    content = b".".join((message_id.encode("utf-8", "replace"), seconds.encode(), body))
    expected = b64encode(hmac.new(key, content, sha256).digest()).decode()
    given = headers.get("webhook-signature", "").split()
    fits = [
        hmac.compare_digest(f"v1,{expected}".encode(), one.encode("utf-8", "replace"))
        for one in given[:10]
    ]
    if not any(fits):
        raise InvalidSignature("The signature does not fit the secret of this connection.")


def check_age(text: str, per_second: int, now_s: float) -> None:
    """Return if a time is no more than MOST_AGE_S from now. Raises InvalidSignature."""
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise InvalidSignature("The call does not say when it was signed.")
    if abs(now_s - int(text) / per_second) > MOST_AGE_S:
        raise InvalidSignature(f"The signature is more than {MOST_AGE_S} seconds old or ahead.")


def check_equal(expected: str, given: str) -> None:
    """Return if what was given is what it has to be. Raises InvalidSignature."""
    if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
        raise InvalidSignature("The signature does not fit the secret of this connection.")
