"""Tokens and links of previews: what they carry, for how long, and never a real person."""

import json
from datetime import timedelta
from uuid import UUID

import pytest
from django.contrib.auth.models import User

from apps.access.errors import InvalidRequest
from apps.delivery.previewing import links
from apps.delivery.previewing.tokens import InvalidPreview, pretence_of, token_of
from apps.delivery.previewing.types import AsPerson, AsSegments, PreviewSpec
from tests.apps.delivery.conftest import NOW, NOW_MS, World
from tests.apps.delivery.previewed import compiled_anew

__all__ = ["compiled_anew"]  # a fixture

DAY = timedelta(days=1)


def test_a_token_is_never_of_a_real_person(world: World) -> None:
    world.hero()
    spec = PreviewSpec(world.site.pk, who=AsPerson(UUID(int=7), is_masked=True))
    with pytest.raises(InvalidRequest):
        token_of(spec, NOW_MS + 1_000)


def test_a_token_of_the_desk_carries_all_that_it_shows(world: World) -> None:
    world.hero()
    spec = PreviewSpec(
        world.site.pk, who=AsSegments(("blouses",)), at_ms=NOW_MS, given={"country": "DE"}
    )
    token = token_of(spec, NOW_MS + 1_000)
    assert pretence_of(world.site.pk, token, NOW_MS) == spec
    with pytest.raises(InvalidPreview):
        pretence_of(world.site.pk, token, NOW_MS + 1_000)
    body = {"placements": ["home.hero"], "preview": token}
    assert world.post("/v1/decide", body).json()["placements"]["home.hero"]["variant"] == "blouses"


def test_a_link_opens_for_everybody_until_it_is_over_or_revoked(world: World) -> None:
    world.hero()
    author = User.objects.create_user("eva")
    spec = PreviewSpec(world.site.pk, who=AsSegments(("blouses",)), placements=("home.hero",))
    link, token = links.share(
        site_id=world.site.pk,
        pictures=[links.Shared("Hero", spec)],
        name="Hero",
        days=1,
        actor=author,
        now=NOW,
    )
    assert token not in json.dumps(link.specs) and link.digest != token
    page = world.client.get(f"/preview/{token}/")
    text = page.content.decode()
    assert page.status_code == 200
    assert "Blouses" in text and "shared by eva" in text and "Nothing here is counted" in text
    assert page["Cache-Control"] == "private, no-store"
    assert "noindex" in page["X-Robots-Tag"]
    assert "default-src 'none'" in page["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]
    assert "<script" not in text
    assert links.opened(token, NOW + DAY) is None
    assert links.revoke(site_id=world.site.pk, link_id=link.pk, actor=author, now=NOW)
    gone = world.client.get(f"/preview/{token}/")
    assert gone.status_code == 404 and "over" in gone.content.decode()
    assert not links.revoke(site_id=world.site.pk, link_id=link.pk, actor=author, now=NOW)


def test_a_real_person_is_never_shared(world: World) -> None:
    author = User.objects.create_user("eva")
    spec = PreviewSpec(world.site.pk, who=AsPerson(UUID(int=7)), placements=("home.hero",))
    with pytest.raises(InvalidRequest, match="real person"):
        links.share(
            site_id=world.site.pk,
            pictures=[links.Shared("Hero", spec)],
            name="",
            days=1,
            actor=author,
            now=NOW,
        )


def test_a_link_of_another_site_cannot_be_revoked_here(world: World) -> None:
    other = World("other")
    author = User.objects.create_user("eva")
    spec = PreviewSpec(other.site.pk, placements=("home.hero",))
    link, _ = links.share(
        site_id=other.site.pk,
        pictures=[links.Shared("Hero", spec)],
        name="",
        days=1,
        actor=author,
        now=NOW,
    )
    assert not links.revoke(site_id=world.site.pk, link_id=link.pk, actor=author, now=NOW)
