"""The order in which a placement asks its rules: moved as a whole, guarded, taken back."""

import itertools
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from apps.access.models import AuditEntry, Site
from apps.access.roles import ensure_roles
from apps.content.models import Placement
from apps.content.revisions import revisions_of
from apps.rules.errors import OrderChanged
from apps.rules.models import Rule
from apps.rules.ordering import _priorities
from apps.rules.selectors import digest_of, order_of
from apps.rules.services import create_rule, reorder
from tests.apps.rules.conftest import NOW, PHONE, new_shop, where


def add(site: Site, key: str, priority: int) -> Rule:
    return create_rule(
        site_id=site.pk, key=key, placement_key="home.hero", variant_key="vip", priority=priority,
        condition=where(PHONE),
    )  # fmt: skip


@pytest.fixture
def placement(shop: Site) -> Placement:
    for key, priority in (("a", 30), ("b", 20), ("c", 10)):
        add(shop, key, priority)
    return Placement.objects.get(site=shop)


def keys(placement: Placement) -> list[str]:
    return [one.key for one in order_of(placement.site_id, placement.pk)]


def move(placement: Placement, wanted: str, seen: str | None = None) -> list[str]:
    digest = digest_of(order_of(placement.site_id, placement.pk)) if seen is None else seen
    return reorder(
        site_id=placement.site_id, placement_id=placement.pk, keys=list(wanted), seen=digest,
        actor=None, now=NOW,
    )  # fmt: skip


def test_rules_are_asked_in_the_order_that_was_saved(placement: Placement) -> None:
    assert move(placement, "cab") == ["a", "b", "c"]
    assert keys(placement) == ["c", "a", "b"]


def test_only_rules_that_moved_are_written(placement: Placement) -> None:
    move(placement, "bac")
    changed = {rule.key: len(revisions_of("rule", rule.pk)) for rule in Rule.objects.all()}
    assert changed == {"a": 2, "b": 2, "c": 0}
    (entry,) = AuditEntry.objects.filter(action="rules.reordered")
    assert entry.detail == {"moved": 2, "rules": 3}


def test_rules_of_equal_priority_get_one_each(placement: Placement) -> None:
    Rule.objects.update(priority=5)
    assert keys(placement) == ["a", "b", "c"]
    move(placement, "cba")
    assert keys(placement) == ["c", "b", "a"]


@given(st.lists(st.integers(-32_768, 32_767), min_size=1, max_size=40))
def test_priorities_always_fall(before: list[int]) -> None:
    found = _priorities(before)
    assert len(found) == len(before)
    assert all(one > other for one, other in itertools.pairwise(found))


@pytest.mark.parametrize(
    "interfere",
    [
        lambda site: add(site, "d", 40),
        lambda site: Rule.objects.filter(key="c").update(priority=99),
        lambda site: Rule.objects.filter(key="b").update(is_enabled=False),
        lambda site: Rule.objects.filter(key="b").update(archived_at=NOW),
    ],
    ids=["added", "moved", "switched", "archived"],
)
def test_an_order_that_somebody_else_has_changed_is_not_written_over(
    placement: Placement, shop: Site, interfere: Any
) -> None:
    seen = digest_of(order_of(shop.pk, placement.pk))
    interfere(shop)
    before = keys(placement)
    with pytest.raises(OrderChanged):
        move(placement, "cba", seen)
    assert keys(placement) == before


def test_an_order_names_every_rule_of_the_placement_and_no_other(placement: Placement) -> None:
    for wanted in ("ab", "abb", "abcd"):
        with pytest.raises(OrderChanged):
            move(placement, wanted)


# The page


@pytest.fixture
def editor(db: None, client: Client) -> Client:
    client.force_login(User.objects.create_superuser("editor"))
    return client


def address(placement: Placement) -> str:
    return f"{reverse('admin:rules_order')}?site={placement.site.key}&placement={placement.key}"


def test_the_page_moves_rules_without_a_script_and_takes_it_back(
    editor: Client, placement: Placement
) -> None:
    seen = digest_of(order_of(placement.site_id, placement.pk))
    page = editor.post(address(placement), {"down": "a", "seen": seen}, follow=True)
    assert keys(placement) == ["b", "a", "c"]
    assert "The order is saved." in page.content.decode()
    assert "Undo the last change" in page.content.decode()
    editor.post(address(placement), {"undo": "1"})
    assert keys(placement) == ["a", "b", "c"]


def test_the_page_says_that_somebody_else_was_faster(editor: Client, placement: Placement) -> None:
    seen = digest_of(order_of(placement.site_id, placement.pk))
    Rule.objects.filter(key="c").update(priority=99)
    page = editor.post(address(placement), {"order": "c,b,a", "seen": seen}, follow=True)
    assert "Somebody else has changed these rules" in page.content.decode()
    assert keys(placement) == ["c", "a", "b"]


def test_the_page_switches_a_rule_off_and_on(editor: Client, placement: Placement) -> None:
    rule = Rule.objects.get(key="b")
    page = editor.post(address(placement), {"off": str(rule.pk)}, follow=True)
    rule.refresh_from_db()
    assert not rule.is_enabled
    assert "is switched off" in page.content.decode()
    assert revisions_of("rule", rule.pk)[0].note == "Switched off"
    assert AuditEntry.objects.get(action="rules.switched").detail == {"isEnabled": False}
    editor.post(address(placement), {"on": str(rule.pk)})
    rule.refresh_from_db()
    assert rule.is_enabled


def test_who_may_only_look_moves_nothing(client: Client, placement: Placement) -> None:
    ensure_roles()
    ann = User.objects.create_user("ann", is_staff=True)
    ann.groups.add(Group.objects.get(name="analyst"))
    client.force_login(ann)
    page = client.get(address(placement)).content.decode()
    assert 'name="up"' not in page and "rule-list" in page
    assert client.post(address(placement), {"down": "a"}).status_code == 403
    assert keys(placement) == ["a", "b", "c"]


@pytest.mark.parametrize("name", ["rules_order", "rules_tree", "rules_table", "rules_report"])
def test_the_pages_open_with_and_without_rules(
    editor: Client, placement: Placement, name: str, django_assert_max_num_queries: Any
) -> None:
    new_shop("bare")
    for site, more in (("shop", ""), ("shop", "&placement=home.hero"), ("bare", "")):
        with django_assert_max_num_queries(30):
            answer = editor.get(f"{reverse(f'admin:{name}')}?site={site}{more}")
        assert answer.status_code == 200
        page = answer.content.decode()
        assert "<script>" not in page and " style=" not in page


def test_the_tree_says_if_else_if_else(editor: Client, placement: Placement) -> None:
    Rule.objects.filter(key="b").update(is_enabled=False)
    url = f"{reverse('admin:rules_tree')}?site=shop&placement=home.hero"
    page = editor.get(url).content.decode()
    assert page.index("<b>If</b>") < page.index("<b>off</b>") < page.index("<b>else if</b>")
    assert page.index("<b>else if</b>") < page.index("<b>Else</b>")
