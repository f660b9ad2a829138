"""What is kept to say what personalization earns."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0008_alerts"),
        ("profiles", "0010_duplicates"),
        ("experiments", "0006_targets"),
    ]

    operations = [
        migrations.CreateModel(
            name="ChoiceWorth",
            fields=[
                (
                    "phase",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="choice_worth",
                        serialize=False,
                        to="experiments.phase",
                    ),
                ),
                ("worked_out_at", models.DateTimeField()),
                ("document", models.JSONField()),
            ],
        ),
        migrations.CreateModel(
            name="Worth",
            fields=[
                (
                    "holdout",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="worth",
                        serialize=False,
                        to="experiments.holdout",
                    ),
                ),
                ("worked_out_at", models.DateTimeField()),
                ("document", models.JSONField()),
            ],
        ),
        migrations.AlterField(
            model_name="daysum",
            name="sample",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="Of a quantile: single values of a sample of people.",
            ),
        ),
        migrations.CreateModel(
            name="HoldoutTurn",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("publication", models.PositiveIntegerField()),
                ("seed", models.CharField(max_length=100)),
                ("share", models.FloatField()),
                ("placements", models.JSONField(blank=True, default=list)),
                (
                    "holdout",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="turns",
                        to="experiments.holdout",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="HoldoutSum",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("arm", models.PositiveSmallIntegerField()),
                ("segment", models.CharField(blank=True, default="", max_length=100)),
                ("day", models.DateField()),
                ("n", models.BigIntegerField()),
                ("y", models.FloatField()),
                ("yy", models.FloatField()),
                ("d", models.FloatField(default=0.0)),
                ("dd", models.FloatField(default=0.0)),
                ("yd", models.FloatField(default=0.0)),
                ("x", models.FloatField(default=0.0)),
                ("xx", models.FloatField(default=0.0)),
                ("xy", models.FloatField(default=0.0)),
                ("left_out", models.PositiveIntegerField(default=0)),
                ("counted_at", models.DateTimeField()),
                (
                    "metric",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="experiments.metric",
                    ),
                ),
                (
                    "turn",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sums",
                        to="experiments.holdoutturn",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="HoldoutMember",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("seed", models.CharField(max_length=100)),
                ("arm", models.PositiveSmallIntegerField()),
                ("first_at", models.DateTimeField()),
                ("day", models.DateField(help_text="Of the first decision, UTC.")),
                ("is_mixed", models.BooleanField(default=False)),
                ("segments", models.JSONField(blank=True, default=list)),
                (
                    "profile",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="profiles.profile",
                    ),
                ),
                (
                    "turn",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="members",
                        to="experiments.holdoutturn",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="WorthAsked",
            fields=[
                (
                    "site",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="access.site",
                    ),
                ),
                (
                    "cost",
                    models.FloatField(
                        blank=True,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(0.0)],
                    ),
                ),
                ("asked_upto", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "metric",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="experiments.metric",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="holdoutturn",
            constraint=models.UniqueConstraint(
                fields=("holdout", "publication"), name="experiments_holdout_turn_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="holdoutsum",
            constraint=models.UniqueConstraint(
                fields=("turn", "metric", "arm", "segment", "day"), name="experiments_holdoutsum_once"
            ),
        ),
        migrations.AddIndex(
            model_name="holdoutmember",
            index=models.Index(fields=["turn", "day"], name="experiments_member_day"),
        ),
        migrations.AddConstraint(
            model_name="holdoutmember",
            constraint=models.UniqueConstraint(
                fields=("seed", "profile"), name="experiments_member_once"
            ),
        ),
    ]
