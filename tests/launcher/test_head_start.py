"""The written schema: given to empty databases of ours only, and the same as all migrations."""

import re
import subprocess

import pytest
from django.db.migrations.loader import MigrationLoader

from launcher import head_start
from launcher.home import DATABASE_NAME, PROJECT_ROOT, Home
from launcher.postgres import Postgres
from launcher.servers import running
from launcher.supervisor import python
from launcher.testhome import temporary_home

TABLES = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
# Rows without their moments: those differ between any two runs.
ROWS = """
SELECT format('SELECT %L, to_jsonb(one) %s FROM %I AS one ORDER BY 2;', relname,
  (SELECT coalesce(string_agg(format('- %L', attname), ' '), '') FROM pg_attribute
   WHERE attrelid = pg_class.oid AND atttypid = 'timestamptz'::regtype AND NOT attisdropped),
  relname)
FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition
  AND relnamespace = 'public'::regnamespace ORDER BY relname
\\gexec
"""
SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences ORDER BY sequencename"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A throwaway server with its template, and the database `attune` that holds nothing."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DATABASE_URL", "REDIS_URL", "PGUSER"):
            patch.delenv(name, raising=False)
        place = Home(tmp_path_factory.mktemp("stack") / "home")
        with temporary_home(place) as home, running(home, throwaway=True):
            yield Postgres(home, throwaway=True)


@pytest.fixture
def empty(server):
    """The name of a database that holds nothing."""
    asked(server, "postgres", "CREATE DATABASE nothing")
    yield "nothing"
    asked(server, "postgres", "DROP DATABASE nothing")


def asked(server, database, sql):
    done = server.tool("psql", "-d", database, "-XAtq", "-v", "ON_ERROR_STOP=1", text=sql)
    assert done.returncode == 0, done.stderr
    return done.stdout


def checkout(tmp_path, text):
    (tmp_path / "launcher").mkdir()
    (tmp_path / head_start.FILE).write_text(text)
    return tmp_path


def test_an_empty_database_is_given_the_file_once(server, empty, tmp_path):
    root = checkout(tmp_path, "CREATE TABLE django_migrations (applied timestamptz);")
    assert head_start.give(server, database=empty, root=root)
    assert asked(server, empty, TABLES) == "1\n"
    assert not head_start.give(server, database=empty, root=root)


@pytest.mark.parametrize(
    "held",
    [
        "CREATE TABLE kept (id int)",
        "CREATE SCHEMA elsewhere",
        "CREATE FUNCTION one() RETURNS int LANGUAGE sql RETURN 1",
    ],
)
def test_a_database_that_holds_anything_is_let_alone(server, empty, held):
    asked(server, empty, held)
    before = asked(server, empty, TABLES)
    assert not head_start.give(server, database=empty)
    assert asked(server, empty, TABLES) == before


def test_a_file_that_postgres_refuses_leaves_nothing(server, empty, tmp_path, capsys):
    root = checkout(tmp_path, "CREATE TABLE first (id int);\nCREATE TABLE broken (id nonsense);")
    assert not head_start.give(server, database=empty, root=root)
    assert head_start.is_empty(server, empty)
    assert 'type "nonsense" does not exist' in capsys.readouterr().out


def test_a_checkout_without_the_file_migrates_as_before(server, empty, tmp_path):
    assert not head_start.give(server, database=empty, root=tmp_path)
    assert head_start.is_empty(server, empty)


def test_only_throwaway_servers_have_a_template(server, tmp_path, monkeypatch):
    assert head_start.note(server.home).read_text().split() == [
        head_start.TEMPLATE,
        str(server.home.postgres_run),
    ]
    assert head_start.is_empty(server, DATABASE_NAME)
    for name in ("DATABASE_URL", "REDIS_URL", "PGUSER"):
        monkeypatch.delenv(name, raising=False)
    with temporary_home(Home(tmp_path / "home")) as home, running(home):
        assert not head_start.note(home).exists()
        names = asked(Postgres(home), "postgres", "SELECT datname FROM pg_database")
    assert head_start.TEMPLATE not in names.split()


def test_the_file_names_only_migrations_that_there_are():
    text = (PROJECT_ROOT / head_start.FILE).read_text()
    written = re.findall(r"^\t\(\d+, '(\w+)', '(\w+)', '2000-01-01", text, re.MULTILINE)
    assert len(written) > 100
    assert set(written) <= set(MigrationLoader(None).disk_migrations)


@pytest.mark.slow
def test_the_file_and_migrate_leave_what_migrate_alone_leaves(server):
    asked(server, "postgres", f"CREATE DATABASE headed TEMPLATE {head_start.TEMPLATE}")
    for database in ("headed", DATABASE_NAME):
        migrate(server, database)
    for what in (schema, rows, sequences):
        assert what(server, "headed") == what(server, DATABASE_NAME)


def migrate(server, database):
    environment = server.home.environment()
    environment["DATABASE_URL"] = f"postgres:///{server.home.postgres_run}/{database}"
    environment["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
    done = subprocess.run(
        [str(python()), "manage.py", "migrate", "--noinput"],
        cwd=PROJECT_ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def schema(server, database):
    """The schema as SQL, read once more: Postgres writes `IN` of text another way after a reading.

    `(ARRAY['a'::varchar, ...])::text[]` becomes `ARRAY[('a'::varchar)::text, ...]`, and stays so.
    """
    asked(server, "postgres", "CREATE DATABASE reading TEMPLATE template0")
    asked(server, "reading", written(server, database))
    text = written(server, "reading")
    asked(server, "postgres", "DROP DATABASE reading")
    assert text.count("CREATE TABLE") > 100
    return text.splitlines()


def written(server, database):
    done = server.tool("pg_dump", "-d", database, "--schema-only", "--restrict-key=attune")
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(server, database):
    found = asked(server, database, ROWS).splitlines()
    assert len(found) > 500  # permissions among them
    return found


def sequences(server, database):
    return asked(server, database, SEQUENCES).splitlines()
