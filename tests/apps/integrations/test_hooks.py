"""The door: who may send, what a second sending is, and what is refused in which words."""

import json
from datetime import timedelta

import pytest
from django.test import Client

from apps.content.models import Revision, Variant
from apps.integrations import importing
from apps.integrations.domain.signatures import check_contentful
from apps.integrations.models import Connection, Incoming
from apps.integrations.receiving import IMPORT
from apps.work import clock
from apps.work.models import Intent
from apps.work.performing import perform
from tests.apps.integrations.conftest import (
    entry,
    imported,
    posted,
    signed_as_standard,
    signed_by_contentful,
)

PUBLISH = "ContentManagement.Entry.publish"


def test_a_signed_call_is_kept_and_imported_by_an_intent(
    client: Client, contentful: Connection
) -> None:
    body = json.dumps(entry()).encode()
    answer = posted(client, contentful, body, signed_by_contentful(contentful, body, PUBLISH))
    assert answer.status_code == 202
    incoming = Incoming.objects.get()
    assert answer.json() == {"id": f"inc_{incoming.pk.hex}", "repeated": False}
    assert (bytes(incoming.body), incoming.event) == (body, PUBLISH)
    assert not Variant.objects.filter(is_default=False).exists(), "nobody waits for the import"
    intent = Intent.objects.get(kind=IMPORT)
    assert perform(intent.pk, now=clock.now())
    incoming.refresh_from_db()
    assert incoming.state == "done" and incoming.variant is not None


def test_the_same_call_again_is_one_call(client: Client, contentful: Connection) -> None:
    first = imported(client, contentful, entry())
    body = bytes(first.body)
    answer = posted(client, contentful, body, signed_by_contentful(contentful, body, PUBLISH))
    assert answer.json() == {"id": f"inc_{first.pk.hex}", "repeated": True}
    importing.run(first.pk, clock.now())
    assert Incoming.objects.count() == 1
    assert Variant.objects.filter(is_default=False).count() == 1
    assert Revision.objects.filter(note="From Contentful").count() == 1


def test_a_call_is_told_apart_by_its_id_where_it_has_one(
    client: Client, standard: Connection
) -> None:
    body = b'{"type": "something.else"}'
    for identity in ("msg_1", "msg_2", "msg_1"):
        headers = signed_as_standard(standard, body, identity)
        assert posted(client, standard, body, headers).status_code == 202
    assert sorted(Incoming.objects.values_list("delivery", flat=True)) == ["msg_1", "msg_2"]


@pytest.mark.parametrize(
    "change",
    ["body", "topic", "secret", "signature", "unsigned-time", "old", "ahead", "no-time", "none"],
)
def test_a_call_that_contentful_did_not_sign_is_refused_and_not_kept(
    client: Client, contentful: Connection, change: str
) -> None:
    body, now_ms = b"{}", int(clock.now().timestamp() * 1000)
    shift = {"old": -301_000, "ahead": 301_000}.get(change, 0)
    headers = signed_by_contentful(contentful, body, PUBLISH, now_ms + shift)
    if change == "body":
        body = b"{ }"
    elif change == "topic":
        headers["x-contentful-topic"] = "ContentManagement.Entry.delete"
    elif change == "secret":
        contentful.secret = "another"
        headers = signed_by_contentful(contentful, body, PUBLISH)
    elif change == "signature":
        headers["x-contentful-signature"] = "é" + headers["x-contentful-signature"][1:]
    elif change == "unsigned-time":
        headers["x-contentful-signed-headers"] = "x-contentful-topic"
    elif change == "no-time":
        headers["x-contentful-timestamp"] = "٣"
    elif change == "none":
        headers = {}
    answer = posted(client, contentful, body, headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_signature")
    assert not Incoming.objects.exists()


def test_a_signature_made_by_the_official_rule_fits() -> None:
    """The text written out by hand, so that this does not only agree with itself."""
    import hashlib
    import hmac

    text = (
        b"POST\n/v1/hooks/1\nx-contentful-signed-headers:x-contentful-signed-headers,"
        b"x-contentful-timestamp;x-contentful-timestamp:1603379941037\n{}"
    )
    headers = {
        "x-contentful-signed-headers": "x-contentful-signed-headers,x-contentful-timestamp",
        "x-contentful-timestamp": "1603379941037",
        "x-contentful-signature": hmac.new(b"secret", text, hashlib.sha256).hexdigest(),
        "x-other": "not signed",
    }
    check_contentful("secret", "POST", "/v1/hooks/1", headers, b"{}", 1603379941.0)


def test_a_proxy_that_changes_the_path_is_said_on_the_connection(
    client: Client, contentful: Connection
) -> None:
    body = b"{}"
    headers = signed_by_contentful(contentful, body, PUBLISH)
    contentful.seen_path = f"/cms/v1/hooks/{contentful.pk}"
    contentful.save()
    assert posted(client, contentful, body, headers).status_code == 401
    contentful.seen_path = f"/v1/hooks/{contentful.pk}"
    contentful.save()
    assert posted(client, contentful, body, headers).status_code == 202


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", "wrong", "Basic {}"])
def test_strapi_without_the_secret_is_refused(
    client: Client, strapi: Connection, given: str
) -> None:
    headers = {"authorization": given.format(strapi.secret)}
    answer = posted(client, strapi, b"{}", headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_signature")


@pytest.mark.parametrize("change", ["body", "id", "time", "none"])
def test_a_standard_call_that_was_changed_is_refused(
    client: Client, standard: Connection, change: str
) -> None:
    body = b"{}"
    headers = signed_as_standard(standard, body, "msg_1")
    if change == "body":
        body = b"[]"
    elif change == "id":
        headers["webhook-id"] = "msg_2"
    elif change == "time":
        long_ago = clock.now() - timedelta(seconds=301)
        headers["webhook-timestamp"] = str(int(long_ago.timestamp()))
    else:
        headers = {}
    answer = posted(client, standard, body, headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_signature")


def test_a_connection_that_is_switched_off_or_unknown_is_not_found(
    client: Client, strapi: Connection
) -> None:
    headers = {"authorization": strapi.secret}
    assert posted(client, strapi, b"{}", headers).status_code == 202
    Connection.objects.update(is_enabled=False)
    assert posted(client, strapi, b"{}", headers).status_code == 404
    strapi.pk = strapi.site_id
    assert posted(client, strapi, b"{}", headers).status_code == 404


def test_a_huge_body_is_refused(client: Client, strapi: Connection) -> None:
    headers = {"authorization": strapi.secret}
    answer = posted(client, strapi, b" " * (2 * 1024 * 1024 + 1), headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
