"""A consent receipt says what the ledger says, is signed, and names nobody."""

import json
from base64 import urlsafe_b64decode
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from apps.consent.models import ConsentEvent
from apps.privacy.receipts_given import canonical
from tests.apps.consent.conftest import Chooser


def receipt(shop: Chooser, key: str | None = None, status: int = 200, **query: str) -> Any:
    headers = {"Authorization": f"Bearer {key or shop.pk}"}
    answer = shop.world.client.get("/v1/consent/receipt", query, headers=headers)
    assert answer.status_code == status, answer.content
    assert status != 200 or answer["Cache-Control"] == "no-store"
    return answer.json()


def raw(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def check(shop: Chooser, whole: dict[str, Any]) -> None:
    """What anybody does who has the receipt and the public keys.

    Raises:
        InvalidSignature: it is not what this server signed.
    """
    keys = shop.world.client.get("/.well-known/jwks.json").json()["keys"]
    head, _, signature = whole["signature"].split(".")
    kid = json.loads(raw(head))["kid"]
    (key,) = [one for one in keys if one["kid"] == kid]
    public = Ed25519PublicKey.from_public_bytes(raw(key["x"]))
    public.verify(raw(signature), head.encode() + b"." + canonical(whole["receipt"]))


def test_a_receipt_is_what_the_ledger_says_and_its_signature_holds(shop: Chooser):
    shop.choose(analytics=True, personalization=True)
    shop.choose(personalization=False)
    whole = receipt(shop, anonymousId="a1")
    check(shop, whole)
    told = whole["receipt"]
    assert list(told) == ["header", "processing", "parties", "events"]
    entries = list(ConsentEvent.objects.order_by("pk"))
    assert [event["record_id"] for event in told["events"]] == [str(one.pk) for one in entries]
    assert [event["type"] for event in told["events"]] == ["ConsentGiven", "ConsentWithdrawn"]
    granted = {one["purpose"]: one["granted"] for one in told["processing"]["purposes"]}
    assert granted == {"analytics": True, "personalization": False}
    assert told["parties"]["controller"] == "Shop"
    assert told["header"]["schema"] == "ISO/IEC TS 27560:2023"


def test_one_changed_word_is_found(shop: Chooser):
    shop.choose(analytics=True)
    whole = receipt(shop, anonymousId="a1")
    whole["receipt"]["events"][0]["granted"] = ["advertising"]
    with pytest.raises(InvalidSignature):
        check(shop, whole)


def test_a_receipt_names_nobody(shop: Chooser):
    shop.say(
        anonymousId="ada-lovelace", purposes={"analytics": True}, proof={"page": "secret-page"}
    )
    text = json.dumps(receipt(shop, anonymousId="ada-lovelace"))
    assert "ada-lovelace" not in text and "secret-page" not in text
    digest = ConsentEvent.objects.get().subject_digest
    assert digest in text


def test_who_never_chose_has_none_and_a_page_reads_no_logins(shop: Chooser):
    assert receipt(shop, status=404, anonymousId="a1")["code"] == "not_found"
    receipt(shop, status=403, userId="anna")
    receipt(shop, status=400)
    shop.say(key=shop.sk, userId="anna", purposes={"analytics": True})
    assert receipt(shop, key=shop.sk, userId="anna")["receipt"]["events"]


def test_the_centre_gives_the_same_receipt_as_a_file(shop: Chooser):
    client = shop.world.client
    body = {"anonymousId": "a1"}
    path = shop.world.post("/v1/consent/link", body, key=shop.pk).json()["url"].partition("8000")[2]
    file = path.replace("?", "/receipt?")
    assert client.get(file).status_code == 404  # nothing was chosen yet
    shop.choose(analytics=True)
    answer = client.get(file)
    assert answer["Content-Disposition"].startswith("attachment")
    check(shop, answer.json())
    assert client.get(file[:-6] + "AAAAAA").status_code == 410
