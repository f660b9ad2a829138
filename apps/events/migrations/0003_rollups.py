"""What conditions count, kept by day and summed over closed days; and who must not rely on it.

A site's closed days are those before `closed_at`. An event written, moved or deleted there marks
its profile in the same transaction, by trigger: nothing that changes events can forget it. Marked
profiles are answered from their events until their rows are made again.
"""

from django.db import migrations

FORWARD = """
CREATE TABLE events_rollupsite (
    site_id uuid PRIMARY KEY,
    -- Events before this are marked. It moves first; once no transaction is left that may not have
    -- seen it, the days before it are counted and `closed_at` follows.
    closing_at timestamptz NOT NULL,
    closed_at timestamptz NOT NULL DEFAULT '-infinity',
    -- What the arrays of events_rollupspan hold, in their order: [digest, kind, from day, to day].
    spans jsonb NOT NULL DEFAULT '[]'
);
CREATE TABLE events_rollupmeasure (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id uuid NOT NULL,
    digest text NOT NULL,
    name text NOT NULL,
    UNIQUE (site_id, digest)
);
CREATE TABLE events_rollup (
    measure integer NOT NULL,
    day integer NOT NULL,
    profile_id uuid NOT NULL,
    earliest timestamptz NOT NULL,
    latest timestamptz NOT NULL,
    n integer NOT NULL,
    numbers integer,
    low double precision,
    high double precision,
    total numeric,
    first jsonb,
    last jsonb
);
CREATE INDEX events_rollup_profile ON events_rollup (profile_id);
CREATE TABLE events_rollupspan (
    profile_id uuid PRIMARY KEY,
    site_id uuid NOT NULL,
    wholes bigint[] NOT NULL,
    moments timestamptz[] NOT NULL,
    reals double precision[] NOT NULL,
    totals numeric[] NOT NULL,
    ends jsonb[] NOT NULL
);
-- Read where it lies: compressing a few hundred bytes costs every reader more than it saves.
ALTER TABLE events_rollupspan ALTER COLUMN wholes SET STORAGE PLAIN;
CREATE TABLE events_rollupmark (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id uuid NOT NULL,
    profile_id uuid NOT NULL,
    -- It has a number that cannot be cast: it is never counted from rollups.
    is_lasting boolean NOT NULL DEFAULT false
);
CREATE INDEX events_rollupmark_profile ON events_rollupmark (profile_id);

-- Edges are found by time. A vacuum offers the holes of old pages to new events: one bound of all
-- times of a range would then say nothing, several intervals still do.
DROP INDEX events_event_occurred;
CREATE INDEX events_event_occurred ON events_event
    USING brin (occurred_at timestamptz_minmax_multi_ops) WITH (pages_per_range = 64);

CREATE FUNCTION events_mark_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events_rollupmark (site_id, profile_id)
    SELECT DISTINCT e.site_id, e.profile_id FROM written e
    JOIN events_rollupsite s ON s.site_id = e.site_id AND e.occurred_at < s.closing_at;
    RETURN NULL;
END $$;
CREATE FUNCTION events_mark_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events_rollupmark (site_id, profile_id)
    SELECT e.site_id, e.profile_id
    FROM (SELECT * FROM written UNION ALL SELECT * FROM replaced) e
    JOIN events_rollupsite s ON s.site_id = e.site_id AND e.occurred_at < s.closing_at
    GROUP BY e.site_id, e.profile_id;
    RETURN NULL;
END $$;
CREATE TRIGGER events_mark_inserted AFTER INSERT ON events_event
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION events_mark_written();
CREATE TRIGGER events_mark_deleted AFTER DELETE ON events_event
    REFERENCING OLD TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION events_mark_written();
CREATE TRIGGER events_mark_updated AFTER UPDATE ON events_event
    REFERENCING NEW TABLE AS written OLD TABLE AS replaced
    FOR EACH STATEMENT EXECUTE FUNCTION events_mark_moved();
"""

BACKWARD = """
DROP INDEX events_event_occurred;
CREATE INDEX events_event_occurred ON events_event USING brin (occurred_at);
DROP TRIGGER events_mark_inserted ON events_event;
DROP TRIGGER events_mark_deleted ON events_event;
DROP TRIGGER events_mark_updated ON events_event;
DROP FUNCTION events_mark_written();
DROP FUNCTION events_mark_moved();
DROP TABLE events_rollupmark; DROP TABLE events_rollupspan; DROP TABLE events_rollup;
DROP TABLE events_rollupmeasure; DROP TABLE events_rollupsite;
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0002_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
