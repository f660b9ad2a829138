"""Whose a quarantined event is, as digests: an erasure finds it by an index, not by its text."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("events", "0004_totals_as_doubles")]
    operations = [
        migrations.AddField(
            model_name="quarantine",
            name="subjects",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.UUIDField(),
                db_default=[],
                default=list,
                editable=False,
                help_text="Digests of the identities in the body: an erasure finds it by them.",
                size=None,
            ),
        ),
        # Whose those are that came before is asked of their text.
        migrations.RunSQL(
            "UPDATE events_quarantine SET subjects = ARRAY["
            "'00000000-0000-0000-0000-000000000000'::uuid] WHERE body <> ''",
            migrations.RunSQL.noop,
        ),
        AddIndexConcurrently(
            model_name="quarantine",
            index=django.contrib.postgres.indexes.GinIndex(
                fields=["subjects"], name="events_quarantine_whose"
            ),
        ),
    ]
