"""A backup that is restored does not bring back whom somebody has erased since it was made."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from launcher.home import PROJECT_ROOT, Home
from launcher.testhome import temporary_home
from tests.journeys.conftest import Stack
from tests.ports import free_port

pytestmark = pytest.mark.slow

ANN, BEA = "ann-4471@example.org", "bea-9012@example.org"
SHOP = """
from apps.access import services as access
from apps.content import services as content
from apps.decisions import services as decisions
from apps.work import clock
now = clock.now()
site = access.create_site(key="shop", name="Shop", now=now)
source = access.create_source(site_id=site.pk, name="server", kind="server", now=now)
block = content.create_block(site_id=site.pk, key="hero", schema=[])
content.create_variant(block=block, key="all", is_default=True, template="<p>{{ traits.name }}</p>")
content.create_placement(site_id=site.pk, key="home.hero", block=block)
decisions.publish(site_id=site.pk, actor=None, now=now)
print("KEY", access.issue_key(source_id=source.pk, kind="sk", now=now)[1])
"""
ERASE = """
from apps.access.models import Site
from apps.privacy import erasing
from apps.work import clock
site = Site.objects.get(key="shop")
erasing.begin(site_id=site.pk, names=[("user_id", "ann")], now=clock.now())
"""
READ = """
from apps.profiles import vault
from apps.profiles.models import Identity, Profile
for name in ("ann", "bea"):
    one = Identity.objects.get(kind="user_id", value=name)
    value = one.profile.traits.get(key="email").value
    opened = vault.open_value(one.site_id, one.profile_id, "email", value)
    print(name, vault.is_sealed(value), opened)
"""


class Server:
    """A stack of its own, which is stopped and started again; its home and its backups stay."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.port = free_port()
        self.key = ""
        self.stack = self.up()

    def up(self) -> Stack:
        self.stack = Stack(self.home, self.port)
        self.stack.environment["STREAM_PORT"] = str(free_port())
        self.stack.wait_up()
        return self.stack

    def manage(self, *arguments: str | Path) -> str:
        """A management command on the running stack; what it prints."""
        done = self.stack.manage(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def manage_stopped(self, *arguments: str | Path) -> str:
        """A management command while nothing but the two servers runs."""
        done = subprocess.run(
            [sys.executable, "-m", "launcher", "manage", *map(str, arguments)],
            cwd=PROJECT_ROOT, env=self.stack.environment, capture_output=True, text=True,
            timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def call(self, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and decoded answer."""
        request = urllib.request.Request(
            f"{self.stack.origin}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return reply.status, json.loads(reply.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def tell(self, user_id: str, email: str, name: str, **more: Any) -> int:
        traits = {"email": email, "name": name, "plan": f"plan-of-{user_id}"}
        return self.call("/v1/identify", {"userId": user_id, "traits": traits, **more})[0]

    def hero_of(self, user_id: str) -> dict[str, Any]:
        asked = {"placements": ["home.hero"], "userId": user_id}
        status, answer = self.call("/v1/decide", asked)
        assert status == 200, answer
        return answer["placements"]["home.hero"]  # type: ignore[no-any-return]

    def tables_with(self, needle: str) -> set[str]:
        """The tables in which a text still stands."""
        tables = self.stack.rows(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'public' AND c.relkind = 'r'"
        )
        return {
            str(table)
            for (table,) in tables
            if self.stack.count(
                f'SELECT count(*) FROM "{table}" t WHERE position(%s in t::text) > 0', [needle]
            )
        }


def until(what: Callable[[], bool], within_s: float = 40.0) -> bool:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.2)
    return False


def test_nothing_serves_before_the_erasures_since_are_replayed_and_then_nobody_is_back(
    tmp_path: Path,
) -> None:
    place = tmp_path / "backups"
    with temporary_home(Home.locate()) as home:
        server = Server(home)
        try:
            said = server.manage("shell", "-v", "0", "-c", SHOP)
            server.key = said.split("KEY ")[1].split()[0]
            assert server.tell("ann", ANN, "Ann") == server.tell("bea", BEA, "Bea") == 200
            assert until(lambda: server.hero_of("bea")["html"] == "<p>Bea</p>")
            assert until(lambda: server.hero_of("ann")["html"] == "<p>Ann</p>")
            server.manage("backup", place)
            assert b"bea" not in b"".join(f.read_bytes() for f in place.rglob("*") if f.is_file())

            server.manage("shell", "-v", "0", "-c", ERASE)
            done = "SELECT count(*) FROM privacy_erasure WHERE state = 'completed'"
            assert until(lambda: server.stack.count(done) == 1)
            assert server.call("/v1/profiles/user_id:ann/traits")[0] == 404
            ledger = (home.root / "ledger" / "erasures.jsonl").read_text()
            assert len(json.loads(ledger)["profiles"]) == 1 and "ann" not in ledger
            server.manage("backup", place, "--keys-only")
            server.stack.end()

            restored = server.manage_stopped("restore", place, "--yes")
            assert "1 people were erased since" in restored, restored
            server.up()
            _refuses(server)

            found = server.manage("shell", "-v", "0", "-c", READ)
            assert found.split("\n")[:2] == ["ann True None", f"bea True {BEA}"]
            assert "1 profiles are back" in server.manage("replay_erasures", "--dry-run")
            assert "1 profiles erased again" in server.manage("replay_erasures")
            assert until(lambda: server.call("/readyz")[0] == 200)

            assert until(lambda: server.hero_of("bea")["html"] == "<p>Bea</p>")
            assert server.hero_of("ann")["html"] == "<p></p>"
            assert server.call("/v1/profiles/user_id:ann/traits")[0] == 404
            yesterday = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 86_400))
            server.tell("ann", ANN, "Ann", timestamp=yesterday)
            assert server.tell("bea", BEA, "Beatrice") == 200
            assert until(lambda: server.hero_of("bea")["html"] == "<p>Beatrice</p>")
            assert server.tables_with(ANN) == server.tables_with("plan-of-ann") == set()
            assert server.tables_with("plan-of-bea")
            assert "nothing to replay" in server.manage("replay_erasures")
        finally:
            server.stack.end()


def _refuses(server: Server) -> None:
    status, answer = server.call("/readyz")
    assert (status, answer["checks"]["erasures"]) == (503, "away")
    assert "1 erasure must be replayed" in answer["reason"]
    assert server.hero_of("bea")["reason"] == server.hero_of("ann")["reason"] == "ERROR"
    assert server.call("/v1/profiles/user_id:ann/traits")[0] == 503
    assert server.tell("ann", ANN, "Ann") == 503
    assert server.call("/healthz")[0] == 200
    assert "python3 -m launcher manage replay_erasures" in server.stack.text()
