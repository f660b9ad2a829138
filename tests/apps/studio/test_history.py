"""Two editors, one form: merged, asked about, undone, and told in a history."""

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from apps.content.models import Placement, Revision, Unsaved
from apps.content.revisions import changing, revisions_of
from apps.content.services import create_cap
from tests.apps.studio.conftest import NOW, Shop
from tests.apps.studio.posting import inputs_of


@pytest.fixture
def placement(shop: Shop) -> Placement:
    return Placement.objects.get(key="home.hero")


def logged_in(name: str, role: str = "editor") -> Client:
    user = User.objects.create_user(name, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def mary(shop: Shop) -> Client:
    return logged_in("mary")


@pytest.fixture
def john(shop: Shop) -> Client:
    return logged_in("john")


def url_of(placement: Placement) -> str:
    return reverse("admin:content_placement_change", args=[placement.pk])


def opened(client: Client, placement: Placement) -> dict[str, Any]:
    """The form as a browser would send it back untouched."""
    page = client.get(url_of(placement)).content.decode()
    found = re.search(r'name="_base" value="([0-9a-f]{64})"', page)
    assert found is not None, "the form says what it started from"
    placement.refresh_from_db()
    form = {
        "_base": found[1],
        "key": placement.key,
        "name": placement.name,
        "block": str(placement.block_id),
        "caps": [str(cap.pk) for cap in placement.caps.all()],
    }
    return form | ({"is_enabled": "on"} if placement.is_enabled else {})


def saved(client: Client, placement: Placement, form: dict[str, Any], **changed: Any) -> Any:
    data = {name: value for name, value in (form | changed).items() if value is not None}
    return client.post(url_of(placement), data, follow=True)


def test_two_editors_who_change_different_fields_both_keep_their_change(
    mary: Client, john: Client, placement: Placement
) -> None:
    hers, his = opened(mary, placement), opened(john, placement)
    assert saved(mary, placement, hers, name="Top of the page").status_code == 200
    page = saved(john, placement, his, is_enabled=None).content.decode()
    placement.refresh_from_db()
    assert (placement.name, placement.is_enabled) == ("Top of the page", False)
    assert "Mary had saved this while you were editing" in page
    assert (
        revisions_of("placement", placement.pk)[0].note == "Merged with what mary saved meanwhile"
    )


def test_two_editors_of_one_field_are_asked_and_neither_text_is_lost(
    mary: Client, john: Client, placement: Placement
) -> None:
    hers, his = opened(mary, placement), opened(john, placement)
    saved(mary, placement, hers, name="Top of the page")
    answer = saved(john, placement, his, name="The big picture", _tab="his")
    page = answer.content.decode()
    assert answer.status_code == 409
    for text in ("home.hero", "Top of the page", "The big picture", "Mary saved it"):
        assert text in page, text
    placement.refresh_from_db()
    assert placement.name == "Top of the page"
    # Closing the page loses nothing either.
    kept = Unsaved.objects.get(user__username="john")
    assert ["name", "The big picture"] in kept.form


def settle(client: Client, placement: Placement, page: str, **choices: str) -> Any:
    sealed = re.search(r'name="_settle" value="([^"]+)"', page)
    assert sealed is not None
    data = {"_settle": sealed[1], **{name.replace("_", "-"): one for name, one in choices.items()}}
    return client.post(url_of(placement), data, follow=True)


@pytest.mark.parametrize(
    ("choice", "name"), [("mine", "The big picture"), ("theirs", "Top of the page")]
)
def test_what_is_chosen_is_saved_with_the_rest_of_both(
    mary: Client, john: Client, placement: Placement, choice: str, name: str
) -> None:
    cap = create_cap(site_id=placement.site_id, key="twice", most=2, window_ms=86_400_000)
    hers, his = opened(mary, placement), opened(john, placement)
    saved(mary, placement, hers, name="Top of the page", caps=[str(cap.pk)])
    page = saved(john, placement, his, name="The big picture", is_enabled=None).content.decode()
    answer = settle(john, placement, page, choice_0=choice)
    assert answer.status_code == 200
    placement.refresh_from_db()
    assert (placement.name, placement.is_enabled) == (name, False)
    assert list(placement.caps.all()) == [cap]


def test_a_third_save_during_the_choice_is_compared_again(
    mary: Client, john: Client, placement: Placement
) -> None:
    hers, his = opened(mary, placement), opened(john, placement)
    saved(mary, placement, hers, name="One")
    page = saved(john, placement, his, name="Two").content.decode()
    saved(mary, placement, opened(mary, placement), name="Three")
    again = settle(john, placement, page, choice_0="mine")
    assert again.status_code == 409
    assert "Three" in again.content.decode()
    settle(john, placement, again.content.decode(), choice_0="mine")
    placement.refresh_from_db()
    assert placement.name == "Two"


def test_a_choice_that_was_not_made_on_our_page_is_refused(
    mary: Client, john: Client, placement: Placement
) -> None:
    hers, his = opened(mary, placement), opened(john, placement)
    saved(mary, placement, hers, name="One")
    page = saved(john, placement, his, name="Two").content.decode()
    assert settle(mary, placement, page, choice_0="mine").status_code == 400
    forged = page.replace('name="_settle" value="', 'name="_settle" value="x')
    assert settle(john, placement, forged, choice_0="mine").status_code == 400
    placement.refresh_from_db()
    assert placement.name == "One"


def test_two_saves_at_the_same_moment_are_both_kept(
    mary: Client, john: Client, placement: Placement
) -> None:
    hers, his = opened(mary, placement), opened(john, placement)
    together = Barrier(2)

    def save(client: Client, form: dict[str, Any]) -> int:
        together.wait(timeout=30)
        try:
            return int(client.post(url_of(placement), form).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(save, mary, hers | {"name": "Top of the page"})
        del his["is_enabled"]
        other = pool.submit(save, john, his)
        assert {one.result(), other.result()} == {302}
    placement.refresh_from_db()
    assert (placement.name, placement.is_enabled) == ("Top of the page", False)
    assert [row.number for row in revisions_of("placement", placement.pk)] == [3, 2, 1]


def test_a_write_past_the_pages_is_not_overwritten_unseen(
    mary: Client, placement: Placement
) -> None:
    hers = opened(mary, placement)
    Placement.objects.filter(pk=placement.pk).update(name="By a script")
    answer = saved(mary, placement, hers, name="By Mary")
    assert answer.status_code == 409
    assert "By a script" in answer.content.decode()


def test_two_tabs_of_one_person_are_told_apart(mary: Client, placement: Placement) -> None:
    first, second = opened(mary, placement), opened(mary, placement)
    saved(mary, placement, first, name="One")
    page = saved(mary, placement, second, is_enabled=None).content.decode()
    assert "You had saved this in another tab." in page
    third = opened(mary, placement)
    saved(mary, placement, opened(mary, placement), name="Two")
    page = saved(mary, placement, third, name="Three").content.decode()
    for text in ("Two tabs changed", "From the other tab", "From this tab"):
        assert text in page, text


def test_the_history_takes_as_many_queries_with_twenty_revisions_as_with_two(
    mary: Client, placement: Placement, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    url = reverse("admin:history", args=["placement", placement.pk])
    saved(mary, placement, opened(mary, placement), name="First")
    with CaptureQueriesContext(connection) as few:
        mary.get(url)
    for index in range(18):
        with changing("placement", placement.pk, actor=None, now=NOW):
            Placement.objects.filter(pk=placement.pk).update(name=f"Name {index}")
    with django_assert_num_queries(len(few)):
        mary.get(url)


def test_older_revisions_are_on_the_next_page(mary: Client, placement: Placement) -> None:
    for index in range(30):
        with changing("placement", placement.pk, actor=None, now=NOW):
            Placement.objects.filter(pk=placement.pk).update(name=f"Name {index}")
    url = reverse("admin:history", args=["placement", placement.pk])
    first = mary.get(url).content.decode()
    link = re.search(r'href="(\?before=\d+)"', first)
    assert link is not None
    second = mary.get(url + link[1]).content.decode()
    numbers = [
        int(one) for page in (first, second) for one in re.findall(r'name="a" value="(\d+)"', page)
    ]
    assert numbers == list(range(31, 0, -1))
    assert "the draft now" in first and "the draft now" not in second


def test_an_object_archived_meanwhile_keeps_what_was_typed(
    mary: Client, john: Client, placement: Placement
) -> None:
    his = opened(john, placement)
    mary.post(reverse("admin:usage", args=["placement", placement.pk]), {"archive": "1"})
    page = saved(john, placement, his, name="Too late", _tab="his").content.decode()
    assert "archived this while you were editing" in page
    assert ["name", "Too late"] in Unsaved.objects.get(user__username="john").form


def test_an_untouched_save_is_no_revision_and_offers_no_undo(
    mary: Client, placement: Placement
) -> None:
    page = saved(mary, placement, opened(mary, placement)).content.decode()
    assert "Undo" not in page
    assert [one.number for one in revisions_of("placement", placement.pk)] == [1]


def undo(client: Client, placement: Placement, page: str) -> str:
    action = re.search(r'action="([^"]+/undo/)"', page)
    number = re.search(r'name="number" value="(\d+)"', page)
    assert action and number, "the word that it was saved has a button that takes it back"
    answer = client.post(action[1], {"number": number[1]}, follow=True)
    placement.refresh_from_db()
    return str(answer.content.decode())


def test_a_save_is_undone_from_the_word_that_it_was_saved(
    mary: Client, placement: Placement
) -> None:
    page = saved(mary, placement, opened(mary, placement), name="Oops").content.decode()
    assert "Undone" in undo(mary, placement, page)
    assert placement.name == "home.hero"
    assert revisions_of("placement", placement.pk)[0].note == "Undid revision 2"


def test_an_undo_leaves_what_others_saved_since(
    mary: Client, john: Client, placement: Placement
) -> None:
    page = saved(mary, placement, opened(mary, placement), name="Oops").content.decode()
    saved(john, placement, opened(john, placement), is_enabled=None)
    undo(mary, placement, page)
    assert (placement.name, placement.is_enabled) == ("home.hero", False)


def test_an_undo_of_what_somebody_changed_again_is_refused(
    mary: Client, john: Client, placement: Placement
) -> None:
    page = saved(mary, placement, opened(mary, placement), name="Oops").content.decode()
    saved(john, placement, opened(john, placement), name="By John")
    assert "Not undone" in undo(mary, placement, page)
    assert placement.name == "By John"


def test_the_history_tells_who_saved_what_and_compares_any_two(
    mary: Client, john: Client, placement: Placement
) -> None:
    saved(mary, placement, opened(mary, placement), name="One")
    saved(john, placement, opened(john, placement), name="Two", is_enabled=None)
    url = reverse("admin:history", args=["placement", placement.pk])
    page = mary.get(url).content.decode()
    assert page.index("john") < page.index("Changed: Is enabled, Name")
    page = mary.get(url, {"a": 3, "b": 1}).content.decode()
    assert "From revision 1 to 3" in page
    for text in ("<del>home.hero</del>", "<ins>Two</ins>", "<del>yes</del>", "<ins>no</ins>"):
        assert text in page, text
    assert mary.get(url, {"a": 3, "b": 9}).status_code == 404


def test_an_older_state_is_restored_with_a_reason(mary: Client, placement: Placement) -> None:
    saved(mary, placement, opened(mary, placement), name="One")
    url = reverse("admin:history", args=["placement", placement.pk])
    page = mary.post(url, {"number": 1, "note": "It was right"}, follow=True).content.decode()
    placement.refresh_from_db()
    assert placement.name == "home.hero"
    assert "Restored from revision 1: It was right" in page


def test_a_history_that_has_not_begun_says_what_will_be_there(
    mary: Client, placement: Placement
) -> None:
    page = mary.get(reverse("admin:history", args=["placement", placement.pk])).content.decode()
    assert "No save is kept yet" in page
    assert not Revision.objects.exists()


def test_roles_that_only_look_restore_and_undo_nothing(mary: Client, placement: Placement) -> None:
    saved(mary, placement, opened(mary, placement), name="One")
    looks = logged_in("anna", "auditor")
    url = reverse("admin:history", args=["placement", placement.pk])
    assert "Restore</button>" not in looks.get(url).content.decode()
    assert looks.post(url, {"number": 1}).status_code == 403
    assert looks.post(f"{url}undo/", {"number": 2}).status_code == 403
    placement.refresh_from_db()
    assert placement.name == "One"


def test_what_there_is_no_history_of_is_not_found(mary: Client, placement: Placement) -> None:
    for kind in ("profile", "placement"):
        assert mary.get(f"/admin/history/{kind}/{placement.site_id}/").status_code == 404


def test_a_block_merges_its_variants_one_by_one(mary: Client, john: Client, shop: Shop) -> None:
    """Mary rewrites the default, a script the other variant, while John has the page open."""
    url = reverse("admin:content_block_change", args=[shop.hero.pk])
    page = john.get(url).content.decode()
    form = dict(inputs_of(page, "block_form"))
    with changing("block", shop.hero.pk, actor=None, now=NOW, note="By a script"):
        shop.headline("Blouses today")
    default = shop.hero.variants.get(is_default=True)
    form[f"{place_of(form, default)}-field_headline"] = "Good morning"
    answer = john.post(url, form, follow=True)
    assert answer.status_code == 200, re.findall(r"errorlist.*?</ul>", answer.content.decode())
    texts = {one.key: one.fields["headline"] for one in shop.hero.variants.all()}
    assert texts == {"all": "Good morning", "blouses": "Blouses today"}


def test_a_variant_archived_meanwhile_takes_what_was_typed_and_stays_archived(
    mary: Client, john: Client, shop: Shop
) -> None:
    url = reverse("admin:content_block_change", args=[shop.hero.pk])
    form = dict(inputs_of(john.get(url).content.decode(), "block_form"))
    mary.post(reverse("admin:usage", args=["variant", shop.tagged.pk]), {"archive": "1"})
    place = place_of(form, shop.tagged)
    answer = john.post(url, form | {f"{place}-field_headline": "Not for nothing"}, follow=True)
    assert "Variant “blouses” was archived while you were editing" in answer.content.decode()
    shop.tagged.refresh_from_db()
    assert shop.tagged.fields == {"headline": "Not for nothing"}
    assert shop.tagged.archived_at is not None


def test_a_variant_that_is_gone_altogether_loses_no_text(john: Client, shop: Shop) -> None:
    url = reverse("admin:content_block_change", args=[shop.hero.pk])
    form = dict(inputs_of(john.get(url).content.decode(), "block_form"))
    place = place_of(form, shop.tagged)
    shop.tagged.delete()  # by a script: no page does that
    data = form | {f"{place}-field_headline": "Written for nothing", "name": "Top", "_tab": "his"}
    page = john.post(url, data, follow=True).content.decode()
    assert "Nothing was saved" in page
    assert "You have unsaved changes" in page
    shop.hero.refresh_from_db()
    assert shop.hero.name == "Hero"
    kept = Unsaved.objects.get(user__username="john")
    assert [f"{place}-field_headline", "Written for nothing"] in kept.form


def place_of(form: dict[str, str], variant: Any) -> str:
    """The prefix of a variant's inputs."""
    return next(
        name.removesuffix("-id") for name, value in form.items() if value == str(variant.pk)
    )
