"""E-mail providers among the connections: what they tell is recorded as events of a source."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("access", "0007_sign_in"), ("integrations", "0001_initial")]
    operations = [
        migrations.AlterField(
            model_name="connection",
            name="kind",
            field=models.CharField(
                choices=[
                    ("contentful", "Contentful"),
                    ("strapi", "Strapi"),
                    ("standard", "Another: JSON signed as Standard Webhooks"),
                    ("sendgrid", "E-mail: SendGrid"),
                    ("postmark", "E-mail: Postmark"),
                    ("mailgun", "E-mail: Mailgun"),
                    ("email", "E-mail: another, JSON signed as Standard Webhooks"),
                ],
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="connection",
            name="source",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                help_text="Whose events those of an e-mail provider are; it says what silence is.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="access.source",
            ),
        ),
        migrations.AddField(
            model_name="connection",
            name="last_event_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
