"""The embedded servers: start, stop, heal, and keep to their own home."""

import os
import signal
import subprocess
import sys

import psycopg2
import pytest
import redis
from django.db import connection

from launcher import processes
from launcher.home import PROJECT_ROOT, Home
from launcher.servers import AlreadyRunning, holder, needed, occupied, running
from launcher.supervisor import Supervisor
from launcher.testhome import temporary_home


@pytest.fixture
def no_addresses(monkeypatch):
    for name in ("DATABASE_URL", "REDIS_URL", "PGUSER"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def home(tmp_path_factory, no_addresses):
    with temporary_home(Home(tmp_path_factory.mktemp("stack") / "home")) as made:
        yield made


def _ask(home, statement="SELECT 1"):
    client = psycopg2.connect(host=str(home.postgres_run), dbname="attune", user="postgres")
    try:
        with client.cursor() as cursor:
            cursor.execute(statement)
            answer = cursor.fetchone() if cursor.description else None
        client.commit()
    finally:
        client.close()
    return answer


@pytest.mark.django_db
def test_the_run_itself_has_a_hasty_postgres_and_an_empty_valkey(valkey):
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('fsync'), current_setting('jit')")
        assert cursor.fetchone() == ("off", "off")
    assert valkey.dbsize() == 0
    assert valkey.config_get("save")["save"] == ""


def test_postgres_keeps_and_valkey_forgets_over_a_restart(home):
    with running(home):
        _ask(home, "CREATE TABLE kept AS SELECT 42 AS answer")
        redis.Redis(unix_socket_path=str(home.valkey_socket)).set("key", "value")
    with running(home):
        assert _ask(home, "SELECT answer FROM kept") == (42,)
        assert redis.Redis(unix_socket_path=str(home.valkey_socket)).dbsize() == 0
    with pytest.raises(psycopg2.OperationalError):
        _ask(home)


@pytest.mark.parametrize("throwaway", [False, True], ids=["kept", "throwaway"])
def test_only_throwaway_data_is_not_brought_to_the_disk(home, throwaway):
    settings = ("fsync", "synchronous_commit", "full_page_writes")
    with running(home, throwaway=throwaway):
        found = [_ask(home, f"SELECT current_setting('{name}')") for name in settings]
    assert found == [("off" if throwaway else "on",)] * 3


def test_no_server_takes_a_port(home):
    with running(home):
        assert _ask(home, "SELECT current_setting('listen_addresses')") == ("",)
        client = redis.Redis(unix_socket_path=str(home.valkey_socket))
        assert client.config_get("port")["port"] == "0"


def test_a_second_launcher_is_told_in_one_sentence(home):
    script = f"""
import sys
from pathlib import Path
from launcher.home import Home
from launcher.servers import AlreadyRunning, occupied
try:
    with occupied(Home(Path({str(home.root)!r}))):
        sys.exit(0)
except AlreadyRunning as trouble:
    sys.exit(str(trouble))
"""
    with occupied(home):
        assert holder(home) == os.getpid()
        second = subprocess.run(
            [sys.executable, "-c", script], cwd=PROJECT_ROOT, capture_output=True, text=True
        )
        assert second.returncode == 1
        assert f"process {os.getpid()}" in second.stderr
        assert "make down" in second.stderr
        with pytest.raises(AlreadyRunning), occupied(home):
            pass
    assert holder(home) is None


def test_with_one_address_set_only_the_other_server_is_embedded(home, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://someone@db.example/attune")
    assert [server.name for server in needed(home)] == ["valkey"]
    monkeypatch.setenv("REDIS_URL", "redis://cache.example/0")
    assert needed(home) == []


def test_killed_servers_come_back_with_the_data(home):
    with occupied(home):
        servers = needed(home)
        for server in servers:
            server.start()
        said = []
        supervisor = Supervisor(
            servers=servers, log=home.log, environment=home.environment(), say=said.append
        )
        try:
            _ask(home, "CREATE TABLE kept AS SELECT 42 AS answer")
            for name in ("postgres", "valkey"):
                os.kill(supervisor.pid(name), signal.SIGKILL)

            def healed():
                supervisor.tick()
                return None not in (supervisor.pid("postgres"), supervisor.pid("valkey"))

            assert processes.wait_until(lambda: len(said) == 2 or (healed() and False), 10)
            assert processes.wait_until(healed, 30)
            assert _ask(home, "SELECT answer FROM kept") == (42,)
            assert redis.Redis(unix_socket_path=str(home.valkey_socket)).ping()
        finally:
            supervisor.stop()
    with pytest.raises(psycopg2.OperationalError):
        _ask(home)
