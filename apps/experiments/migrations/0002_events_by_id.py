"""New events found by their ids: what has come since the sums of experiments were last counted.

Ids are given one by one from now on. A session that kept a hundred for itself could store a low one
long after all that are higher.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("events", "0007_intake_erased"), ("experiments", "0001_experiments")]
    operations = [
        migrations.RunSQL(
            "ALTER SEQUENCE events_event_id_seq CACHE 1;"
            " CREATE INDEX events_event_id ON events_event USING brin (id int8_minmax_multi_ops)"
            " WITH (pages_per_range = 32, autosummarize = on)",
            "DROP INDEX events_event_id; ALTER SEQUENCE events_event_id_seq CACHE 100",
        )
    ]
