"""Marks of profiles whose closed days are to be counted again for features.

As with rollups (0003), but with the time that has changed: only its days are counted again. A site
without a row in events_featuresite costs nothing.
"""

from django.db import migrations

_WRITTEN = """
CREATE OR REPLACE FUNCTION events_mark_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events_rollupmark (site_id, profile_id)
    SELECT DISTINCT e.site_id, e.profile_id FROM written e
    JOIN events_rollupsite s ON s.site_id = e.site_id AND e.occurred_at < s.closing_at;
    {more}
    RETURN NULL;
END $$;
"""
_MOVED = """
CREATE OR REPLACE FUNCTION events_mark_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events_rollupmark (site_id, profile_id)
    SELECT e.site_id, e.profile_id
    FROM (SELECT * FROM written UNION ALL SELECT * FROM replaced) e
    JOIN events_rollupsite s ON s.site_id = e.site_id AND e.occurred_at < s.closing_at
    GROUP BY e.site_id, e.profile_id;
    {more}
    RETURN NULL;
END $$;
"""
_MARKED = """
    INSERT INTO events_featuremark (site_id, profile_id, earliest, latest)
    SELECT e.site_id, e.profile_id, min(e.occurred_at), max(e.occurred_at) FROM {rows} e
    JOIN events_featuresite s ON s.site_id = e.site_id AND e.occurred_at < s.closing_at
    GROUP BY e.site_id, e.profile_id;
"""
TABLES = """
CREATE TABLE events_featuresite (
    site_id uuid PRIMARY KEY,
    -- Events before this are marked. It moves first; the days before it are counted once no
    -- transaction is left that may not have seen it, and `closed_at` follows.
    closing_at timestamptz NOT NULL,
    closed_at timestamptz NOT NULL DEFAULT '-infinity'
);
CREATE TABLE events_featuremark (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id uuid NOT NULL,
    profile_id uuid NOT NULL,
    earliest timestamptz NOT NULL,
    latest timestamptz NOT NULL
);
CREATE INDEX events_featuremark_profile ON events_featuremark (profile_id);
"""
BOTH = "(SELECT * FROM written UNION ALL SELECT * FROM replaced)"
FORWARD = (
    TABLES
    + _WRITTEN.replace("{more}", _MARKED.replace("{rows}", "written"))
    + _MOVED.replace("{more}", _MARKED.replace("{rows}", BOTH))
)
BACKWARD = (
    _WRITTEN.replace("{more}", "")
    + _MOVED.replace("{more}", "")
    + "DROP TABLE events_featuremark; DROP TABLE events_featuresite;"
)


class Migration(migrations.Migration):
    dependencies = [("events", "0007_intake_erased")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
