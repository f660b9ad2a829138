from django.db import migrations, models

from apps.consent import declared


class Migration(migrations.Migration):
    dependencies = [("segments", "0010_personas"), ("events", "0006_events_personal")]
    operations = [
        migrations.AddField(
            "segment",
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
            "segmentlist",
            "purpose",
            models.CharField(
                max_length=20,
                choices=declared.CHOICES,
                default="targeting",
                blank=True,
                help_text="What the people on it may be used for. Without it, no file is taken.",
            ),
        ),
        migrations.AddField(
            "segmentlist",
            "basis",
            models.CharField(
                "legal basis",
                max_length=20,
                choices=declared.BASES,
                default="consent",
                help_text="Why you may upload them.",
            ),
        ),
    ]
