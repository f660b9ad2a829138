"""What personalization earns: who is on which side of a holdout, what is counted, what is said."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection

from apps.decisions import records
from apps.experiments import worth, worth_counting, worth_members, worth_personal_data
from apps.experiments.models import (
    Holdout,
    HoldoutMember,
    HoldoutSum,
    HoldoutTurn,
    Metric,
    WorthAsked,
)
from apps.experiments.refreshing import silent
from apps.profiles import kept_out
from apps.recommendations import statements
from apps.recommendations.models import Recommender
from apps.work import clock
from engine.allocation import position_of
from tests.apps.delivery.conftest import NOW
from tests.apps.experiments.conftest import Audience, Lab
from tests.apps.profiles.conftest import track

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def holdout(lab: Lab) -> Iterator[Holdout]:
    lab.place("home")
    row = Holdout.objects.create(
        site=lab.site, key="all", name="All", share=0.3, seed="seed-1", started_at=NOW
    )
    lab.world.publish()
    yield row
    clock.replace(None)


def visit(lab: Lab, audience: Audience, people: int) -> dict[str, str]:
    """Let so many known visitors be decided for; the reason of each."""
    who = [f"visitor-{n}" for n in range(people)]
    audience.shop.send(*(track("Page Viewed", anonymousId=one) for one in who))
    told = {}
    for one in who:
        answer = lab.world.ask("home.place", key=lab.world.sk, anonymousId=one)
        told[one] = answer["placements"]["home.place"]["reason"]
    records.flush()
    return told


def pass_once(lab: Lab, *, days: int = 1) -> None:
    now = NOW + timedelta(days=days)
    worth_members.collect(lab.site.pk, now=now)
    worth_counting.count(lab.site.pk, now=now, progress=silent)


def test_both_sides_are_known_by_what_was_decided(
    lab: Lab, audience: Audience, holdout: Holdout
) -> None:
    told = visit(lab, audience, 60)
    pass_once(lab)
    members = list(HoldoutMember.objects.all())
    assert len(members) == 60
    assert not any(one.is_mixed for one in members)
    held = sum(reason == "HOLDOUT" for reason in told.values())
    assert 5 < held < 35
    assert sum(one.arm == 0 for one in members) == held
    pass_once(lab)  # doing it again changes nothing
    assert HoldoutMember.objects.count() == 60
    turn = HoldoutTurn.objects.get()
    assert (turn.seed, turn.share) == ("seed-1", 0.3)


def test_what_both_sides_did_is_counted_and_compared(
    lab: Lab, audience: Audience, holdout: Holdout
) -> None:
    told = visit(lab, audience, 60)
    rest = [who for who, reason in told.items() if reason != "HOLDOUT"]
    held = [who for who, reason in told.items() if reason == "HOLDOUT"]
    audience.order(*rest[:30], *held[:5])
    Metric.objects.create(
        site=lab.site, key="sales", name="Sales", kind="mean", event="Order Completed", of="value"
    )
    pass_once(lab)
    rows = HoldoutSum.objects.filter(metric=lab.metric, segment="")
    assert {(one.arm, one.n, one.y) for one in rows} == {
        (0, len(held), 5.0),
        (1, len(rest), 30.0),
    }
    WorthAsked.objects.filter(pk=lab.site.pk).update(
        metric=Metric.objects.get(key="sales"), cost=28.0
    )
    document = worth.analyse(holdout, now=NOW + timedelta(days=1))
    assert (document["held"], document["personalized"]) == (len(held), len(rest))
    orders = next(one for one in document["metrics"] if one["key"] == "orders")
    effect = orders["effect"]
    assert effect["diff"] == pytest.approx(30 / len(rest) - 5 / len(held))
    assert effect["interval"][0] < effect["diff"] < effect["interval"][1]
    money = document["return"]
    assert money["gained"] == pytest.approx((300 / len(rest) - 50 / len(held)) * len(rest))
    assert money["cost"] == pytest.approx(1.0)  # a day of 28
    assert money["net"] == pytest.approx(money["gained"] - 1.0)


def test_a_holdout_that_nobody_published_says_so(lab: Lab) -> None:
    row = Holdout.objects.create(site=lab.site, key="new", name="New", share=0.1, seed="s")
    document = worth.analyse(row, now=NOW)
    assert document["reason"] == worth.NOT_SERVED
    assert document["metrics"] == []


def test_a_holdout_of_nobody_has_no_effect_but_a_reason(
    lab: Lab, audience: Audience, holdout: Holdout
) -> None:
    visit(lab, audience, 1)
    pass_once(lab)
    (metric,) = worth.analyse(holdout, now=NOW + timedelta(days=1))["metrics"]
    assert metric["effect"]["diff"] is None
    assert "there is nothing to compare with" in metric["effect"]["reason"]
    assert metric["verdict"] == "open"


def test_amounts_in_several_currencies_are_not_added_up(
    lab: Lab, audience: Audience, holdout: Holdout
) -> None:
    told = visit(lab, audience, 40)
    audience.order(*list(told)[:10], currency="EUR")
    audience.order(*list(told)[10:20], currency="USD")
    sales = Metric.objects.create(
        site=lab.site, key="sales", name="Sales", kind="mean", event="Order Completed", of="value"
    )
    pass_once(lab)
    WorthAsked.objects.filter(pk=lab.site.pk).update(metric=sales)
    document = worth.analyse(holdout, now=NOW + timedelta(days=1))
    assert document["return"]["net"] is None
    assert "EUR and USD" in document["return"]["reason"]


def test_another_turn_deals_anew_and_a_changed_share_mixes_who_changed_sides(
    lab: Lab, audience: Audience, holdout: Holdout
) -> None:
    before = visit(lab, audience, 60)
    Holdout.objects.update(share=0.5)
    lab.world.publish()
    after = visit(lab, audience, 60)
    pass_once(lab)
    assert HoldoutTurn.objects.count() == 2
    changed = sum(before[who] != after[who] for who in before)
    assert changed > 0
    assert HoldoutMember.objects.filter(is_mixed=True).count() == changed
    assert HoldoutMember.objects.count() == 60
    WorthAsked.objects.update(asked_upto=None)  # these come at the same time as those before
    Holdout.objects.update(seed="seed-2")
    lab.world.publish()
    visit(lab, audience, 60)
    pass_once(lab)
    assert HoldoutMember.objects.filter(seed="seed-2", is_mixed=False).count() == 60


def test_switched_off_nobody_comes_in_any_more(
    lab: Lab, audience: Audience, holdout: Holdout
) -> None:
    Holdout.objects.update(is_enabled=False)
    lab.world.publish()
    visit(lab, audience, 10)
    pass_once(lab)
    assert HoldoutMember.objects.count() == 0
    assert HoldoutTurn.objects.order_by("publication").last().share == 0.0  # type: ignore[union-attr]


def test_erasing_takes_them_out_of_the_sums(lab: Lab, audience: Audience, holdout: Holdout) -> None:
    visit(lab, audience, 30)
    pass_once(lab)
    gone = HoldoutMember.objects.order_by("pk")[0]
    assert next(worth_personal_data._export(gone.profile_id))["holdout"] == "all"  # type: ignore[index,call-overload]
    assert worth_personal_data.HOLDER.erase(gone.profile_id) == 1
    pass_once(lab, days=40)
    assert sum(HoldoutSum.objects.filter(segment="").values_list("n", flat=True)) == 29


def test_sides_are_those_of_the_engine() -> None:
    turn = HoldoutTurn(seed="seed-1", share=0.3)
    for number in range(200):
        unit = f"unit-{number}"
        is_held = position_of(unit, seed="seed-1") < 0.3
        assert worth_members._side(unit, turn) == (0 if is_held else 1)


def test_models_do_not_learn_of_who_is_held_out(
    lab: Lab, audience: Audience, holdout: Holdout
) -> None:
    visit(lab, audience, 30)
    pass_once(lab)
    held = set(HoldoutMember.objects.filter(arm=0).values_list("profile_id", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT p.id FROM profiles_profile p WHERE {kept_out.sql_teaches('p.id')}")
        taught = {row[0] for row in cursor.fetchall()}
    assert held and len(taught) == 30 - len(held) and not held & taught
    assert "experiments_holdoutmember" in statements.of(
        statements.TAUGHT, Recommender(site_id=lab.site.pk)
    )
    Holdout.objects.update(seed="another turn")  # they are like everybody else again
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM profiles_profile p WHERE {kept_out.sql_teaches('p.id')}"
        )
        assert cursor.fetchone()[0] == 30
