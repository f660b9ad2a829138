import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import apps.experiments.models.design


class Migration(migrations.Migration):
    dependencies = [
        ("experiments", "0003_design"),
        ("access", "0008_alerts"),
    ]

    operations = [
        migrations.AddField(
            "metric",
            "stands_for",
            models.CharField(
                blank=True,
                choices=[("errors", "Errors"), ("latency", "How long something takes")],
                default="",
                help_text="Of a guardrail: what is said when it stops an arm. Empty: harm.",
                max_length=8,
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            "experiment",
            "stops_for",
            models.JSONField(
                blank=True,
                default=apps.experiments.models.design.every_cause,
                help_text="A stopped arm shows the control until somebody lets it go on.",
                verbose_name="stops an arm by itself for",
            ),
        ),
        migrations.AddField(
            "experiment",
            "stop_least",
            models.PositiveIntegerField(
                default=100,
                help_text="So many participants in the arm and in the control.",
                validators=[django.core.validators.MinValueValidator(20)],
                verbose_name="and not before",
            ),
        ),
        migrations.CreateModel(
            "Uncounted",
            [
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("experiment", models.CharField(max_length=100)),
                ("arm", models.CharField(blank=True, max_length=100)),
                (
                    "why",
                    models.CharField(
                        choices=[
                            ("experiment", "no such experiment"),
                            ("arm", "no such arm, or not shown then"),
                            ("consent", "without consent"),
                        ],
                        max_length=10,
                    ),
                ),
                ("day", models.DateField()),
                ("n", models.PositiveBigIntegerField()),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="access.site",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("site", "experiment", "arm", "why", "day"),
                        name="experiments_uncounted_once",
                    )
                ]
            },
        ),
    ]
