"""The second factor: who needs one, what it keeps out, and how a lost phone is helped."""

import re
from base64 import b32decode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from PIL import Image

from apps.access.models import AuditEntry, SealedTotp
from apps.access.roles import ROLES, ensure_roles

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PAGE = "/admin/second-factor/"
HOME = "/admin/"
PASSWORD = "right-horse-7"


@pytest.fixture
def clock(db: None) -> Iterator[Any]:
    ensure_roles()
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def required(settings: Any, clock: Any) -> Any:
    settings.SECOND_FACTOR = "required"
    return clock


def person(role: str, name: str = "") -> User:
    user = User.objects.create_user(name or role, password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


def signed_in(user: User) -> Client:
    client = Client()
    answer = client.post("/admin/login/", {"username": user.username, "password": PASSWORD})
    assert answer.status_code == 302
    return client


def secret_on(page: Any) -> bytes:
    """What the page shows to be typed into an authenticator."""
    found = re.search(r'class="typed-key">([A-Z2-7 ]+)<', page.content.decode())
    assert found is not None
    text = found[1].replace(" ", "")
    return b32decode(text + "=" * (-len(text) % 8))


def code_of(secret: bytes, clock: Any) -> str:
    return f"{totp(secret, t0=0):06d}"


def set_up(client: Client, clock: Any) -> tuple[bytes, list[str]]:
    secret = secret_on(client.get(PAGE))
    page = client.post(PAGE, {"code": code_of(secret, clock)}).content.decode()
    return secret, re.findall(r"<code>([a-z2-9-]{14})</code>", page)


NEEDED = {"privacy_officer", "administrator"}


@pytest.mark.parametrize("role", sorted(ROLES))
def test_officers_and_administrators_see_no_page_without_it(required: Any, role: str) -> None:
    client = signed_in(person(role))
    for page in (HOME, "/admin/access/site/", "/admin/publish/", "/admin/password_change/"):
        is_asked = client.get(page, follow=True).request["PATH_INFO"] == PAGE
        assert is_asked is (role in NEEDED), page


def test_a_superuser_needs_it_too(required: Any) -> None:
    root = User.objects.create_superuser("root", password=PASSWORD)
    assert signed_in(root).get(HOME, follow=True).request["PATH_INFO"] == PAGE


def test_a_role_that_is_given_later_asks_at_the_next_page(required: Any) -> None:
    nina = person("editor")
    client = signed_in(nina)
    assert client.get(HOME).status_code == 200
    nina.groups.add(Group.objects.get(name="administrator"))
    assert client.get(HOME, follow=True).request["PATH_INFO"] == PAGE


def test_doors_that_answer_scripts_are_closed_as_well(required: Any) -> None:
    client = signed_in(person("administrator"))
    assert client.get("/admin/studio/keep/").status_code == 401
    assert client.post("/admin/studio/seen/", {}, "application/json").status_code == 401


def test_setting_it_up_opens_the_pages_and_shows_ten_codes_once(required: Any) -> None:
    client = signed_in(person("privacy_officer"))
    _, codes = set_up(client, required)
    assert len(set(codes)) == 10
    assert client.get(HOME).status_code == 200
    again = client.get(PAGE).content.decode()
    assert "10 recovery codes are left" in again
    assert not [code for code in codes if code in again]


def test_the_next_sign_in_asks_for_a_code_and_leads_on(required: Any) -> None:
    officer = person("privacy_officer")
    secret, _ = set_up(signed_in(officer), required)
    required.shift(timedelta(minutes=1))
    client = signed_in(officer)
    asked = client.get("/admin/access/site/", follow=True)
    assert asked.request["PATH_INFO"] == PAGE and "recovery code" in asked.content.decode()
    data = {"code": code_of(secret, required), "next": "/admin/access/site/"}
    assert client.post(PAGE, data)["Location"] == "/admin/access/site/"
    assert client.get("/admin/access/site/").status_code == 200


@pytest.mark.parametrize(
    "code", ["", "12345", "000000", "nonsense", "１２３４５６", "-1", "1e5"], ids=repr
)
def test_a_wrong_code_lets_nobody_in(required: Any, code: str) -> None:
    officer = person("privacy_officer")
    secret, _ = set_up(signed_in(officer), required)
    required.shift(timedelta(minutes=1))
    assert code != code_of(secret, required)
    client = signed_in(officer)
    answer = client.post(PAGE, {"code": code})
    assert answer.status_code == 200 and "does not fit" in answer.content.decode()
    assert client.get(HOME).status_code == 302


def test_a_code_works_once(required: Any) -> None:
    officer = person("privacy_officer")
    secret, _ = set_up(signed_in(officer), required)
    required.shift(timedelta(minutes=1))
    code = code_of(secret, required)
    assert signed_in(officer).post(PAGE, {"code": code}).status_code == 302
    assert signed_in(officer).post(PAGE, {"code": code}).status_code == 200


def test_after_a_wrong_code_the_right_one_has_to_wait(required: Any) -> None:
    officer = person("privacy_officer")
    secret, _ = set_up(signed_in(officer), required)
    required.shift(timedelta(minutes=1))
    client = signed_in(officer)
    for _ in range(3):
        client.post(PAGE, {"code": "000000"})
        required.shift(timedelta(milliseconds=10))
    assert client.post(PAGE, {"code": code_of(secret, required)}).status_code == 200
    required.shift(timedelta(seconds=31))
    assert client.post(PAGE, {"code": code_of(secret, required)}).status_code == 302


def test_a_recovery_code_works_once_and_is_audited(required: Any) -> None:
    officer = person("privacy_officer")
    _, codes = set_up(signed_in(officer), required)
    assert signed_in(officer).post(PAGE, {"code": codes[0].upper()}).status_code == 302
    required.shift(timedelta(minutes=1))
    assert signed_in(officer).post(PAGE, {"code": codes[0]}).status_code == 200
    used = AuditEntry.objects.filter(action="access.recovery_code_used")
    assert [entry.target_id for entry in used] == [str(officer.pk)]


def test_a_recovery_code_of_somebody_else_does_not_fit(required: Any) -> None:
    _, codes = set_up(signed_in(person("privacy_officer")), required)
    ada = person("administrator")
    set_up(signed_in(ada), required)
    assert signed_in(ada).post(PAGE, {"code": codes[0]}).status_code == 200


def test_another_administrator_takes_it_away_and_it_is_audited(required: Any) -> None:
    officer, ada = person("privacy_officer"), person("administrator")
    set_up(signed_in(officer), required)
    client = signed_in(ada)
    set_up(client, required)
    chosen = [str(officer.pk), str(ada.pk)]
    page = client.post(
        "/admin/auth/user/",
        {"action": "remove_second_factor", "_selected_action": chosen},
        follow=True,
    ).content.decode()
    assert "Another administrator does this for you" in page
    assert SealedTotp.objects.get().user == ada
    (entry,) = AuditEntry.objects.filter(action="access.second_factor_removed")
    assert (entry.actor_label, entry.target_id) == ("administrator", str(officer.pk))
    assert "Scan this picture" in signed_in(officer).get(HOME, follow=True).content.decode()


def test_an_administrator_does_not_take_a_superuser_s_away(required: Any) -> None:
    root = User.objects.create_superuser("root", password=PASSWORD)
    set_up(signed_in(root), required)
    client = signed_in(person("administrator"))
    set_up(client, required)
    client.post(
        "/admin/auth/user/",
        {"action": "remove_second_factor", "_selected_action": [str(root.pk)]},
    )
    assert SealedTotp.objects.filter(user=root).exists()


def test_taking_it_away_ends_what_it_had_opened(required: Any) -> None:
    officer = person("privacy_officer")
    client = signed_in(officer)
    set_up(client, required)
    SealedTotp.objects.all().delete()
    assert client.get(HOME).status_code == 302


def test_where_it_is_optional_only_those_who_have_one_are_asked(clock: Any) -> None:
    ada = person("administrator")
    client = signed_in(ada)
    assert client.get(HOME).status_code == 200
    set_up(client, clock)
    assert client.get(HOME).status_code == 200
    assert signed_in(ada).get(HOME, follow=True).request["PATH_INFO"] == PAGE


def test_neither_secret_nor_codes_lie_in_the_database_as_they_are(required: Any) -> None:
    secret, codes = set_up(signed_in(person("privacy_officer")), required)
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM otp_totp_totpdevice")
        ((key,),) = cursor.fetchall()
    assert secret.hex() not in key and len(key) <= 80
    kept = set(StaticToken.objects.values_list("token", flat=True))
    assert len(kept) == 10
    assert not kept & {code.replace("-", "") for code in codes}
    assert not kept & {code.replace("-", "")[:16] for code in codes}


def test_a_secret_that_is_copied_to_another_account_opens_nothing(required: Any) -> None:
    officer, ada = person("privacy_officer"), person("administrator")
    secret, _ = set_up(signed_in(officer), required)
    key = SealedTotp.objects.get(user=officer).key
    TOTPDevice.objects.create(user=ada, name="Copied", confirmed=True, key=key)
    required.shift(timedelta(minutes=1))
    client = signed_in(ada)
    assert client.post(PAGE, {"code": code_of(secret, required)}).status_code == 200
    assert client.get(HOME).status_code == 302


def test_the_picture_is_the_secret_s_and_is_shown_to_who_sets_up_alone(required: Any) -> None:
    client = signed_in(person("privacy_officer"))
    client.get(PAGE)
    answer = client.get(f"{PAGE}picture/")
    assert answer["Content-Type"] == "image/png" and "no-store" in answer["Cache-Control"]
    assert Image.open(BytesIO(answer.content)).size[0] > 150
    assert Client().get(f"{PAGE}picture/").status_code == 404
    set_up(client, required)
    assert client.get(f"{PAGE}picture/").status_code == 404


def test_a_visitor_is_sent_to_the_sign_in(required: Any) -> None:
    assert Client().get(PAGE)["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("next_", ["https://evil.example/", "//evil.example", "javascript:1"])
def test_it_leads_to_no_other_site(required: Any, next_: str) -> None:
    officer = person("privacy_officer")
    secret, _ = set_up(signed_in(officer), required)
    required.shift(timedelta(minutes=1))
    answer = signed_in(officer).post(PAGE, {"code": code_of(secret, required), "next": next_})
    assert answer["Location"] == HOME


def test_another_phone_needs_a_code_of_the_one_before(required: Any) -> None:
    officer = person("privacy_officer")
    client = signed_in(officer)
    before, _ = set_up(client, required)
    refused = client.post(PAGE, {"code": "000000", "wanted": "phone"})
    assert "does not fit" in refused.content.decode()
    required.shift(timedelta(minutes=1))
    client.post(PAGE, {"code": code_of(before, required), "wanted": "phone"})
    after, codes = set_up(client, required)
    assert after != before and len(codes) == 10
    assert SealedTotp.objects.count() == 1
    required.shift(timedelta(minutes=1))
    assert signed_in(officer).post(PAGE, {"code": code_of(before, required)}).status_code == 200


def test_the_session_gets_a_new_id_with_the_second_factor(required: Any) -> None:
    client = signed_in(person("privacy_officer"))
    before = client.session.session_key
    set_up(client, required)
    assert client.session.session_key != before


def test_somebody_else_can_sign_in_instead(required: Any) -> None:
    client = signed_in(person("privacy_officer"))
    assert client.get("/admin/login/")["Location"].startswith(PAGE)
    assert "id_username" in client.get("/admin/login/?as=somebody-else").content.decode()


def test_pages_of_devices_with_their_secrets_do_not_exist(clock: Any) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root", password=PASSWORD))
    for page in ("otp_totp/totpdevice", "otp_static/staticdevice", "axes/accessattempt"):
        assert client.get(f"/admin/{page}/").status_code == 404


def test_production_requires_it() -> None:
    from config.settings import production

    assert production.SECOND_FACTOR == "required"


@pytest.mark.parametrize(
    "power",
    [
        "privacy.view_request",
        "decisions.view_decisionrecord",
        "events.view_quarantine",
    ],
)
def test_a_group_made_by_hand_that_sees_single_people_needs_it(required: Any, power: str) -> None:
    app, codename = power.split(".")
    user = User.objects.create_user("by hand", password=PASSWORD, is_staff=True)
    user.user_permissions.add(
        Permission.objects.get(content_type__app_label=app, codename=codename)
    )
    assert signed_in(user).get(HOME, follow=True).request["PATH_INFO"] == PAGE
