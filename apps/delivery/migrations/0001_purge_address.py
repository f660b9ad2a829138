import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import apps.work.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = [("access", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="PurgeAddress",
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
                    "url",
                    models.URLField(
                        help_text=(
                            'Each publication posts {"tags": [...]} there, 30 tags at a time, and '
                            "names them in a Surrogate-Key header too."
                        ),
                        max_length=500,
                        validators=[
                            django.core.validators.URLValidator(schemes=["https", "http"])
                        ],
                        verbose_name="address",
                    ),
                ),
                (
                    "header",
                    models.CharField(
                        default="Authorization",
                        help_text=(
                            "The header that carries the secret, such as Authorization or "
                            "Fastly-Key."
                        ),
                        max_length=60,
                        validators=[
                            django.core.validators.RegexValidator(
                                r"\A[A-Za-z0-9-]+\Z", "Letters, digits and hyphens."
                            )
                        ],
                    ),
                ),
                (
                    "secret",
                    models.CharField(
                        blank=True,
                        help_text='What it says: "Bearer ..." for instance.',
                        max_length=500,
                    ),
                ),
                ("is_enabled", models.BooleanField(default=True)),
                (
                    "site",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="purge_address",
                        to="access.site",
                    ),
                ),
            ],
            options={"verbose_name": "cache purge"},
        ),
    ]
