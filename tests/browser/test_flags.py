"""Flags are made in the browser, of each type, and code is answered with what was typed."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from playwright.sync_api import Browser

from apps.content.models import Block
from apps.work import clock
from tests.apps.delivery.conftest import World, _new_process  # noqa: F401
from tests.browser.visiting import SECRET, Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ADD = "/admin/content/block/add/"
# Type -> what is typed into the two variants, and what code is answered.
TYPED = {
    "boolean": (("true", True), ("false", False)),
    "string": (("short", "short"), ("long words", "long words")),
    "integer": (("3", 3), ("5", 5)),
    "float": (("0.5", 0.5), ("2", 2.0)),
    "object": (('{"steps": [1, 2]}', {"steps": [1, 2]}), ("{}", {})),
}


@pytest.fixture
def world(transactional_db: None) -> Iterator[World]:
    yield World()
    clock.replace(None)


@pytest.fixture
def nina(transactional_db: None) -> User:
    user = User.objects.create_user("nina", password=SECRET, is_staff=True)
    user.groups.add(Group.objects.get(name="editor"))
    return user


def type_value(visit: Visit, number: int, value: str) -> None:
    """Type or choose the value of a variant, as its input wants it."""
    at = f"[name=variants-{number}-value]"
    if visit.page.locator(at).evaluate("one => one.tagName") == "SELECT":
        visit.page.select_option(at, value)
    else:
        visit.page.fill(at, value)


@pytest.mark.parametrize("kind", TYPED)
def test_an_editor_makes_a_flag_and_code_asks_for_it(
    world: World, nina: User, live_server: object, browser: Browser, kind: str
) -> None:
    (typed, told), (_, _) = TYPED[kind]
    visit = Visit(browser, str(live_server))
    visit.come_as(nina)
    page = visit.page
    visit.open(ADD)
    page.fill("#id_name", "Steps")
    page.select_option("#id_kind", "flag")
    page.select_option("#id_value_type", kind)
    visit.leads("input[name=_save]")
    block = Block.objects.get(key="steps")
    assert (block.kind, block.value_type) == ("flag", kind), page.inner_text("#content")

    page.fill("[name=variants-0-name]", "As it is")
    page.check("[name=variants-0-is_default]")
    type_value(visit, 0, typed)
    visit.leads("input[name=_save]")
    refused = page.locator(".errorlist, .errornote:visible").all_inner_texts()
    assert block.variants.count() == 1, refused
    variant = block.variants.get()
    assert (variant.value, variant.is_default) == (told, True)
    assert type(variant.value) is type(told)

    world.publish()
    answer: Any = world.ask("steps", key=world.sk, anonymousId="ada")
    assert answer["placements"]["steps"]["value"] == told
    visit.open(f"{ADD.removesuffix('add/')}flags/")
    assert "Steps" in page.inner_text("#result_list")
    visit.close()


@pytest.mark.parametrize(
    ("kind", "wrong"), [("integer", "three"), ("float", "a half"), ("object", "{steps")]
)
def test_a_value_of_another_type_is_refused_beside_it(
    world: World, nina: User, live_server: object, browser: Browser, kind: str, wrong: str
) -> None:
    block = Block.objects.create(
        site=world.site, key="steps", name="Steps", kind="flag", value_type=kind
    )
    visit = Visit(browser, str(live_server))
    visit.come_as(nina)
    visit.open(f"/admin/content/block/{block.pk}/change/")
    page = visit.page
    page.fill("[name=variants-0-name]", "As it is")
    at = page.locator("[name=variants-0-value]")
    # A number's input takes no letters: then it is empty, which is no value either.
    at.evaluate("(one, text) => { one.type === 'number' || (one.value = text) }", wrong)
    page.check("[name=variants-0-is_default]")
    page.locator("form#block_form").evaluate("form => { form.noValidate = true }")
    visit.leads("input[name=_save]")
    assert page.locator(".field-value .errorlist, .errors .errorlist").count() >= 1
    assert not block.variants.exists()
    visit.close()
