import apps.rules.trigger_models
import apps.work.ids
import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0004_editing"),
        ("content", "0004_editing"),
        ("rules", "0003_editing"),
        ("segments", "0009_lists_followed"),
    ]

    operations = [
        migrations.CreateModel(
            name="Trigger",
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
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="triggers",
                        to="access.site",
                    ),
                ),
                ("number", models.PositiveIntegerField(editable=False)),
                (
                    "key",
                    models.CharField(
                        max_length=80,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[a-z0-9][a-z0-9._-]{0,99}\\Z",
                                "A key starts with a lower-case letter or a digit and has at most 100 of a-z, 0-9, full stop, hyphen and underscore.",
                                code="invalid_key",
                            )
                        ],
                    ),
                ),
                ("name", models.CharField(max_length=120)),
                (
                    "segment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.RESTRICT,
                        related_name="triggers",
                        to="segments.segment",
                    ),
                ),
                (
                    "on",
                    models.CharField(
                        choices=[
                            ("entered", "comes into the segment"),
                            ("left", "leaves the segment"),
                        ],
                        default="entered",
                        max_length=10,
                        verbose_name="when somebody",
                    ),
                ),
                (
                    "for_ms",
                    models.PositiveBigIntegerField(
                        default=0,
                        help_text="Who turns back earlier is not meant. Empty: at once.",
                        validators=[django.core.validators.MaxValueValidator(7776000000)],
                        verbose_name="and that has held for",
                    ),
                ),
                (
                    "placement",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.RESTRICT,
                        related_name="triggers",
                        to="content.placement",
                    ),
                ),
                (
                    "variant",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.RESTRICT,
                        related_name="triggers",
                        to="content.variant",
                    ),
                ),
                (
                    "cap",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="triggers",
                        to="content.cap",
                    ),
                ),
                (
                    "message",
                    models.JSONField(
                        blank=True,
                        help_text="What open pages are told. Never anything of one person.",
                        null=True,
                    ),
                ),
                (
                    "webhook_address",
                    models.URLField(blank=True, max_length=500, verbose_name="webhook"),
                ),
                (
                    "webhook_secret",
                    models.CharField(
                        default=apps.rules.trigger_models.new_secret, editable=False, max_length=60
                    ),
                ),
                ("webhook_failures", models.PositiveIntegerField(default=0, editable=False)),
                ("webhook_parked_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "most",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        default=1,
                        help_text="Times for one visitor. Empty: any number.",
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
                        help_text="Empty: in 90 days, which is how long it is remembered.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1000),
                            django.core.validators.MaxValueValidator(7776000000),
                        ],
                        verbose_name="in any",
                    ),
                ),
                (
                    "cooldown_ms",
                    models.PositiveBigIntegerField(
                        default=0,
                        help_text="A pause after each time. Empty: none.",
                        validators=[django.core.validators.MaxValueValidator(7776000000)],
                        verbose_name="then not for",
                    ),
                ),
                (
                    "most_per_minute",
                    models.PositiveIntegerField(
                        default=1000,
                        help_text="Times a minute for all visitors together: more is likely to be a mistake.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100000),
                        ],
                        verbose_name="pause itself above",
                    ),
                ),
                (
                    "priority",
                    models.SmallIntegerField(
                        default=100, help_text="Of its content among the rules of the placement."
                    ),
                ),
                ("is_enabled", models.BooleanField(default=False, verbose_name="switched on")),
                ("starts_at", models.DateTimeField(blank=True, null=True)),
                ("ends_at", models.DateTimeField(blank=True, null=True)),
                ("paused_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("revision", models.PositiveIntegerField(default=0, editable=False)),
                ("archived_at", models.DateTimeField(blank=True, editable=False, null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("site", "key"), name="rules_trigger_key"),
                    models.UniqueConstraint(fields=("site", "number"), name="rules_trigger_number"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("starts_at", None),
                            ("ends_at", None),
                            ("ends_at__gt", models.F("starts_at")),
                            _connector="OR",
                        ),
                        name="rules_trigger_ends_after_it_starts",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("placement", None), ("variant", None)),
                            models.Q(("placement__isnull", False), ("variant__isnull", False)),
                            _connector="OR",
                        ),
                        name="rules_trigger_shows_something_somewhere",
                    ),
                ],
                "indexes": [],
            },
        ),
        migrations.CreateModel(
            name="Firing",
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
                    "trigger",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="firings",
                        to="rules.trigger",
                    ),
                ),
                ("profile_id", models.UUIDField()),
                (
                    "cause",
                    models.CharField(
                        help_text="What made it: a line of the change feed.", max_length=40
                    ),
                ),
                (
                    "at",
                    models.DateTimeField(
                        help_text="When the visitor came or left, or when its time was up."
                    ),
                ),
                ("due_at", models.DateTimeField(blank=True, null=True)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("waiting", "waits for its time"),
                            ("fired", "fired"),
                            ("turned_back", "turned back before its time"),
                            ("capped", "had it as often as is allowed"),
                            ("cooling", "had it too short a time ago"),
                            ("no_consent", "has not agreed to personalization"),
                            ("holdout", "is kept from all personalization"),
                            ("held", "came when the trigger paused itself"),
                            ("late", "was known too late"),
                            ("off", "came due when the trigger was off"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "webhook",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "none"),
                            ("waiting", "on its way"),
                            ("delivered", "delivered"),
                            ("failed", "given up"),
                            ("parked", "parked: the address does not answer"),
                        ],
                        default="",
                        max_length=10,
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("error", models.CharField(blank=True, max_length=300)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["trigger", "at"], name="rules_firing_trigger"),
                    models.Index(fields=["profile_id"], name="rules_firing_profile"),
                    models.Index(
                        condition=models.Q(("outcome", "waiting")),
                        fields=["due_at"],
                        name="rules_firing_waiting",
                    ),
                    models.Index(fields=["at"], name="rules_firing_at"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("trigger", "profile_id", "cause"), name="rules_firing_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="TriggerCursor",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("upto", models.BigIntegerField(default=0)),
            ],
            options={
                "indexes": [],
                "constraints": [],
            },
        ),
    ]
