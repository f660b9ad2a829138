"""Consumers killed with -9 while triggers fire: each visitor sets it off once."""

import signal
import time

import pytest
from django.db import connection

from apps.access import services as access
from apps.events.models import Inbox
from apps.pipeline.triggering import Follower
from apps.rules.models import Firing, Trigger
from apps.rules.services import save_trigger
from apps.segments import refresh
from apps.segments import services as segments
from apps.work import clock, feed
from apps.work.models import Intent
from tests.apps.pipeline.conftest import World, event
from tests.apps.pipeline.test_survival import DEADLINE_S, consumer, wait_until_they_listen
from tests.apps.pipeline.triggered import BROWSES

PEOPLE = 400
ROUNDS = 4


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_trigger_fires_once_for_each_visitor_however_often_consumers_die() -> None:
    world = World()
    trigger = listening(world)
    running, name = consumer("triggers 0"), "triggers 0"
    try:
        for round_number in range(ROUNDS):
            wait_until_they_listen([name])
            for number in range(round_number, PEOPLE, ROUNDS):
                for _ in range(2):
                    view = event(0, anonymous_id=f"a{number}")
                    view.occurred_ms = clock.now_ms()
                    world.receive(view, part=number % 8)
            if round_number == ROUNDS - 1:
                break
            time.sleep(0.1 * (round_number + 1))
            running.send_signal(signal.SIGKILL)
            running.wait()
            name = f"triggers {round_number + 1}"
            running = consumer(name)
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline and not is_done():
            time.sleep(0.1)
    finally:
        running.terminate()
        assert running.wait(30) == 0

    fired = Firing.objects.filter(trigger=trigger, outcome=Firing.Outcome.FIRED)
    assert fired.count() == PEOPLE
    assert fired.values("profile_id").distinct().count() == PEOPLE
    asked = Intent.objects.filter(kind="webhook.deliver").values_list("payload__firing", flat=True)
    assert sorted(asked) == sorted(str(pk) for pk in fired.values_list("pk", flat=True))


def listening(world: World) -> Trigger:
    """A trigger whose segment is live, and the cursor at the end of the feed."""
    now = clock.now()
    access.create_source(
        site_id=world.site.id, name="shop", now=clock.now(), consent_mode="assumed"
    )
    segment = segments.create_segment(
        site_id=world.site.id, key="browses", name="Browses", condition=BROWSES, now=now
    )
    segments.publish_segment(site_id=world.site.id, segment_id=segment.pk, actor=None, now=now)
    refresh.refresh_site(site_id=world.site.id, read_clock=clock.now)
    trigger = save_trigger(
        Trigger(
            site_id=world.site.id, key="browsing", name="Browsing", segment=segment,
            webhook_address="https://example.com/hook", is_enabled=True, most_per_minute=10_000,
        )
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO rules_triggercursor (id, upto) VALUES (1, %s)"
            " ON CONFLICT (id) DO UPDATE SET upto = excluded.upto",
            [feed.newest()],
        )
    Follower().act(now)
    return trigger


def is_done() -> bool:
    """Everything is folded, and the cursor is at the end of the feed."""
    if Inbox.objects.exists():
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT upto FROM rules_triggercursor")
        return bool(cursor.fetchone()[0] >= feed.newest())
