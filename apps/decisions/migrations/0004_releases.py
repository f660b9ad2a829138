"""Drafts and publications in parts, and releases.

Whoever writes a draft, by the ORM or by SQL, marks what is to be made anew in the same transaction,
by trigger: nothing that changes drafts can forget it.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import apps.work.ids

# Columns that say nothing of what a publication holds.
_IGNORED = {
    "content_variant": "version,digest,published_at,name",
    "content_block": "name,revision",
    "content_placement": "name,revision",
    "content_cap": "name,revision",
    "content_theme": "name,description,revision",
    "content_blocktype": "name,revision",
    "rules_rule": "name,revision",
    "rules_trigger": (
        "name,revision,message,webhook_address,webhook_secret,webhook_failures,webhook_parked_at,"
        "most_per_minute"
    ),
    "segments_segment": (
        "description,draft,draft_policy,tags,refresh_every_s,fallback_for_id,owner_note"
    ),
    "segments_segmentversion": (
        "note,refreshed_at,refresh_ms,size,first_size,entered,left,restored_from_id,published_by_id"
    ),
    "segments_computedtrait": "name,unit",
    "access_site": (
        "key,name,regime,time_zone,is_plan_strict,retention_days,decision_log_share,"
        "preferences_url,needs_approval,preview_pages,created_at"
    ),
}
# table -> what a row of it marks; r is the row.
_MARKS = {
    "content_block": """
        SELECT r.site_id, 'block', r.id
        UNION ALL SELECT p.site_id, 'placement', p.id FROM content_placement p
            WHERE p.block_id = r.id""",
    "content_variant": """
        SELECT b.site_id, 'block', b.id FROM content_block b WHERE b.id = r.block_id
        UNION ALL SELECT u.site_id, 'rule', u.id FROM rules_rule u WHERE u.variant_id = r.id
        UNION ALL SELECT u.site_id, 'rule', u.id FROM rules_trigger u WHERE u.variant_id = r.id""",
    "content_placement": """
        SELECT r.site_id, 'placement', r.id
        UNION ALL SELECT u.site_id, 'rule', u.id FROM rules_rule u WHERE u.placement_id = r.id
        UNION ALL SELECT u.site_id, 'rule', u.id FROM rules_trigger u
            WHERE u.placement_id = r.id""",
    "content_cap": "SELECT r.site_id, 'cap', r.id",
    "content_theme": """
        SELECT b.site_id, 'block', b.id FROM content_variant v
            JOIN content_block b ON b.id = v.block_id WHERE v.theme_id = r.id""",
    "content_blocktype": """
        SELECT b.site_id, 'block', b.id FROM content_block b WHERE b.type_id = r.id""",
    "content_translation": """
        SELECT b.site_id, 'block', b.id FROM content_variant v
            JOIN content_block b ON b.id = v.block_id WHERE v.id = r.variant_id""",
    "content_variant_segments": """
        SELECT b.site_id, 'block', b.id FROM content_variant v
            JOIN content_block b ON b.id = v.block_id WHERE v.id = r.variant_id""",
    "content_variant_caps": """
        SELECT b.site_id, 'block', b.id FROM content_variant v
            JOIN content_block b ON b.id = v.block_id WHERE v.id = r.variant_id""",
    "content_block_caps": """
        SELECT b.site_id, 'block', b.id FROM content_block b WHERE b.id = r.block_id""",
    "content_placement_caps": """
        SELECT p.site_id, 'placement', p.id FROM content_placement p WHERE p.id = r.placement_id""",
    "content_theme_segments": """
        SELECT b.site_id, 'block', b.id FROM content_variant v
            JOIN content_block b ON b.id = v.block_id WHERE v.theme_id = r.theme_id""",
    "rules_rule": "SELECT r.site_id, 'rule', r.id",
    "rules_trigger": "SELECT r.site_id, 'rule', r.id",
    "rules_rule_caps": """
        SELECT u.site_id, 'rule', u.id FROM rules_rule u WHERE u.id = r.rule_id""",
    "segments_segment": """
        SELECT r.site_id, 'segment', NULL::uuid
        UNION ALL SELECT b.site_id, 'block', b.id FROM content_variant_segments t
            JOIN content_variant v ON v.id = t.variant_id
            JOIN content_block b ON b.id = v.block_id WHERE t.segment_id = r.id
        UNION ALL SELECT b.site_id, 'block', b.id FROM content_theme_segments t
            JOIN content_variant v ON v.theme_id = t.theme_id
            JOIN content_block b ON b.id = v.block_id WHERE t.segment_id = r.id""",
    "segments_segmentversion": """
        SELECT s.site_id, 'segment', NULL::uuid FROM segments_segment s
            WHERE s.id = r.segment_id""",
    "segments_computedtrait": "SELECT r.site_id, 'computed', NULL::uuid",
    "access_site": "SELECT r.id, 'block', NULL::uuid",
}
_MARK = """
CREATE FUNCTION decisions_touch_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{{{ignored}}}'::text[] =
            to_jsonb(OLD) - '{{{ignored}}}'::text[] THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) {old};
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) {new};
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER decisions_touch AFTER INSERT OR UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION decisions_touch_{table}();
"""
_FORWARD = "".join(
    _MARK.format(
        table=table,
        ignored=_IGNORED.get(table, ""),
        old=marks.replace("r.", "OLD."),
        new=marks.replace("r.", "NEW."),
    )
    for table, marks in _MARKS.items()
)
_BACKWARD = "".join(
    f"DROP TRIGGER decisions_touch ON {table}; DROP FUNCTION decisions_touch_{table}();\n"
    for table in _MARKS
)
_COUNTS = """
UPDATE decisions_publication SET counts = jsonb_build_object(
    'placement', jsonb_array_length(document->'placements'),
    'block', jsonb_array_length(document->'blocks'),
    'rule', jsonb_array_length(document->'rules'),
    'segment', (SELECT count(*) FROM jsonb_array_elements(document->'segments') s
        WHERE coalesce(s->>'hidden', 'false') = 'false'))
WHERE jsonb_typeof(document->'segments') = 'array'
"""


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0004_editing"),
        ("content", "0006_kinds"),
        ("decisions", "0003_forgotten"),
        ("rules", "0004_triggers"),
        ("segments", "0009_lists_followed"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PartState",
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
                ("made_with", models.CharField(blank=True, max_length=40)),
                ("number", models.PositiveIntegerField(default=0)),
                ("surroundings", models.CharField(blank=True, max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name="Touched",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("site_id", models.UUIDField(db_index=True)),
                ("kind", models.CharField(max_length=20)),
                ("object_id", models.UUIDField(null=True)),
            ],
        ),
        migrations.AlterModelOptions(
            name="publication",
            options={
                "permissions": [
                    ("publish_site", "Can publish and bring back a publication"),
                    ("share_preview", "Can share a link to a preview"),
                ]
            },
        ),
        migrations.AddField(
            model_name="publication",
            name="counts",
            field=models.JSONField(
                default=dict, help_text="How many things of each kind it holds."
            ),
        ),
        migrations.AddField(
            model_name="publication",
            name="manifest",
            field=models.TextField(null=True),
        ),
        migrations.AlterField(
            model_name="publication",
            name="document",
            field=models.JSONField(null=True),
        ),
        migrations.CreateModel(
            name="Release",
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
                ("number", models.PositiveIntegerField(help_text="Running, in the site.")),
                ("name", models.CharField(max_length=120)),
                ("note", models.CharField(blank=True, max_length=200)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("submitted", "Waits for approval"),
                            ("approved", "Approved"),
                            ("refused", "Refused"),
                            ("scheduled", "Scheduled"),
                            ("published", "Published"),
                            ("failed", "Could not be published"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="open",
                        max_length=12,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("submitted_at", models.DateTimeField(null=True)),
                (
                    "starts_at",
                    models.DateTimeField(
                        help_text="Empty: as soon as somebody says so.", null=True
                    ),
                ),
                (
                    "ends_at",
                    models.DateTimeField(
                        help_text="Then it is taken back. Empty: never.", null=True
                    ),
                ),
                ("published_number", models.PositiveIntegerField(null=True)),
                (
                    "ended_number",
                    models.PositiveIntegerField(
                        help_text="The publication that took it back.", null=True
                    ),
                ),
                ("trouble", models.TextField(blank=True, help_text="Why it, or its end, failed.")),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="releases",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="releases",
                        to="access.site",
                    ),
                ),
                (
                    "submitted_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="releases_submitted",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "permissions": [("approve_release", "Can approve or refuse a release")],
            },
        ),
        migrations.AddField(
            model_name="publication",
            name="release",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="publications",
                to="decisions.release",
            ),
        ),
        migrations.CreateModel(
            name="ReleaseItem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=20)),
                ("key", models.CharField(max_length=120)),
                ("object_id", models.UUIDField(null=True)),
                ("base", models.CharField(blank=True, max_length=64)),
                ("digest", models.CharField(blank=True, max_length=64)),
                ("part", models.CharField(blank=True, max_length=64)),
                ("replaced", models.CharField(blank=True, max_length=64)),
                ("revision", models.PositiveIntegerField(default=0)),
                (
                    "authors",
                    models.JSONField(default=list, help_text="Who wrote what is frozen here."),
                ),
                (
                    "release",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="items",
                        to="decisions.release",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ReleaseVote",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "verdict",
                    models.CharField(
                        choices=[("approved", "Approved"), ("refused", "Refused")], max_length=10
                    ),
                ),
                ("reason", models.TextField(blank=True)),
                ("at", models.DateTimeField()),
                ("contents", models.CharField(help_text="Digest of all items.", max_length=64)),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="release_votes",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "release",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="votes",
                        to="decisions.release",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Part",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=20)),
                ("key", models.CharField(max_length=120)),
                ("object_id", models.UUIDField(null=True)),
                ("digest", models.CharField(blank=True, max_length=64)),
                ("body", models.TextField(blank=True)),
                ("problems", models.JSONField(default=list)),
                ("is_refused", models.BooleanField(default=False)),
                ("is_listed", models.BooleanField(default=True)),
                ("served", models.CharField(blank=True, max_length=64)),
                ("served_part", models.CharField(blank=True, max_length=64)),
                ("served_at", models.DateTimeField(null=True)),
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
                "indexes": [
                    models.Index(
                        condition=models.Q(("digest", models.F("served")), _negated=True),
                        fields=["site"],
                        name="decisions_part_waiting",
                    ),
                    models.Index(
                        condition=models.Q(("problems", []), _negated=True),
                        fields=["site"],
                        name="decisions_part_refused",
                    ),
                    models.Index(fields=["object_id"], name="decisions_part_object"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("site", "kind", "key"), name="decisions_part_of_draft"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PublishedPart",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("digest", models.CharField(max_length=64)),
                ("body", models.TextField()),
                ("reads", models.JSONField(default=list)),
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
                        fields=("site", "digest"), name="decisions_published_part"
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="release",
            constraint=models.UniqueConstraint(
                fields=("site", "number"), name="decisions_release_number"
            ),
        ),
        migrations.AddConstraint(
            model_name="release",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("starts_at", None),
                    ("ends_at", None),
                    ("ends_at__gt", models.F("starts_at")),
                    _connector="OR",
                ),
                name="decisions_release_ends_after_it_starts",
            ),
        ),
        migrations.AddConstraint(
            model_name="releaseitem",
            constraint=models.UniqueConstraint(
                fields=("release", "kind", "key"), name="decisions_release_item"
            ),
        ),
        migrations.RunSQL(_FORWARD, _BACKWARD),
        migrations.RunSQL(_COUNTS, migrations.RunSQL.noop),
    ]
