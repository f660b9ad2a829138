from django.db import migrations, models

from apps.consent import declared


class Migration(migrations.Migration):
    dependencies = [("rules", "0004_triggers"), ("consent", "0006_recipients")]
    operations = [
        migrations.AddField(
            "rule",
            "purpose",
            models.CharField(
                max_length=20,
                choices=declared.CHOICES,
                default="targeting",
                blank=True,
                help_text="What it is for. Without it, it cannot be published.",
            ),
        ),
        migrations.AddField(
            "trigger",
            "purpose",
            models.CharField(
                max_length=20,
                choices=declared.CHOICES,
                default="triggers",
                blank=True,
                help_text="What it is for. Without it, it cannot be switched on.",
            ),
        ),
        migrations.AddField(
            "trigger",
            "recipient",
            models.ForeignKey(
                "consent.Recipient",
                models.RESTRICT,
                verbose_name="webhook goes to",
                null=True,
                blank=True,
                related_name="+",
                help_text="Who is behind the address. Empty: yourself.",
            ),
        ),
    ]
