"""The edge believes what the server signed, byte for byte, and nothing else."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from apps.decisions import signing
from tests.sdk.calls import Call, answers, binary

BODY = '{"number":1,"site":"z\u00fcrich \U0001f6d2"}'.encode()


def checked(*attempts: tuple[bytes, str, Any]) -> list[dict[str, Any]]:
    """What the edge says of each (bytes, signature, key set)."""
    return answers(
        Call("verify", "verifiedBy", [binary(body), signature, keys])
        for body, signature, keys in attempts
    )


def encoded(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def test_what_the_server_signed_is_believed() -> None:
    keys = json.loads(signing.key_set())
    assert checked((BODY, signing.signed_apart(BODY), keys)) == [{"value": keys["keys"][0]["kid"]}]


def test_a_key_among_several_is_found_by_its_name() -> None:
    keys = json.loads(signing.key_set())["keys"]
    other = keys[0] | {"kid": "other", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    [found] = checked((BODY, signing.signed_apart(BODY), {"keys": [other, *keys]}))
    assert found == {"value": keys[0]["kid"]}


def test_every_single_flipped_bit_is_seen() -> None:
    keys, signature = json.loads(signing.key_set()), signing.signed_apart(BODY)
    attempts = [
        (BODY[:at] + bytes([BODY[at] ^ 1 << bit]) + BODY[at + 1 :], signature, keys)
        for at in range(len(BODY))
        for bit in (0, 7)
    ]
    # Each character of the signature replaced by its neighbour: the last one holds free bits.
    for at, letter in enumerate(signature):
        if letter != ".":
            other = "A" if letter != "A" else "B"
            attempts.append((BODY, signature[:at] + other + signature[at + 1 :], keys))
    found = checked(*attempts)
    assert [one.get("error") for one in found] == ["NotVerified"] * len(attempts)


HEADER = {"alg": "EdDSA", "b64": False, "crit": ["b64"]}


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "..",
        "a.b",
        "a.b.c",
        f"{encoded(HEADER)}..",
        f"{encoded(HEADER | {'alg': 'none'})}..AAAA",
        f"{encoded(HEADER | {'alg': 'HS256'})}..AAAA",
        f"{encoded(HEADER | {'b64': True})}..AAAA",
        f"{encoded(HEADER | {'crit': ['b64', 'exp']})}..AAAA",
        f"{encoded(HEADER | {'kid': 'nobody'})}..AAAA",
        f"{encoded([])}..AAAA",
        f"{encoded(None)}..AAAA",
        "!!!!..AAAA",
        "bm8gSlNPTg..AAAA",
    ],
    ids=lambda value: str(value)[:40] or "empty",
)
def test_other_signatures_are_refused(signature: Any) -> None:
    [found] = checked((BODY, signature, json.loads(signing.key_set())))
    assert found["error"] == "NotVerified"


def test_a_signature_of_one_shape_has_one_spelling() -> None:
    keys, signature = json.loads(signing.key_set()), signing.signed_apart(BODY)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = letters[letters.index(signature[-1]) ^ 1]  # the free bits of the last letter
    found = checked((BODY, signature[:-1] + last, keys), (BODY, signature + "==", keys))
    assert [one["error"] for one in found] == ["NotVerified", "NotVerified"]
