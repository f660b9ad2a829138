import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import apps.work.ids

KEY = django.core.validators.RegexValidator(
    "\\A[a-z0-9][a-z0-9._-]{0,99}\\Z",
    "A key starts with a lower-case letter or a digit and has at most 100 of a-z, 0-9, "
    "full stop, hyphen and underscore.",
    code="invalid_key",
)
SHARE = [
    django.core.validators.MinValueValidator(0.0),
    django.core.validators.MaxValueValidator(1.0),
]


def drawn_on(related_name: str, help_text: str) -> models.ManyToManyField:
    return models.ManyToManyField(
        blank=True, help_text=help_text, related_name=related_name, to="content.cap"
    )


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0001_initial"),
        ("content", "0002_block_is_cacheable"),
    ]

    operations = [
        migrations.CreateModel(
            name="Cap",
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
                ("number", models.PositiveIntegerField(editable=False)),
                ("key", models.CharField(max_length=100, validators=[KEY])),
                ("name", models.CharField(max_length=120)),
                (
                    "most",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="Showings, 1 to 100. Empty: any number.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="at most",
                    ),
                ),
                (
                    "window_ms",
                    models.PositiveBigIntegerField(
                        blank=True,
                        help_text="Empty: ever, as far as showings are kept.",
                        null=True,
                        verbose_name="in any",
                    ),
                ),
                (
                    "per",
                    models.CharField(
                        choices=[
                            ("visitor", "Visitor"),
                            (
                                "session",
                                "Visitor and session: it ends after 30 minutes without an event",
                            ),
                        ],
                        default="visitor",
                        max_length=10,
                    ),
                ),
                (
                    "cooldown_ms",
                    models.PositiveBigIntegerField(
                        default=0,
                        help_text="At least this long after the last showing.",
                        verbose_name="then not for",
                    ),
                ),
                (
                    "half_life_ms",
                    models.PositiveBigIntegerField(
                        blank=True,
                        help_text="Fatigue: with it, the intensity falls with each showing and "
                        "comes back.",
                        null=True,
                        verbose_name="wears off by half in",
                    ),
                ),
                (
                    "step",
                    models.FloatField(
                        default=0.2,
                        help_text="Of the intensity, 0 to 1.",
                        validators=SHARE,
                        verbose_name="each showing takes",
                    ),
                ),
                (
                    "floor",
                    models.FloatField(
                        default=0.0,
                        help_text="The least intensity that is left.",
                        validators=SHARE,
                        verbose_name="down to",
                    ),
                ),
                (
                    "skip_below",
                    models.FloatField(
                        default=0.0,
                        help_text="Below this intensity nothing is shown.",
                        validators=SHARE,
                        verbose_name="not shown below",
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="caps",
                        to="access.site",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("site", "key"), name="content_cap_key"),
                    models.UniqueConstraint(fields=("site", "number"), name="content_cap_number"),
                ],
            },
        ),
        migrations.AddField(
            model_name="block",
            name="caps",
            field=drawn_on("blocks", "Every variant but the default draws on these caps."),
        ),
        migrations.AddField(
            model_name="placement",
            name="caps",
            field=drawn_on("placements", "Whatever is shown here but the default draws on these caps."),
        ),
        migrations.AddField(
            model_name="variant",
            name="caps",
            field=drawn_on("variants", "Showing this variant draws on these caps."),
        ),
    ]
