"""The home page says what is going on, what is wrong, and only to those who may know."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.access import services as access
from apps.access.models import Site
from apps.content import services as content
from apps.content.models import Unsaved, Variant
from apps.content.revisions import changing, hold
from apps.decisions import services as decisions
from apps.decisions.served_models import ServedDay
from apps.events.models import IntakeMinute, Quarantine
from apps.predictions import services as predictions
from apps.predictions.models import ModelVersion
from apps.recommendations.models import Recommender
from apps.rules import services as rules
from apps.segments.models import SegmentVersion
from apps.studio.live_now import live_now
from apps.work.models import Intent
from tests.apps.studio.conftest import NOW, Shop

AsRole = Callable[[str], Client]

# Session, user, permissions (2), sites, and what the page shows. It must not grow with the data.
HOME_QUERIES = 35


@pytest.fixture
def root(transactional_db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def page_of(client: Client, path: str = "/admin/") -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def fill(shop: Shop, count: int) -> None:
    """Add `count` of everything that the page lists or counts."""
    for n in range(count):
        minute = NOW - timedelta(minutes=n + 1)
        IntakeMinute.objects.create(
            site=shop.site, minute=minute, accepted=100, rejected=2, without_consent=1
        )
        Quarantine.objects.create(
            site=shop.site, source=shop.source, received_at=NOW, code=f"code_{n}", detail="x",
            body="{}",
        )  # fmt: skip
        Recommender.objects.create(site=shop.site, key=f"r{n}", name=f"Recommender {n}")
        Intent.objects.create(
            site=shop.site, kind="segments.refresh", key=str(n), state="running", done_steps=1,
            total_steps=4, run_after=NOW, created_at=NOW,
        )  # fmt: skip
        shop.segment(f"s{n}", f"Segment {n}")
        shop.headline(f"Headline {n}")
        shop.publish(f"note {n}", days_ago=0)


def test_the_home_page_costs_the_same_for_much_data(shop: Shop, root: Client) -> None:
    shop.publish()
    page_of(root)
    with CaptureQueriesContext(connection) as few:
        page_of(root)
    fill(shop, 8)
    with CaptureQueriesContext(connection) as many:
        page_of(root)
    assert len(many) == len(few)
    assert len(many) == HOME_QUERIES


def test_what_came_in_is_drawn_by_minute(shop: Shop, root: Client) -> None:
    IntakeMinute.objects.create(
        site=shop.site, minute=NOW - timedelta(minutes=2), accepted=400, rejected=3
    )
    page = page_of(root)
    assert "11:58 UTC: 400 accepted, 3 refused, 0 without consent" in page
    assert "400 accepted, 3 refused" in page
    assert page.count('class="area" x=') == 60
    assert '<p class="figure">80</p>' in page  # 400 over five minutes


def test_a_consumer_that_stands_still_is_said_with_its_cure(shop: Shop, root: Client) -> None:
    assert "Every event that came is known to decisions." in page_of(root)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events_inbox (part, site_id, source_id, received_at, body)"
            " VALUES (0, %s, %s, %s, '{}')",
            [str(shop.site.pk), str(shop.source.pk), NOW - timedelta(seconds=40)],
        )
    page = page_of(root)
    assert "The consumer has not folded for 40 s: 1 batch of events wait" in page
    assert "<code>python manage.py consume</code>" in page


def test_a_batch_that_cannot_be_folded_is_not_lag_but_a_problem(shop: Shop, root: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events_inbox (part, site_id, source_id, received_at, body)"
            " VALUES (-1, %s, %s, %s, '{}')",
            [str(shop.site.pk), str(shop.source.pk), NOW - timedelta(seconds=40)],
        )
    page = page_of(root)
    assert "1 batch of events could not be folded and was set aside" in page
    assert "has not folded for" not in page


def test_problems_are_said_in_words(shop: Shop, root: Client) -> None:
    assert "No publication yet" in page_of(root)
    shop.publish()
    SegmentVersion.objects.filter(segment=shop.blouses).update(
        state="live", size=0, refreshed_at=NOW
    )
    for n in range(3):
        Quarantine.objects.create(
            site=shop.site, source=shop.source, received_at=NOW, code="invalid_event",
            detail="x", body="{}", message_id=str(n),
        )  # fmt: skip
    Intent.objects.create(
        site=shop.site, kind="recommendations.train", key="x", state="failed",
        error="Traceback\nValueError: no views", run_after=NOW, created_at=NOW, finished_at=NOW,
    )  # fmt: skip
    Intent.objects.filter(state="waiting").update(run_after=NOW - timedelta(minutes=5))
    page = page_of(root)
    assert "No publication yet" not in page
    assert "3 events wait in quarantine: invalid_event (3)." in page
    assert "Segment “Browsing blouses” is empty." in page
    assert "“recommendations.train” failed just now: ValueError: no views" in page
    assert "no worker takes them up" in page


def test_a_model_that_waits_for_a_yes_is_not_called_untrained(shop: Shop, root: Client) -> None:
    spec = predictions.create_spec(
        site_id=shop.site.pk, key="buys", name="Buys", target_event="Order Completed",
        now=NOW,
    )  # fmt: skip
    assert "“Buys” has not been trained yet" in page_of(root)
    ModelVersion.objects.create(
        spec=spec, number=1, state=ModelVersion.State.CANDIDATE, trained_at=NOW,
        feature_names=["events"], calibration={}, lineage={}, card={},
    )  # fmt: skip
    said = page_of(root)
    assert "“Buys” serves nothing yet: a version is trained and waits for your yes." in said
    assert "“Buys” has not been trained yet" not in said
    ModelVersion.objects.update(deleted_at=NOW)  # an erasure took the file: nobody can say yes
    assert "“Buys” has not been trained yet" in page_of(root)


def test_running_work_shows_how_far_it_is(shop: Shop, root: Client) -> None:
    Intent.objects.create(
        site=shop.site, kind="segments.refresh", key="x", state="running", done_steps=1,
        total_steps=4, note="batch 1", run_after=NOW, created_at=NOW,
    )  # fmt: skip
    assert '<progress max="100" value="25.0">' in page_of(root)


def test_unpublished_changes_are_noticed_and_published_ones_are_not(
    shop: Shop, root: Client
) -> None:
    shop.publish()
    assert "Drafts are published" in page_of(root)
    shop.headline("Blouses, now")
    assert "1 unpublished change<" in page_of(root)
    shop.publish()
    assert "Drafts are published" in page_of(root)


def test_a_content_problem_is_said_before_anybody_publishes(shop: Shop, root: Client) -> None:
    shop.hero.variants.filter(is_default=True).update(is_default=False)
    assert "has no default variant" in page_of(root)


def test_home_says_what_most_people_see_since_when_and_what_comes_next(
    shop: Shop, root: Client
) -> None:
    assert "Nothing is published into a placement yet" in page_of(root)
    number = shop.publish(days_ago=1)
    for variant, calls in (("blouses", 30), ("all", 10)):
        ServedDay.objects.create(
            site=shop.site, day=NOW.date(), placement="home.hero", variant=variant,
            reason="SPLIT", calls=calls, visitors=1,
        )  # fmt: skip
    Variant.objects.filter(pk=shop.tagged.pk).update(ends_at=NOW + timedelta(hours=3))
    [seen] = live_now(shop.site.pk, NOW)
    assert (seen.placement, seen.pct, seen.number) == ("home.hero", 75.0, number)
    assert (seen.since, seen.next_at) == (NOW - timedelta(days=1), NOW + timedelta(hours=3))
    shop.headline("Blouses, now")
    shop.publish()
    brought_back = decisions.rollback(site_id=shop.site.pk, number=number, actor=None, now=NOW)
    assert live_now(shop.site.pk, NOW)[0].number == brought_back.number
    page = page_of(root)
    assert "Changes by schedule in 3 h" in page
    assert "brought back № 1 as" in page


def test_what_is_published_stands_there_before_anybody_has_asked_for_it(
    shop: Shop, root: Client
) -> None:
    number = shop.publish()
    assert "not yet counted" in page_of(root)
    [seen] = live_now(shop.site.pk, NOW)
    assert (seen.placement, seen.variant, seen.pct) == ("home.hero", "all", None)
    assert (seen.since, seen.number) == (NOW, number)
    ServedDay.objects.create(
        site=shop.site, day=NOW.date(), placement="home.hero", variant="blouses",
        reason="TARGETING_MATCH", calls=3, visitors=1,
    )  # fmt: skip
    [seen] = live_now(shop.site.pk, NOW)
    assert (seen.variant, seen.pct) == ("blouses", 100.0)


def test_what_is_counted_comes_before_what_is_not(shop: Shop) -> None:
    content.create_placement(site_id=shop.site.pk, key="a.first", block=shop.hero)
    shop.publish()
    ServedDay.objects.create(
        site=shop.site, day=NOW.date(), placement="home.hero", variant="all", reason="DEFAULT",
        calls=1, visitors=1,
    )  # fmt: skip
    found = [(one.placement, one.pct) for one in live_now(shop.site.pk, NOW)]
    assert found == [("home.hero", 100.0), ("a.first", None)]


def test_a_form_that_somebody_else_has_saved_meanwhile_is_to_be_settled(
    shop: Shop, root: Client
) -> None:
    user = User.objects.get(username="root")
    other = User.objects.create_user("anna")
    with transaction.atomic():
        held = hold("block", shop.hero.pk, NOW)
    Unsaved.objects.create(
        user=user, kind="content.block", object_ref=str(shop.hero.pk), at=NOW, form={},
        base=held.digest,
    )  # fmt: skip
    assert "Settle it" not in page_of(root)
    with changing("block", shop.hero.pk, actor=user, now=NOW):
        shop.headline("My own, in another tab")
    assert "Settle it" not in page_of(root)
    with changing("block", shop.hero.pk, actor=other, now=NOW):
        shop.headline("Hers")
    page = page_of(root)
    assert "Anna has saved it since." in page
    assert f'<a href="/admin/content/block/{shop.hero.pk}/change/">Settle it</a>' in page


def test_a_trigger_that_paused_itself_is_said(shop: Shop, root: Client) -> None:
    trigger = rules.begin_with(site_id=shop.site.pk, start_key="long-visit", actor=None, now=NOW)
    type(trigger).objects.update(is_enabled=True)
    assert "has paused itself" not in page_of(root)
    type(trigger).objects.update(paused_at=NOW)
    assert "“Long visit” fired more than 1,000 times in a minute and has paused" in page_of(root)


def test_home_lists_saves_and_publications_together_and_what_is_left_unsaved(
    shop: Shop, root: Client
) -> None:
    user = User.objects.get(username="root")
    with changing("block", shop.hero.pk, actor=user, now=NOW, note="For summer"):
        shop.headline("Summer")
    shop.publish("Summer begins")
    Unsaved.objects.create(
        user=user, kind="content.block", object_ref=str(shop.hero.pk), at=NOW, form={}
    )
    page = page_of(root)
    assert "root saved the block" in page
    assert ": For summer" in page
    assert ": Summer begins" in page
    assert page.count("Summer begins") == 1
    assert "You typed into “Hero” just now and have not saved it." in page


def test_sites_are_switched_and_remembered(shop: Shop, root: Client) -> None:
    assert "site-switch" not in page_of(root)
    access.create_site(key="mag", name="Magazine", now=NOW)
    page = page_of(root, "/admin/?site=shop")
    assert "<h1>Shop</h1>" in page
    assert f"/admin/segments/segment/?site__id__exact={shop.site.pk}" in page
    assert "<h1>Shop</h1>" in page_of(root)
    assert "<h1>Magazine</h1>" in page_of(root, "/admin/?site=mag")
    assert "This site has no source" in page_of(root)


def test_without_a_site_the_page_says_how_to_begin(root: Client) -> None:
    assert not Site.objects.exists()
    assert "There is no site yet" in page_of(root)


ROLES = {
    "editor": (
        {"Placements", "Segments", "Publish", "Models and recommenders", "Preview"},
        {"Quarantine", "Profiles", "API keys", "Events per minute", "Staff"},
    ),
    "analyst": (
        {"Events per minute", "Segments", "Models and recommenders", "What visitors got"},
        {"Profiles", "API keys", "admin/publish/", "Decisions", "Staff"},
    ),
    "privacy_officer": (
        {"Why this content?", "Quarantine", "Audit trail"},
        {"admin/publish/", "Segments</", "Blocks", "Staff", "Models and recommenders"},
    ),
    "administrator": (
        {"API keys", "Staff", "Schedules", "Audit trail", "Publish", "Why this content?"},
        set(),
    ),
    "auditor": ({"Audit trail", "Events per minute", "Sources"}, {"admin/publish/", "menu-add"}),
}


@pytest.mark.parametrize("role", list(ROLES))
def test_a_role_sees_what_it_may_do_and_nothing_else(
    shop: Shop, as_role: AsRole, role: str
) -> None:
    shop.publish()
    shown, hidden = ROLES[role]
    page = page_of(as_role(role))
    assert [word for word in sorted(shown) if word not in page] == []
    assert [word for word in sorted(hidden) if word in page] == []
