"""Whether a call comes from the e-mail provider that it claims to be from. Pure.

SendGrid signs with its own key, of which the connection holds the public half; Mailgun signs a
time and a token, not the body; Postmark signs nothing and sends the secret along.
"""

import hmac
import json
from base64 import b64decode
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature as NotSigned
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from apps.integrations.domain.signatures import check_age, check_equal
from apps.integrations.errors import InvalidSignature

_SENDGRID: Final = "x-twilio-email-event-webhook-"


def check_sendgrid(key: str, headers: Mapping[str, str], body: bytes, now_s: float) -> None:
    """Return if the call is signed by the holder of a key: ECDSA over the time and the body.

    Args:
        key: the public key as SendGrid shows it: base64 of DER.
        headers: by lower-case name.

    Raises:
        InvalidSignature
    """
    seconds = headers.get(f"{_SENDGRID}timestamp", "")
    check_age(seconds, 1, now_s)
    try:
        public = load_der_public_key(b64decode(key, validate=True))
    except (ValueError, TypeError):
        raise InvalidSignature("The verification key of this connection is none.") from None
    if not isinstance(public, EllipticCurvePublicKey):
        raise InvalidSignature("The verification key of this connection is not of this kind.")
    try:
        signature = b64decode(headers.get(f"{_SENDGRID}signature", ""), validate=True)
        public.verify(signature, seconds.encode() + body, ECDSA(SHA256()))
    except (ValueError, NotSigned):
        raise InvalidSignature("The signature does not fit the key of this connection.") from None


def check_postmark(secret: str, headers: Mapping[str, str]) -> None:
    """Return if the secret came as the password of basic authentication, or as a Bearer token.

    Raises:
        InvalidSignature
    """
    scheme, _, given = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "basic":
        try:
            given = b64decode(given.strip(), validate=True).decode()
        except ValueError:
            raise InvalidSignature("The password cannot be read.") from None
        given = given.partition(":")[2]
    check_equal(secret, given.strip())


def check_mailgun(secret: str, body: bytes, now_s: float) -> None:
    """Return if the body's own signature fits: HMAC-SHA256, hex, of its time and token.

    The rest of the body is not signed: only TLS keeps it as it was sent.

    Raises:
        InvalidSignature
    """
    try:
        said = json.loads(body)["signature"]
        seconds, token, given = (str(said[key]) for key in ("timestamp", "token", "signature"))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidSignature("The call is not signed as Mailgun signs.") from None
    check_age(seconds, 1, now_s)
    check_equal(hmac.new(secret.encode(), f"{seconds}{token}".encode(), sha256).hexdigest(), given)
