"""Bandits: how their shares move, and sums weighted by the probabilities that were served."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

_LEAST, _MOST = (
    django.core.validators.MinValueValidator,
    django.core.validators.MaxValueValidator,
)


class Migration(migrations.Migration):
    dependencies = [("experiments", "0004_stopping")]

    operations = [
        migrations.AddField(
            "experiment",
            "bandit_floor",
            models.FloatField(
                "least share",
                default=0.05,
                help_text="Of a bandit: every arm keeps this share, so that it can still be "
                "learned from.",
                validators=[_LEAST(0.01), _MOST(0.5)],
            ),
        ),
        migrations.AddField(
            "experiment",
            "bandit_burn_in",
            models.PositiveIntegerField(
                "even shares until",
                default=100,
                help_text="Of a bandit: so many participants of each arm whose time for the goal "
                "is over.",
                validators=[_LEAST(10)],
            ),
        ),
        migrations.AddField(
            "experiment",
            "bandit_hours",
            models.PositiveSmallIntegerField(
                "hours between new shares",
                default=24,
                help_text="Of a bandit: its shares are published anew no more often than this.",
                validators=[_LEAST(1), _MOST(672)],
            ),
        ),
        migrations.AddField(
            "experiment",
            "is_contextual",
            models.BooleanField(
                "shares by segment",
                default=False,
                help_text="Of a bandit: shares of their own for each segment above; the first "
                "that somebody is in counts.",
            ),
        ),
        migrations.AddField("phase", "bandit", models.JSONField(blank=True, default=dict)),
        migrations.AddField("participant", "probability", models.FloatField(null=True)),
        migrations.CreateModel(
            "BanditSum",
            [
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("arm", models.PositiveSmallIntegerField()),
                ("context", models.CharField(blank=True, default="", max_length=100)),
                ("day", models.DateField()),
                ("n", models.BigIntegerField()),
                ("w", models.FloatField()),
                ("ww", models.FloatField()),
                ("wy", models.FloatField()),
                ("wwy", models.FloatField()),
                ("wwyy", models.FloatField()),
                ("counted_at", models.DateTimeField()),
                (
                    "metric",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="bandit_sums",
                        to="experiments.metric",
                    ),
                ),
                (
                    "phase",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="bandit_sums",
                        to="experiments.phase",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=["phase", "metric", "arm", "context", "day"],
                        name="experiments_banditsum_once",
                    )
                ],
            },
        ),
    ]
