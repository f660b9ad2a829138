import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import apps.work.ids

_CHECK_KEY = django.core.validators.RegexValidator(
    "\\A[a-z0-9][a-z0-9._-]{0,99}\\Z",
    "A key starts with a lower-case letter or a digit and has at most 100 of a-z, 0-9, "
    "full stop, hyphen and underscore.",
    code="invalid_key",
)


def _id() -> models.UUIDField:
    return models.UUIDField(
        default=apps.work.ids.uuid7, editable=False, primary_key=True, serialize=False
    )


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0004_editing"),
        ("content", "0005_revisions"),
        ("segments", "0009_lists_followed"),
    ]

    operations = [
        migrations.CreateModel(
            name="BlockType",
            fields=[
                ("id", _id()),
                ("key", models.CharField(max_length=100, validators=[_CHECK_KEY])),
                ("name", models.CharField(max_length=120)),
                (
                    "schema",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text="The typed fields of every block of this type.",
                    ),
                ),
                ("revision", models.PositiveIntegerField(default=0, editable=False)),
                ("archived_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="block_types",
                        to="access.site",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("site", "key"), name="content_blocktype_key")
                ],
            },
        ),
        migrations.CreateModel(
            name="Theme",
            fields=[
                ("id", _id()),
                ("key", models.CharField(max_length=100, validators=[_CHECK_KEY])),
                ("name", models.CharField(max_length=120)),
                ("description", models.TextField(blank=True)),
                (
                    "messages",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text=(
                            'Texts by name and language: {"cta": {"en": "See the offers"}}.'
                        ),
                    ),
                ),
                ("revision", models.PositiveIntegerField(default=0, editable=False)),
                ("archived_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "segments",
                    models.ManyToManyField(
                        blank=True,
                        help_text=(
                            "Whom the theme speaks to: its variants are for these segments too."
                        ),
                        related_name="themes",
                        to="segments.segment",
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="themes",
                        to="access.site",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("site", "key"), name="content_theme_key")
                ],
            },
        ),
        migrations.AddField(
            model_name="block",
            name="channel",
            field=models.CharField(
                choices=[("page", "Pages"), ("email", "E-mail: never shown on a page")],
                default="page",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="block",
            name="type",
            field=models.ForeignKey(
                blank=True,
                help_text=(
                    "Fields that it shares with other blocks. Empty: it has fields of its own."
                ),
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="blocks",
                to="content.blocktype",
            ),
        ),
        migrations.AlterField(
            model_name="block",
            name="schema",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="The typed fields of every variant, in order; unless the block has a "
                "type.",
            ),
        ),
        migrations.AddField(
            model_name="variant",
            name="theme",
            field=models.ForeignKey(
                blank=True,
                help_text=(
                    "It is for the theme's segments too, and may show {{ theme.<message> }}."
                ),
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="variants",
                to="content.theme",
            ),
        ),
        migrations.CreateModel(
            name="Translation",
            fields=[
                ("id", _id()),
                (
                    "locale",
                    models.CharField(
                        help_text='The language, such as "de" or "de-CH".', max_length=35
                    ),
                ),
                ("fields", models.JSONField(blank=True, default=dict)),
                ("template", models.TextField(blank=True)),
                (
                    "variant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="translations",
                        to="content.variant",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("variant", "locale"), name="content_translation_locale"
                    )
                ],
            },
        ),
    ]
