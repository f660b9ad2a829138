"""Choices of before yeses ended: they end a year after they were last said."""

from datetime import UTC, datetime, timedelta
from importlib import import_module

from django.db import connection

from apps.consent import expiring
from apps.consent.models import Ending
from apps.profiles import state
from apps.profiles.models import Identity, ProfileState
from apps.work import clock
from tests.apps.consent.conftest import Chooser, ledger, tick

YEAR_LATER = datetime(2027, 3, 10, 12, 0, tzinfo=UTC)
FORWARD = import_module("apps.consent.migrations.0005_states_and_proof").FORWARD


def as_before() -> None:
    """Rows as a version without states left them, and what the migration does to them."""
    ProfileState.objects.update(consents=b"", consent_until=None)
    Ending.objects.all().delete()
    brought = FORWARD[FORWARD.index("UPDATE profiles_profilestate") :]
    with connection.cursor() as cursor:
        cursor.execute(brought)


def test_a_yes_of_before_ends_and_a_no_stays(shop: Chooser) -> None:
    shop.choose(analytics=True, advertising=False)
    shop.say(anonymousId="a2", purposes={"analytics": False})
    as_before()
    assert [ending.ends_at for ending in Ending.objects.all()] == [YEAR_LATER]
    [row] = state.read([Identity.objects.get(value="a1").profile_id])
    assert (row.granted, row.denied, row.consent_until_ms) == (4, 16, clock.to_ms(YEAR_LATER))

    tick(timedelta(days=366))
    assert expiring.expire(now=clock.now()) == 1
    [row] = state.read([row.profile_id])
    assert (row.granted, row.denied) == (0, 16)
    assert ledger()[-1].states == {"analytics": ["granted", "expired"]}


def test_a_choice_of_now_beside_one_of_before_leaves_it_its_end(shop: Chooser) -> None:
    shop.choose(analytics=True)
    as_before()
    tick(timedelta(days=30))
    shop.choose(personalization=True)
    [row] = state.read([Identity.objects.get(value="a1").profile_id])
    assert row.granted == 4 | 8
    assert row.consent_until_ms == clock.to_ms(YEAR_LATER)
