"""A real web process and a real consumer of ours, for public clients to talk to.

They run on the test run's own Postgres and Valkey, in the test database.
"""

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis
from django.conf import settings
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from apps.access import keys
from apps.access.models import Site, Source
from apps.content import services as content
from apps.decisions import services as decisions
from apps.demo import seeding
from apps.integrations.models import Connection, EntryLink
from apps.integrations.models import Mapping as Mapped
from apps.segments import services as segments
from apps.work import clock
from launcher import processes, venv
from launcher.home import PROJECT_ROOT
from launcher.supervisor import programs
from launcher.trouble import Trouble
from tests.apps.delivery.conftest import LAST_VIEWED
from tests.emptying import Emptier
from tests.ports import free_port

UP_WITHIN_S = 240.0  # a bound, for a machine that does much else
ENTRY = "5KsDBWseXY6QegucYAoacS"  # of a content system


@dataclass(frozen=True)
class Address:
    """Where the server answers, and the keys of the demo's source."""

    host: str
    publishable: str
    secret: str
    edge: str

    def events_of(self, identity: str) -> list[dict[str, Any]]:
        """The events of a profile as a server reads them, newest first; none of nobody."""
        request = urllib.request.Request(
            f"{self.host}/v1/profiles/{identity}/events?limit=100",
            headers={"Authorization": f"Bearer {self.secret}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                found: list[dict[str, Any]] = json.load(answer)["data"]
                return found
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return []
            raise


@pytest.fixture(autouse=True)
def _nothing_left_in_valkey() -> None:
    """Not here: the server of the module goes on with what Valkey holds."""


@pytest.fixture(scope="module")
def server(
    django_db_setup: Emptier,
    django_db_blocker: DjangoDbBlocker,
    valkey_client: "redis.Redis",
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Address]:
    """The demo's source and flags behind real processes; the database is emptied afterwards."""
    logs = tmp_path_factory.mktemp("server")
    valkey_client.flushdb()
    with django_db_blocker.unblock():
        running: list[subprocess.Popen[bytes]] = []
        try:
            seeded = _shop()
            port, stream_port = free_port(), free_port()
            for name, command in _commands(port, stream_port).items():
                running.append(
                    processes.spawn(
                        command,
                        log=logs / f"{name}.log",
                        environment=_environment(port, stream_port),
                        directory=PROJECT_ROOT,
                    )
                )
            host = f"http://127.0.0.1:{port}"
            assert processes.wait_until(lambda: _answers(host), UP_WITHIN_S), _told(logs)
            yield Address(host, seeded.publishable, seeded.secret, seeded.edge)
        finally:
            for process in running:
                processes.stop(process, farewell=signal.SIGTERM, patience=10)
            django_db_setup.empty()


@pytest.fixture(scope="module")
def open_server(server: Address, django_db_blocker: DjangoDbBlocker) -> Address:
    """The same, asked as often as a test likes."""
    with django_db_blocker.unblock():
        Source.objects.update(rate_per_s=1_000_000, rate_per_address_s=1_000_000)
        keys.announce()
    time.sleep(2 * keys.CHECK_S)
    return server


def _shop() -> seeding.Seeded:
    """The demo's keys and flags, and a placement for who looks at blouses."""
    now = clock.now()
    seeded = seeding.seed(now=now)
    site_id = seeded.site_id
    Site.objects.filter(pk=site_id).update(locales=["en", "de"])
    made = segments.create_segment(
        site_id=site_id, key="blouses", name="Blouses", condition=LAST_VIEWED, now=now
    )
    segments.publish_segment(site_id=site_id, segment_id=made.pk, actor=None, now=now)
    block = content.create_block(
        site_id=site_id, key="hero", schema=[{"name": "headline", "type": "string"}]
    )
    content.create_variant(
        block=block, key="everyone", is_default=True, fields={"headline": "Welcome"}
    )
    content.create_variant(
        block=block, key="blouses", segment_keys=["blouses"], fields={"headline": "Blouses"}
    )
    content.create_placement(site_id=site_id, key="home.hero", block=block)
    _story(site_id)
    _content_system(site_id, block)
    whole = content.create_block(
        site_id=site_id, key="shop.whole", kind="flag", value_type="float", is_client_visible=True
    )
    content.create_variant(block=whole, key="default", is_default=True, value=3)
    decisions.publish(site_id=site_id, actor=None, now=now)
    segments.refresh_site(site_id=site_id)  # what a worker does after a publication
    return seeded


def _story(site_id: UUID) -> None:
    """A placement with a field of each form, in two languages."""
    block = content.create_block(
        site_id=site_id,
        key="story",
        schema=[
            {"name": "headline", "type": "string"},
            {"name": "body", "type": "rich"},
            {"name": "picture", "type": "image"},
            {"name": "points", "type": "list"},
        ],
    )
    told = content.create_variant(
        block=block,
        key="all",
        is_default=True,
        fields={
            "headline": "Hats",
            "body": "<p>Hats <strong>now</strong></p>",
            "picture": {"url": "https://example.org/hat.png", "alt": "A hat"},
            "points": ["warm", "dry"],
        },
    )
    content.set_translation(variant_id=told.pk, locale="de", fields={"headline": "Hüte"})
    content.create_placement(site_id=site_id, key="home.story", block=block)


def _content_system(site_id: UUID, block: Any) -> None:
    """The hero's variant for blouses is an entry of a Contentful."""
    connection = Connection.objects.create(
        site_id=site_id, name="Contentful", kind="contentful", created_at=clock.now()
    )
    Mapped.objects.create(
        connection=connection, content_type="heroBanner", block=block, fields="title = headline"
    )
    EntryLink.objects.create(
        connection=connection,
        entry=ENTRY,
        variant=block.variants.get(key="blouses"),
        at=clock.now(),
    )


def _commands(port: int, stream_port: int) -> Mapping[str, Sequence[str | Path]]:
    """The stack's own processes that clients meet."""
    names = ("web", "stream", "consumer")
    return {
        program.name: program.command
        for program in programs(port, stream_port)
        if program.name in names
    }


def _environment(port: int, stream_port: int) -> dict[str, str]:
    """Ours, on the database that the tests use."""
    address, mark, query = os.environ["DATABASE_URL"].partition("?")
    name = connection.settings_dict["NAME"]
    return {
        **os.environ,
        "DATABASE_URL": f"{address.rpartition('/')[0]}/{name}{mark}{query}",
        "REDIS_URL": settings.REDIS_URL,
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "PORT": str(port),
        "STREAM_PORT": str(stream_port),
        "STREAM_ORIGIN": f"http://127.0.0.1:{stream_port}",
    }


def _answers(host: str) -> bool:
    try:
        with urllib.request.urlopen(f"{host}/healthz", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _told(logs: Path) -> str:
    return "\n".join(processes.tail(log) for log in sorted(logs.iterdir()))


@pytest.fixture(scope="session")
def packages() -> Path:
    """The directory of the public clients for Python, and of Node."""
    try:
        return venv.prepare_beside("clients")
    except Trouble as trouble:
        pytest.skip(f"Public clients are not here, and no registry answers: {trouble}")
