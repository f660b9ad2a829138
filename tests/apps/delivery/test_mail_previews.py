"""An e-mail is previewed as a mail program shows it, and a page's content as before."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import RequestFactory

from apps.content import services as content
from apps.delivery.previewing import answer, links
from apps.delivery.previewing.pages import Column, page_of, pictures_of
from apps.delivery.previewing.types import AsSegments, PreviewSpec
from tests.apps.delivery.conftest import NOW, World
from tests.apps.delivery.previewed import compiled_anew

__all__ = ["compiled_anew"]  # a fixture

STYLED = '<table style="background-color: #036; width: 100%"><tr><td>Sale</td></tr></table>'


@pytest.fixture
def letter(world: World) -> None:
    """home.hero, and a letter with styles that mail programs read, and some that are harmful."""
    world.hero()
    block = content.create_block(
        site_id=world.site.pk,
        key="news",
        schema=[
            {"name": "subject", "type": "string"},
            {"name": "preheader", "type": "string"},
            {"name": "note", "type": "string"},
        ],
        channel="email",
    )
    content.create_variant(
        block=block,
        key="all",
        is_default=True,
        fields={"subject": "News <b>", "preheader": "Only today", "note": "Beside it"},
        template=STYLED
        + '<p style="background: url(https://evil.example/x); color: red">Hi</p>'
        + '<template shadowrootmode="open">x</template></template><script>alert(1)</script>',
    )
    world.publish()


def page(world: World, **asked: Any) -> Any:
    found = answer(PreviewSpec(world.site.pk, **asked), NOW)
    return page_of(
        RequestFactory().get("/"), [Column("", pictures_of(found.panes))], is_framed=True
    )


def test_a_letter_keeps_its_styles_in_a_root_of_its_own(world: World, letter: None) -> None:
    drawn = page(world, blocks=("news",))
    text = drawn.content.decode()
    root = text.partition('<template shadowrootmode="open">')[2].partition("</template>")[0]
    assert "background-color: #036" in root and "Hi</p>" in root
    assert "evil.example" not in text and "<script" not in text
    assert text.count("<template") == text.count("</template>") == 1
    assert "News &lt;b&gt;" in text and "Only today" in text and "Beside it" in text
    assert text.count("Only today") == 1, "told once, above the letter"
    assert "As plain text" in text


def test_styles_in_elements_are_let_in_for_letters_alone(world: World, letter: None) -> None:
    policy = page(world, blocks=("news",))["Content-Security-Policy"]
    assert "style-src-attr 'unsafe-inline'" in policy
    assert "style-src 'self'" in policy and "default-src 'none'" in policy
    assert "sandbox allow-popups" in policy and "script-src" not in policy
    of_pages = page(world, placements=("home.hero",))["Content-Security-Policy"]
    assert "unsafe-inline" not in of_pages


def test_a_letter_without_a_template_is_its_fields(world: World, letter: None) -> None:
    block = content.create_block(
        site_id=world.site.pk,
        key="plain",
        schema=[{"name": "subject", "type": "string"}, {"name": "text", "type": "string"}],
        channel="email",
    )
    content.create_variant(block=block, key="all", is_default=True, fields={"text": "Only words"})
    world.publish()
    text = page(world, blocks=("plain",)).content.decode()
    assert "none yet" in text and "Only words" in text and "<template" not in text


def test_a_shared_link_shows_a_letter_alike(world: World, letter: None) -> None:
    author = User.objects.create_user("eva")
    spec = PreviewSpec(world.site.pk, who=AsSegments(()), blocks=("news",))
    _, token = links.share(
        site_id=world.site.pk, pictures=[links.Shared("Letter", spec)], name="", days=1,
        actor=author, now=NOW,
    )  # fmt: skip
    shared = world.client.get(f"/preview/{token}/")
    assert "background-color: #036" in shared.content.decode()
    assert "style-src-attr 'unsafe-inline'" in shared["Content-Security-Policy"]
