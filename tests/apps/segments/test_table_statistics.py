"""Tables that have outgrown what Postgres knows of them are analyzed before they are read."""

from collections.abc import Iterator

import pytest
from django.db import connection, transaction

from apps.segments import refresh
from apps.segments.table_statistics import FEW, READ, catch_up
from tests.apps.segments.world import NOW, make_site

PLAIN, PARTED = "outgrown_plain", "outgrown_parted"


@pytest.fixture
def tables(transactional_db: None) -> Iterator[tuple[str, str]]:
    """A table and a partitioned one, both empty and never analyzed."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {PLAIN} (n int)")
        cursor.execute(f"CREATE TABLE {PARTED} (n int) PARTITION BY RANGE (n)")
        for start, end in ((0, 1_000), (1_000, 1_000_000)):
            cursor.execute(
                f"CREATE TABLE {PARTED}_{start} PARTITION OF {PARTED}"
                f" FOR VALUES FROM ({start}) TO ({end})"
            )
    yield PLAIN, PARTED
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {PLAIN}, {PARTED}")


def fill(table: str, rows: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} SELECT generate_series(1, %s)", [rows])
        cursor.execute("SELECT pg_stat_force_next_flush()")


def known_rows(table: str) -> float:
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE relname = %s", [table])
        rows: float = cursor.fetchone()[0]
    return rows


@pytest.mark.parametrize("place", [0, 1], ids=["plain", "partitioned"])
def test_a_table_is_analyzed_when_it_has_more_than_doubled(
    tables: tuple[str, str], place: int
) -> None:
    table = tables[place]
    fill(table, FEW)
    assert catch_up(tables) == [], "few rows are not worth it"

    fill(table, FEW)
    assert catch_up(tables) == [table]
    assert known_rows(table) == 2 * FEW
    assert catch_up(tables) == []

    fill(table, 2 * FEW)
    assert catch_up(tables) == [], "twice as many is not more than twice"
    fill(table, 1)
    assert catch_up(tables) == [table]


def test_nothing_is_locked_for_the_rest_of_a_transaction(tables: tuple[str, str]) -> None:
    fill(PLAIN, 2 * FEW)
    with transaction.atomic():
        assert catch_up(tables) == []
    assert catch_up(tables) == [PLAIN]


_STORE = """
WITH made AS (
  INSERT INTO profiles_profile (id, site_id, bucketing_key, created_at)
  SELECT gen_random_uuid(), %(site)s, 'unit', now() FROM generate_series(1, %(rows)s)
  RETURNING id, site_id
), states AS (
  INSERT INTO profiles_profilestate (profile_id, site_id, unit_id, identities, version,
    consent_epoch, granted, denied, history, memberships, traits, event_count, last_message_id)
  SELECT id, site_id, 'unit', '[]', 1, 0, 0, 0, '', '', '{}', 1, '' FROM made
)
INSERT INTO events_event (site_id, profile_id, identity_id, source_id, kind, name, message_id,
  occurred_at, received_at, properties, consent_epoch, purposes)
SELECT site_id, id, 1, site_id, 1, 'Viewed', id::text, %(now)s, %(now)s, '{}', 0, 63 FROM made
"""


def test_the_first_refresh_after_an_import_reads_tables_that_postgres_knows(
    transactional_db: None,
) -> None:
    site, rows = make_site(), FEW + 1
    with connection.cursor() as cursor:
        for table in READ:
            cursor.execute(f"ANALYZE {table}")  # other tests have left their counts
        cursor.execute(_STORE, {"site": str(site.pk), "rows": rows, "now": NOW})
        cursor.execute("SELECT pg_stat_force_next_flush()")
    assert [known_rows(table) for table in READ] == [0, 0]

    refresh.refresh_site(site_id=site.pk, read_clock=lambda: NOW)

    assert [known_rows(table) for table in READ] == [rows, rows]
