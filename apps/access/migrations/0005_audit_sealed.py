"""The audit trail is append-only and sealed: the database refuses to rewrite or to empty it.

Deleting an account or a site leaves its entries as they are. Until now they lost the number of it,
which was a change of what had been written; the name of who did it stands in the entry itself.
"""

import django.contrib.postgres.functions
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

FORWARD = """
CREATE TRIGGER access_keep_audit BEFORE UPDATE OR DELETE ON access_auditentry
    FOR EACH ROW EXECUTE FUNCTION work_append_only('may_retire');
CREATE TRIGGER access_keep_all_audit BEFORE TRUNCATE ON access_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION work_append_only();
CREATE TRIGGER access_audit_to_seal AFTER INSERT ON access_auditentry
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION work_to_seal('audit');
INSERT INTO work_unsealed (ledger, row_id, at)
    SELECT 'audit', id::text, now() FROM access_auditentry ORDER BY access_auditentry.id;
"""
BACKWARD = """
DROP TRIGGER access_keep_audit ON access_auditentry;
DROP TRIGGER access_keep_all_audit ON access_auditentry;
DROP TRIGGER access_audit_to_seal ON access_auditentry;
DELETE FROM work_unsealed WHERE ledger = 'audit';
"""


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0004_editing"),
        ("work", "0003_ledger_seals"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="auditentry",
            name="salt",
            field=models.UUIDField(
                db_default=django.contrib.postgres.functions.RandomUUID(), editable=False
            ),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="site",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="audit_entries",
                to="access.site",
            ),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="actor",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="audit_entries",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
