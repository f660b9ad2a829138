"""The state row keeps each purpose's state, when the first yes ends, and what stands in the way."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("profiles", "0007_editing")]
    operations = [
        migrations.AddField(
            "profilestate",
            "consents",
            models.BinaryField(
                db_default=b"", default=b"", help_text="The state of each purpose, and since when."
            ),
        ),
        migrations.AddField(
            "profilestate",
            "consent_until",
            models.DateTimeField(
                help_text="From then on no recorded yes counts. Empty: none of them ends.",
                null=True,
            ),
        ),
        migrations.AddField(
            "profilestate",
            "holds",
            models.SmallIntegerField(
                db_default=0,
                default=0,
                help_text="What stands in the way whatever they chose, as bits.",
            ),
        ),
        migrations.AddField(
            "profilestate",
            "residence",
            models.CharField(
                db_default="", default="", help_text='As declared: "DE", "US-CA".', max_length=10
            ),
        ),
    ]
