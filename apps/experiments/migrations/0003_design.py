from django.db import migrations, models

_REVISION = {"default": 0, "editable": False}


class Migration(migrations.Migration):
    dependencies = [("experiments", "0002_events_by_id")]

    operations = [
        migrations.AddField(
            "holdout",
            "placements",
            models.JSONField(
                blank=True,
                default=list,
                help_text="Keys of the placements that it is about; empty: everything.",
            ),
        ),
        migrations.AddField("holdout", "revision", models.PositiveIntegerField(**_REVISION)),
        migrations.AddField("metric", "revision", models.PositiveIntegerField(**_REVISION)),
        migrations.AddField("layer", "revision", models.PositiveIntegerField(**_REVISION)),
        migrations.AddField(
            "layer",
            "archived_at",
            models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
