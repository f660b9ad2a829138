"""Answers as OpenDSR wants them: JSON, signed by RSA-SHA256 over the bytes; errors in its shape.

The operator gives the key and a certificate of the domain (OPENDSR_KEY, OPENDSR_CERTIFICATE).
Without them a pair is made here once, so that a demo can be tried: OpenDSR 2.0 section 4.1 forbids
to rely on such a certificate, and `discovery` says that it is one.
"""

import base64
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse

PREFIX: Final = "/opendsr"
DOMAIN_HEADER: Final = "X-OpenDSR-Processor-Domain"
SIGNATURE_HEADER: Final = "X-OpenDSR-Signature"
_BITS: Final = 3072
_YEARS: Final = timedelta(days=5 * 365)


class Pair(NamedTuple):
    """The key that signs and its certificate (PEM)."""

    key: rsa.RSAPrivateKey
    certificate: bytes
    is_own_make: bool


def domain() -> str:
    """Return the host under which this server is reached: that of the certificate."""
    return urlsplit(settings.PUBLIC_ORIGIN).hostname or "localhost"


def signed_headers(body: bytes) -> dict[str, str]:
    """Return the headers that prove who sent these bytes."""
    key = pair().key
    signature = key.sign(body, padding.PKCS1v15(), hashes.SHA256())
    return {DOMAIN_HEADER: domain(), SIGNATURE_HEADER: base64.b64encode(signature).decode()}


def signed(document: object, status: int) -> HttpResponse:
    """Answer with a document and its signature."""
    body = msgspec.json.encode(document)
    headers = {**signed_headers(body), "Cache-Control": "no-store"}
    return HttpResponse(body, status=status, content_type="application/json", headers=headers)


def refused(
    status: int, code: str, sentence: str, errors: Sequence[Any], headers: Mapping[str, str]
) -> HttpResponse:
    """Word a refusal in OpenDSR's shape. It names places, never values."""
    told = [
        {"domain": "Validation", "reason": fault["code"], "message": fault["detail"]}
        for fault in errors
    ] or [{"domain": "Attune", "reason": code, "message": sentence}]
    body = msgspec.json.encode({"error": {"code": status, "message": sentence, "errors": told}})
    response = HttpResponse(body, status=status, content_type="application/json")
    for name, value in {**headers, **signed_headers(body), "Cache-Control": "no-store"}.items():
        response[name] = value
    return response


def pair() -> Pair:
    """Return the key and its certificate.

    Raises:
        ImproperlyConfigured: the files that were given are not there or are no RSA pair.
    """
    return _pair(settings.OPENDSR_KEY, settings.OPENDSR_CERTIFICATE, str(settings.OPENDSR_DIR))


@lru_cache(maxsize=4)
def _pair(key_path: str, certificate_path: str, directory: str) -> Pair:
    if not key_path and not certificate_path:
        return _made(Path(directory))
    try:
        return _read(Path(key_path), Path(certificate_path), is_own_make=False)
    except (OSError, ValueError, TypeError) as error:
        raise ImproperlyConfigured(
            "OPENDSR_KEY and OPENDSR_CERTIFICATE name PEM files of an RSA key without a password "
            "and of the certificate that belongs to it."
        ) from error


def _read(key_path: Path, certificate_path: Path, *, is_own_make: bool) -> Pair:
    key = serialization.load_pem_private_key(key_path.read_bytes(), None)
    certificate = certificate_path.read_bytes()
    found = x509.load_pem_x509_certificate(certificate)
    if not isinstance(key, rsa.RSAPrivateKey) or found.public_key() != key.public_key():
        raise ValueError("the key is not the certificate's")
    return Pair(key, certificate, is_own_make)


def _made(directory: Path) -> Pair:
    """The pair of this home, made by whoever asks first."""
    path = directory / "pair.pem"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        aside = directory / f"pair.{os.getpid()}"
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(_new_pair())
        with suppress(FileExistsError):  # whoever comes second finds the first one's
            os.link(aside, path)
        aside.unlink()
    pem = path.read_bytes()
    key = serialization.load_pem_private_key(pem, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    certificate = pem[pem.index(b"-----BEGIN CERTIFICATE-----") :]
    return Pair(key, certificate, is_own_make=True)


def _new_pair() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, domain())])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _YEARS)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)
