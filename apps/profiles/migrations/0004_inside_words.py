"""Who is in which segment, as bits beside the state: a refresh compares with what it reads anyway."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("profiles", "0003_undoing")]
    operations = [
        migrations.AddField(
            model_name="profilestate",
            name="inside",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(),
                db_default=[],
                default=list,
                help_text="Of `memberships`: the segments it is in, as bits. Segment n: word n / 62.",
                size=None,
            ),
        ),
    ]
