"""The consent ledger is sealed: every entry is linked, and none can be emptied away.

An entry gets two salts. The first belongs to what is kept as proof; the second to `signals`, which
an erasure takes: it goes with them, so that what was sent along cannot be guessed from its digest.
"""

import django.contrib.postgres.functions
from django.db import migrations, models

FORWARD = """
CREATE OR REPLACE FUNCTION consent_keep_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    erasing boolean := coalesce(current_setting('attune.erasing', true), '') = 'on';
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF erasing THEN RETURN OLD; END IF;
    ELSIF to_jsonb(NEW) - 'profile_id' = to_jsonb(OLD) - 'profile_id' THEN
        RETURN NEW;  -- a merge, or a profile that is gone
    ELSIF erasing AND NEW.profile_id IS NULL AND NEW.signals = '{}'::jsonb
      AND NEW.signals_salt IS NULL
      AND to_jsonb(NEW) - '{profile_id,signals,signals_salt}'::text[]
        = to_jsonb(OLD) - '{profile_id,signals,signals_salt}'::text[] THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the consent ledger is append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER consent_keep_all_ledger BEFORE TRUNCATE ON consent_consentevent
    FOR EACH STATEMENT EXECUTE FUNCTION work_append_only();
CREATE TRIGGER consent_ledger_to_seal AFTER INSERT ON consent_consentevent
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION work_to_seal('consent');
INSERT INTO work_unsealed (ledger, row_id, at)
    SELECT 'consent', id::text, now() FROM consent_consentevent ORDER BY consent_consentevent.id;
"""
BACKWARD = """
DROP TRIGGER consent_keep_all_ledger ON consent_consentevent;
DROP TRIGGER consent_ledger_to_seal ON consent_consentevent;
DELETE FROM work_unsealed WHERE ledger = 'consent';
CREATE OR REPLACE FUNCTION consent_keep_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    erasing boolean := coalesce(current_setting('attune.erasing', true), '') = 'on';
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF erasing THEN RETURN OLD; END IF;
    ELSIF to_jsonb(NEW) - 'profile_id' = to_jsonb(OLD) - 'profile_id' THEN
        RETURN NEW;
    ELSIF erasing AND NEW.profile_id IS NULL AND NEW.signals = '{}'::jsonb
      AND to_jsonb(NEW) - 'profile_id' - 'signals' = to_jsonb(OLD) - 'profile_id' - 'signals' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the consent ledger is append-only' USING ERRCODE = 'restrict_violation';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("consent", "0002_append_only"),
        ("work", "0003_ledger_seals"),
    ]

    operations = [
        migrations.AddField(
            model_name="consentevent",
            name="salt",
            field=models.UUIDField(
                db_default=django.contrib.postgres.functions.RandomUUID(), editable=False
            ),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="signals_salt",
            field=models.UUIDField(
                db_default=django.contrib.postgres.functions.RandomUUID(),
                editable=False,
                help_text="Empty once an erasure has taken the signals.",
                null=True,
            ),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
