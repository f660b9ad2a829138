"""The studies of the audience are drawn for who may see segments; no small number is told."""

import re
from collections.abc import Iterator
from html import unescape

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils.html import strip_tags

from apps.access import roles
from apps.access.models import Site
from apps.segments import services
from apps.segments.models import Segment
from apps.segments.refresh import refresh_site
from apps.segments.studies import overlap as studies
from apps.studio.domain.pictures import BARS, FLOW_GAP, FLOW_HEIGHT, sankey, shade, upset
from apps.work import clock
from tests.apps.segments.world import NOW, NOW_MS, Happened, make_profile, make_site


def test_the_tallest_column_is_the_largest_combination():
    drawn = upset(["A", "B", "C"], [((0, 2), 40), ((1,), 10)])
    assert [one.height for one in drawn.columns] == [BARS, BARS / 4]
    assert [dot.is_in for dot in drawn.columns[0].dots] == [True, False, True]
    assert drawn.columns[0].line == (drawn.rows[0][0], drawn.rows[2][0])
    assert drawn.columns[0].words == "A and C only: 40"


def test_a_flow_is_as_tall_on_both_sides_and_fills_the_picture():
    drawn = sankey(["out", "A", "B"], [(1, 2, 30), (0, 1, 60), (1, 1, 10), (2, 0, 0)])
    left = [one for one in drawn.nodes if one.is_left]
    right = [one for one in drawn.nodes if not one.is_left]
    assert [(one.name, one.people) for one in left] == [("out", 60), ("A", 40)]
    assert [(one.name, one.people) for one in right] == [("A", 70), ("B", 30)]
    for side in (left, right):
        whole = sum(one.height for one in side) + FLOW_GAP
        assert whole == pytest.approx(FLOW_HEIGHT, abs=0.1)
    assert [one.is_change for one in drawn.bands] == [True, False, True]


def test_nothing_draws_nothing():
    assert (upset([], []).columns, sankey(["out"], []).bands) == ((), ())
    assert [shade(part) for part in (0, 0.001, 0.5, 1)] == [0, 1, 5, 10]


# The pages


@pytest.fixture
def site(db: None) -> Site:
    roles.ensure_roles()
    return make_site()


def signed_in(role: str) -> Client:
    if role == "root":
        user = User.objects.create_superuser(role)
    else:
        user = User.objects.create_user(role, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


def words_of(response: object) -> str:
    assert response.status_code == 200  # type: ignore[attr-defined]
    page = response.content.decode()  # type: ignore[attr-defined]
    return re.sub(r"\s+", " ", unescape(strip_tags(page.replace("<", " <"))))


def publish(site: Site, key: str, name: str) -> Segment:
    condition = {"v": 1, "where": {"kind": "trait", "name": key, "op": "eq", "value": True}}
    made = services.create_segment(
        site_id=site.pk, key=key, name=name, condition=condition, now=NOW
    )
    services.publish_segment(site_id=site.pk, segment_id=made.pk, actor=None, now=NOW)
    return made


@pytest.fixture
def crowd(site: Site) -> None:
    crowd_of(site, both=14, alone=11, others=4)


def crowd_of(site: Site, *, both: int, alone: int, others: int) -> None:
    for a, b in [(1, 1)] * both + [(1, 0)] * alone + [(0, 1)] * others:
        make_profile(site, traits={"a": bool(a), "b": bool(b)})
    publish(site, "a", "Alphas")
    publish(site, "b", "Betas")
    refresh_site(site_id=site.pk, read_clock=lambda: NOW)


def test_an_editor_sees_how_segments_overlap(site):
    crowd_of(site, both=14, alone=11, others=10)
    said = words_of(signed_in("editor").get("/admin/audience/?left=a&right=b"))
    assert "11 in Alphas and not in Betas" in said
    assert "10 in Betas and not in Alphas" in said
    assert "Jaccard 0.4" in said
    assert "Alphas and Betas only: 14" in said
    assert "35 people in any of them" in said


def test_segments_are_made_exclusive_in_an_order_as_drafts_and_nobody_is_in_two(site):
    crowd_of(site, both=14, alone=11, others=10)
    editor = signed_in("editor")
    page = words_of(editor.get("/admin/audience/?segment=a&segment=b"))
    assert "Make these exclusive" in page
    # The smaller one comes first and stays whole: of 25 Alphas 11 are no Betas.
    assert "Betas 24 24 nobody" in page and "Alphas 25 11 14" in page
    turned = "/admin/audience/?segment=a&segment=b&rank-a=1&rank-b=2"
    assert "Alphas 25 25 nobody" in words_of(editor.get(turned))
    asked = {"segment": ["a", "b"], "rank-a": "2", "rank-b": "1", "group": "letters"}
    answer = editor.post("/admin/audience/exclusive/", asked, follow=True)
    assert "in this order: Betas, Alphas" in words_of(answer)
    drafts = dict(Segment.objects.values_list("key", "draft_policy"))
    assert drafts["b"] == {"group": "letters", "priority": 2}
    assert drafts["a"] == {"group": "letters", "priority": 1}
    for key in ("b", "a"):
        pk = Segment.objects.get(key=key).pk
        services.publish_segment(site_id=site.pk, segment_id=pk, actor=None, now=NOW)
    refresh_site(site_id=site.pk, read_clock=lambda: NOW)
    sizes = {one.key: one.size for one in studies.kept_segments(site.pk)}
    assert sizes == {"b": 24, "a": 11}
    found = studies.overlap_of([one.id for one in studies.kept_segments(site.pk)])
    assert found.pair(0, 1).both == 0 and found.union == 35


def test_what_is_in_another_group_is_not_taken_out_of_it(site):
    crowd_of(site, both=14, alone=11, others=10)
    Segment.objects.filter(key="a").update(draft_policy={"group": "other", "priority": 3})
    asked, address = {"segment": ["a", "b"], "group": "letters"}, "/admin/audience/exclusive/"
    editor = signed_in("editor")
    answer = editor.post(address, asked, follow=True)
    assert "is in the group “other” already" in words_of(answer)
    Segment.objects.filter(key="a").update(draft_policy={})
    for nonsense in ({"segment": "a"}, {"segment": ["a", "nobody"]}, {}):
        assert editor.post(address, nonsense).status_code == 302
    assert not [one for one in Segment.objects.all() if one.draft_policy]
    assert signed_in("auditor").post(address, asked | {"group": "g"}).status_code == 403
    assert editor.get(address).status_code == 405


def test_few_people_are_not_told_by_the_sizes_of_a_group(crowd):
    said = words_of(signed_in("editor").get("/admin/audience/?segment=a&segment=b"))
    # 14 are in both, and only 4 in Betas alone.
    assert "Alphas 25 not told" in said


def test_nobody_learns_how_few_are_in_one_alone_from_what_is_shown(crowd):
    said = words_of(signed_in("editor").get("/admin/audience/?left=a&right=b"))
    assert "25" in said and "18" in said  # the sizes
    for telling in ("14", "29 people", "11 in Alphas", "4 in Betas", "0.483", "56 %", "78 %"):
        assert telling not in said, telling
    assert "not told in Betas and not in Alphas" in said


def test_a_site_without_members_says_so(site):
    assert "No segment has members yet" in words_of(signed_in("analyst").get("/admin/audience/"))


@pytest.mark.parametrize("query", ["?from=x&to=%00", "?segment=nobody", "?purpose=%27&left=a"])
def test_nonsense_in_an_address_is_passed_over(crowd, query):
    assert signed_in("editor").get(f"/admin/audience/{query}").status_code == 200


def test_an_instant_after_the_other_is_refused_in_words(crowd):
    asked = "?segment=a&from=2026-03-01T00:00&to=2026-02-01T00:00"
    assert "The first instant must be earlier." in words_of(
        signed_in("editor").get(f"/admin/audience/{asked}")
    )


def test_who_may_not_see_segments_sees_no_study(crowd):
    assert signed_in("privacy_officer").get("/admin/audience/").status_code == 403


# RFM


@pytest.fixture
def buyers(site: Site) -> None:
    for number in range(40):
        orders = [
            Happened(NOW_MS - (number + 9 * n) * 86_400_000, "Order Completed", {"total": number})
            for n in range(1, 2 + number % 5)
        ]
        make_profile(site, orders)


@pytest.fixture
def _at_now() -> Iterator[None]:
    clock.replace(lambda: NOW)
    yield
    clock.replace(None)


def test_an_editor_makes_drafts_of_cells(buyers, _at_now):
    editor = signed_in("editor")
    said = words_of(editor.get("/admin/audience/rfm/"))
    assert "40 people" in said
    form = {
        "event": "Order Completed", "value": "total", "days": "365", "bins": "3", "save": "1",
        "cell": ["at-risk", "new"], "own0_name": "Big spenders", "own0_m_from": "3",
    }  # fmt: skip
    answer = editor.post("/admin/audience/rfm/", form)
    assert answer.status_code == 302, words_of(answer)
    assert sorted(Segment.objects.values_list("key", flat=True)) == [
        "rfm-at-risk", "rfm-big-spenders", "rfm-new",
    ]  # fmt: skip


def test_who_may_only_look_makes_no_draft(buyers, _at_now):
    auditor = signed_in("auditor")
    assert "Make drafts" not in words_of(auditor.get("/admin/audience/rfm/"))
    form = {"event": "Order Completed", "value": "total", "days": "365", "bins": "3"}
    assert (
        auditor.post("/admin/audience/rfm/", {**form, "save": "1", "cell": "new"}).status_code
        == 403
    )
    assert not Segment.objects.exists()


def test_a_purchase_that_nobody_made_is_said(site, _at_now):
    assert 'Fewer than 10 people have "Nothing"' in words_of(
        signed_in("editor").get("/admin/audience/rfm/?event=Nothing")
    )


# Thresholds that adapt, scores, models


def test_an_editor_agrees_looks_and_accepts(buyers, site, _at_now):
    where = {
        "kind": "event", "name": "Order Completed", "aggregate": "count", "window": "ever",
        "op": "gte", "value": 1,
    }  # fmt: skip
    made = services.create_segment(
        site_id=site.pk, key="often", name="Often", condition={"v": 1, "where": where}, now=NOW
    )
    editor, here = signed_in("editor"), "/admin/audience/adapting/"
    assert "Percentile" in words_of(editor.get(f"{here}?segment=often"))
    form = {"segment": "often", "every_days": "7", "share0": "60"}
    assert editor.post(here, form).status_code == 302
    editor.post(here, {"segment": "often", "now": "1"})
    proposal = made.threshold_proposals.get()
    said = words_of(editor.get(here))
    assert "percentile 60" in said
    assert "40 people now, 24 with it" in said
    answer = editor.post(here, {"accept": proposal.pk})
    assert answer.url == f"/admin/segments/segment/{made.pk}/publish/"
    made.refresh_from_db()
    assert made.draft["where"]["value"] == 3
    assert "Accepted" in words_of(editor.get(here))
    assert signed_in("auditor").post(here, {"dismiss": proposal.pk}).status_code == 403


@pytest.mark.parametrize("form", [{"accept": "x"}, {"dismiss": ""}, {"segment": "nobody"}, {}])
def test_an_answer_to_nothing_is_not_found(site, form):
    assert signed_in("editor").post("/admin/audience/adapting/", form).status_code == 404


def score_form(**more: str) -> dict[str, str]:
    return {
        "kind0": "event", "name0": "Order Completed", "weight0": "20", "half_life0": "14d",
        "enter": "25", "leave": "15", **more,
    }  # fmt: skip


def test_a_score_is_shown_and_made_a_draft(buyers, _at_now):
    editor, here = signed_in("editor"), "/admin/audience/scores/"
    assert "Weighted scores" in words_of(editor.get(here))
    said = words_of(editor.post(here, score_form()))
    assert "40 people" in said
    assert "your role may not look at people" in said
    seen = words_of(signed_in("root").post(here, score_form()))
    assert "The upright line is now" in seen
    assert editor.post(here, score_form(save="1", name="Keen ones")).status_code == 302
    made = Segment.objects.get(key="keen-ones")
    assert made.draft["where"]["value"] == 25
    assert made.draft_policy["leave"]["where"]["value"] == 15
    assert "half_life" in words_of(editor.post(here, score_form(half_life0="soon")))
    assert signed_in("auditor").post(here, score_form(save="1")).status_code == 403


def test_model_thresholds_are_shown_and_made_drafts(site, _at_now):
    editor, here = signed_in("editor"), "/admin/audience/models/"
    assert "No profile has a score" in words_of(editor.get(here))
    for number in range(1, 41):
        make_profile(site, traits={"score.buy": number / 40})
    said = words_of(editor.get(f"{here}?max_age=&cost=2&gain=10"))
    assert "Acting pays from a probability of 0.2 on" in said
    assert "82.5 %" in said  # 33 of 40 reach 0.2
    assert "Acting never pays" in words_of(editor.get(f"{here}?max_age=&cost=3&gain=2"))
    form = {"model": "buy", "max_age": "7d", "threshold": "0.75", "with_fallback": "on"}
    assert editor.post(here, form).status_code == 302
    assert sorted(Segment.objects.values_list("key", flat=True)) == [
        "buy-0-75", "buy-0-75-fallback",
    ]  # fmt: skip
    assert "is taken" in words_of(editor.post(here, form))
