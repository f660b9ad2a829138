"""The tables of a new database at once: what most migrations would have made, loaded as one file.

A hundred and fifty migrations, each with a state that Django renders, take 50 s of a processor. The
file `schema.sql` beside this module holds what they leave: tables, functions, rows, and which of
them it is. `migrate` runs afterwards as always, and applies what is newer than the file: an old one
is slower, never wrong. Written by `write`; see docs/adr/0023.

Only a database that holds nothing, on a server that the launcher itself started, is given it.
"""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from launcher.home import DATABASE_NAME, PROJECT_ROOT, Home
from launcher.postgres import Postgres
from launcher.trouble import Trouble

FILE = Path("launcher") / "schema.sql"  # in the checkout
TEMPLATE = "attune_template"  # database of a throwaway server that test databases are copied from
# Written in the file for the moments of migrations, so that two files of one schema are the same.
WRITTEN_AT = "2000-01-01 00:00:00+00"

_HOLDS_NOTHING = """
SELECT NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace)
   AND NOT EXISTS (SELECT FROM pg_proc WHERE pronamespace = 'public'::regnamespace)
   AND NOT EXISTS (SELECT FROM pg_namespace
                   WHERE nspname NOT LIKE 'pg\\_%'
                     AND nspname NOT IN ('public', 'information_schema'))
"""
_ARRIVED = "UPDATE public.django_migrations SET applied = now();"
_HEAD = """\
-- The tables and rows that migrations make. Written by `make schema`: do not edit.
"""
# Without Django's `migrate` around it: what follows every migration (permissions, roles, schedules,
# partitions of this month) is not in the file, and so made anew where it is loaded.
_MIGRATE = """
import django
django.setup()
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
executor = MigrationExecutor(connection)
executor.migrate(executor.loader.graph.leaf_nodes())
"""


def give(server: Postgres, *, database: str = DATABASE_NAME, root: Path = PROJECT_ROOT) -> bool:
    """Load the file of the checkout `root` into the database, if that holds nothing at all.

    Returns whether it did. All or nothing: what cannot be loaded leaves the database empty, and
    `migrate` makes everything as it would have without.
    """
    file = root / FILE
    if not file.exists() or not is_empty(server, database):
        return False
    try:
        load(server, database, file.read_text(encoding="utf-8"))
    except Trouble as trouble:
        print(f"{trouble} All migrations run instead, which takes minutes.", flush=True)
        return False
    return True


def is_empty(server: Postgres, database: str) -> bool:
    """Tell whether the database holds no table, function or schema of anybody."""
    answer = server.tool("psql", "-d", database, "-XAtqc", _HOLDS_NOTHING)
    return answer.returncode == 0 and answer.stdout.strip() == "t"


def load(server: Postgres, database: str, text: str) -> None:
    """Run the text of a file in one transaction.

    Raises:
        Trouble: Postgres refused it; nothing of it is there.
    """
    options = ("-Xq", "-v", "ON_ERROR_STOP=1", "--single-transaction", "-o", "/dev/null")
    done = server.tool("psql", "-d", database, *options, text=f"{text}\n{_ARRIVED}\n")
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[0]
        raise Trouble(f"{FILE} could not be loaded: {reason}.")


def make_template(server: Postgres) -> None:
    """Make the database that test databases are copied from, and say so in the server's home.

    config/settings/test.py looks for the note: without one, tests begin with an empty database.
    """
    if not (PROJECT_ROOT / FILE).exists() or note(server.home).exists():
        return
    server.tool("createdb", TEMPLATE)
    if give(server, database=TEMPLATE):
        note(server.home).write_text(f"{TEMPLATE}\n{server.home.postgres_run}\n")


def note(home: Home) -> Path:
    """The file of a home that names the template of its server, and the server's directory."""
    return home.root / "template"


def dump(server: Postgres, database: str) -> str:
    """What a database holds, as SQL that a server of the same version reads; the same for the same.

    Rows are statements, not COPY: they are few, and a change of one is seen in a diff.
    """
    done = server.tool(
        *("pg_dump", "-d", database, "--no-owner", "--inserts", "--rows-per-insert=1000"),
        "--restrict-key=attune",  # otherwise drawn anew each time
    )
    if done.returncode:
        raise Trouble(f"The schema could not be written: {done.stderr.strip()}")
    # The titles above each statement are a third of the file and repeat what it says.
    text = re.sub(r"^--\n-- [^\n]*\n--\n", "", done.stdout, flags=re.MULTILINE)
    return re.sub(r"\n{2,}", "\n\n", text).strip() + "\n"


def write(server: Postgres, environment: Mapping[str, str], python: str | Path) -> Path:
    """Run every migration on a server's empty database and write down what is there afterwards.

    Raises:
        Trouble: a migration failed, or the database was not empty.
    """
    if not is_empty(server, DATABASE_NAME):
        raise Trouble("The schema is written from an empty database, and this one is not.")
    done = subprocess.run(
        [str(python), "-c", _MIGRATE],
        cwd=PROJECT_ROOT,
        env=dict(environment),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise Trouble(f"The migrations failed:\n{done.stderr.strip()}")
    _date(server, DATABASE_NAME)
    file = PROJECT_ROOT / FILE
    file.write_text(_HEAD + dump(server, DATABASE_NAME), encoding="utf-8")
    return file


def _date(server: Postgres, database: str) -> None:
    """Give all migrations one moment, and put their rows in order."""
    sql = (
        f"UPDATE django_migrations SET applied = '{WRITTEN_AT}';"
        " CLUSTER django_migrations USING django_migrations_pkey;"
        " ALTER TABLE django_migrations SET WITHOUT CLUSTER"  # the mark would be in the file
    )
    done = server.tool("psql", "-d", database, "-Xq", "-v", "ON_ERROR_STOP=1", "-c", sql)
    if done.returncode:
        raise Trouble(f"The schema could not be written: {done.stderr.strip()}")
