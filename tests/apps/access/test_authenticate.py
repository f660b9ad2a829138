"""Who calls: where keys may stand, which kinds may do what, and how long a key lives."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import RequestFactory

from apps.access import keys, services
from apps.access.errors import Forbidden, SecretKeyInBrowser, Unauthenticated
from apps.access.http import authenticate, caller_of_public_key
from apps.access.models import AuditEntry, Source
from apps.work import clock
from tests.apps.access.conftest import NOW, Access


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("place", ["basic", "bearer", "x-api-key", "body", "query"])
def test_a_publishable_key_is_accepted_in_every_place(
    access: Access, factory: RequestFactory, place: str
) -> None:
    key = access.publishable
    headers: dict[str, Any] = {
        "basic": {"HTTP_AUTHORIZATION": basic(f"{key}:")},
        "bearer": {"HTTP_AUTHORIZATION": f"Bearer {key}"},
        "x-api-key": {"HTTP_X_API_KEY": key},
    }.get(place, {})
    path = f"/v1/pixel/track?writeKey={key}" if place == "query" else "/v1/track"
    request = factory.get(path, **headers)
    caller = authenticate(request, key if place == "body" else None)
    assert (caller.site_id, caller.source_id, caller.kind) == (
        access.site.pk,
        access.source.pk,
        "pk",
    )
    assert caller.rates.per_key_s == 1000
    assert caller.consent_mode == "required"
    assert caller.address == "127.0.0.1"


def test_the_first_place_decides_even_when_a_later_one_is_right(
    access: Access, factory: RequestFactory
) -> None:
    request = factory.get("/v1/track", HTTP_AUTHORIZATION="Bearer pk_wrong")
    with pytest.raises(Unauthenticated) as refused:
        authenticate(request, access.publishable)
    assert refused.value.headers == {"WWW-Authenticate": "Bearer"}


@pytest.mark.parametrize(
    "authorization",
    ["Basic !!!", "Basic " + base64.b64encode(b"\xff\xfe:").decode(), "Bearer ", "Bearer \udce9"],
)
def test_malformed_credentials_are_unauthorized(
    access: Access, factory: RequestFactory, authorization: str
) -> None:
    with pytest.raises(Unauthenticated):
        authenticate(factory.get("/v1/track", HTTP_AUTHORIZATION=authorization))


def test_an_authorization_of_another_scheme_leaves_the_body_key_to_decide(
    access: Access, factory: RequestFactory
) -> None:
    request = factory.get("/v1/track", HTTP_AUTHORIZATION="Digest x")
    assert authenticate(request, access.publishable).kind == "pk"


def test_a_secret_key_in_the_body_or_the_address_is_refused(
    access: Access, factory: RequestFactory
) -> None:
    with pytest.raises(Unauthenticated):
        authenticate(factory.get("/v1/track"), access.secret)
    with pytest.raises(Unauthenticated):
        authenticate(factory.get(f"/v1/track?writeKey={access.secret}"))
    request = factory.get("/v1/track", HTTP_X_API_KEY=access.secret)
    assert authenticate(request).kind == "sk"


def test_a_kind_without_the_right_is_forbidden(access: Access, factory: RequestFactory) -> None:
    request = factory.get("/v1/track", HTTP_X_API_KEY=access.edge)
    with pytest.raises(Forbidden):
        authenticate(request)
    assert authenticate(request, allow=("ek",)).kind == "ek"


def test_a_secret_key_from_a_browser_is_refused_and_audited_once_a_minute(
    access: Access, factory: RequestFactory
) -> None:
    for _ in range(2):
        request = factory.get(
            "/v1/track", HTTP_X_API_KEY=access.secret, HTTP_ORIGIN="https://shop.example"
        )
        with pytest.raises(SecretKeyInBrowser):
            authenticate(request)
    entry = AuditEntry.objects.get(action="access.secret_key_in_browser")
    assert (entry.site_id, entry.target_id) == (access.site.pk, str(access.secret_key.pk))


def test_a_revoked_key_is_refused_at_once_in_this_process(
    access: Access, factory: RequestFactory
) -> None:
    request = factory.get("/v1/track", HTTP_X_API_KEY=access.secret)
    assert authenticate(request).kind == "sk"
    services.revoke_key(key_id=access.secret_key.pk, now=NOW)
    with pytest.raises(Unauthenticated):
        authenticate(request)


def test_a_revocation_elsewhere_is_seen_when_the_access_number_moves(
    access: Access, factory: RequestFactory, valkey: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = factory.get("/v1/track", HTTP_X_API_KEY=access.secret)
    authenticate(request)
    type(access.secret_key).objects.filter(pk=access.secret_key.pk).update(revoked_at=NOW)
    assert authenticate(request).kind == "sk", "still in memory"
    valkey.incr(keys.NUMBER_KEY)
    monkeypatch.setattr(keys.KEYS, "_check_at", 0.0)
    with pytest.raises(Unauthenticated):
        authenticate(request)


def test_after_rotation_both_keys_work_until_the_overlap_ends(
    access: Access, factory: RequestFactory
) -> None:
    moment = NOW
    clock.replace(lambda: moment)
    try:
        _, successor = services.rotate_key(
            key_id=access.secret_key.pk, overlap_s=60, actor=None, now=NOW
        )
        for value in (access.secret, successor):
            assert authenticate(factory.get("/", HTTP_X_API_KEY=value)).kind == "sk"
        moment = NOW + timedelta(seconds=60)
        assert authenticate(factory.get("/", HTTP_X_API_KEY=successor)).kind == "sk"
        with pytest.raises(Unauthenticated):
            authenticate(factory.get("/", HTTP_X_API_KEY=access.secret))
    finally:
        clock.replace(None)


def test_a_key_in_memory_costs_no_query(
    access: Access, factory: RequestFactory, django_assert_num_queries: Any
) -> None:
    request = factory.get("/v1/track", HTTP_X_API_KEY=access.publishable)
    with django_assert_num_queries(1):
        authenticate(request)
        authenticate(request)
    unknown = factory.get("/v1/track", HTTP_X_API_KEY="pk_nobody")
    with django_assert_num_queries(1):
        for _ in range(2):
            with pytest.raises(Unauthenticated):
                authenticate(unknown)


def test_a_changed_source_is_seen_by_the_next_request(
    access: Access, factory: RequestFactory
) -> None:
    request = factory.get("/v1/track", HTTP_X_API_KEY=access.publishable)
    assert authenticate(request).consent_mode == "required"
    source = Source.objects.get(pk=access.source.pk)
    source.consent_mode = Source.ConsentMode.ASSUMED
    source.save(update_fields=["consent_mode"])
    assert authenticate(request).consent_mode == "assumed"


def test_a_key_of_one_site_never_speaks_for_another(
    access: Access, factory: RequestFactory
) -> None:
    other = services.create_site(key="other", name="Other", now=NOW)
    source = services.create_source(site_id=other.pk, name="web", now=NOW)
    _, value = services.issue_key(source_id=source.pk, kind="pk", now=NOW)
    caller = authenticate(factory.get("/", HTTP_X_API_KEY=value))
    assert (caller.site_id, caller.source_id) == (other.pk, source.pk)
    mine = authenticate(factory.get("/", HTTP_X_API_KEY=access.publishable))
    assert (mine.site_id, mine.source_id) == (access.site.pk, access.source.pk)


def test_a_key_in_a_path_must_be_publishable(access: Access) -> None:
    found = caller_of_public_key(access.publishable)
    assert found is not None and found.site_key == "shop"
    assert caller_of_public_key(access.secret) is None
    assert caller_of_public_key("pk_nobody") is None


def test_only_a_digest_of_a_secret_key_is_stored(access: Access) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT k::text FROM access_apikey k WHERE kind <> 'pk'")
        stored = " ".join(text for (text,) in cursor.fetchall())
    assert access.secret not in stored
    assert access.edge not in stored
