"""The profile pages: one person at a time, by whoever may, without values, and written down."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from apps.access.models import AuditEntry
from apps.access.roles import ensure_roles
from apps.profiles.models import Identity
from apps.work import clock
from tests.apps.delivery.conftest import NOW
from tests.apps.profiles.conftest import Shop, identify, track

LIST = "/admin/profiles/profile/"
LEDGER = "/admin/consent/consentevent/"
MAY_LOOK = {"privacy_officer"}
MAY_READ_PROOFS = {"privacy_officer", "auditor"}
ROLES = ["editor", "analyst", "privacy_officer", "administrator", "auditor"]


def as_role(role: str) -> Client:
    ensure_roles()
    user = User.objects.create_user(role, password="x", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def officer(shop: Shop) -> Client:
    return as_role("privacy_officer")


@pytest.mark.parametrize("role", ROLES)
def test_only_the_roles_for_it_see_people(shop: Shop, role: str) -> None:
    shop.send(track())
    client = as_role(role)
    profile_id = Identity.objects.get().profile_id
    expected = 200 if role in MAY_LOOK else 403
    for page in (LIST, f"{LIST}{profile_id}/change/"):
        assert client.get(page).status_code == expected, page
    assert client.get(LEDGER).status_code == (200 if role in MAY_READ_PROOFS else 403)
    found = client.post(f"{LIST}find/", {"who": "a1"})
    assert found.status_code == (302 if role in MAY_LOOK else 403)
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}{profile_id}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(f"{LEDGER}add/", {}).status_code == 403
    assert Identity.objects.count() == 1


def test_the_list_is_empty_until_an_exact_identity_is_asked_for(
    shop: Shop, officer: Client
) -> None:
    shop.send(identify(userId="ada-17"), track(anonymousId="other"))
    shop.world.person(("crm", "42"))
    ada = str(Identity.objects.get(value="ada-17").profile_id)

    assert ada not in officer.get(LIST).content.decode()
    for term in ("ada-17", "user_id:ada-17", ada, f"prf_{ada.replace('-', '')}", " ada-17 "):
        answer = officer.post(f"{LIST}find/", {"who": term})
        assert "ada-17" not in answer["Location"]
        page = officer.get(answer["Location"]).content.decode()
        assert page.count(ada) >= 1 and "1 profile" in page, term
    for term in ("ada", "ada-1", "%", "user_id:", "42", "anonymous_id:ada-17", "'", "\0"):
        page = officer.post(f"{LIST}find/", {"who": term}, follow=True).content.decode()
        assert "0 profiles" in page and "Nobody here has that identity" in page, term
    page = officer.post(f"{LIST}find/", {"who": "crm:42"}, follow=True).content.decode()
    assert "1 profile" in page
    assert ada not in officer.get(LIST, {"q": "ada-17"}).content.decode()


def test_a_page_shows_counts_and_names_and_no_values(shop: Shop, officer: Client) -> None:
    shop.world.hero()
    shop.send(identify(userId="secret-user", traits={"plan": "secret-trait"}),
              track(properties={"category": "secret-property"}))  # fmt: skip
    shop.world.post("/v1/consent", {"anonymousId": "a1", "purposes": {"sale": False}})
    profile_id = Identity.objects.get(value="a1").profile_id

    page = officer.get(f"{LIST}{profile_id}/change/").content.decode()

    for shown in ("1 anonymous_id, 1 user_id", "••••• (text)", "1 traits", "plan", "2 events",
                  "Product Viewed",
                  f"/admin/why/?profile={profile_id}", "denied sale",
                  f"{LEDGER}?q={profile_id}"):  # fmt: skip
        assert shown in page, shown
    assert "secret" not in page


def test_values_are_shown_of_one_person_after_a_reason_and_for_a_while(
    shop: Shop, officer: Client
) -> None:
    shop.send(identify(userId="secret-user", traits={"plan": "secret-trait"}))
    shop.send(identify(userId="other-user", anonymousId="other", traits={"plan": "other-trait"}))
    one = Identity.objects.get(value="secret-user").profile_id
    other = Identity.objects.get(value="other-user").profile_id
    refused = officer.post(f"{LIST}{one}/reveal/", {"reason": "short"}, follow=True)
    assert "Say why" in refused.content.decode() and "secret" not in refused.content.decode()

    asked = officer.post(f"{LIST}{one}/reveal/", {"reason": "Ticket 4711: asks"}, follow=True)

    assert "secret-user" in asked.content.decode() and "secret-trait" in asked.content.decode()
    assert "other-trait" not in officer.get(f"{LIST}{other}/change/").content.decode()
    entries = AuditEntry.objects.filter(action="profiles.viewed", target_id=str(one))
    assert [entry.detail["reason"] for entry in entries.order_by("id")][-1] == "Ticket 4711: asks"
    clock.replace(lambda: NOW + timedelta(minutes=16))
    assert "secret" not in officer.get(f"{LIST}{one}/change/").content.decode()


@pytest.mark.parametrize("role", sorted(set(ROLES) - MAY_LOOK))
def test_nobody_else_is_shown_values(shop: Shop, role: str) -> None:
    shop.send(track())
    profile_id = Identity.objects.get().profile_id
    answer = as_role(role).post(f"{LIST}{profile_id}/reveal/", {"reason": "I am curious today"})
    assert answer.status_code == 403
    assert not AuditEntry.objects.filter(action="profiles.viewed").exists()


def test_each_look_at_a_person_is_audited_without_who_they_are(shop: Shop, officer: Client) -> None:
    shop.send(track())
    profile_id = Identity.objects.get().profile_id
    officer.get(f"{LIST}{profile_id}/change/")
    entry = AuditEntry.objects.get(action="profiles.viewed")
    assert (entry.target_id, entry.actor_label) == (str(profile_id), "privacy_officer")
    assert entry.site_id == shop.world.site.pk
    as_role("editor").get(f"{LIST}{profile_id}/change/")
    assert AuditEntry.objects.filter(action="profiles.viewed").count() == 1


def test_the_ledger_is_found_by_profile_and_shows_each_entry(shop: Shop, officer: Client) -> None:
    for name in ("a1", "a2"):
        shop.world.post("/v1/consent", {"anonymousId": name, "purposes": {"analytics": False}})
    profile_id = Identity.objects.get(value="a1").profile_id
    page = officer.get(LEDGER, {"q": str(profile_id)}).content.decode()
    assert "analytics: no" in page and "1 consent event" in page
    entry = Identity.objects.get(value="a1").profile.consent_events.get()
    page = officer.get(f"{LEDGER}{entry.pk}/change/").content.decode()
    assert "Denied after" in page and 'name="kind"' not in page
    assert officer.get(LEDGER, {"q": "nonsense"}).status_code == 200


def test_a_notice_is_published_once_with_its_digest(shop: Shop, officer: Client) -> None:
    fields = {"site": shop.world.site.pk, "version": "1", "language": "en", "text": "We count."}
    address = "/admin/consent/noticeversion/"
    assert officer.post(f"{address}add/", fields).status_code == 302
    from apps.consent.models import NoticeVersion

    notice = NoticeVersion.objects.get()
    assert len(notice.text_sha256) == 64
    assert officer.post(f"{address}{notice.pk}/change/", fields).status_code == 403
    assert AuditEntry.objects.filter(action="consent.notice_published").exists()
