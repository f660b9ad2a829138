"""The pages: a connection is made and mapped in words, its secret shown once; calls are mended."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from apps.access.models import AuditEntry, Site
from apps.access.roles import ensure_roles
from apps.content.models import Block, Variant
from apps.content.services import create_block
from apps.integrations import importing
from apps.integrations.models import Connection, Incoming, Mapping
from apps.work import clock
from tests.apps.integrations.conftest import FIELDS, entry, imported


def staff(role: str) -> Client:
    ensure_roles()
    user = User.objects.create_user(role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def administrator(db: None) -> Client:
    return staff("administrator")


@pytest.fixture
def editor(db: None) -> Client:
    return staff("editor")


def mapped(connection: Connection, **given: Any) -> dict[str, Any]:
    """The form of a connection's page with one mapping, as a browser sends it."""
    row = {"content_type": "heroBanner", "block": "hero", "fields": FIELDS, **given}
    return {
        "name": connection.name,
        "tag_prefix": "segment.",
        "is_enabled": "on",
        "mappings-TOTAL_FORMS": 1,
        "mappings-INITIAL_FORMS": 0,
        **{f"mappings-0-{name}": value for name, value in row.items()},
    }


def change_url(row: Connection | Incoming) -> str:
    return reverse(f"admin:integrations_{row._meta.model_name}_change", args=[row.pk])


def test_the_secret_of_a_new_connection_is_shown_once(administrator: Client, shop: Site) -> None:
    form = {"name": "Ours", "site": shop.pk, "kind": "strapi", "tag_prefix": "segment."}
    answer = administrator.post(reverse("admin:integrations_connection_add"), form)
    connection = Connection.objects.get()
    assert connection.secret in answer.content.decode()
    assert f"/v1/hooks/{connection.pk}" in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    page = administrator.get(change_url(connection)).content.decode()
    assert connection.secret not in page and f"/v1/hooks/{connection.pk}" in page
    assert "Nothing has come yet." in page
    assert AuditEntry.objects.get(action="integrations.connection_made").site == shop
    assert connection.secret not in str(list(AuditEntry.objects.values_list("detail")))


def test_a_pasted_secret_is_taken_and_kept_until_another_is_pasted(
    administrator: Client, shop: Site
) -> None:
    form = {"name": "Ours", "site": shop.pk, "kind": "contentful", "secret": "s" * 64}
    answer = administrator.post(reverse("admin:integrations_connection_add"), form)
    connection = Connection.objects.get()
    assert connection.secret == "s" * 64 not in answer.content.decode()
    data = mapped(connection) | {"mappings-TOTAL_FORMS": 0, "secret": ""}
    assert administrator.post(change_url(connection), data).status_code == 302
    connection.refresh_from_db()
    assert connection.secret == "s" * 64
    administrator.post(change_url(connection), data | {"secret": "t" * 64})
    connection.refresh_from_db()
    assert connection.secret == "t" * 64


def test_an_editor_says_which_entries_become_what_and_sees_no_secret(
    editor: Client, contentful: Connection, hero: Block
) -> None:
    Mapping.objects.all().delete()
    before = contentful.secret
    page = editor.get(change_url(contentful)).content.decode()
    assert before not in page and 'name="secret"' not in page
    answer = editor.post(change_url(contentful), mapped(contentful, secret="x" * 20))
    assert answer.status_code == 302, answer.content.decode()
    mapping = Mapping.objects.get()
    assert (mapping.block, mapping.content_type) == (hero, "heroBanner")
    contentful.refresh_from_db()
    assert contentful.secret == before
    assert editor.get(reverse("admin:integrations_connection_add")).status_code == 403


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"fields": "title"}, "Write “theirs = ours”, unlike “title”."),
        ({"fields": "title = slogan"}, "The block has no field “slogan”. It has: headline"),
        ({"block": "nothing"}, "This site has no block"),
        ({"block": "elsewhere"}, "This site has no block"),
        ({"block": ""}, "This field is required."),
    ],
    ids=["no-equals", "no-field", "no-block", "block-of-another-site", "empty"],
)
def test_a_mapping_that_leads_nowhere_is_refused_with_a_sentence(
    editor: Client, contentful: Connection, given: dict[str, str], sentence: str
) -> None:
    Mapping.objects.all().delete()
    other = Site.objects.create(key="other", name="Other", created_at=clock.now())
    create_block(site_id=other.pk, key="elsewhere")
    page = editor.post(change_url(contentful), mapped(contentful, **given)).content.decode()
    assert sentence in page
    assert not Mapping.objects.exists()


def test_a_refused_call_is_mended_on_its_page_and_runs_again(
    editor: Client, client: Client, contentful: Connection
) -> None:
    incoming = imported(client, contentful, entry(title={"en": ["<script>alert(1)</script>"]}))
    page = editor.get(change_url(incoming)).content.decode()
    assert "invalid_content" in page and "<script>alert" not in page
    data = {"repaired": json.dumps(entry(title={"en": "Mended"}))}
    assert editor.post(change_url(incoming), data).status_code == 302
    importing.run(incoming.pk, clock.now())
    assert Variant.objects.get(is_default=False).fields == {"headline": "Mended"}
    assert AuditEntry.objects.get(action="integrations.run_again").detail == {"repaired": True}
    page = editor.get(change_url(contentful)).content.decode()
    assert "in the draft" in page and "Made" in page


def test_calls_run_again_from_the_list(
    editor: Client, client: Client, contentful: Connection, hero: Block
) -> None:
    Mapping.objects.all().delete()
    incoming = imported(client, contentful, entry())
    page = editor.get(reverse("admin:integrations_incoming_changelist")).content.decode()
    assert "type_not_mapped" in page
    Mapping.objects.create(
        connection=contentful, content_type="heroBanner", block=hero, fields=FIELDS
    )
    data = {"action": "run_again", "_selected_action": [incoming.pk]}
    editor.post(reverse("admin:integrations_incoming_changelist"), data)
    importing.run(incoming.pk, clock.now())
    incoming.refresh_from_db()
    assert incoming.state == "done"


@pytest.mark.parametrize("role", ["analyst", "auditor", "privacy_officer"])
def test_others_change_nothing_here(client: Client, contentful: Connection, role: str) -> None:
    incoming = imported(client, contentful, entry())
    looking = staff(role)
    for row, data in ((contentful, mapped(contentful)), (incoming, {"repaired": "{}"})):
        assert looking.post(change_url(row), data).status_code == 403
    assert looking.get(change_url(contentful)).status_code in (200, 403)
    assert contentful.secret not in looking.get(change_url(contentful)).content.decode()


def test_bytes_that_are_no_text_can_be_looked_at(
    editor: Client, client: Client, contentful: Connection
) -> None:
    incoming = imported(client, contentful, b"\xff\x00{")
    assert editor.get(change_url(incoming)).status_code == 200
