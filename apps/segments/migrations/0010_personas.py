"""People that editors invent to look at content and conditions with."""

import apps.work.ids
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("access", "0001_initial"), ("segments", "0009_lists_followed")]
    operations = [
        migrations.CreateModel(
            name="Persona",
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
                ("key", models.SlugField(max_length=60)),
                ("name", models.CharField(max_length=120)),
                ("description", models.TextField(blank=True, help_text="Who it stands for.")),
                (
                    "traits",
                    models.JSONField(blank=True, default=dict, help_text="{name: value}"),
                ),
                (
                    "events",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text="[{name, ago_ms, properties}], in any order.",
                    ),
                ),
                (
                    "context",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="Facts of their request by dotted name.",
                    ),
                ),
                (
                    "consents",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="{purpose: yes or no}; absent: never asked.",
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("archived_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="personas",
                        to="access.site",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="persona",
            constraint=models.UniqueConstraint(
                fields=("site", "key"), name="segments_persona_unique"
            ),
        ),
    ]
