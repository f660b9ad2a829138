"""Proof of a userId. Tokens are made here by hand, as another implementation would."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.test import RequestFactory

from apps.access.http import authenticate
from apps.access.proof import verified_user_id
from apps.access.types import Caller
from tests.apps.access.conftest import NOW, Access

SECRET = "s3cret"


def segment(data: Any) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def token(secret: str = SECRET, *, alg: str = "HS256", **claims: Any) -> str:
    body = f"{segment({'alg': alg, 'typ': 'JWT'})}.{segment(claims)}"
    return f"{body}.{segment(hmac.new(secret.encode(), body.encode(), hashlib.sha256).digest())}"


def seconds(**offset: float) -> int:
    return int((NOW + timedelta(**offset)).timestamp())


@pytest.fixture
def caller(access: Access, factory: RequestFactory) -> Caller:
    found = authenticate(factory.get("/", HTTP_X_API_KEY=access.publishable))
    return msgspec.structs.replace(found, is_user_proof_required=True, proof_secret=SECRET)


def test_a_demanding_source_takes_a_hash_of_its_secret(caller: Caller) -> None:
    good = hmac.new(SECRET.encode(), b"ann", hashlib.sha256).hexdigest()
    assert verified_user_id(caller, "ann", good, None, NOW) == "ann"
    assert verified_user_id(caller, "bob", good, None, NOW) is None
    assert verified_user_id(caller, "ann", "0" * 64, None, NOW) is None
    assert verified_user_id(caller, "ann", "\udce9", None, NOW) is None
    assert verified_user_id(caller, "ann", None, None, NOW) is None


def test_a_demanding_source_takes_a_token(caller: Caller) -> None:
    good = token(sub="ann", exp=seconds(hours=1))
    assert verified_user_id(caller, "ann", None, good, NOW) == "ann"
    assert verified_user_id(caller, None, None, good, NOW) == "ann"
    assert verified_user_id(caller, "bob", None, good, NOW) is None


@pytest.mark.parametrize(
    "bad",
    [
        token(sub="ann", exp=seconds(seconds=0)),
        token(sub="ann", exp=seconds(hours=25)),
        token(sub="ann"),
        token(sub="ann", exp="soon"),
        token(sub="ann", exp=seconds(hours=1), nbf=seconds(minutes=30)),
        token(sub=7, exp=seconds(hours=1)),
        token("other", sub="ann", exp=seconds(hours=1)),
        token(alg="none", sub="ann", exp=seconds(hours=1)),
        token(alg="RS256", sub="ann", exp=seconds(hours=1)),
        f"{segment({'alg': 'none'})}.{segment({'sub': 'ann', 'exp': seconds(hours=1)})}.",
        "a.b",
        "...",
        "é.é.é",
        f"{segment(b'[' * 5000)}.x.y",
    ],
)
def test_a_token_with_a_flaw_leaves_the_call_anonymous(caller: Caller, bad: str) -> None:
    assert verified_user_id(caller, "ann", None, bad, NOW) is None


def test_an_empty_secret_proves_nothing(caller: Caller) -> None:
    caller = msgspec.structs.replace(caller, proof_secret="")
    forged = hmac.new(b"", b"ann", hashlib.sha256).hexdigest()
    assert verified_user_id(caller, "ann", forged, None, NOW) is None
    unsigned = token("", sub="ann", exp=seconds(hours=1))
    assert verified_user_id(caller, "ann", None, unsigned, NOW) is None


def test_servers_and_trusting_sources_are_believed(caller: Caller) -> None:
    server = msgspec.structs.replace(caller, kind="sk")
    assert verified_user_id(server, "ann", None, None, NOW) == "ann"
    trusting = msgspec.structs.replace(caller, is_user_proof_required=False)
    assert verified_user_id(trusting, "ann", None, None, NOW) == "ann"
