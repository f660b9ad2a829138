"""States of purposes, what a proof of consent says, and notices that never change.

What was granted before ends too: twelve months after it was last said.
"""

import django.db.models.deletion
from django.db import migrations, models

FORWARD = """
CREATE OR REPLACE FUNCTION consent_keep_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    erasing boolean := coalesce(current_setting('attune.erasing', true), '') = 'on';
    taken text[] := '{profile_id,signals,signals_salt,network,browser}';
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF erasing THEN RETURN OLD; END IF;
    ELSIF to_jsonb(NEW) - 'profile_id' = to_jsonb(OLD) - 'profile_id' THEN
        RETURN NEW;  -- a merge, or a profile that is gone
    ELSIF erasing AND NEW.profile_id IS NULL AND NEW.signals = '{}'::jsonb
      AND NEW.signals_salt IS NULL AND NEW.network = '' AND NEW.browser = ''
      AND to_jsonb(NEW) - taken = to_jsonb(OLD) - taken THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the consent ledger is append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE FUNCTION consent_keep_notice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a notice never changes: publish a new version'
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER consent_keep_notice BEFORE UPDATE ON consent_noticeversion
    FOR EACH ROW EXECUTE FUNCTION consent_keep_notice();
UPDATE profiles_profilestate s SET consent_until = e.at + interval '12 months'
FROM (SELECT profile_id, max(at) AS at FROM consent_consentevent GROUP BY profile_id) e
WHERE e.profile_id = s.profile_id AND s.granted & ~1 <> 0;
INSERT INTO consent_ending (profile_id, ends_at)
SELECT profile_id, consent_until FROM profiles_profilestate
WHERE consent_until IS NOT NULL AND merged_into IS NULL;
"""
BACKWARD = """
DROP TRIGGER consent_keep_notice ON consent_noticeversion;
DROP FUNCTION consent_keep_notice();
CREATE OR REPLACE FUNCTION consent_keep_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    erasing boolean := coalesce(current_setting('attune.erasing', true), '') = 'on';
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF erasing THEN RETURN OLD; END IF;
    ELSIF to_jsonb(NEW) - 'profile_id' = to_jsonb(OLD) - 'profile_id' THEN
        RETURN NEW;
    ELSIF erasing AND NEW.profile_id IS NULL AND NEW.signals = '{}'::jsonb
      AND NEW.signals_salt IS NULL
      AND to_jsonb(NEW) - '{profile_id,signals,signals_salt}'::text[]
        = to_jsonb(OLD) - '{profile_id,signals,signals_salt}'::text[] THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the consent ledger is append-only' USING ERRCODE = 'restrict_violation';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("consent", "0004_sealed"),
        ("profiles", "0008_consent_state"),
        ("access", "0006_site_privacy"),
    ]

    operations = [
        migrations.AddField(
            model_name="consentevent",
            name="actor_id",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="actor_kind",
            field=models.CharField(db_default="subject", default="subject", max_length=10),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="basis",
            field=models.CharField(db_default="consent", default="consent", max_length=20),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="browser",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Family and version.",
                max_length=60,
            ),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="controls",
            field=models.JSONField(
                blank=True,
                db_default={},
                default=dict,
                help_text='Which control was used, of which interface: {"control": "refuse_all"}.',
            ),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="network",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Truncated (/24, /48).",
                max_length=50,
            ),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="notice",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="consent_events",
                to="consent.noticeversion",
            ),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="notice_language",
            field=models.CharField(blank=True, db_default="", default="", max_length=20),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="place",
            field=models.CharField(blank=True, db_default="", default="", max_length=10),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="reason_code",
            field=models.CharField(blank=True, db_default="", default="", max_length=60),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="regime_source",
            field=models.CharField(
                db_default="",
                default="",
                help_text="declared, proxy, site or unknown.",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="schema_version",
            field=models.SmallIntegerField(db_default=1, default=2),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="states",
            field=models.JSONField(
                db_default={},
                default=dict,
                help_text='What changed: {"analytics": ["not_asked", "granted"]}.',
            ),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="text_sha256",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="valid_until",
            field=models.JSONField(
                blank=True,
                db_default={},
                default=dict,
                help_text="When each yes ends, and until when a refusal is not asked about again.",
            ),
        ),
        migrations.AddField(
            model_name="noticeversion",
            name="contact",
            field=models.CharField(
                blank=True, help_text="Empty: as the site says.", max_length=200
            ),
        ),
        migrations.AddField(
            model_name="noticeversion",
            name="controller",
            field=models.CharField(
                blank=True, help_text="Empty: as the site says.", max_length=200
            ),
        ),
        migrations.AddField(
            model_name="noticeversion",
            name="layout",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text="How it was shown: order and words of the buttons, what was ticked.",
            ),
        ),
        migrations.AddField(
            model_name="noticeversion",
            name="layout_sha256",
            field=models.CharField(default="", editable=False, max_length=64),
        ),
        migrations.AddField(
            model_name="noticeversion",
            name="purposes",
            field=models.JSONField(
                blank=True, default=list, help_text='What it asks about, such as ["analytics"].'
            ),
        ),
        migrations.AddField(
            model_name="noticeversion",
            name="recipients",
            field=models.JSONField(
                blank=True, default=list, help_text="Who receives data, as it names them."
            ),
        ),
        migrations.AddField(
            model_name="noticeversion",
            name="regimes",
            field=models.JSONField(
                blank=True, default=list, help_text="Where it is shown; empty: everywhere."
            ),
        ),
        migrations.AddField(
            model_name="noticeversion",
            name="retention",
            field=models.TextField(blank=True, help_text="How long data is kept, as it says."),
        ),
        migrations.AddField(
            model_name="noticeversion",
            name="withdrawal",
            field=models.TextField(blank=True, help_text="How consent is taken back, as it says."),
        ),
        migrations.AlterField(
            model_name="consentevent",
            name="kind",
            field=models.CharField(
                choices=[
                    ("given", "Given"),
                    ("refused", "Refused"),
                    ("withdrawn", "Withdrawn"),
                    ("reconfirmed", "Reconfirmed"),
                    ("expired", "Expired"),
                    ("signal_applied", "Signal Applied"),
                    ("conflict_notified", "Conflict Notified"),
                    ("imported", "Imported"),
                    ("objected", "Objected"),
                    ("limited", "Limited"),
                    ("restricted", "Restricted"),
                    ("held", "Held"),
                    ("lifted", "Lifted"),
                ],
                max_length=20,
            ),
        ),
        migrations.CreateModel(
            name="Ending",
            fields=[
                (
                    "profile",
                    models.OneToOneField(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="profiles.profile",
                    ),
                ),
                ("ends_at", models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
