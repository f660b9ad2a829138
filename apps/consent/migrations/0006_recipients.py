import django.core.validators
from django.db import migrations, models

from apps.work.ids import uuid7


class Migration(migrations.Migration):
    dependencies = [("consent", "0005_states_and_proof")]
    operations = [
        migrations.CreateModel(
            "Recipient",
            [
                (
                    "id",
                    models.UUIDField(
                        primary_key=True, default=uuid7, editable=False, serialize=False
                    ),
                ),
                ("key", models.SlugField(max_length=60)),
                (
                    "name",
                    models.CharField(
                        max_length=120, help_text="As visitors are told: the company's name."
                    ),
                ),
                (
                    "country",
                    models.CharField(
                        max_length=2,
                        blank=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                r"\A[A-Z]{2}\Z",
                                "Two capital letters, such as DE.",
                                code="invalid_country",
                            )
                        ],
                        help_text="Where it is, such as DE or US.",
                    ),
                ),
                (
                    "is_third_party",
                    models.BooleanField(
                        "acts for itself",
                        default=True,
                        help_text="Off for a processor, who acts only for you and under your"
                        " contract. Who acts for itself is told only about visitors who agreed to"
                        " advertising.",
                    ),
                ),
                (
                    "purposes",
                    models.JSONField(
                        default=list, blank=True, help_text="What it may use the data for."
                    ),
                ),
                (
                    "contact",
                    models.CharField(
                        max_length=200,
                        blank=True,
                        help_text="E-mail address for requests about people.",
                    ),
                ),
                (
                    "endpoint",
                    models.URLField(
                        max_length=500,
                        blank=True,
                        help_text="Is told of erasures, corrections and opt-outs by POST. Empty:"
                        " by e-mail.",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "site",
                    models.ForeignKey("access.Site", models.CASCADE, related_name="recipients"),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=["site", "key"], name="consent_recipient_key")
                ]
            },
        ),
        migrations.CreateModel(
            "Disclosure",
            [
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "what",
                    models.CharField(
                        max_length=100, help_text="What told it, such as trigger:welcome."
                    ),
                ),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                (
                    "profile",
                    models.ForeignKey(
                        "profiles.Profile", models.CASCADE, related_name="disclosures"
                    ),
                ),
                (
                    "recipient",
                    models.ForeignKey(
                        "consent.Recipient",
                        models.RESTRICT,
                        related_name="disclosures",
                        db_index=False,
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["last_at"], name="consent_disclosure_last")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=["profile", "recipient", "what"], name="consent_disclosure_once"
                    )
                ],
            },
        ),
    ]
