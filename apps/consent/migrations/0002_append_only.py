"""The consent ledger is append-only: the database itself refuses to rewrite it.

It guards against mistakes of our own code and against a hand in the admin or a shell. Whoever owns
the table can still drop the trigger or truncate: give the application a database role of its own.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION consent_keep_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    erasing boolean := coalesce(current_setting('attune.erasing', true), '') = 'on';
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF erasing THEN RETURN OLD; END IF;
    ELSIF to_jsonb(NEW) - 'profile_id' = to_jsonb(OLD) - 'profile_id' THEN
        RETURN NEW;  -- a merge, or a profile that is gone
    ELSIF erasing AND NEW.profile_id IS NULL AND NEW.signals = '{}'::jsonb
      AND to_jsonb(NEW) - 'profile_id' - 'signals' = to_jsonb(OLD) - 'profile_id' - 'signals' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the consent ledger is append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER consent_keep_ledger BEFORE UPDATE OR DELETE ON consent_consentevent
    FOR EACH ROW EXECUTE FUNCTION consent_keep_ledger();
"""
BACKWARD = """
DROP TRIGGER consent_keep_ledger ON consent_consentevent;
DROP FUNCTION consent_keep_ledger();
"""


class Migration(migrations.Migration):
    dependencies = [("consent", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
