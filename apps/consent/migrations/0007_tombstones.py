"""Tombstones: who was erased is known again by a keyed digest, and by nothing else."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("consent", "0006_recipients")]

    operations = [
        migrations.CreateModel(
            name="Tombstone",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "digest",
                    models.UUIDField(
                        help_text="HMAC of the identity under TOMBSTONE_KEY, 128 bits of it."
                    ),
                ),
                ("erased_at", models.DateTimeField()),
                (
                    "since_ms",
                    models.BigIntegerField(
                        help_text="From when on; empty: from the beginning. In ms since 1970.",
                        null=True,
                    ),
                ),
                (
                    "until_ms",
                    models.BigIntegerField(
                        help_text="Before when; empty: for as long as the person has not come"
                        " back.",
                        null=True,
                    ),
                ),
                ("opened_at", models.DateTimeField(null=True)),
                (
                    "opened_by",
                    models.CharField(
                        blank=True,
                        choices=[("consent", "A fresh choice"), ("signed", "A signed sign-in")],
                        max_length=10,
                    ),
                ),
                ("expires_at", models.DateTimeField()),
                (
                    "site",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tombstones",
                        to="access.site",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("site", "digest", "erased_at", "since_ms"),
                        name="consent_tombstone_unique",
                        nulls_distinct=False,
                    )
                ]
            },
        ),
    ]
