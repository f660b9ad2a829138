"""Sums of closed days also as doubles, which is what conditions compare: few have events today.

What is kept is made anew by the next refresh.
"""

from django.db import migrations

FORWARD = """
DELETE FROM events_rollupspan;
UPDATE events_rollupsite SET spans = '[]';
ALTER TABLE events_rollupspan ADD COLUMN doubles double precision[] NOT NULL DEFAULT '{}';
ALTER TABLE events_rollupspan ALTER COLUMN doubles SET STORAGE PLAIN;
ALTER TABLE events_rollupspan ALTER COLUMN moments SET STORAGE PLAIN;
"""

BACKWARD = """
ALTER TABLE events_rollupspan ALTER COLUMN moments SET STORAGE EXTENDED;
ALTER TABLE events_rollupspan DROP COLUMN doubles;
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0003_rollups")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
