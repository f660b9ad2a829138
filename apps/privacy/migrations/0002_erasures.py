"""Erasures, their steps, cuts and tellings, and the certificates: sealed, never changed."""

import apps.work.ids
import django.contrib.postgres.fields
import django.contrib.postgres.functions
import django.db.models.deletion
from django.db import migrations, models

FORWARD = """
CREATE TRIGGER privacy_keep_certificates BEFORE UPDATE OR DELETE ON privacy_certificate
    FOR EACH ROW EXECUTE FUNCTION work_append_only('may_retire');
CREATE TRIGGER privacy_keep_all_certificates BEFORE TRUNCATE ON privacy_certificate
    FOR EACH STATEMENT EXECUTE FUNCTION work_append_only();
CREATE TRIGGER privacy_certificates_to_seal AFTER INSERT ON privacy_certificate
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION work_to_seal('certificates');
"""
BACKWARD = """
DROP TRIGGER privacy_keep_certificates ON privacy_certificate;
DROP TRIGGER privacy_keep_all_certificates ON privacy_certificate;
DROP TRIGGER privacy_certificates_to_seal ON privacy_certificate;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0007_sign_in"),
        ("privacy", "0001_requests"),
        ("work", "0003_ledger_seals"),
    ]

    operations = [
        migrations.CreateModel(
            name="Erasure",
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
                ("request_id", models.UUIDField(blank=True, null=True)),
                (
                    "cause",
                    models.CharField(
                        choices=[
                            ("request", "The person asked"),
                            ("officer", "An officer's decision"),
                            ("retention", "Kept long enough"),
                            ("replay", "Erased again after a restored backup"),
                        ],
                        default="officer",
                        max_length=20,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("running", "Running"),
                            ("failed", "Waiting to be tried again"),
                            ("completed", "Completed"),
                        ],
                        default="running",
                        max_length=10,
                    ),
                ),
                (
                    "started_at",
                    models.DateTimeField(help_text="What happened before is dropped for ever."),
                ),
                ("completed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "checked_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="When every store was last searched in full.",
                        null=True,
                    ),
                ),
                (
                    "profile_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(),
                        default=list,
                        help_text="Emptied with the certificate.",
                        size=None,
                    ),
                ),
                (
                    "sought",
                    models.BinaryField(
                        default=b"",
                        help_text="Names and values of the person, encrypted; emptied by the search of all stores.",
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="erasures",
                        to="access.site",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Certificate",
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
                ("at", models.DateTimeField()),
                (
                    "kind",
                    models.CharField(
                        choices=[("erasure", "Erasure"), ("search", "Search of all stores")],
                        default="erasure",
                        max_length=10,
                    ),
                ),
                ("body", models.TextField()),
                (
                    "jws",
                    models.TextField(help_text="Detached signature (RFC 7515, 7797) of the body."),
                ),
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
                        related_name="certificates",
                        to="access.site",
                    ),
                ),
                (
                    "erasure",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="certificates",
                        to="privacy.erasure",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ErasureStep",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("ordinal", models.PositiveSmallIntegerField()),
                ("name", models.CharField(max_length=20)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("stores", models.JSONField(default=dict, help_text="What was removed, by store.")),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("first_at", models.DateTimeField(null=True)),
                ("done_at", models.DateTimeField(null=True)),
                ("detail", models.CharField(blank=True, max_length=300)),
                (
                    "erasure",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="steps",
                        to="privacy.erasure",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ModelCut",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[("prediction", "Prediction"), ("recommender", "Recommender")],
                        max_length=12,
                    ),
                ),
                (
                    "target_id",
                    models.UUIDField(help_text="The model's question, or the recommender."),
                ),
                (
                    "cut_at",
                    models.DateTimeField(
                        help_text="What was trained before may remember the person."
                    ),
                ),
                ("due_at", models.DateTimeField()),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                (
                    "erasure",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="cuts",
                        to="privacy.erasure",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RecipientTelling",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("request_id", models.UUIDField(blank=True, null=True)),
                ("what", models.CharField(default="profile.erased", max_length=40)),
                (
                    "recipient",
                    models.CharField(
                        help_text="Its key in the list of recipients.", max_length=100
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                ("endpoint", models.CharField(blank=True, max_length=500)),
                (
                    "body",
                    models.BinaryField(
                        default=b"",
                        help_text="What it is told, encrypted; emptied once it has been.",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "To be told"),
                            ("told", "Told"),
                            ("failed", "Could not be told: it is tried again"),
                            ("by_hand", "To be told by hand: it has no address for machines"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("told_at", models.DateTimeField(blank=True, null=True)),
                ("answer", models.CharField(blank=True, max_length=200)),
                (
                    "erasure",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tellings",
                        to="privacy.erasure",
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="tellings",
                        to="access.site",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="erasure",
            index=models.Index(
                condition=models.Q(("state", "completed"), _negated=True),
                fields=["site"],
                name="privacy_erasure_open",
            ),
        ),
        migrations.AddIndex(
            model_name="certificate",
            index=models.Index(fields=["site", "-at"], name="privacy_certificate_site"),
        ),
        migrations.AddConstraint(
            model_name="certificate",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "erasure")),
                fields=("erasure",),
                name="privacy_certificate_one",
            ),
        ),
        migrations.AddConstraint(
            model_name="erasurestep",
            constraint=models.UniqueConstraint(
                fields=("erasure", "ordinal"), name="privacy_step_unique"
            ),
        ),
        migrations.AddIndex(
            model_name="modelcut",
            index=models.Index(
                condition=models.Q(("done_at", None)), fields=["due_at"], name="privacy_cut_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="modelcut",
            constraint=models.UniqueConstraint(
                fields=("erasure", "target_id"), name="privacy_cut_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="recipienttelling",
            constraint=models.UniqueConstraint(
                fields=("erasure", "recipient", "what"), name="privacy_telling_unique"
            ),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
