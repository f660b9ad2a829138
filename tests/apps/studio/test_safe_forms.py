"""Every form of the editors: an untouched save changes nothing, a second one overwrites nothing."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from apps.content.models import Theme
from apps.content.revisions import changing, kind_named, kinds, revisions_of
from apps.content.revisions_unsaved import keep_unsaved
from apps.content.services import create_cap
from tests.apps.studio.conftest import NOW, Shop
from tests.apps.studio.posting import inputs_of, posted


def _theme(shop: Shop) -> Any:
    theme = Theme.objects.create(
        site_id=shop.site.pk, key="saving", name="Saving", messages={"cta": {"en": "Save now"}}
    )
    theme.segments.add(shop.blouses)
    return theme


def _rule(shop: Shop) -> Any:
    shop.rule()
    return apps.get_model("rules.rule").objects.get()


def _trigger(shop: Shop) -> Any:
    return apps.get_model("rules.trigger").objects.create(
        site_id=shop.site.pk, number=1, key="left", name="Left", segment_id=shop.blouses.pk
    )


def _persona(shop: Shop) -> Any:
    return apps.get_model("segments.persona").objects.create(
        site_id=shop.site.pk, key="anna", name="Anna", created_at=NOW
    )


def _placement(shop: Shop) -> Any:
    return apps.get_model("content.placement").objects.get()


MADE: dict[str, Callable[[Shop], Any]] = {
    "block": lambda shop: shop.hero,
    "placement": _placement,
    "cap": lambda shop: create_cap(site_id=shop.site.pk, key="twice", most=2, window_ms=86_400_000),
    "theme": _theme,
    "rule": _rule,
    "trigger": _trigger,
    "segment": lambda shop: shop.blouses,
    "persona": _persona,
}


@pytest.fixture
def mary(shop: Shop) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("mary"))
    return client


def opened(client: Client, kind: str, row: Any) -> tuple[str, list[tuple[str, str]]]:
    found = kind_named(kind)
    assert found is not None
    url = reverse(found.change_url, args=[row.pk])
    page = client.get(url).content.decode()
    return url, inputs_of(page, f"{row._meta.model_name}_form")


def said(answer: Any) -> str:
    return " ".join(re.findall(r"errorlist.*?</ul>", answer.content.decode(), re.DOTALL))


@pytest.mark.parametrize("kind", MADE)
def test_an_untouched_save_changes_nothing(mary: Client, shop: Shop, kind: str) -> None:
    row = MADE[kind](shop)
    known = kind_named(kind)
    assert known is not None
    before = known.document_of(row.pk)
    url, form = opened(mary, kind, row)
    assert dict(form)["_base"], "the form says what it started from"
    answer = mary.post(url, posted(form))
    assert answer.status_code == 302, said(answer)
    assert known.document_of(row.pk) == before
    assert len(revisions_of(kind, row.pk)) == 1


@pytest.mark.parametrize("kind", MADE)
def test_a_second_save_of_one_name_is_asked_about(mary: Client, shop: Shop, kind: str) -> None:
    row = MADE[kind](shop)
    url, form = opened(mary, kind, row)
    john = User.objects.create_user("john")
    with changing(kind, row.pk, actor=john, now=NOW):
        type(row).objects.filter(pk=row.pk).update(name="By John")
    answer = mary.post(url, posted(form, name="By Mary"))
    assert answer.status_code == 409, said(answer)
    page = answer.content.decode()
    assert "By John" in page and "By Mary" in page
    row.refresh_from_db()
    assert row.name == "By John"
    sealed = re.search(r'name="_settle" value="([^"]+)"', page)
    assert sealed is not None
    mary.post(url, {"_settle": sealed[1], "choice-0": "mine"})
    row.refresh_from_db()
    assert row.name == "By Mary"


def test_every_kind_with_a_history_has_a_safe_form() -> None:
    from django.contrib import admin

    from apps.content.safe_admin import SafeAdmin

    pages = admin.site._registry
    assert all(isinstance(pages[kind.model_class], SafeAdmin) for kind in kinds())
    assert {kind.name for kind in kinds()} >= set(MADE)


def test_a_changed_condition_is_one_line_of_its_history_in_words(mary: Client, shop: Shop) -> None:
    rule = _rule(shop)
    with changing("rule", rule.pk, actor=None, now=NOW):
        where = {"kind": "context", "name": "device", "op": "eq", "value": "desktop"}
        type(rule).objects.filter(pk=rule.pk).update(condition={"v": 1, "where": where})
    url = reverse("admin:history", args=["rule", rule.pk])
    page = mary.get(url, {"a": 1, "b": 2}).content.decode()
    assert re.findall("<dt>(.*?)</dt><dd><del>(.*?)</del></dd><dd><ins>(.*?)</ins>", page) == [
        (
            "Condition",
            "everybody whose device is &quot;mobile&quot;",
            "everybody whose device is &quot;desktop&quot;",
        )
    ]


@pytest.mark.parametrize(
    "label",
    [
        "segments.computedtrait",
        "recommendations.recommender",
        "predictions.modelspec",
        "consent.noticeversion",
        "access.site",
    ],
)
def test_a_form_without_a_history_keeps_what_is_typed(mary: Client, shop: Shop, label: str) -> None:
    model = apps.get_model(label)
    name = "admin:" + label.replace(".", "_")
    url = reverse(f"{name}_add")
    page = mary.get(url).content.decode()
    if "keeper.js" not in page:
        assert f'id="{model._meta.model_name}_form"' not in page, "no form without a keeper"
        url = reverse(f"{name}_change", args=[shop.site.pk])
        page = mary.get(url).content.decode()
    assert f'data-kind="{label}"' in page
    assert "data-history=" not in page
    user = User.objects.get(username="mary")
    kept = keep_unsaved(
        user_id=user.pk, kind=label, object_ref=str(shop.site.pk) if "change" in url else "new",
        tab="one", base="", form=[("name", "Half a name")], now=NOW,
    )  # fmt: skip
    assert "You have unsaved changes" in mary.get(url).content.decode()
    shown = mary.post(url, {"_unsaved": str(kept)})
    assert shown.status_code == 200
    assert "This is what you had typed" in shown.content.decode()


@pytest.mark.parametrize("label", ["profiles.profile", "events.quarantine", "consent.consentevent"])
def test_pages_with_people_on_them_keep_nothing(label: str) -> None:
    from django.contrib import admin

    from apps.content.safe_admin import SafeAdmin

    assert not isinstance(admin.site._registry[apps.get_model(label)], SafeAdmin)
