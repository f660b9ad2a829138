"""Chosen on the preview desk: segments, what else is so of somebody, the arm of an experiment."""

import re
from collections.abc import Callable
from html import unescape
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from django.test import Client

from apps.decisions import snapshots
from apps.decisions.models import Publication
from apps.decisions.selectors import publication_document
from apps.delivery.models import PreviewLink
from apps.delivery.previewing import content as contents
from apps.rules import services as rules
from engine.snapshot import ArmDoc, ExperimentDoc
from tests.apps.studio.conftest import NOW, Shop

AsRole = Callable[[str], Client]

OFTEN = {
    "kind": "event", "name": "Product Viewed", "aggregate": "count", "window": "ever",
    "op": "gte", "value": 3,
}  # fmt: skip
PHONE = {"kind": "context", "name": "device", "op": "eq", "value": "mobile"}
SOMEBODY = {"placements": "home.hero", "a.who": "segments"}


@pytest.fixture(autouse=True)
def _compiled_anew() -> None:
    contents.forget()


@pytest.fixture
def editor(shop: Shop, as_role: AsRole) -> Client:
    rules.create_rule(
        site_id=shop.site.pk, key="often", placement_key="home.hero", variant_key="blouses",
        condition={"v": 1, "where": {"all": [PHONE, OFTEN]}},
    )  # fmt: skip
    shop.publish()
    return as_role("editor")


def desk(client: Client, **asked: str) -> str:
    answer = client.get("/admin/preview/", SOMEBODY | asked)
    assert answer.status_code == 200
    return answer.content.decode()


def answers(page: str) -> dict[str, bool]:
    """value -> whether it is chosen, of the one thing that the desk asks."""
    found = re.findall(r'type="radio" name="a\.said:[^"]+" value="(\w*)"( checked)?', page)
    return {value: bool(checked) for value, checked in found}


def name_of(page: str) -> str:
    found = re.search(r'type="radio" name="(a\.said:[^"]+)"', page)
    assert found is not None
    return unescape(found[1])


def test_what_else_is_so_of_somebody_is_yes_no_or_not_said(editor: Client) -> None:
    page = desk(editor)
    assert answers(page) == {"yes": False, "no": False, "": True}
    assert "1 thing is not said of them and counts as no" in page
    assert "viewed at least 3 products" in page
    said = name_of(page)
    for answer, holds in (("yes", True), ("no", False)):
        page = desk(editor, **{said: answer})
        assert answers(page) == {"yes": holds, "no": not holds, "": False}
        assert "not said of them" not in page
        assert ("The rule “often” holds." in page) is holds
    assert answers(desk(editor, **{said: ""})) == {"yes": False, "no": False, "": True}


def test_an_answer_stays_in_the_address_and_is_kept_while_nothing_asks_for_it(
    editor: Client,
) -> None:
    said = name_of(desk(editor))
    key = said.removeprefix("a.said:")
    for answer in ("yes", "no"):
        page = desk(editor, **{said: answer})
        (frame,) = re.findall(r'src="(/admin/preview/frame/[^"]+)"', page)
        assert parse_qs(urlsplit(unescape(frame)).query)[answer] == [key]
        elsewhere = desk(editor, placements="nowhere", **{said: answer})
        assert f'type="hidden" name="a.{answer}" value="{key}"' in elsewhere
    # An old address says yes; the form that it fills says no: the form counts.
    assert answers(desk(editor, **{"a.yes": key, said: "no"}))["no"]
    assert not any(answers(desk(editor, **{"a.yes": key, said: ""}))[one] for one in ("yes", "no"))


def test_segments_are_named_chips_and_keys_without_a_script(editor: Client) -> None:
    page = desk(editor, **{"a.segments": "blouses, unheard"})
    field = re.search(r'<input[^>]*id="a-segments"[^>]*>', page)
    assert field is not None
    text = unescape(field[0])
    assert 'type="text"' in text and 'value="blouses, unheard"' in text
    assert '[["blouses", "Browsing blouses"], ["unheard", "unheard"]]' in text
    assert 'data-offers="/admin/content/' in text and "<option" not in text


def run_an_experiment(shop: Shop) -> None:
    document = publication_document(shop.site.pk)
    assert document is not None
    arms = [ArmDoc("as-is", "all", 0.5), ArmDoc("bold", "blouses", 0.5)]
    split = ExperimentDoc("hero-test", "home.hero", "exp.hero", arms, coverage=0.1)
    number = document.number + 1
    document = msgspec.structs.replace(document, number=number, rules=[], experiments=[split])
    Publication.objects.create(
        site_id=shop.site.pk, number=number, document=msgspec.to_builtins(document),
        digest="by hand", published_at=NOW,
    )  # fmt: skip
    snapshots.forget()
    contents.forget()


def test_the_arm_of_an_experiment_is_chosen(shop: Shop, editor: Client) -> None:
    run_an_experiment(shop)
    page = desk(editor, **{"a.who": "nobody"})
    assert "Arm of the experiment hero-test" in page
    assert '<option value="bold">bold: shows blouses</option>' in page
    for arm, variant in (("as-is", "all"), ("bold", "blouses")):
        page = desk(editor, **{"a.who": "nobody", "a.arm:hero-test": arm})
        assert f"The experiment “hero-test” gives them the arm “{arm}”." in page
        assert f"Shows hero / {variant}" in page
        assert f'<option value="{arm}" selected>' in page
        assert "this shows the arm that you chose" in page
        assert f"phone · arm “{arm}” of hero-test" in page
        (frame,) = re.findall(r'src="(/admin/preview/frame/[^"]+)"', page)
        headline = "Blouses" if arm == "bold" else "Welcome"
        assert headline in editor.get(unescape(frame)).content.decode()
    # Two arms side by side, and a shared link of them.
    back = "pictures=2&placements=home.hero&a.arm:hero-test=as-is&b.arm:hero-test=bold"
    editor.post("/admin/preview/share/", {"back": back, "days": "1"})
    assert [one["spec"]["arms"] for one in PreviewLink.objects.get().specs] == [
        {"hero-test": "as-is"}, {"hero-test": "bold"}
    ]  # fmt: skip


def test_an_arm_that_there_is_not_changes_nothing(shop: Shop, editor: Client) -> None:
    dealt = desk(editor, **{"a.who": "nobody", "a.arm:gone": "x"})
    assert 'type="hidden" name="a.arm:gone" value="x"' in dealt
    run_an_experiment(shop)
    page = desk(editor, **{"a.who": "nobody", "a.arm:hero-test": "nonsense"})
    assert "Shows hero / all" in page and "selected>nonsense" not in page
