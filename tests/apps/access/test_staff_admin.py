"""Who looks after staff cannot make themselves more than an administrator."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from apps.access.roles import ensure_roles


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
