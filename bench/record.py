"""What the stores say happened: the other half of every assertion."""

import json
import time
from typing import cast
from uuid import UUID

import redis
from django.conf import settings
from django.db import connection

from apps.events.models import Event
from bench import floor_states

POLL_S = 0.1


class Record:
    """Looks of this process at the stack's Postgres. None is taken while a round is timed."""

    def __init__(self, site_id: UUID) -> None:
        self._site_id = str(site_id)

    def events(self) -> int:
        """Return how many events the site has."""
        return self._count("SELECT count(*) FROM events_event WHERE site_id = %s")

    def exposures(self) -> int:
        """Return how many of them are exposures."""
        kind = int(Event.Kind.EXPOSURE)
        return self._count(
            f"SELECT count(*) FROM events_event WHERE site_id = %s AND kind = {kind}"
        )

    def decisions(self) -> int:
        """Return how many calls the decision log holds."""
        return self._count("SELECT count(*) FROM decisions_decisionrecord WHERE site_id = %s")

    def decisions_reach(self, count: int, within_s: float = 5.0) -> bool:
        """Tell whether the decision log comes to hold exactly so many."""
        deadline = time.monotonic() + within_s
        while self.decisions() < count and time.monotonic() < deadline:
            time.sleep(POLL_S)
        return self.decisions() == count

    def take_waiting(self) -> int:
        """Empty the inbox; return how many events lay in it."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT body FROM events_inbox WHERE site_id = %s", [self._site_id])
            count = sum(len(json.loads(body)["e"]) for (body,) in cursor)
            cursor.execute("TRUNCATE events_inbox")
        return count

    def wait_until_folded(self, within_s: float) -> None:
        """Wait until the inbox is empty.

        Raises:
            TimeoutError: it is not.
        """
        deadline = time.monotonic() + within_s
        with connection.cursor() as cursor:
            while time.monotonic() < deadline:
                cursor.execute("SELECT EXISTS (SELECT FROM events_inbox)")
                if cursor.fetchone() == (False,):
                    return
                time.sleep(POLL_S)
        raise TimeoutError(f"The inbox is not empty after {within_s:.0f} s.")

    def _count(self, statement: str) -> int:
        with connection.cursor() as cursor:
            cursor.execute(statement, [self._site_id])
            return cast(int, cursor.fetchone()[0])


def store_floor_states(visitors: int) -> None:
    """Give the floors a state for each visitor."""
    store = redis.Redis.from_url(settings.REDIS_URL)
    for number in range(visitors):
        store.set(floor_states.key_of(number), floor_states.state_of(number))
    store.close()
