import django.db.models.deletion
from django.db import migrations, models

import apps.work.ids


class Migration(migrations.Migration):
    dependencies = [("profiles", "0008_consent_state"), ("access", "0001_initial")]
    operations: list[migrations.operations.base.Operation] = [
        migrations.CreateModel(
            name="TraitKind",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=120, verbose_name="trait")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("plain", "Plain: says nothing about the person"),
                            ("personal", "Personal"),
                            (
                                "identifier",
                                "Identifier: names or reaches the person; encrypted",
                            ),
                            ("sensitive", "Sensitive: needs consent of its own; encrypted"),
                        ],
                        max_length=12,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="trait_kinds",
                        to="access.site",
                    ),
                ),
            ],
            options={
                "verbose_name": "kind of a trait",
                "verbose_name_plural": "kinds of traits",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("site", "key"), name="profiles_traitkind_unique"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SubjectKey",
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
                ("wrapped", models.BinaryField()),
                (
                    "master",
                    models.CharField(
                        help_text="Name of the master key that wrapped it.", max_length=32
                    ),
                ),
                ("created_at", models.DateTimeField()),
                (
                    "profile",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="subject_keys",
                        to="profiles.profile",
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="access.site",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("profile", None)),
                        fields=("site",),
                        name="profiles_sitekey_unique",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Contact",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("kind", models.CharField(help_text="email or phone", max_length=8)),
                ("digest", models.UUIDField(help_text="See vault.blind.")),
                (
                    "profile",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="contacts",
                        to="profiles.profile",
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="access.site",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("site", "kind", "digest", "profile"),
                        name="profiles_contact_unique",
                    )
                ],
            },
        ),
    ]
