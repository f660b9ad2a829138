import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import apps.work.ids


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("experiments", "0007_worth"),
    ]

    operations = [
        migrations.CreateModel(
            name="WhatIf",
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
                ("placement", models.CharField(max_length=100)),
                ("days", models.PositiveSmallIntegerField()),
                ("policy", models.JSONField()),
                ("everybody", models.BooleanField(default=False)),
                ("at", models.DateTimeField()),
                ("intent_id", models.UUIDField(null=True)),
                ("found", models.JSONField(null=True)),
                ("refused", models.TextField(blank=True)),
                (
                    "by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "metric",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="experiments.metric",
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="what_ifs",
                        to="access.site",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["site", "-at"], name="experiments_what_if_site")],
            },
        ),
    ]
