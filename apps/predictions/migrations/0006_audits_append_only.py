"""A fairness audit is never changed: who looks later sees what was known when a yes was given.

That the one who asked for it is forgotten is no change. Rows go by retention passes alone.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION predictions_keep_audits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF coalesce(current_setting('attune.erasing', true), '') = 'on' THEN RETURN OLD; END IF;
    ELSIF NEW.asked_by_id IS NULL
      AND to_jsonb(NEW) - 'asked_by_id' = to_jsonb(OLD) - 'asked_by_id' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'fairness audits are append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER predictions_keep_audits BEFORE UPDATE OR DELETE ON predictions_fairnessaudit
    FOR EACH ROW EXECUTE FUNCTION predictions_keep_audits();
"""
BACKWARD = """
DROP TRIGGER predictions_keep_audits ON predictions_fairnessaudit;
DROP FUNCTION predictions_keep_audits();
"""


class Migration(migrations.Migration):
    dependencies = [("predictions", "0005_days")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
