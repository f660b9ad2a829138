"""The pages of publishing and of releases, as tests send their forms."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from django.test import Client

from apps.decisions.models import Release
from apps.decisions.release_contents import contents_of
from apps.decisions.selectors import publication_document
from tests.apps.studio.conftest import Shop

AsRole = Callable[[str], Client]

PUBLISH = "/admin/publish/"


def ticks(page: str) -> list[str]:
    """What the tick boxes of a page send."""
    return [unescape(value) for value in re.findall(r'name="change" value="([^"]+)"', page)]


def post(client: Client, page: str, **more: object) -> str:
    """Send the page's form as it came, with everything ticked."""
    data = {"site": "shop", "change": ticks(page), "now": "1"} | more
    return client.post(PUBLISH, data, follow=True).content.decode()


@pytest.fixture
def editor(as_role: AsRole) -> Client:
    return as_role("editor")


def headline(shop: Shop) -> object:
    document = publication_document(shop.site.pk)
    assert document is not None
    [tagged] = [one for one in document.blocks[0].variants if one.key == "blouses"]
    return tagged.fields["headline"]


def made(client: Client, name: str = "Autumn") -> Release:
    page = client.get(PUBLISH).content.decode()
    data = {"site": "shop", "change": ticks(page), "release": "1", "name": name}
    assert client.post(PUBLISH, data).status_code == 302
    return Release.objects.latest("number")


def step(client: Client, release: Release, name: str, **more: str) -> str:
    sent = {"step": name, "site": "shop", "contents": contents_of(release), **more}
    return client.post(f"/admin/releases/{release.pk}/", sent, follow=True).content.decode()
