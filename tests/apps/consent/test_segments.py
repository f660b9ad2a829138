"""A choice changes at once who is in the segments that ask for it."""

from uuid import UUID

from apps.pipeline import fold
from apps.profiles.models import Identity
from apps.segments import refresh
from apps.segments.models import Membership
from apps.work import clock
from tests.apps.consent.conftest import Chooser
from tests.apps.delivery.conftest import NOW


def members(shop: Chooser, key: str) -> set[UUID]:
    stays = Membership.objects.filter(site=shop.world.site, segment__key=key, left_at=None)
    return set(stays.values_list("profile_id", flat=True))


def test_who_takes_consent_back_leaves_with_the_next_look_at_the_timers(shop: Chooser) -> None:
    asked = {"kind": "consent", "purpose": "advertising"}
    shop.world.segment("agreed", {"v": 1, "where": asked})
    shop.world.segment("refused", {"v": 1, "where": {"not": asked}})
    refresh.refresh_site(site_id=shop.world.site.pk, read_clock=lambda: NOW)

    shop.choose(advertising=True)
    assert fold.fold_due(now=clock.now()) == 1
    visitor = Identity.objects.get(value="a1").profile_id
    assert (members(shop, "agreed"), members(shop, "refused")) == ({visitor}, set())

    shop.choose(advertising=False)
    assert fold.fold_due(now=clock.now()) == 1
    assert (members(shop, "agreed"), members(shop, "refused")) == (set(), {visitor})
    assert fold.fold_due(now=clock.now()) == 0


def test_a_signal_of_the_browser_does_so_too(shop: Chooser) -> None:
    shop.world.segment("agreed", {"v": 1, "where": {"kind": "consent", "purpose": "sale"}})
    refresh.refresh_site(site_id=shop.world.site.pk, read_clock=lambda: NOW)
    shop.choose(sale=True)
    fold.fold_due(now=clock.now())
    assert members(shop, "agreed")
    shop.choose(analytics=True, gpc=True)
    fold.fold_due(now=clock.now())
    assert not members(shop, "agreed")
