"""Taking a site away by its page: only what nobody has begun to use."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from apps.access import services
from apps.access.models import Site
from apps.access.roles import ensure_roles

NOW = datetime(2026, 3, 10, tzinfo=UTC)


@pytest.fixture
def administrator(db: None, client: Client) -> Client:
    ensure_roles()
    user = User.objects.create_user("ada", is_staff=True)
    user.groups.add(Group.objects.get(name="administrator"))
    client.force_login(user)
    return client


def test_a_site_that_holds_nothing_is_deleted_by_its_page(administrator: Client) -> None:
    site = services.create_site(key="mistake", name="Mistake", now=NOW)
    page = reverse("admin:access_site_delete", args=[site.pk])
    assert administrator.post(page, {"post": "yes"}).status_code == 302
    assert not Site.objects.filter(pk=site.pk).exists()


def test_a_site_in_use_is_not_and_nothing_of_it_is_counted(administrator: Client) -> None:
    site = services.create_site(key="shop", name="Shop", now=NOW)
    services.create_source(site_id=site.pk, name="web", now=NOW)
    page = reverse("admin:access_site_delete", args=[site.pk])
    assert administrator.get(page).status_code == 403
    assert administrator.post(page, {"post": "yes"}).status_code == 403
    assert Site.objects.filter(pk=site.pk).exists()


def test_no_action_of_the_list_deletes_sites(administrator: Client) -> None:
    site = services.create_site(key="mistake", name="Mistake", now=NOW)
    page = reverse("admin:access_site_changelist")
    asked = {"action": "delete_selected", "_selected_action": [str(site.pk)], "post": "yes"}
    administrator.post(page, asked)
    assert Site.objects.filter(pk=site.pk).exists()
