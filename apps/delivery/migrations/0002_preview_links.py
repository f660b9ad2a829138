"""Previews that are shared by a link."""

import apps.work.ids
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0001_initial"),
        ("delivery", "0001_purge_address"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PreviewLink",
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
                    "digest",
                    models.CharField(
                        help_text="SHA-256 of the token.", max_length=64, unique=True
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=120)),
                (
                    "specs",
                    models.JSONField(help_text="What is shown: one entry for each picture."),
                ),
                (
                    "author",
                    models.CharField(help_text="Who shared it, as the link says.", max_length=150),
                ),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="preview_links",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="preview_links",
                        to="access.site",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["site", "-created_at"], name="delivery_preview_links")
                ],
            },
        ),
    ]
