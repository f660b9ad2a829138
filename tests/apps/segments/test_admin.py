"""The segment pages as an editor uses them."""

import json

import pytest
from django.contrib.auth.models import User

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


def test_the_list_costs_the_same_for_many_segments(editor, site, django_assert_max_num_queries):
    for n in range(20):
        editor.post(
            "/admin/segments/segment/add/", fields(site, PRO) | {"key": f"s{n}", "name": f"S{n}"}
        )
    with django_assert_max_num_queries(12):
        editor.get("/admin/segments/segment/")
