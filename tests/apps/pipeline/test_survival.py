"""Real consumers killed with -9 in the middle of their work lose nothing and double nothing."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from apps.events.models import Inbox
from apps.events.types import Accepted
from apps.profiles.models import Identity, ProfileState
from tests.apps.pipeline.conftest import World, event, identify

PROJECT = Path(__file__).resolve().parents[3]
DEADLINE_S = 120
PER_ROUND = 1_000


class People:
    """Who is one person, by union-find over the identify events: the oracle."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {}

    def find(self, name: str) -> str:
        self.parent.setdefault(name, name)
        while self.parent[name] != name:
            name = self.parent[name]
        return name

    def join(self, one: str, other: str) -> None:
        self.parent[self.find(one)] = self.find(other)


def visits(count: int) -> list[Accepted]:
    """Events of devices that each belong to one user at most, as a site with logins sends them."""
    rnd = random.Random(5)
    made: list[Accepted] = []
    for number in range(count):
        device = rnd.randrange(150)
        if rnd.random() < 0.08:
            made.append(identify(number / 10, f"d{device}", f"u{device // 3}", n=number))
        else:
            made.append(event(number / 10, anonymous_id=f"d{device}"))
        made[-1].message_id = f"m{number}"
    return made


def consumer(name: str) -> subprocess.Popen[bytes]:
    database = connection.settings_dict
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "DATABASE_URL": f"postgres:///{database['HOST']}/{database['NAME']}",
        "PGUSER": str(database["USER"]),
        "REDIS_URL": settings.REDIS_URL,
        "PGAPPNAME": name,
    }
    return subprocess.Popen([sys.executable, "manage.py", "consume"], cwd=PROJECT, env=environment)


def wait_until_they_listen(names: list[str]) -> None:
    """Known by name: the session of a killed consumer is still listed for a while."""
    deadline = time.monotonic() + DEADLINE_S
    listening = (
        "SELECT count(DISTINCT application_name) FROM pg_stat_activity"
        " WHERE query LIKE 'LISTEN%%' AND application_name = ANY(%s)"
    )
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(listening, [names])
            if cursor.fetchone() == (len(names),):
                return
            time.sleep(0.05)
    raise AssertionError("the consumers did not start")


def stop_in_a_transaction(process: subprocess.Popen[bytes], name: str) -> None:
    """Let a stopped consumer work until it has begun what it has not committed; stop it there."""
    deadline = time.monotonic() + DEADLINE_S
    inside = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE application_name = %s AND state = 'idle in transaction'"
    )
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            process.send_signal(signal.SIGCONT)
            time.sleep(0.005)
            process.send_signal(signal.SIGSTOP)
            time.sleep(0.01)  # what it had asked for last is answered
            cursor.execute(inside, [name])
            if cursor.fetchone() != (0,):
                return
    raise AssertionError("the consumer is never in a transaction")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_consumers_killed_again_and_again_lose_and_double_nothing() -> None:
    world = World()
    events = visits(4 * PER_ROUND)
    oracle: People = People()
    for made in events:
        oracle.find(f"anonymous_id:{made.anonymous_id}")
        if made.user_id is not None:
            oracle.join(f"anonymous_id:{made.anonymous_id}", f"user_id:{made.user_id}")
    rnd = random.Random(6)
    names = ["consumer 0", "consumer 1"]
    running = [consumer(name) for name in names]
    left_by_kills = []
    try:
        for round_start in range(0, len(events), PER_ROUND):
            wait_until_they_listen(names)
            # They must not have done everything before one of them is killed.
            for process in running:
                process.send_signal(signal.SIGSTOP)
            for start in range(round_start, round_start + PER_ROUND, 20):
                world.receive(*events[start : start + 20], part=rnd.randrange(64))
            victim = rnd.randrange(2)
            stop_in_a_transaction(running[victim], names[victim])
            running[1 - victim].send_signal(signal.SIGCONT)
            left_by_kills.append(Inbox.objects.count())
            running[victim].send_signal(signal.SIGKILL)
            running[victim].wait()
            names[victim] = f"consumer {round_start}, again"
            running[victim] = consumer(names[victim])
        wait_until_they_listen(names)
        deadline = time.monotonic() + DEADLINE_S
        while Inbox.objects.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        for process in running:
            process.terminate()
            process.send_signal(signal.SIGCONT)
        codes = [process.wait(30) for process in running]

    assert all(left_by_kills), "each kill fell into the middle of the work"
    assert codes == [0, 0]
    assert not Inbox.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT message_id, profile_id FROM events_event WHERE site_id = %s",
            [str(world.site.id)],
        )
        stored = cursor.fetchall()
    assert sorted(m for m, _ in stored) == sorted(e.message_id for e in events)
    profiles = {
        f"{kind}:{value}": profile_id
        for kind, value, profile_id in Identity.objects.values_list("kind", "value", "profile_id")
    }
    groups: defaultdict[str, set[object]] = defaultdict(set)
    for name, profile_id in profiles.items():
        groups[oracle.find(name)].add(profile_id)
    assert all(len(found) == 1 for found in groups.values())
    assert len({next(iter(found)) for found in groups.values()}) == len(groups)
    owner = dict(stored)
    for made in events:
        assert owner[made.message_id] == profiles[f"anonymous_id:{made.anonymous_id}"]
    living = ProfileState.objects.filter(merged_into=None)
    assert sum(living.values_list("event_count", flat=True)) == len(events)
