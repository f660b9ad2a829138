"""Events that personalization may read: what segments, histories and models are made of."""

from django.db import migrations

# A view and no condition in each reader: who selects from it cannot forget to ask. It is one
# condition on the table, so the planner sees through it. 8 is the bit of personalization.
FORWARD = """
CREATE VIEW events_personal AS SELECT * FROM events_event WHERE purposes & 8 <> 0
"""
BACKWARD = "DROP VIEW events_personal"


class Migration(migrations.Migration):
    dependencies = [("events", "0005_quarantine_subjects")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
