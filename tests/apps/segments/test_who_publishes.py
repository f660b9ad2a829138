"""Who writes drafts of segments, and who puts them in force; and how a publication is worded."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from apps.access import roles
from apps.access.models import Site
from apps.segments import services
from apps.segments.models import Segment, SegmentVersion
from apps.segments.refresh import refresh_site
from tests.apps.segments.world import NOW, make_profile, make_site

PRO = {"v": 1, "where": {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"}}
OLD = {"v": 1, "where": {"kind": "trait", "name": "age", "op": "gte", "value": 65}}
BASE = "/admin/segments/segment/"


@pytest.fixture
def site(db: None) -> Site:
    roles.ensure_roles()
    return make_site()


@pytest.fixture
def segment(site: Site) -> Segment:
    return services.create_segment(
        site_id=site.pk, key="pro", name="Pro", condition=PRO, now=NOW
    )  # fmt: skip


def signed_in(role: str) -> Client:
    user = User.objects.create_user(role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


def page_of(client: Client, segment: Segment, name: str = "publish") -> str:
    return client.get(f"{BASE}{segment.pk}/{name}/").content.decode()


def in_force(site: Site) -> None:
    """Have the members of what was published found."""
    refresh_site(site_id=site.pk, read_clock=lambda: NOW)


def test_an_analyst_prepares_a_segment_and_looks_what_it_would_change(
    site: Site, segment: Segment
) -> None:
    analyst = signed_in("analyst")
    page = page_of(analyst, segment)
    assert "Your role prepares segments" in page and ">Publish</button>" not in page
    form = analyst.get(f"{BASE}{segment.pk}/change/").content.decode()
    assert "What it would change" in form and "Newest members" not in form
    assert analyst.get(f"{BASE}add/").status_code == 200
    services.publish_segment(site_id=site.pk, segment_id=segment.pk, actor=None, now=NOW)
    doors: list[tuple[str, dict[str, Any]]] = [
        (f"{BASE}{segment.pk}/publish/", {"note": "Mine"}),
        (f"{BASE}{segment.pk}/versions/", {"number": "1", "note": "Mine"}),
    ]
    for door, said in doors:
        assert analyst.post(door, said).status_code == 403, door
    for action in ("publish", "archive"):
        analyst.post(BASE, {"action": action, "_selected_action": [str(segment.pk)]})
    segment.refresh_from_db()
    assert not segment.is_archived
    assert SegmentVersion.objects.filter(segment=segment).count() == 1
    for path in ("segmentlist/add/", "computedtrait/add/"):
        assert analyst.get(f"/admin/segments/{path}").status_code == 403, path


def test_an_editor_publishes_it(site: Site, segment: Segment) -> None:
    editor = signed_in("editor")
    assert ">Publish</button>" in page_of(editor, segment)
    assert editor.post(f"{BASE}{segment.pk}/publish/", {"note": "Ours"}).status_code == 302
    assert SegmentVersion.objects.get(segment=segment).note == "Ours"


def test_a_first_publication_says_so_and_a_later_one_what_goes_on(
    site: Site, segment: Segment
) -> None:
    editor = signed_in("editor")
    page = page_of(editor, segment)
    assert "This is its first version" in page and "goes on" not in page
    assert "Come in" not in page
    services.publish_segment(site_id=site.pk, segment_id=segment.pk, actor=None, now=NOW)
    in_force(site)
    services.change_draft(
        site_id=site.pk, segment_id=segment.pk, condition=OLD, actor=None, now=NOW
    )  # fmt: skip
    page = page_of(editor, segment)
    assert "The version that serves goes on" in page and "Come in" in page


@pytest.mark.parametrize(
    ("people", "members", "said"),
    [
        (0, 0, "nobody: this site knows no people yet"),
        (4, 2, "fewer than 10"),
        (20, 3, "fewer than 10 of 20"),
        (20, 12, "12 of 20"),
    ],
    ids=["of nobody", "of few", "few of many", "many"],
)
def test_how_many_of_how_many_is_said_in_words(
    site: Site, segment: Segment, people: int, members: int, said: str
) -> None:
    for number in range(people):
        make_profile(site, traits={"plan": "pro" if number < members else "free"})
    page = page_of(signed_in("editor"), segment)
    assert f"<th>Members</th><td>{said}</td>" in page


@pytest.mark.parametrize(
    "path", ["segment", "segmentlist", "computedtrait", "persona"], ids=lambda path: path
)
def test_the_only_site_is_chosen_for_them_and_of_two_none(site: Site, path: str) -> None:
    editor = signed_in("editor")
    chosen = f'<option value="{site.pk}" selected>'
    assert chosen in editor.get(f"/admin/segments/{path}/add/").content.decode()
    make_site("other")
    assert chosen not in editor.get(f"/admin/segments/{path}/add/").content.decode()
    shown = f"?_changelist_filters=site__id__exact%3D{site.pk}"
    assert chosen in editor.get(f"/admin/segments/{path}/add/{shown}").content.decode()
