"""How many events were dropped because somebody they name was erased, minute by minute."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0006_events_personal")]

    operations = [
        migrations.AddField(
            model_name="intakeminute",
            name="erased",
            field=models.BigIntegerField(
                db_default=0,
                default=0,
                help_text="Dropped because somebody they name was erased, at the door or while they"
                " waited. Those at the door stand among those without consent too.",
            ),
        ),
    ]
