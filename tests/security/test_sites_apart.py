"""Staff bound to a site: what belongs to another is on no page, at no address, in no form."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from apps.access import services, site_staff
from apps.access.models import Site, SiteStaff
from apps.profiles.models import Profile
from tests.browser.every_page import every_address
from tests.browser.filled_shop import NOT_FILLED, FilledShop

pytestmark = pytest.mark.slow

# What belongs to no site: nobody bound to one opens it.
OF_NO_SITE = {
    "auth_user", "auth_group", "django_celery_beat_periodictask",
    "django_celery_beat_crontabschedule", "django_celery_beat_intervalschedule",
    "django_celery_beat_solarschedule", "django_celery_beat_clockedschedule",
}  # fmt: skip


@pytest.fixture
def shop(db: None) -> FilledShop:
    made = FilledShop()
    for row, name in ((made.site, "Haberdashery of strangers"), (made.hero, "Strange hero")):
        row.name = name
        row.save(update_fields=["name"])
    return made


@pytest.fixture
def other(shop: FilledShop) -> Site:
    return services.create_site(key="other", name="Other", now=shop.site.created_at)


def bound_to(site: Site) -> Client:
    """Somebody with every permission there is, on one site."""
    user = User.objects.create_user(f"staff-{uuid4()}", is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    SiteStaff.objects.create(user=user, site=site)
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def ids_of(site: Site) -> Iterator[str]:
    """Every id of our making that belongs to a site."""
    for model, path in site_staff._tables_of_sites():
        rows = model._default_manager.filter(**{path: site.pk})
        yield from map(str, rows.values_list("pk", flat=True))


def test_no_page_shows_or_offers_anything_of_another_site(shop: FilledShop, other: Site) -> None:
    client = bound_to(other)
    strange = set(ids_of(shop.site))
    assert len(strange) > 20
    marks = strange | {one.replace("-", "") for one in strange} | {shop.site.name, shop.hero.name}
    shown, leaks = 0, []
    for name, path in every_address(shop.known, NOT_FILLED):
        answer = client.get(path)
        assert answer.status_code < 500, name
        if answer.status_code != 200:
            continue
        shown += 1
        text = said_by(answer)
        leaks += [f"{name}: {mark}" for mark in marks if mark in text]
    assert shown > 40
    assert not leaks, "\n".join(sorted(leaks))


def said_by(answer: Any) -> str:
    if answer.streaming:
        return b"".join(answer).decode(errors="replace")
    return str(answer.content.decode(errors="replace"))


def test_what_names_another_site_s_row_is_nowhere(shop: FilledShop, other: Site) -> None:
    client = bound_to(other)
    strange = set(ids_of(shop.site))
    asked = 0
    for name, path in every_address(shop.known, NOT_FILLED):
        if not any(one in path for one in strange):
            continue
        asked += 1
        for answer in (client.get(path), client.post(path, {"post": "yes"})):
            assert answer.status_code in {403, 404}, name
    assert asked > 40


@pytest.mark.parametrize("way", ["query", "form", "JSON", "JSON under another name"])
def test_nor_is_it_found_by_what_is_sent_along(shop: FilledShop, other: Site, way: str) -> None:
    client = bound_to(other)
    page, body = reverse("admin:segments_segment_preview"), {"segment": str(shop.blouses.pk)}
    match way:
        case "query":
            answer = client.post(f"{page}?x={shop.blouses.pk.hex.upper()}", {}, "application/json")
        case "form":
            answer = client.post(page, body)
        case "JSON":
            answer = client.post(page, body, "application/json")
        case _:
            answer = client.post(page, json.dumps(body), "text/plain")
    assert answer.status_code == 404


def test_the_site_switch_offers_their_sites_alone(shop: FilledShop, other: Site) -> None:
    client = bound_to(other)
    home = client.get("/admin/", {"site": shop.site.key})
    assert home.context["site"].key == "other"
    text = home.content.decode()
    assert shop.site.name not in text and f"site={shop.site.key}" not in text


def test_a_person_of_another_site_is_not_found(shop: FilledShop, other: Site) -> None:
    client = bound_to(other)
    visitor = shop.visitor.pk
    found = client.post("/admin/profiles/profile/find/", {"who": f"prf_{visitor.hex}"})
    assert found.status_code == 404
    own = Profile.objects.create(site=other, bucketing_key="b", created_at=other.created_at)
    found = client.post("/admin/profiles/profile/find/", {"who": str(own.pk)})
    assert str(own.pk) in found["Location"]


def test_a_merge_of_another_site_is_not_undone(shop: FilledShop, other: Site) -> None:
    number = shop.known["number"]
    page = reverse("admin:undo_merge", args=[number])
    client = bound_to(other)
    assert client.get(page).status_code == 404
    assert client.post(page, {"reason": "Two people."}).status_code == 404


def test_nothing_is_made_on_another_site(shop: FilledShop, other: Site) -> None:
    client = bound_to(other)
    fields = {"key": "new", "name": "New", "site": str(shop.site.pk)}
    assert client.post("/admin/content/placement/add/", fields).status_code == 404
    assert not shop.site.placements.filter(key="new").exists()


def test_what_belongs_to_no_site_is_closed_and_nobody_lifts_their_own_bounds(
    shop: FilledShop, other: Site
) -> None:
    client = bound_to(other)
    for name in OF_NO_SITE:
        assert client.get(reverse(f"admin:{name}_changelist")).status_code == 403, name
    assert client.get(reverse("admin:access_site_add")).status_code == 403


def test_every_model_of_the_admin_belongs_to_a_site_or_is_known_not_to() -> None:
    found = {
        f"{model._meta.app_label}_{model._meta.model_name}"
        for model in admin.site._registry
        if site_staff.path_to_site(model) is None
    }
    assert found == OF_NO_SITE


def test_whoever_is_bound_to_nothing_sees_every_site(shop: FilledShop, other: Site) -> None:
    user = User.objects.create_user("free", is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    client = Client()
    client.force_login(user)
    text = client.get("/admin/access/site/").content.decode()
    assert shop.site.name in text and other.name in text


def test_two_sites_can_be_somebody_s(shop: FilledShop, other: Site) -> None:
    user = User.objects.create_user("two", is_staff=True)
    for site in (shop.site, other):
        SiteStaff.objects.create(user=user, site=site)
    assert site_staff.sites_of(user) == frozenset({shop.site.pk, other.pk})
    assert site_staff.works_on(user, other.pk)


def test_a_superuser_is_bound_to_nothing(shop: FilledShop, other: Site) -> None:
    root = User.objects.create_superuser("root")
    SiteStaff.objects.create(user=root, site=other)
    assert site_staff.sites_of(root) is None
