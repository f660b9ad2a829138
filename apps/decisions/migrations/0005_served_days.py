import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import apps.work.ids


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0004_editing"),
        ("decisions", "0004_releases"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ServedDay",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("day", models.DateField()),
                ("placement", models.CharField(max_length=100)),
                ("variant", models.CharField(max_length=100)),
                ("reason", models.CharField(max_length=20)),
                ("rule", models.CharField(blank=True, max_length=100)),
                ("calls", models.PositiveBigIntegerField()),
                ("visitors", models.PositiveBigIntegerField()),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="served_days",
                        to="access.site",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["site", "placement", "day"], name="decisions_served_place")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("site", "day", "placement", "variant", "reason", "rule"),
                        name="decisions_served_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ShownDay",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("day", models.DateField()),
                ("placement", models.CharField(max_length=100)),
                ("variant", models.CharField(max_length=100)),
                ("exposures", models.PositiveBigIntegerField()),
                ("conversions", models.PositiveBigIntegerField()),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="shown_days",
                        to="access.site",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("site", "day", "placement", "variant"),
                        name="decisions_shown_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CountedDay",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("day", models.DateField()),
                ("records", models.PositiveBigIntegerField()),
                ("counted_at", models.DateTimeField()),
                ("took_ms", models.PositiveIntegerField()),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="counted_days",
                        to="access.site",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("site", "day"), name="decisions_counted_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="DryRunAsked",
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
                ("asked", models.JSONField()),
                ("days", models.PositiveSmallIntegerField()),
                ("at", models.DateTimeField()),
                ("intent_id", models.UUIDField(null=True)),
                ("found", models.JSONField(null=True)),
                ("refused", models.TextField(blank=True)),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="dry_runs",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="dry_runs",
                        to="access.site",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["site", "-at"], name="decisions_dry_run_site")],
            },
        ),
        migrations.CreateModel(
            name="ContentFinding",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=40)),
                ("place", models.CharField(max_length=160)),
                ("fingerprint", models.CharField(max_length=32)),
                ("name", models.CharField(max_length=250)),
                ("text", models.TextField()),
                ("advice", models.TextField()),
                ("link", models.CharField(blank=True, max_length=300)),
                ("weight", models.PositiveSmallIntegerField(default=0)),
                ("first_found_at", models.DateTimeField()),
                ("found_at", models.DateTimeField()),
                ("dismissed_at", models.DateTimeField(null=True)),
                ("dismissed_reason", models.CharField(blank=True, max_length=300)),
                (
                    "dismissed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="findings_dismissed",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="content_findings",
                        to="access.site",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("dismissed_at", None)),
                        fields=["site", "kind"],
                        name="decisions_finding_open",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("site", "kind", "place"), name="decisions_finding_once"
                    )
                ],
            },
        ),
    ]
