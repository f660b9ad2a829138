"""The pages of groups and value: what they say, whom they let in, and segments made of groups."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse

from apps.access.models import Site
from apps.predictions import found_groups, services
from apps.predictions.models import Group, ModelSpec
from apps.segments.models import Segment
from apps.segments.studies.counting import everyone_and_counts
from apps.studio import groups_segments
from engine.conditions.parse import parse_condition
from tests.apps.predictions import test_groups as visitors
from tests.apps.predictions import test_lifetimes as shop
from tests.apps.recommendations.world import NOW, make_site

pytestmark = pytest.mark.django_db
GROUPS = "admin:learning_groups"
VALUE = "admin:learning_value"


@pytest.fixture(autouse=True)
def artifact_dir(settings, tmp_path):
    settings.ARTIFACT_DIR = tmp_path / "artifacts"


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("root")


@pytest.fixture
def page(client: Client, root: User) -> Client:
    client.force_login(root)
    return client


@pytest.fixture
def site() -> Site:
    return make_site()


@pytest.fixture
def spec(site: Site, root: User) -> ModelSpec:
    visitors.fill(site)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE events_event")
    spec = visitors.make_spec(site)
    visitors.trained(spec, root)
    services.score_now(spec=spec, now=NOW)
    return spec


def shown(page: Client, name: str, site: Site) -> str:
    answer = page.get(reverse(name), {"site": site.key})
    assert answer.status_code == 200
    return answer.content.decode()


def test_without_a_model_the_page_says_how_to_begin(page: Client, site: Site) -> None:
    assert "No groups are looked for yet" in shown(page, GROUPS, site)
    assert "Nothing is foreseen of customers yet" in shown(page, VALUE, site)


def test_groups_are_shown_with_their_differences_and_all_that_was_tried(
    page: Client, site: Site, spec: ModelSpec
) -> None:
    said = shown(page, GROUPS, site)
    for number in (1, 2, 3):
        assert f"group-{number}" in said
    assert "events in the category &quot;shoes&quot;" in said
    assert "What was tried" in said
    assert "Map of the groups" in said


def test_small_groups_are_not_counted_aloud(page: Client, site: Site, spec: ModelSpec) -> None:
    Group.objects.filter(key="group-1").update(size=7)
    said = shown(page, GROUPS, site)
    assert "&lt;10 of 180 looked at" in said
    assert "7 of 180" not in said


def test_the_condition_of_a_group_is_measured_over_everyone(site: Site, spec: ModelSpec) -> None:
    (model,) = found_groups.models_of(site.pk, ["groups"])
    state = found_groups.state_of(model)
    assert state.shown is not None
    groups = found_groups.groups_of(state.shown.id)
    fits = groups_segments.measured(site.pk, model, groups, now=NOW)
    assert len(fits) == len(groups) == 3
    for group in groups:
        fit = fits[group.key]
        assert fit.members == group.members
        assert fit.is_faithful
        condition = groups_segments.condition_of(group, model.window_days)
        assert condition is not None
        _, (inside,) = everyone_and_counts(site.pk, [parse_condition(condition)], now=NOW)
        assert inside == fit.inside


def test_a_rule_that_is_another_group_makes_no_segment(
    page: Client, site: Site, spec: ModelSpec
) -> None:
    boxes = [[["events", 1_000_000.0, None]]]
    group = Group.objects.get(key="group-1")
    group.surrogate = {**group.surrogate, "boxes": boxes}
    group.save()
    asked = {"model": spec.key, "rule": "group-1"}
    answer = page.post(reverse(GROUPS), asked, follow=True)
    assert "85% are needed" in answer.content.decode()
    assert not Segment.objects.filter(site=site).exists()


def test_a_group_becomes_a_draft_that_follows_the_model(
    page: Client, site: Site, spec: ModelSpec
) -> None:
    page.get(reverse(GROUPS), {"site": site.key})
    page.post(reverse(GROUPS), {"model": spec.key, "follow": "group-2"})
    segment = Segment.objects.get(site=site)
    assert segment.draft["where"] == {
        "kind": "model", "name": "kinds", "op": "eq", "value": "group-2",
    }  # fmt: skip
    _, (inside,) = everyone_and_counts(site.pk, [parse_condition(segment.draft)], now=NOW)
    assert inside == Group.objects.get(key="group-2").size
    assert Group.objects.get(key="group-2").segment_key == segment.key
    assert segment.key in shown(page, GROUPS, site)


def test_a_new_name_stays_through_a_refresh(
    page: Client, site: Site, spec: ModelSpec, root: User
) -> None:
    page.post(reverse(GROUPS), {"model": spec.key, "rename": "group-1", "name": "Shoe people"})
    version = visitors.trained(spec, root, NOW)
    assert version.groups.get(key="group-1").name == "Shoe people"


def test_who_may_not_see_models_sees_no_groups(client: Client, site: Site) -> None:
    client.force_login(User.objects.create_user("nobody", is_staff=True))
    assert client.get(reverse(GROUPS)).status_code == 403
    assert client.get(reverse(VALUE)).status_code == 403
    assert client.post(reverse(VALUE), {"train": "worth"}).status_code == 403


def test_a_forecast_is_shown_against_what_came(page: Client, site: Site, root: User) -> None:
    shop.sell(site, [row for row in shop.retail() if row[0] < 600])
    spec = shop.make_spec(site)
    services.train_now(spec=spec, now=shop.NOW, approve_as=root)
    said = shown(page, VALUE, site)
    assert "Foreseen against what came" in said
    assert "Customers in tenths" in said
    assert "score.worth.value" in said


def test_the_model_pages_of_groups_and_value_open(
    page: Client, site: Site, spec: ModelSpec, root: User
) -> None:
    shop.sell(site, [row for row in shop.retail() if row[0] < 600])
    specs = [spec]
    for kind, key in ((ModelSpec.Kind.LIFETIME, "life"), (ModelSpec.Kind.RFM, "rfm")):
        made = shop.make_spec(site, kind)
        ModelSpec.objects.filter(pk=made.pk).update(key=key)
        services.train_now(spec=made, now=shop.NOW, approve_as=root)
        specs.append(made)
    assert page.get(reverse("admin:predictions_modelspec_changelist")).status_code == 200
    for one in specs:
        (version,) = one.versions.all()
        for kind, pk in (("modelspec", one.pk), ("modelversion", version.pk)):
            answer = page.get(reverse(f"admin:predictions_{kind}_change", args=[pk]))
            assert answer.status_code == 200
    add = reverse("admin:predictions_modelspec_add")
    assert page.get(add, {"kind": "groups"}).status_code == 200
