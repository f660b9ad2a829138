"""The segment pages as an editor uses them."""

import json

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.access.models import Site
from apps.segments.models import Segment
from tests.apps.segments.world import make_site

PRO = {"v": 1, "where": {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"}}


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


@pytest.fixture
def editor(client, site):
    client.force_login(User.objects.create_superuser("ed", "ed@shop.example", "x"))
    return client


def fields(site: Site, draft: object) -> dict[str, object]:
    return {"site": site.pk, "key": "pro", "name": "Pro", "draft": json.dumps(draft)}


def test_an_editor_makes_publishes_and_archives_a_segment(editor, site):
    added = editor.post("/admin/segments/segment/add/", fields(site, PRO))
    assert added.status_code == 302
    segment = Segment.objects.get(site=site)
    assert (segment.number, segment.draft) == (1, PRO)

    chosen = {"_selected_action": [segment.pk], "action": "publish"}
    page = editor.post("/admin/segments/segment/", chosen, follow=True)
    assert "version 1 is Building" in page.content.decode()
    page = editor.get(f"/admin/segments/segment/{segment.pk}/change/").content.decode()
    assert "finding its first members" in page
    assert "plan" in page

    editor.post("/admin/segments/segment/", chosen | {"action": "archive"})
    assert Segment.objects.get(site=site).is_archived


def test_a_draft_that_is_no_condition_is_refused_with_the_place(editor, site):
    broken = {"v": 1, "where": {"any": [{"kind": "trait", "name": "age", "op": "gt"}]}}
    page = editor.post("/admin/segments/segment/add/", fields(site, broken))
    assert "any[0].value: expected a value" in page.content.decode()
    assert not Segment.objects.exists()


def test_a_changed_draft_is_kept_and_the_key_is_not(editor, site):
    editor.post("/admin/segments/segment/add/", fields(site, PRO))
    segment = Segment.objects.get(site=site)
    free = {"v": 1, "where": {"not": PRO["where"]}}
    changed = fields(site, free) | {"key": "other", "name": "Not pro"}
    editor.post(f"/admin/segments/segment/{segment.pk}/change/", changed)
    segment.refresh_from_db()
    assert (segment.key, segment.name, segment.draft) == ("pro", "Not pro", free)


def test_a_segment_stands_in_for_another_by_its_key_or_its_name(editor, site):
    editor.post("/admin/segments/segment/add/", fields(site, PRO))
    editor.post("/admin/segments/segment/add/", fields(site, PRO) | {"key": "b", "name": "Backup"})
    pro, backup = (Segment.objects.get(site=site, key=key) for key in ("pro", "b"))
    address = f"/admin/segments/segment/{backup.pk}/change/"
    for typed in ("pro", "PRO", " Pro "):
        Segment.objects.filter(pk=backup.pk).update(fallback_for=None)
        given = fields(site, PRO) | {"name": "Backup", "fallback_for": typed}
        assert editor.post(address, given).status_code == 302
        backup.refresh_from_db()
        assert backup.fallback_for == pro
    page = editor.post(address, fields(site, PRO) | {"fallback_for": "nobody"}).content.decode()
    assert "There is no other segment with this key" in page
    page = editor.get(address).content.decode()
    assert 'value="pro"' in page


def test_the_form_of_a_segment_costs_the_same_beside_many(editor, site):
    editor.post("/admin/segments/segment/add/", fields(site, PRO))
    address = f"/admin/segments/segment/{Segment.objects.get(site=site).pk}/change/"

    def cost():
        editor.get(address)  # says what was added before
        with CaptureQueriesContext(connection) as queries:
            page = editor.get(address).content
        return len(queries), len(page)

    few = cost()
    for n in range(20):
        editor.post(
            "/admin/segments/segment/add/", fields(site, PRO) | {"key": f"s{n}", "name": f"S{n}"}
        )
    many = cost()
    assert many[0] == few[0]
    assert abs(many[1] - few[1]) < 100


def test_the_list_costs_the_same_for_many_segments(editor, site, django_assert_max_num_queries):
    for n in range(20):
        editor.post(
            "/admin/segments/segment/add/", fields(site, PRO) | {"key": f"s{n}", "name": f"S{n}"}
        )
    with django_assert_max_num_queries(12):
        editor.get("/admin/segments/segment/")
