"""What is clicked in recommended lists: decisions, exposures and looks come together."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from apps.decisions import records
from apps.delivery import exposure_log
from apps.insights import list_clicks
from apps.work import clock
from tests.apps.delivery.conftest import NOW, World, _new_process, world  # noqa: F401
from tests.apps.delivery.recommended_shop import Shop

THEN = NOW - timedelta(minutes=10)
LATER = NOW + timedelta(minutes=30)  # when nobody can click what was shown any more


@pytest.fixture
def shop(world: World) -> Shop:  # noqa: F811
    return Shop(world)


def visits(shop: Shop, visitor: str, *, sees: bool, clicks: str | None) -> None:
    """Ask for a list, perhaps see it, perhaps click an item of it a minute later."""
    shop.happens("Product Viewed", visitor, at=NOW - timedelta(minutes=15), product_id="A")
    clock.replace(lambda: THEN)
    shown = shop.shown(visitor)
    clock.replace(lambda: NOW)
    if sees:
        body = {"exposures": [{"decisionId": shown["decisionId"], "seenAt": THEN.isoformat()}]}
        answer = shop.world.post("/v1/exposures", body, key=shop.world.sk)
        assert answer.status_code == 200, answer.content
        exposure_log.flush()
        shop.folds()
    if clicks is not None:
        at = THEN + timedelta(seconds=50)
        shop.happens("Product Viewed", visitor, at=at, product_id=clicks)


def counted(shop: Shop) -> list_clicks.Clicks:
    records.flush()
    clock.replace(lambda: LATER)
    since, until = NOW - timedelta(days=1), NOW + timedelta(days=1)
    return list_clicks.count(shop.world.site.pk, event="Product Viewed", since=since, until=until)


def test_a_click_counts_for_its_place_in_a_list_that_was_seen(shop: Shop):
    visits(shop, "a1", sees=True, clicks="C")
    visits(shop, "a2", sees=True, clicks=None)
    visits(shop, "a3", sees=False, clicks="B")
    found = counted(shop)
    own = found.methods["followed_by"]
    assert found.lists == 2
    assert own.shown == dict.fromkeys(range(1, 6), 2)
    assert {place: times for place, times in own.clicked.items() if times} == {2: 1}
    assert found.looked_at() == (pytest.approx([1.0, 0.6309, 0.5, 0.4307, 0.3869], abs=1e-3), False)


def test_lists_that_may_still_be_clicked_are_not_counted_yet(shop: Shop):
    visits(shop, "a1", sees=True, clicks="C")
    records.flush()
    about = {"event": "Product Viewed", "since": NOW - timedelta(days=1), "until": LATER}
    for later, lists in ((19, 0), (21, 1)):  # it was shown ten minutes ago
        clock.replace(lambda at=NOW + timedelta(minutes=later): at)
        assert list_clicks.count(shop.world.site.pk, **about).lists == lists


def test_explored_items_are_counted_apart(shop: Shop):
    shop.set(exploration=0.5)
    for number in range(12):
        visits(shop, f"v{number}", sees=True, clicks=None)
    found = counted(shop)
    explored = sum(found.explored.shown.values())
    assert 0 < explored < 12
    assert explored + sum(found.methods["followed_by"].shown.values()) == 12 * 5


def test_the_command_says_what_was_counted(shop: Shop):
    visits(shop, "a1", sees=True, clicks="B")
    records.flush()
    clock.replace(lambda: LATER)
    out = StringIO()
    call_command("list_clicks", site="shop", stdout=out)
    assert "1 lists were seen in 14 days." in out.getvalue()
    assert "assumed as 1 / log2(1 + place): only 0 explored items" in out.getvalue()
    with pytest.raises(CommandError, match="no site"):
        call_command("list_clicks", site="nowhere")
