"""Staff roles, demo accounts, and the admin's pages."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client

from apps.access import roles, services
from apps.access.models import ApiKey
from tests.apps.access.conftest import NOW, Access


def permissions_of(role: str) -> set[str]:
    return {
        f"{p.content_type.app_label}.{p.codename}"
        for p in Group.objects.get(name=role).permissions.select_related("content_type")
    }


def test_migrating_makes_the_five_roles(db: None) -> None:
    assert set(roles.ROLES) <= set(Group.objects.values_list("name", flat=True))
    editor, analyst = permissions_of("editor"), permissions_of("analyst")
    officer, auditor = permissions_of("privacy_officer"), permissions_of("auditor")
    administrator = permissions_of("administrator")
    assert "segments.change_segment" in editor & analyst & administrator
    assert "access.change_source" not in editor | analyst
    of_one_person = {
        "profiles.view_profile",
        "profiles.view_people",
        "profiles.undo_merge",
        "events.view_quarantine",
        "work.view_changefeed",
        "decisions.view_decisionrecord",
    }
    assert of_one_person <= officer
    assert not of_one_person & (editor | analyst | administrator | auditor)
    # Proofs without an identity, beside the trail itself.
    assert {"access.view_auditentry", "consent.view_consentevent"} <= auditor
    assert "events.view_intakeminute" in analyst
    # An analyst prepares segments; lists of people, traits and what holds are not theirs.
    theirs = {one for one in analyst if one.startswith("segments.") and ".view_" not in one}
    assert theirs == {
        f"segments.{action}_{model}"
        for action in ("add", "change")
        for model in ("segment", "persona")
    }
    assert "decisions.publish_site" in (editor & administrator) - analyst - officer - auditor
    assert not {"segments.view_membership", "segments.view_listmember"} & analyst
    assert "access.add_apikey" in administrator - officer
    published = ("content", "rules", "segments", "recommendations")
    assert not [one for one in officer if one.startswith(published)]
    assert all(".view_" in one for one in officer if one.startswith("decisions"))
    assert all(name.partition(".")[2].startswith("view_") for name in auditor)
    assert not {n for n in administrator if n.endswith("_auditentry")} - {"access.view_auditentry"}


def test_demo_accounts_are_made_once_and_private(
    db: None, settings: Any, tmp_path: Path, capsys: Any
) -> None:
    settings.ARTIFACT_DIR = tmp_path / "artifacts"
    call_command("demo_accounts")
    path = tmp_path / "demo-logins.json"
    first = json.loads(path.read_text())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    call_command("demo_accounts")
    assert json.loads(path.read_text()) == first
    assert set(first) == set(roles.ROLES)
    for role, password in first.items():
        user = User.objects.get(username=role)
        assert user.check_password(password)
        assert user.is_staff and not user.is_superuser
    assert first["editor"] in capsys.readouterr().out


@pytest.mark.parametrize("role", list(roles.ROLES))
def test_every_role_opens_the_pages_it_may_view(access: Access, client: Client, role: str) -> None:
    user = User.objects.create_user(role, password="x", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    pages = ("access.site", "access.source", "access.apikey", "access.auditentry", "work.intent")
    for page in pages:
        app, name = page.split(".")
        status = client.get(f"/admin/{app}/{name}/").status_code
        assert status == (200 if user.has_perm(f"{app}.view_{name}") else 403), page


def test_an_administrator_rotates_a_key_and_sees_it_once(access: Access, client: Client) -> None:
    user = User.objects.create_user("ada", password="x", is_staff=True)
    user.groups.add(Group.objects.get(name="administrator"))
    client.force_login(user)
    answer = client.post(
        "/admin/access/apikey/",
        {"action": "rotate", "_selected_action": [str(access.secret_key.pk)]},
        follow=True,
    )
    successor = ApiKey.objects.filter(kind="sk").latest("id")
    assert successor.pk != access.secret_key.pk
    assert f"sk_...{successor.hint}" not in answer.content.decode().split("copy it now")[0][-30:]
    assert "copy it now" in answer.content.decode()
    assert "copy it now" not in client.get("/admin/access/apikey/").content.decode()


def test_an_auditor_cannot_revoke(access: Access, client: Client) -> None:
    user = User.objects.create_user("olga", password="x", is_staff=True)
    user.groups.add(Group.objects.get(name="auditor"))
    client.force_login(user)
    client.post(
        "/admin/access/apikey/",
        {"action": "revoke", "_selected_action": [str(access.secret_key.pk)]},
    )
    access.secret_key.refresh_from_db()
    assert access.secret_key.revoked_at is None


def test_writes_are_audited_with_their_actor(access: Access) -> None:
    ada = User.objects.create_user("ada")
    services.revoke_key(key_id=access.secret_key.pk, actor=ada, now=NOW)
    entry = access.site.audit_entries.get(action="access.key_revoked")
    assert (entry.actor_label, entry.target_id) == ("ada", str(access.secret_key.pk))
    services.revoke_key(key_id=access.secret_key.pk, actor=ada, now=NOW)
    assert access.site.audit_entries.filter(action="access.key_revoked").count() == 1
