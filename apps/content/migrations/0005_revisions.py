import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import apps.work.ids


class Migration(migrations.Migration):

    dependencies = [
        ("access", "0004_editing"),
        ("content", "0004_editing"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="cap",
            name="archived_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.CreateModel(
            name="Revision",
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
                ("kind", models.CharField(max_length=40)),
                ("object_id", models.UUIDField()),
                ("number", models.PositiveIntegerField()),
                ("document", models.JSONField()),
                ("digest", models.CharField(max_length=64)),
                ("note", models.CharField(blank=True, max_length=200)),
                (
                    "by_name",
                    models.CharField(
                        blank=True,
                        help_text="As it was then; it stays when the account goes.",
                        max_length=150,
                    ),
                ),
                ("at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="revisions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="revisions",
                        to="access.site",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("kind", "object_id", "number"), name="content_revision_number"
                    )
                ],
                "indexes": [
                    models.Index(fields=["site", "-at"], name="content_revision_newest"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Unsaved",
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
                    models.CharField(help_text='The model: "content.block".', max_length=80),
                ),
                ("object_ref", models.CharField(max_length=60)),
                ("tab", models.CharField(max_length=40)),
                ("base", models.CharField(blank=True, max_length=64)),
                ("form", models.JSONField()),
                ("at", models.DateTimeField(db_index=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="unsaved",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user", "kind", "object_ref", "tab"),
                        name="content_unsaved_of_a_tab",
                    )
                ],
            },
        ),
    ]
