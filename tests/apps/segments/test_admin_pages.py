"""The pages and the JSON beside the segment form, and who may ask."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.access import roles
from apps.access.models import AuditEntry, Site
from apps.profiles.identities import add
from apps.segments import services, versions
from apps.segments.models import ListMember, ListUpload, Segment, SegmentList
from apps.segments.refresh import refresh_site
from tests.apps.segments.world import NOW, make_profile, make_site

PRO = {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"}
OLD = {"kind": "trait", "name": "age", "op": "gte", "value": 65}
BASE = "/admin/segments/segment/"


def where(node: object) -> dict[str, object]:
    return {"v": 1, "where": node}


@pytest.fixture
def site(db: None) -> Site:
    roles.ensure_roles()
    return make_site()


@pytest.fixture
def segment(site: Site) -> Segment:
    for _ in range(12):
        make_profile(site, traits={"plan": "pro"})
    make_profile(site, traits={"age": 70})
    made = services.create_segment(
        site_id=site.pk, key="pro", name="Pro", condition=where(PRO), now=NOW
    )
    services.publish_segment(site_id=site.pk, segment_id=made.pk, actor=None, now=NOW)
    refresh_site(site_id=site.pk, read_clock=lambda: NOW)
    versions.record_publications(site.pk)
    return made


def signed_in(role: str) -> Client:
    user = User.objects.create_user(role, is_staff=True)
    if role == "root":
        user.is_superuser = True
        user.save()
    else:
        user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


def ask(client: Client, what: str, **body: Any) -> Any:
    return client.post(f"{BASE}{what}/", json.dumps(body, default=str), "application/json")


def test_a_preview_counts_a_condition_as_it_is_written(segment):
    answer = ask(signed_in("editor"), "preview", segment=segment.pk, condition=where(OLD)).json()
    assert (answer["size"], answer["sizeText"]) == (None, "fewer than 10")
    assert (answer["left"], answer["leftText"]) == (12, "12")
    assert (answer["everyone"], answer["isExact"], answer["samples"]) == (13, True, [])


def test_a_preview_needs_no_segment(segment):
    client = signed_in("editor")
    answer = ask(client, "preview", site=segment.site_id, condition=where(PRO), samples=2).json()
    assert (answer["size"], answer["entered"], len(answer["samples"])) == (12, 12, 2)
    assert "found" not in answer["samples"][0]["trace"]
    answer = ask(signed_in("root"), "preview", segment=segment.pk, samples=1).json()
    assert answer["samples"][0]["trace"]["found"] == "pro"


def test_a_preview_of_what_is_no_condition_says_where(segment):
    response = ask(
        signed_in("editor"), "preview", segment=segment.pk, condition=where({"all": [{}]})
    )
    assert response.status_code == 422
    assert (response.json()["code"], response.json()["path"][:6]) == ("invalid_condition", "all[0]")
    response = ask(
        signed_in("analyst"), "preview", segment=segment.pk, policy={"parent": "nowhere"}
    )
    assert (response.status_code, response.json()["code"]) == (422, "segment_not_published")


@pytest.mark.parametrize(
    "body", ["", "[]", "nonsense", "{" * 100_000], ids=["none", "list", "word", "deep"]
)
def test_a_body_that_is_no_object_is_refused(segment, body):
    response = signed_in("editor").post(f"{BASE}preview/", body, "application/json")
    assert response.status_code == 400


def test_only_who_may_see_people_asks_about_one_and_that_is_written_down(segment, site):
    profile = make_profile(site, traits={"plan": "pro"})
    add({(site.pk, "user_id", "u1"): profile.pk}, now=NOW)
    assert (
        ask(signed_in("editor"), "person", segment=segment.pk, who="user_id:u1").status_code == 403
    )
    assert not AuditEntry.objects.filter(action="profiles.viewed").exists()
    officer = signed_in("root")
    refused = ask(officer, "person", segment=segment.pk, who="user_id:u1").json()
    assert not refused["found"] and "Say why you look" in refused["refused"]
    asked = {"segment": segment.pk, "who": "user_id:u1", "reason": "Ticket 4711: asks"}
    answer = ask(officer, "person", **asked).json()
    assert (answer["found"], answer["meets"], answer["isMember"]) == (True, True, False)
    assert answer["trace"]["found"] == "pro"
    by_id = ask(officer, "person", segment=segment.pk, who=answer["profileId"]).json()
    assert by_id == answer
    entry = AuditEntry.objects.filter(action="profiles.viewed").first()
    assert (entry.target_id, entry.detail) == (
        str(profile.pk), {"page": "segment", "reason": "Ticket 4711: asks"},
    )  # fmt: skip
    assert ask(officer, "person", segment=segment.pk, who="user_id:nobody").json() == {
        "found": False
    }


@pytest.mark.parametrize("what", ["preview", "person", "changes", "versions"])
def test_strangers_and_gets_are_refused(segment, what):
    assert ask(Client(), what, segment=segment.pk).status_code == 302
    assert ask(signed_in("privacy_officer"), what, segment=segment.pk).status_code == 403
    response = signed_in("root").get(f"{BASE}{what}/")
    assert response.status_code == 405


def test_a_publication_shows_what_changes_and_keeps_the_note(segment):
    client = signed_in("editor")
    services.change_draft(
        site_id=segment.site_id, segment_id=segment.pk, condition=where(OLD), now=NOW, actor=None
    )
    lines = ask(client, "changes", segment=segment.pk).json()["lines"]
    assert [line["sign"] for line in lines] == ["-", "+"]
    page = client.get(f"{BASE}{segment.pk}/publish/").content.decode()
    assert "trait age is at least 65" in page and "fewer than 10 of 13" in page
    client.post(f"{BASE}{segment.pk}/publish/", {"note": "Only the old."})
    newest = ask(client, "versions", segment=segment.pk).json()["versions"][0]
    assert (newest["number"], newest["note"], newest["publishedBy"]) == (
        2, "Only the old.", "editor",
    )  # fmt: skip
    assert (newest["state"], newest["entered"]) == ("building", None)


def test_a_version_is_restored_with_a_note_only(segment):
    client = signed_in("editor")
    services.change_draft(
        site_id=segment.site_id, segment_id=segment.pk, condition=where(OLD), now=NOW, actor=None
    )
    services.publish_segment(site_id=segment.site_id, segment_id=segment.pk, actor=None, now=NOW)
    refresh_site(site_id=segment.site_id, read_clock=lambda: NOW)
    address = f"{BASE}{segment.pk}/versions/"
    assert "Restore version 1" in client.get(address).content.decode()
    page = client.post(address, {"number": "1", "note": ""}).content.decode()
    assert "Say in a note why" in page
    client.post(address, {"number": "1", "note": "The young are missing."})
    newest = segment.versions.order_by("-number").first()
    assert (newest.number, newest.condition, newest.note) == (
        3, where(PRO), "The young are missing.",
    )  # fmt: skip
    auditor = signed_in("auditor")
    assert "Restore version" not in auditor.get(address).content.decode()
    assert auditor.post(address, {"number": "1", "note": "x"}).status_code == 403


def test_the_plain_form_keeps_policy_tags_and_details(segment):
    client = signed_in("editor")
    fields = {
        "name": "Pro", "draft": json.dumps(where(PRO)), "draft_policy": '{"cooldown": "1h"}',
        "tags": "high-value, spring", "refresh_every_s": "600", "owner_note": "Ada",
    }  # fmt: skip
    response = client.post(f"{BASE}{segment.pk}/change/", fields | {"_publish": "1"})
    assert response.headers["Location"] == f"{BASE}{segment.pk}/publish/"
    segment.refresh_from_db()
    assert (segment.draft_policy, segment.tags) == ({"cooldown": "1h"}, ["high-value", "spring"])
    assert (segment.refresh_every_s, segment.owner_note) == (600, "Ada")
    page = client.get(f"{BASE}{segment.pk}/change/").content.decode()
    assert "segment:pro, high-value, spring" in page
    for field, value, words in (
        ("draft_policy", '{"stay": 1}', "stay"),
        ("tags", "segment:other", "names another"),
    ):
        page = client.post(f"{BASE}{segment.pk}/change/", fields | {field: value})
        assert page.status_code == 200 and words in page.content.decode()


def test_an_editor_makes_fills_and_empties_a_list(site):
    client = signed_in("editor")
    base = "/admin/segments/segmentlist/"
    client.post(
        f"{base}add/", {"site": site.pk, "key": "press", "name": "Press", "basis": "consent"}
    )
    press = SegmentList.objects.get()
    assert Segment.objects.get().kind == "list"
    page = client.post(
        f"{base}add/",
        {"site": site.pk, "key": "other", "name": "Other", "basis": "consent"},
        follow=True,
    )
    services.create_segment(site_id=site.pk, key="taken", name="T", condition=where(PRO), now=NOW)
    page = client.post(
        f"{base}add/",
        {"site": site.pk, "key": "taken", "name": "T", "basis": "consent"},
        follow=True,
    )
    assert "is taken" in page.content.decode()
    file = SimpleUploadedFile("press.csv", b"user_id\nsecret-person-1\n=x\nu2\n")
    page = client.post(f"{base}{press.pk}/upload/", {"file": file, "mode": "append"})
    text = page.content.decode()
    assert "2 added" in text and "formula" in text and "secret-person-1" not in text
    listing = client.get(f"{base}{press.pk}/change/").content.decode()
    assert "press.csv" in listing and "editor" in listing and "secret-person-1" not in listing
    upload = ListUpload.objects.get()
    address = f"{base}{press.pk}/uploads/{upload.pk}/undo/"
    assert client.get(address).status_code == 405
    client.post(address)
    assert not ListMember.objects.filter(removed_by=None).exists()
    bad = SimpleUploadedFile("x.csv", b"name\nx\n")
    page = client.post(f"{base}{press.pk}/upload/", {"file": bad, "mode": "append"})
    assert "The file is no list" in page.content.decode()
    page = client.post(f"{base}{press.pk}/upload/", {"mode": "append"})
    assert "Choose a file" in page.content.decode()


def test_who_may_only_look_uploads_nothing(site):
    client = signed_in("editor")
    client.post(
        "/admin/segments/segmentlist/add/",
        {"site": site.pk, "key": "p", "name": "P", "basis": "consent"},
    )
    press = SegmentList.objects.get()
    auditor = signed_in("auditor")
    assert auditor.get(f"/admin/segments/segmentlist/{press.pk}/change/").status_code == 200
    assert auditor.get(f"/admin/segments/segmentlist/{press.pk}/upload/").status_code == 403
