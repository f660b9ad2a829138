from django.db import migrations, models

from apps.consent import declared


class Migration(migrations.Migration):
    dependencies = [("predictions", "0001_initial")]
    operations = [
        migrations.AddField(
            "modelspec",
            "purpose",
            models.CharField(
                max_length=20,
                choices=declared.CHOICES,
                default="model_training",
                blank=True,
                help_text="What it is for. Without it, it learns and scores nobody.",
            ),
        ),
    ]
