"""Who looks after staff cannot make themselves more than an administrator."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from apps.access import services
from apps.access.models import AuditEntry
from apps.access.roles import ensure_roles
from apps.access.site_staff import sites_of
from apps.work import clock


@pytest.fixture
def administrator(db: None, client: Client) -> User:
    ensure_roles()
    user = User.objects.create_user("ada", password="pw", is_staff=True)
    user.groups.add(Group.objects.get(name="administrator"))
    client.force_login(user)
    return user


def test_an_administrator_cannot_make_a_superuser(administrator: User, client: Client) -> None:
    page = reverse("admin:auth_user_change", args=[administrator.pk])
    form = client.get(page).context["adminform"].form
    data = {name: value for name, value in form.initial.items() if value is not None}

    client.post(page, {**data, "groups": [], "is_superuser": "on", "username": "ada"})

    administrator.refresh_from_db()
    assert not administrator.is_superuser


def test_an_administrator_cannot_change_a_superuser(administrator: User, client: Client) -> None:
    root = User.objects.create_superuser("root", password="pw")

    page = client.get(reverse("admin:auth_user_password_change", args=[root.pk]))

    assert page.status_code == 403


def test_roles_and_sites_that_are_given_are_written_down(
    administrator: User, client: Client
) -> None:
    site = services.create_site(key="shop", name="Shop", now=clock.now())
    nina = User.objects.create_user("nina", is_staff=True)
    page = reverse("admin:auth_user_change", args=[nina.pk])
    form = client.get(page).context["adminform"].form
    data = {name: value for name, value in form.initial.items() if value is not None}
    editor = Group.objects.get(name="editor")
    sent = {
        **data, "groups": [editor.pk], "user_permissions": [], "works_on-TOTAL_FORMS": "1",
        "works_on-INITIAL_FORMS": "0", "works_on-0-site": str(site.pk),
        "date_joined_0": "2026-03-01", "date_joined_1": "12:00:00",
    }  # fmt: skip

    assert client.post(page, sent).status_code == 302

    (entry,) = AuditEntry.objects.filter(action="access.staff_changed")
    assert (entry.actor_label, entry.target_id) == ("ada", str(nina.pk))
    assert (entry.detail["roles"], entry.detail["sites"]) == (["editor"], [str(site.pk)])
    assert sites_of(User.objects.get(pk=nina.pk)) == frozenset({site.pk})
