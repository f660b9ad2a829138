"""Every table that points at a profile has a holder: merges, exports and erasures reach it."""

import pytest
from django.apps import apps
from django.db import connection, models

from apps.profiles.holders import holders
from apps.profiles.models import Profile

POINTERS = (
    "profile_id",
    "from_profile_id",
    "merged_into",
    "merged_into_id",
    "winner_id",
    "loser_id",
)

# Partitions are their parent's; views and tables of extensions hold nothing of their own.
_COLUMNS = """
SELECT c.relname, a.attname FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
  AND a.attname = ANY(%s)
"""


def held() -> set[str]:
    return {table for holder in holders() for table in holder.tables}


def test_every_model_that_points_at_a_profile_has_a_holder() -> None:
    found = set()
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            target = field.related_model if isinstance(field, models.ForeignKey) else None
            if target is Profile or field.column in POINTERS:
                found.add(model._meta.db_table)
    assert "profiles_identity" in found, "the search itself is broken"
    assert found <= held(), f"nobody answers for {sorted(found - held())}"


@pytest.mark.django_db
def test_every_table_that_points_at_a_profile_has_a_holder() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS, [list(POINTERS)])
        found = {table for table, _ in cursor.fetchall()}
    assert "events_event" in found, "the search itself is broken"
    assert found <= held(), f"nobody answers for {sorted(found - held())}"


@pytest.mark.django_db
def test_every_table_of_a_holder_exists() -> None:
    assert held() <= set(connection.introspection.table_names())


def test_each_table_has_one_holder() -> None:
    tables = [table for holder in holders() for table in holder.tables]
    assert len(tables) == len(set(tables))
