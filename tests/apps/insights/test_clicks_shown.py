"""Clicks by place on the page of a recommender, counted from what was decided, seen and clicked."""

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apps.decisions import records
from apps.insights import list_clicks
from apps.recommendations import clicked
from apps.recommendations.admin import shown
from apps.recommendations.models import Recommender
from apps.work import clock
from tests.apps.delivery.conftest import World, _new_process, world  # noqa: F401
from tests.apps.delivery.recommended_shop import Shop
from tests.apps.insights.test_list_clicks import LATER, shop, visits  # noqa: F401


@pytest.fixture(autouse=True)
def counter() -> Iterator[None]:
    before = list(clicked._counts)
    clicked.count_with(list_clicks.count)
    yield
    clicked._counts[:] = before


@pytest.fixture
def page(client: Client, shop: Shop) -> Callable[..., str]:  # noqa: F811
    client.force_login(User.objects.create_superuser("ed", "ed@shop.example", "x"))
    one = Recommender.objects.get(site=shop.world.site)
    address = f"/admin/recommendations/recommender/{one.pk}/change/"

    def read(**asked: str) -> str:
        records.flush()
        clock.replace(lambda: LATER)
        answer = client.get(address, asked)
        assert answer.status_code == 200
        return answer.content.decode()

    return read


def test_places_have_their_share_of_the_clicks_and_the_bias_is_told(
    shop: Shop,  # noqa: F811
    page: Callable[..., str],
) -> None:
    visits(shop, "a1", sees=True, clicks="C")
    visits(shop, "a2", sees=True, clicks=None)
    visits(shop, "a3", sees=False, clicks="B")
    assert "Count the last 7 days" in page()
    text = page(clicks="7")
    assert "2 lists of this site were seen" in text
    assert "Whatever stands first is clicked most" in text
    assert "only 0 of" in text and "1 / log2(1 + place)" in text
    row = text.split('<th scope="row">2</th>')[1].split("</tr>")[0]
    assert [cell.split("<")[0] for cell in row.split('<td class="number">')[1:]] == [
        "2", "1", "100.0%", "50.0%", "0.63",
    ]  # fmt: skip
    own = text.split('<th scope="row">Followed by</th>')[1].split("</tr>")[0]
    # One click in ten showings; that place is looked at 0.63 times as often as the first.
    assert [cell.split("<")[0] for cell in own.split('<td class="number">')[1:]] == [
        "10", "1", "10.0%", "15.8%",
    ]  # fmt: skip


def test_more_decisions_than_are_read_are_told(
    shop: Shop,  # noqa: F811
    page: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    visits(shop, "a1", sees=True, clicks="C")
    visits(shop, "a2", sees=True, clicks="B")
    monkeypatch.setattr(shown, "MOST_DECISIONS", 2)
    assert "Of the newest" not in page(clicks="7")
    monkeypatch.setattr(shown, "MOST_DECISIONS", 1)
    text = page(clicks="7")
    assert "Of the newest 1 decisions, since 2026-03-10" in text and "list_clicks --site" in text
    assert "1 list of this site was seen" in text


def test_what_the_address_says_is_no_number_or_too_many_days(
    shop: Shop,  # noqa: F811
    page: Callable[..., str],
) -> None:
    assert "Count the last 7 days" in page(clicks="x")
    assert "Count the last 7 days" in page(clicks="²")
    assert "last 14 days" in page(clicks="99")
    assert "No list of this site was seen" in page(clicks="1")


def test_where_nobody_can_count_nothing_is_said_of_clicks(
    shop: Shop,  # noqa: F811
    page: Callable[..., str],
) -> None:
    clicked._counts.clear()
    assert "Clicks by place" not in page(clicks="7")
