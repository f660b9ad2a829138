"""Requests of people about their data, their clocks, and a sealed log of what was done."""

import django.contrib.postgres.fields
import django.contrib.postgres.functions
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import apps.work.ids

FORWARD = """
CREATE TRIGGER privacy_keep_log BEFORE UPDATE OR DELETE ON privacy_requestevent
    FOR EACH ROW EXECUTE FUNCTION work_append_only('may_retire');
CREATE TRIGGER privacy_keep_whole_log BEFORE TRUNCATE ON privacy_requestevent
    FOR EACH STATEMENT EXECUTE FUNCTION work_append_only();
CREATE TRIGGER privacy_log_to_seal AFTER INSERT ON privacy_requestevent
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION work_to_seal('requests');
"""
BACKWARD = """
DROP TRIGGER privacy_keep_log ON privacy_requestevent;
DROP TRIGGER privacy_keep_whole_log ON privacy_requestevent;
DROP TRIGGER privacy_log_to_seal ON privacy_requestevent;
DELETE FROM work_unsealed WHERE ledger = 'requests';
"""


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0006_site_privacy"),
        ("consent", "0007_tombstones"),
        ("profiles", "0009_vault"),
        ("work", "0003_ledger_seals"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="BulkAction",
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
                    models.CharField(
                        choices=[("erasure", "Erase"), ("export", "Hand out packages")],
                        max_length=10,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting for a second officer"),
                            ("approved", "Approved"),
                            ("refused", "Refused"),
                            ("withdrawn", "Withdrawn"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("reason", models.CharField(max_length=300)),
                ("asked_at", models.DateTimeField()),
                (
                    "asked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bulk_asked",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="bulk_actions",
                        to="access.site",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Request",
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
                    "public_ref",
                    models.CharField(max_length=20, unique=True, verbose_name="reference"),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("access", "Access: a copy of everything"),
                            ("portability", "Portability: data to take along"),
                            ("erasure", "Erasure"),
                            ("rectification", "Rectification"),
                            ("restriction", "Restriction: store only"),
                            ("objection", "Objection to profiling"),
                            ("opt_out", "Opt-out of sale and sharing"),
                            ("limit", "Limit the use of sensitive data"),
                            ("review", "Review by a human"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "regulation",
                    models.CharField(choices=[("gdpr", "GDPR"), ("ccpa", "CCPA")], max_length=10),
                ),
                (
                    "route",
                    models.CharField(
                        choices=[
                            ("form", "Public form"),
                            ("desk", "Officer's desk"),
                            ("opendsr", "OpenDSR"),
                            ("preferences", "Preference page"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("received", "Received"),
                            ("verifying", "Verifying"),
                            ("approved", "Approved"),
                            ("in_progress", "In progress"),
                            ("failed", "Failed, tried again"),
                            ("completed", "Completed"),
                            ("refused", "Refused"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="received",
                        max_length=20,
                    ),
                ),
                ("language", models.CharField(default="en", max_length=20)),
                ("received_at", models.DateTimeField(verbose_name="received")),
                ("time_zone", models.CharField(default="UTC", max_length=60)),
                ("confirm_by", models.DateField(blank=True, null=True)),
                ("confirmed_at", models.DateTimeField(blank=True, null=True)),
                ("due_on", models.DateField(verbose_name="due")),
                (
                    "extended_due_on",
                    models.DateField(help_text="The last day if the time is extended."),
                ),
                ("internal_due_at", models.DateTimeField(help_text="The house's own target.")),
                ("extended_at", models.DateTimeField(blank=True, null=True)),
                ("extension_reason", models.TextField(blank=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("names_enc", models.BinaryField(default=b"")),
                (
                    "subject_digests",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(),
                        blank=True,
                        default=list,
                        editable=False,
                        size=None,
                    ),
                ),
                ("verified_how", models.CharField(blank=True, max_length=20)),
                ("verified_at", models.DateTimeField(blank=True, null=True)),
                ("evidence_enc", models.BinaryField(default=b"")),
                ("evidence_emptied_at", models.DateTimeField(blank=True, null=True)),
                ("refusal_article", models.CharField(blank=True, max_length=40)),
                ("refusal_reason", models.TextField(blank=True)),
                (
                    "outcome",
                    models.JSONField(
                        blank=True, default=dict, help_text="Counts and ids, no names."
                    ),
                ),
                ("failures", models.PositiveSmallIntegerField(default=0)),
                (
                    "trouble",
                    models.CharField(blank=True, help_text="Why it failed last.", max_length=200),
                ),
                ("opendsr_id", models.UUIDField(blank=True, null=True)),
                ("opendsr_digest", models.CharField(blank=True, editable=False, max_length=64)),
                ("callbacks", models.JSONField(blank=True, default=list)),
                (
                    "bulk",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="requests",
                        to="privacy.bulkaction",
                    ),
                ),
                (
                    "joined_to",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="joined",
                        to="privacy.request",
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="privacy_requests",
                        to="access.site",
                    ),
                ),
                (
                    "verified_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="verified_requests",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "permissions": [
                    ("decide_bulk", "Can decide what another officer wants to do in bulk")
                ],
            },
        ),
        migrations.CreateModel(
            name="Reminder",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("confirm", "Confirm receipt"),
                            ("half", "Half the time is over"),
                            ("week", "Seven days left"),
                            ("day", "One day left"),
                        ],
                        max_length=10,
                    ),
                ),
                ("remind_on", models.DateField()),
                ("remind_at", models.DateTimeField(help_text="When that day begins for the site.")),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reminders",
                        to="privacy.request",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Note",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("author_label", models.CharField(max_length=150)),
                ("at", models.DateTimeField()),
                ("text_enc", models.BinaryField()),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notes",
                        to="privacy.request",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RequestEvent",
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
                ("request_id", models.UUIDField(db_index=True)),
                ("at", models.DateTimeField()),
                ("kind", models.CharField(max_length=40)),
                ("state", models.CharField(max_length=20)),
                ("actor_id", models.BigIntegerField(blank=True, null=True)),
                ("actor_label", models.CharField(max_length=150)),
                ("detail", models.JSONField(blank=True, default=dict)),
                (
                    "salt",
                    models.UUIDField(
                        db_default=django.contrib.postgres.functions.RandomUUID(), editable=False
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="access.site",
                    ),
                ),
            ],
            options={
                "verbose_name": "request log entry",
                "verbose_name_plural": "request log entries",
            },
        ),
        migrations.CreateModel(
            name="RequestSubject",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("profile_id", models.UUIDField(db_index=True)),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="subjects",
                        to="privacy.request",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BulkVote",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("is_yes", models.BooleanField()),
                ("words", models.CharField(blank=True, max_length=300)),
                ("at", models.DateTimeField()),
                (
                    "bulk",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="votes",
                        to="privacy.bulkaction",
                    ),
                ),
                (
                    "officer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bulk_votes",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("bulk", "officer"), name="privacy_vote_once")
                ],
            },
        ),
        migrations.AddIndex(
            model_name="request",
            index=models.Index(fields=["site", "state", "due_on"], name="privacy_request_inbox"),
        ),
        migrations.AddIndex(
            model_name="request",
            index=models.Index(fields=["-received_at"], name="privacy_request_received"),
        ),
        migrations.AddConstraint(
            model_name="request",
            constraint=models.UniqueConstraint(
                condition=models.Q(("opendsr_id__isnull", False)),
                fields=("site", "opendsr_id"),
                name="privacy_request_opendsr",
            ),
        ),
        migrations.AddIndex(
            model_name="reminder",
            index=models.Index(
                condition=models.Q(("sent_at", None)),
                fields=["remind_at"],
                name="privacy_reminder_waiting",
            ),
        ),
        migrations.AddConstraint(
            model_name="reminder",
            constraint=models.UniqueConstraint(
                fields=("request", "kind", "remind_on"), name="privacy_reminder_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="requestsubject",
            constraint=models.UniqueConstraint(
                fields=("request", "profile_id"), name="privacy_subject_once"
            ),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
