"""Packages: what a person gets of their own data, encrypted, for a week."""

import django.contrib.postgres.fields
import django.contrib.postgres.functions
import django.db.models.deletion
from django.db import migrations, models

import apps.work.ids


class Migration(migrations.Migration):
    dependencies = [
        ("privacy", "0002_erasures"),
    ]

    operations = [
        migrations.CreateModel(
            name="Package",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=apps.work.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("access", "Access"), ("portability", "Portability")],
                        max_length=20,
                    ),
                ),
                (
                    "token_salt",
                    models.UUIDField(
                        db_default=django.contrib.postgres.functions.RandomUUID(), editable=False
                    ),
                ),
                ("token_digest", models.CharField(editable=False, max_length=64, unique=True)),
                ("made_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(db_index=True)),
                (
                    "sha256",
                    models.CharField(
                        help_text="Of the JSON, before it was encrypted.", max_length=64
                    ),
                ),
                ("size", models.PositiveBigIntegerField(help_text="Bytes of the JSON.")),
                ("content_enc", models.BinaryField(default=b"")),
                ("opened_at", models.DateTimeField(blank=True, null=True)),
                (
                    "closed_at",
                    models.DateTimeField(blank=True, help_text="Its content is gone.", null=True),
                ),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="packages",
                        to="privacy.request",
                    ),
                ),
            ],
        ),
    ]
