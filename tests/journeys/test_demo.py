"""Clicks go in at the front door and personalized decisions come out, in real processes."""

import json
import os
import signal
import threading
from pathlib import Path

import pytest

from apps.demo.client import Address, Connection
from launcher import processes
from tests.apps.demo.samples import Visit, write_clicks
from tests.journeys.conftest import Stack

pytestmark = pytest.mark.slow

# Whoever looks at one product goes on to the next one of its category, and never leaves it.
CHAINS = {
    "trousers": ["A1", "A2", "A3", "A4"],
    "blouses": ["C1", "C2", "C3", "C4"],
    "sale": ["P1", "P2", "P3", "P4"],
}
HISTORY = 40  # sessions to learn from
REPLAYED = 20


def visits(count: int, day: str, first: int) -> list[Visit]:
    names = list(CHAINS)
    made: list[Visit] = []
    for number in range(first, first + count):
        category = names[number % 3]
        made.append((day, str(number), [(category, product) for product in CHAINS[category]]))
    return made


@pytest.fixture(scope="module")
def clicks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clicks") / "tiny.csv"
    return write_clicks(
        path, visits(HISTORY, "2008-05-30", 1) + visits(REPLAYED, "2008-06-02", 1000)
    )


def test_a_tiny_demo_from_its_clicks_to_its_report(stack: Stack, clicks: Path) -> None:
    load = ["demo_load", "--site", "tiny", "--clicks", clicks]

    done = stack.manage(*load, "--sessions", "5")
    assert done.returncode == 0, done.stdout + done.stderr

    report = json.loads(stack.manage("demo_report", "--site", "tiny", "--json").stdout)
    assert report["site"] == "tiny"
    assert report["steps"] == 15
    assert report["history_events"] == HISTORY * 4
    assert report["replayed_events"] == 5 * 4
    assert report["attune"] == {"category": 1.0, "product": 1.0}
    assert report["reasons"]["home.hero"] == {"TARGETING_MATCH": 15}
    site = "SELECT id FROM access_site WHERE key = %s"
    events = f"SELECT count(*) FROM events_event WHERE site_id = ({site})"
    clicked = f"{events} AND name = 'Product Viewed'"
    assert stack.count(clicked, ["tiny"]) == HISTORY * 4 + 5 * 4
    counted = f"SELECT sum(event_count) FROM profiles_profilestate WHERE site_id = ({site})"
    # Visits of the history may be exposed to the A/A test by now, each once.
    assert 0 <= stack.count(counted, ["tiny"]) - (HISTORY * 4 + 5 * 4) <= HISTORY
    decided = f"SELECT count(*) FROM decisions_decisionrecord WHERE site_id = ({site})"
    assert processes.wait_until(lambda: stack.count(decided, ["tiny"]) == 15, 10)
    # What editors find is made after all that is measured, and once.
    releases = f"SELECT count(*) FROM decisions_release WHERE site_id = ({site})"
    assert stack.count(releases, ["tiny"]) == 1
    publications = f"SELECT max(number) FROM decisions_publication WHERE site_id = ({site})"
    assert stack.count(publications, ["tiny"]) == 2

    # Experiments come after everything that is measured, by a worker.
    experiment = "SELECT id FROM experiments_experiment WHERE key = 'history-a-a' AND site_id = "
    people = f"""SELECT (document->>'participants')::int FROM experiments_result r
      JOIN experiments_phase p ON p.id = r.phase_id
      WHERE p.experiment_id = ({experiment} ({site}))"""
    assert processes.wait_until(lambda: stack.rows(people, ["tiny"]) == [(HISTORY,)], 90), (
        stack.text() + str(stack.rows("SELECT kind, state, error FROM work_intent"))
    )
    done = stack.rows(people.replace("(document->>'participants')::int", "document"), ["tiny"])
    document = done[0][0]
    assert isinstance(document, dict)
    levels = {one["name"]: one["level"] for one in document["health"]}
    assert levels["same"] == "watch" and "bad" not in levels.values()
    assert document["verdict"]["kind"] == "early"  # a history of one day
    viewed = f"{events} AND name = 'Experiment Viewed'"
    assert stack.count(viewed, ["tiny"]) == HISTORY
    keys = f"""SELECT count(*) FROM access_apikey WHERE kind = 'sk' AND revoked_at IS NULL
      AND site_id = ({site})"""
    assert stack.count(keys, ["tiny"]) == 1, "the worker's own key is revoked"

    again = stack.manage(*load, "--sessions", "5")
    assert "nothing to do" in again.stdout
    assert stack.count(releases, ["tiny"]) == 1
    assert stack.count(clicked, ["tiny"]) == HISTORY * 4 + 5 * 4

    larger = stack.manage(*load, "--sessions", "all")
    assert larger.returncode == 0, larger.stdout + larger.stderr
    report = json.loads(stack.manage("demo_report", "--site", "tiny", "--json").stdout)
    assert (report["site"], report["steps"]) == ("tiny-2", REPLAYED * 3)
    assert stack.count(clicked, ["tiny-2"]) == (HISTORY + REPLAYED) * 4
    assert stack.count(clicked, ["tiny"]) == HISTORY * 4 + 5 * 4


BATCHES = 400
PER_BATCH = 40
KILLS = 2
STORED = "SELECT count(*) FROM events_event WHERE message_id LIKE 'kill-%'"
WAITING = "SELECT count(*) FROM events_inbox"


def batch(number: int) -> bytes:
    """A batch of forty visitors' events; a visitor has one in each batch of five."""
    return json.dumps(
        {
            "batch": [
                {
                    "type": "track",
                    "event": "Product Viewed",
                    "messageId": f"kill-{number}-{place}",
                    "anonymousId": f"kill-{number // 5}-{place}",
                    "properties": {"product_id": f"A{place}", "category": "trousers"},
                }
                for place in range(PER_BATCH)
            ]
        }
    ).encode()


def _await_work(stack: Stack) -> None:
    """Return when the consumer has just stored something."""
    before = stack.count(STORED)
    assert processes.wait_until(lambda: stack.count(STORED) > before, 60), stack.text()


def _await_kills(stack: Stack, number: int) -> None:
    """Return when the launcher has noticed so many deaths of the consumer."""
    killed = "consumer was killed (SIGKILL)"
    assert processes.wait_until(lambda: stack.text().count(killed) == number, 60), stack.text()


def test_a_consumer_killed_in_the_middle_of_a_batch_loses_and_doubles_nothing(
    stack: Stack,
) -> None:
    seeded = json.loads(stack.manage("seed_demo", "--json").stdout)
    connection = Connection(Address.parse(stack.origin), seeded["secret"])

    def send() -> None:
        for number in range(BATCHES):
            assert connection.post("/v1/batch", batch(number)).status == 200

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    left_by_kills = []
    for kill in range(KILLS):
        _await_work(stack)
        for pid in stack.consumers():
            os.kill(pid, signal.SIGSTOP)  # until something waits: it may have been faster
        left_by_kills.append(processes.wait_until(lambda: stack.count(WAITING) > 0, 60))
        for pid in stack.consumers():
            os.kill(pid, signal.SIGKILL)
        _await_kills(stack, kill + 1)  # or its last commit is taken for the next one's work
    sender.join()
    assert processes.wait_until(lambda: stack.count(WAITING) == 0, 60), stack.text()

    assert all(left_by_kills), "each kill falls into the middle of the work"
    stored = stack.rows(
        "SELECT count(*), count(DISTINCT message_id) FROM events_event"
        " WHERE message_id LIKE 'kill-%'"
    )
    assert stored == [(BATCHES * PER_BATCH, BATCHES * PER_BATCH)]
    counted = "SELECT sum(s.event_count) FROM profiles_profilestate s WHERE s.unit_id LIKE 'kill-%'"
    assert stack.count(counted) == BATCHES * PER_BATCH
    # Everyone's last word is the one that was sent last.
    last = json.loads(connection.get("/v1/profiles/anonymous_id:kill-0-7/metadata").body)
    assert (last["lastFoldedMessageId"], last["eventCount"]) == ("kill-4-7", 5)
    connection.close()
