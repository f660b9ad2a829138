import apps.work.ids
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("privacy", "0004_retention"), ("access", "0006_site_privacy")]

    operations = [
        migrations.CreateModel(
            name="Message",
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
                ("template", models.CharField(max_length=60)),
                (
                    "sealed",
                    models.BinaryField(
                        default=b"",
                        help_text="Address and words, encrypted. Empty once nothing is to be sent.",
                    ),
                ),
                (
                    "is_for_known",
                    models.BooleanField(
                        default=False,
                        help_text="Sent only if the address belongs to somebody this site knows.",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waits"),
                            ("sent", "sent"),
                            ("failed", "failed"),
                            ("closed", "closed"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                (
                    "error",
                    models.CharField(
                        blank=True,
                        help_text="The kind of error of the last attempt, no more.",
                        max_length=120,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                (
                    "expires_at",
                    models.DateTimeField(help_text="What was not sent by then is closed."),
                ),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="messages",
                        to="access.site",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["waiting", "failed"])),
                        fields=["expires_at"],
                        name="privacy_message_open",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["waiting", "failed"]), ("sealed", b""), _connector="OR"
                        ),
                        name="privacy_message_emptied",
                    )
                ],
            },
        ),
    ]
