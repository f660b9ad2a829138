"""Inbox, de-duplication and the partitioned events: what the ORM cannot say."""

from django.db import migrations

FORWARD = """
CREATE TABLE events_inbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    part smallint NOT NULL,
    site_id uuid NOT NULL,
    source_id uuid NOT NULL,
    received_at timestamptz NOT NULL,
    body text NOT NULL
) WITH (autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0);
-- A row lives for milliseconds: compressing it costs more than it saves.
ALTER TABLE events_inbox ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX events_inbox_part ON events_inbox (part, id);

-- Hash partitions: a partition by time would let a repeat through at midnight.
CREATE TABLE events_dedupekey (
    source_id uuid NOT NULL,
    digest uuid NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (digest, source_id)
) PARTITION BY HASH (digest);

CREATE SEQUENCE events_event_id_seq AS bigint CACHE 100;
CREATE TABLE events_event (
    id bigint NOT NULL DEFAULT nextval('events_event_id_seq'),
    site_id uuid NOT NULL,
    profile_id uuid NOT NULL,
    identity_id bigint NOT NULL,
    user_identity_id bigint,
    source_id uuid NOT NULL,
    kind smallint NOT NULL,
    name text NOT NULL,
    category text,
    item text,
    value double precision,
    message_id text NOT NULL,
    occurred_at timestamptz NOT NULL,
    original_at timestamptz,
    sent_at timestamptz,
    received_at timestamptz NOT NULL,
    properties jsonb NOT NULL DEFAULT '{}',
    context jsonb NOT NULL DEFAULT '{}',
    consent_epoch integer NOT NULL,
    purposes smallint NOT NULL,
    flags smallint NOT NULL DEFAULT 0
) PARTITION BY RANGE (occurred_at);
CREATE INDEX events_event_profile ON events_event (profile_id, occurred_at);
CREATE INDEX events_event_occurred ON events_event USING brin (occurred_at);
-- Months are made on demand; this catches what no month was made for, so that nothing is lost.
CREATE TABLE events_event_default PARTITION OF events_event DEFAULT;
"""

PARTITIONS = "".join(
    f"CREATE TABLE events_dedupekey_{n} PARTITION OF events_dedupekey"
    f" FOR VALUES WITH (MODULUS 8, REMAINDER {n});\n"
    for n in range(8)
)

BACKWARD = """
DROP TABLE events_event; DROP SEQUENCE events_event_id_seq;
DROP TABLE events_dedupekey; DROP TABLE events_inbox;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies: list[tuple[str, str]] = []
    operations = [migrations.RunSQL(FORWARD + PARTITIONS, BACKWARD)]
