"""Where a home puts things, and what it tells its processes."""

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config.env import load
from launcher.home import SOCKET_PATH_LIMIT, Home, port, reachable
from launcher.testhome import remove
from launcher.trouble import Trouble


@pytest.fixture
def bare_environment(monkeypatch):
    """The environment of a person who set nothing."""
    for name in ("DATABASE_URL", "REDIS_URL", "PGUSER", "PORT", "ATTUNE_HOME", "SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def home(tmp_path, bare_environment):
    made = Home(tmp_path / "home")
    made.create()
    yield made
    remove(made)


def test_keys_are_made_once_and_are_private(home):
    first = home.secrets()
    assert Home(home.root).secrets() == first
    assert min(len(value) for value in first.values()) >= 48
    assert stat.S_IMODE((home.root / "secrets.json").stat().st_mode) == 0o600


def test_a_home_of_an_earlier_version_gets_the_keys_it_lacks_and_keeps_its_own(home):
    path = home.root / "secrets.json"
    old = {"SECRET_KEY": "s" * 48, "SIGNING_KEY": "t" * 48}
    path.write_text(json.dumps(old))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: Home(home.root).secrets(), range(16)))
    assert {json.dumps(keys, sort_keys=True) for keys in found} == {
        json.dumps(json.loads(path.read_text()), sort_keys=True)
    }
    assert found[0].items() >= old.items()
    assert len(found[0]["TOMBSTONE_KEY"]) >= 48
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_damaged_keys_are_named_not_replaced(tmp_path, bare_environment):
    home = Home(tmp_path)
    (tmp_path / "secrets.json").write_text("{")
    with pytest.raises(Trouble, match=r"secrets\.json is not JSON"):
        home.secrets()


def test_processes_get_addresses_that_the_settings_understand(home):
    environment = load(home.environment())
    assert environment.database["HOST"] == str(home.postgres_run)
    assert environment.database["USER"] == "postgres"
    assert environment.redis_url == f"unix://{home.valkey_socket}"
    assert environment.broker_url == f"redis+socket://{home.valkey_socket}?virtual_host=0"
    assert environment.home == home.root
    assert environment.secret_key == home.secrets()["SECRET_KEY"]


def test_libpq_variables_about_another_server_are_dropped(home, monkeypatch):
    monkeypatch.setenv("PGPORT", "6543")
    monkeypatch.setenv("PGHOSTADDR", "192.0.2.1")
    environment = home.environment()
    assert {name for name in environment if name.startswith("PG")} == {"PGUSER"}


def test_addresses_of_ones_own_servers_are_left_alone(tmp_path, bare_environment, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://someone@db.example/attune")
    monkeypatch.setenv("REDIS_URL", "redis://cache.example:6379/0")
    environment = Home(tmp_path).environment()
    assert environment["DATABASE_URL"] == "postgres://someone@db.example/attune"
    assert environment["REDIS_URL"] == "redis://cache.example:6379/0"
    assert "PGUSER" not in environment


@pytest.mark.parametrize("name", ["x" * 120, "with space", "wörter"])
def test_sockets_move_outside_when_the_path_does_not_suit_them(tmp_path, name):
    home = Home(tmp_path / name)
    home.create()
    try:
        assert not home.run.is_relative_to(home.root)
        longest = os.fsencode(home.postgres_run / ".s.PGSQL.5432")
        assert len(longest) < SOCKET_PATH_LIMIT
        assert home.run == Home(tmp_path / name).run  # the next start finds the same place
        assert home.run != Home(tmp_path / f"{name}2").run
        remove(Home(tmp_path / f"{name}2"))
        outside = home.outside
    finally:
        remove(home)
    assert not outside.exists()


def test_an_outside_directory_that_others_may_write_is_refused(tmp_path):
    home = Home(tmp_path / ("x" * 120))
    home.create()
    try:
        home.outside.chmod(0o777)
        with pytest.raises(Trouble, match="belongs to somebody else"):
            _ = home.outside
    finally:
        place = next(Path("/var/tmp").glob(f"attune-{(home.root / 'home.id').read_text()}"))
        place.chmod(0o755)
        remove(home)


def test_reachable_looks_at_every_step(tmp_path):
    inner = tmp_path / "closed" / "inner"
    inner.mkdir(parents=True)
    for step in (inner, *inner.parents):
        if step.is_relative_to(tmp_path):
            step.chmod(0o755)
    stranger = (os.getuid() + 4321, os.getgid() + 4321)
    before = reachable(inner, *stranger)
    (tmp_path / "closed").chmod(0o700)
    assert not reachable(inner, *stranger)
    assert reachable(tmp_path, *stranger) == before
    assert reachable(tmp_path / "not" / "yet", *stranger) == before


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "80 80"])
def test_a_port_that_is_none_is_refused(monkeypatch, text):
    monkeypatch.setenv("PORT", text)
    with pytest.raises(Trouble, match="PORT is"):
        port()


def test_two_first_starts_agree_on_the_keys(tmp_path):
    homes = [Home(tmp_path) for _ in range(16)]
    with ThreadPoolExecutor(8) as pool:
        found = {json.dumps(keys) for keys in pool.map(lambda home: home.secrets(), homes)}
    assert len(found) == 1
