"""Frequency caps as editors make them: refused when they limit nothing, said in words."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from apps.access.models import Site
from apps.content.capping import create_cap, span_of, users_of, words
from apps.content.errors import InvalidContent
from apps.content.models import Block, Cap
from apps.content.selectors import block_documents, cap_documents
from apps.content.services import create_block, create_placement, create_variant
from engine.capping import CapDoc, FatigueDoc, span_words

DAY_MS = 86_400_000


@pytest.fixture
def editor(db: None, client: Client) -> Client:
    client.force_login(User.objects.create_superuser("editor"))
    return client


@pytest.fixture
def hero(shop: Site) -> Block:
    schema = [{"name": "headline", "type": "string", "required": True}]
    block = create_block(site_id=shop.pk, key="hero", name="Hero", schema=schema)
    create_variant(block=block, key="all", is_default=True, fields={"headline": "Welcome"})
    return block


@pytest.mark.parametrize(
    ("terms", "place"),
    [
        ({}, "/most"),
        ({"most": 0}, "/most"),
        ({"most": 101}, "/most"),
        ({"window_ms": DAY_MS, "cooldown_ms": 1_000}, "/window_ms"),
        ({"most": 1, "window_ms": 1}, "/window_ms"),
        ({"most": 1, "cooldown_ms": 400 * DAY_MS}, "/cooldown_ms"),
        ({"half_life_ms": 0}, "/half_life_ms"),
        ({"half_life_ms": DAY_MS, "step": 1.5}, "/step"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else ",".join(value) or "nothing",
)
def test_a_cap_that_limits_nothing_or_cannot_be_counted_is_refused(
    shop: Site, terms: dict[str, int], place: str
) -> None:
    with pytest.raises(InvalidContent) as refusal:
        create_cap(site_id=shop.pk, key="c", **terms)  # type: ignore[arg-type]
    assert place in [item["pointer"] for item in refusal.value.errors]


def test_a_cap_is_said_in_words_with_whatever_shares_it(hero: Block) -> None:
    cap = create_cap(site_id=hero.site_id, key="week", most=2, window_ms=7 * DAY_MS)
    assert words(cap) == "At most 2 showings in 7 days to one visitor."
    create_variant(block=hero, key="sale", name="Sale", fields={"headline": "x"}, cap_keys=["week"])
    create_placement(site_id=hero.site_id, key="home.side", cap_keys=["week"])
    assert words(cap, users_of(cap)) == (
        "At most 2 showings in 7 days to one visitor; one budget, shared by "
        f"the variant {hero.name} / Sale and the placement home.side."
    )


def test_caps_and_who_names_them_are_published_by_number(hero: Block) -> None:
    site_id = hero.site_id
    create_cap(site_id=site_id, key="b", most=1, per="session")
    create_cap(site_id=site_id, key="a", half_life_ms=DAY_MS, step=0.5, skip_below=0.25)
    create_variant(block=hero, key="sale", fields={"headline": "x"}, cap_keys=["a", "b"])
    assert cap_documents(site_id) == [
        CapDoc(1, "b", most=1, per="session"),
        CapDoc(2, "a", fatigue=FatigueDoc(DAY_MS, 0.5, 0.0, 0.25)),
    ]
    (block,) = block_documents(site_id)
    assert {one.key: one.caps for one in block.variants}["sale"] == [1, 2]


def test_the_default_variant_takes_no_cap(hero: Block) -> None:
    create_cap(site_id=hero.site_id, key="c", most=1)
    hero.variants.filter(is_default=True).delete()
    with pytest.raises(InvalidContent) as refusal:
        create_variant(
            block=hero, key="d", is_default=True, fields={"headline": "x"}, cap_keys=["c"]
        )
    assert [item["pointer"] for item in refusal.value.errors] == ["/caps"]


def test_an_editor_makes_a_cap_in_words_and_never_deletes_it(editor: Client, shop: Site) -> None:
    posted = {
        "site": str(shop.pk), "key": "week", "name": "Twice a week", "most": "2",
        "window_ms": "1 week", "per": "visitor", "cooldown_ms": "", "half_life_ms": "",
        "step": "0.2", "floor": "0", "skip_below": "0",
    }  # fmt: skip
    add = reverse("admin:content_cap_add")
    assert (
        "Write a span such as" in editor.post(add, posted | {"window_ms": "soon"}).content.decode()
    )
    assert editor.post(add, posted).status_code == 302
    cap = Cap.objects.get()
    assert (cap.number, cap.window_ms, cap.cooldown_ms, cap.half_life_ms) == (
        1,
        7 * DAY_MS,
        0,
        None,
    )
    page = editor.get(reverse("admin:content_cap_change", args=[cap.pk])).content.decode()
    assert "7 days" in page and "Nothing draws on it yet." in page
    assert editor.post(reverse("admin:content_cap_delete", args=[cap.pk])).status_code == 403


@pytest.mark.parametrize("text", ["1 second", "90 minutes", "5 hours", "1 day", "400 days"])
def test_a_span_is_read_as_it_is_said(text: str) -> None:
    ms = span_of(text)
    assert ms is not None and span_words(ms) == text


@pytest.mark.parametrize("text", ["", "7", "days", "-1 days", "1.5 days", "7 moons", "٣ days"])
def test_what_is_no_span_is_not_read(text: str) -> None:
    assert span_of(text) is None
