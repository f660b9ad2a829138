"""Keys in the admin: issued, rotated and revoked there, and shown exactly once."""

from collections.abc import Callable

import pytest
from django.test import Client

from apps.access.models import ApiKey
from apps.access.services import digest_of
from tests.apps.studio.conftest import Shop

AsRole = Callable[[str], Client]


def shown_key(page: str) -> str:
    return page.split('value="sk_')[1].split('"')[0]


def test_a_new_key_is_shown_once_and_kept_nowhere(shop: Shop, as_role: AsRole) -> None:
    client = as_role("administrator")
    url = f"/admin/access/source/{shop.source.pk}/"
    assert "Secret key" in client.get(f"{url}change/").content.decode()
    answer = client.post(f"{url}issue/", {"kind": "sk"})
    value = f"sk_{shown_key(answer.content.decode())}"
    assert "no-store" in answer["Cache-Control"]
    assert ApiKey.objects.filter(digest=digest_of(value), source=shop.source).exists()
    assert value not in str(client.cookies)
    assert value not in client.get(f"{url}change/").content.decode()
    assert client.get(f"{url}issue/").status_code == 405
    assert client.post(f"{url}issue/", {"kind": "zz"}).status_code == 404


def test_a_key_is_rotated_and_revoked_on_its_page(shop: Shop, as_role: AsRole) -> None:
    client = as_role("administrator")
    key = ApiKey.objects.get()
    url = f"/admin/access/apikey/{key.pk}/"
    assert "Revoke it now" in client.get(f"{url}change/").content.decode()
    shown_key(client.post(f"{url}rotate/").content.decode())
    key.refresh_from_db()
    assert key.expires_at is not None
    assert ApiKey.objects.count() == 2
    page = client.post(f"{url}revoke/", follow=True).content.decode()
    assert "is revoked" in page
    assert "Revoke it now" not in page
    assert client.post(f"{url}rotate/").status_code == 404


@pytest.mark.parametrize("role", ["auditor", "privacy_officer", "analyst", "editor"])
def test_other_roles_neither_issue_nor_end_keys(shop: Shop, as_role: AsRole, role: str) -> None:
    client = as_role(role)
    key = ApiKey.objects.get()
    assert (
        client.post(f"/admin/access/source/{shop.source.pk}/issue/", {"kind": "sk"}).status_code
        == 403
    )
    for deed in ("rotate", "revoke"):
        assert client.post(f"/admin/access/apikey/{key.pk}/{deed}/").status_code == 403
    key.refresh_from_db()
    assert (ApiKey.objects.count(), key.revoked_at, key.expires_at) == (1, None, None)
