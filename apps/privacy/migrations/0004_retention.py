"""The proof of what went because its time was over."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("privacy", "0003_packages")]

    operations = [
        migrations.CreateModel(
            name="RetentionRun",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=40)),
                ("at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("done", "Done"),
                            ("partly", "Partly: the rest goes with the next run"),
                            ("failed", "Failed: it is tried again"),
                        ],
                        max_length=10,
                    ),
                ),
                ("days", models.PositiveIntegerField(help_text="How long it is kept.")),
                ("cutoff", models.DateTimeField(help_text="What was older went.")),
                ("removed", models.BigIntegerField(default=0)),
                (
                    "partitions",
                    models.PositiveIntegerField(default=0, help_text="Months dropped as a whole."),
                ),
                ("oldest_left", models.DateTimeField(blank=True, null=True)),
                ("took_ms", models.PositiveIntegerField(default=0)),
                (
                    "proof",
                    models.JSONField(
                        default=dict, help_text="Rows by table, and what else there is to say."
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="retention_runs",
                        to="access.site",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["kind", "-at"], name="privacy_retention_kind")]
            },
        ),
    ]
