"""Seals of ledgers, in tables of their own, and the functions that the ledgers' triggers call."""

import django.db.models.functions.datetime
from django.db import migrations, models

# `work_to_seal(ledger)`: AFTER INSERT, each statement, its new rows as `fresh`, their key `id`.
# `work_append_only()`: refuses what it is set on. With 'may_retire' deletion by retention passes, in
# a transaction that says so. TRUNCATE passes for who empties a whole database, and says that.
FORWARD = """
CREATE FUNCTION work_to_seal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO work_unsealed (ledger, row_id, at)
    SELECT TG_ARGV[0], fresh.id::text, clock_timestamp() FROM fresh;
    RETURN NULL;
END $$;
CREATE FUNCTION work_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND TG_ARGV[0] = 'may_retire'
      AND coalesce(current_setting('attune.erasing', true), '') = 'on' THEN
        RETURN OLD;
    ELSIF TG_OP = 'TRUNCATE'
      AND coalesce(current_setting('attune.emptying', true), '') = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER work_keep_seals BEFORE UPDATE OR DELETE ON work_seal
    FOR EACH ROW EXECUTE FUNCTION work_append_only();
CREATE TRIGGER work_keep_all_seals BEFORE TRUNCATE ON work_seal
    FOR EACH STATEMENT EXECUTE FUNCTION work_append_only();
"""
BACKWARD = """
DROP TRIGGER work_keep_seals ON work_seal;
DROP TRIGGER work_keep_all_seals ON work_seal;
DROP FUNCTION work_append_only();
DROP FUNCTION work_to_seal();
"""


class Migration(migrations.Migration):
    dependencies = [("work", "0002_changes_cost_less")]

    operations = [
        migrations.CreateModel(
            name="LedgerState",
            fields=[
                (
                    "ledger",
                    models.CharField(max_length=20, primary_key=True, serialize=False),
                ),
                (
                    "looked_at",
                    models.DateTimeField(help_text="All that waited then is sealed.", null=True),
                ),
                ("anchored_at", models.DateTimeField(null=True)),
                ("checked_at", models.DateTimeField(null=True)),
                (
                    "checked",
                    models.JSONField(default=dict, help_text="The verdict of that check."),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Unsealed",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("ledger", models.CharField(max_length=20)),
                ("row_id", models.CharField(max_length=40)),
                (
                    "at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={"verbose_name_plural": "unsealed rows"},
        ),
        migrations.CreateModel(
            name="SealHead",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "ledger",
                        "site_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("ledger", models.CharField(max_length=20)),
                ("site_id", models.UUIDField()),
                ("seq", models.BigIntegerField()),
                ("chain", models.BinaryField()),
                ("sealed_at", models.DateTimeField()),
                ("anchored_seq", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="Seal",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "ledger",
                        "site_id",
                        "seq",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("ledger", models.CharField(max_length=20)),
                ("site_id", models.UUIDField()),
                ("seq", models.BigIntegerField()),
                ("row_id", models.CharField(max_length=40)),
                (
                    "form",
                    models.SmallIntegerField(
                        help_text="Which columns the digests were made of."
                    ),
                ),
                (
                    "row_at",
                    models.DateTimeField(help_text="The moment that the row tells."),
                ),
                (
                    "since",
                    models.DateTimeField(
                        help_text="All that waited then had been sealed.", null=True
                    ),
                ),
                ("sealed_at", models.DateTimeField()),
                ("content", models.BinaryField(null=True)),
                ("apart", models.BinaryField(null=True)),
                ("chain", models.BinaryField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("ledger", "row_id"), name="work_seal_row")
                ]
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
