"""A merge undone while events of both people come in: none is lost or left with the other."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection, connections

from apps.events.models import Inbox
from apps.pipeline import fold
from apps.pipeline.splitting import split_profile
from apps.profiles.models import MergeRecord
from tests.apps.pipeline.conftest import World, event, identify
from tests.apps.pipeline.joined import LATER

ROUNDS = 40


@pytest.mark.django_db(transaction=True)
def test_events_that_come_during_the_undo_find_whose_they_are(
    world_of: Callable[[], World],
) -> None:
    Inbox.objects.all().delete()
    world = world_of()
    world.fold(event(1, anonymous_id="a1", message_id="d-first"))
    world.fold(event(2, user_id="ann", message_id="u-first"))
    world.fold(identify(3, "a1", "ann"))
    record = MergeRecord.objects.get(site=world.site)
    under_way = threading.Event()
    errors: list[BaseException] = []

    def keep_coming() -> None:
        try:
            for number in range(ROUNDS):
                world.fold(
                    event(10 + number, anonymous_id="a1", message_id=f"d{number}"),
                    event(10 + number, user_id="ann", message_id=f"u{number}"),
                    identify(10 + number, "a1", "ann"),
                )
                if number == ROUNDS // 4:
                    under_way.set()
        except BaseException as error:
            errors.append(error)
        finally:
            under_way.set()
            connections.close_all()

    visitors = threading.Thread(target=keep_coming)
    visitors.start()
    under_way.wait(60)
    split_profile(merge_id=record.pk, actor=None, reason="Two people.", now=LATER)
    visitors.join(120)
    assert not errors

    world.fold()
    fold.fold_due(now=LATER)
    device, ann = (
        set(world.events_of(kind, value)) for kind, value in
        (("anonymous_id", "a1"), ("user_id", "ann"))
    )  # fmt: skip
    assert device == {"d-first", *(f"d{number}" for number in range(ROUNDS))}
    assert {"u-first", *(f"u{number}" for number in range(ROUNDS))} <= ann
    assert len(ann) == 2 + 2 * ROUNDS
    assert world.state_of("anonymous_id", "a1").event_count == len(device)
    assert world.state_of("user_id", "ann").event_count == len(ann)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM events_event WHERE site_id = %s", [world.site.pk])
        assert cursor.fetchone()[0] == len(device) + len(ann)
