"""Asking for work while a worker takes it: what was asked for in a transaction is never missed."""

import threading
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from apps.work import clock, performing, services
from apps.work.models import Intent
from apps.work.types import Work

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db(transaction=True)


def test_work_that_begins_before_the_asker_commits_is_not_taken_for_later_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The one that waits will see our changes only if it begins after our commit."""
    monkeypatch.setattr(clock, "_read", lambda: NOW)
    seen: list[bool] = []

    def note(work: Work, now: datetime) -> None:
        seen.append(User.objects.filter(username="changed").exists())

    monkeypatch.setitem(performing._performers, "test.race", note)
    waiting = services.ask("test.race", key="one", now=NOW)
    worker = threading.Thread(target=_perform, args=(waiting.pk,))

    with transaction.atomic():
        User.objects.create(username="changed")
        services.ask("test.race", key="one", now=NOW)
        worker.start()
        worker.join(timeout=0.5)
    worker.join()
    for intent in Intent.objects.filter(state=Intent.State.WAITING):
        performing.perform(intent.pk, now=NOW)

    assert seen[-1]


def _perform(intent_id: object) -> None:
    try:
        performing.perform(intent_id, now=NOW)  # type: ignore[arg-type]
    finally:
        connection.close()
