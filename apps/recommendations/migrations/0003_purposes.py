from django.db import migrations, models

from apps.consent import declared


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0002_recommenderversion_digest")]
    operations = [
        migrations.AddField(
            "recommender",
            "purpose",
            models.CharField(
                max_length=20,
                choices=declared.CHOICES,
                default="recommendation",
                blank=True,
                help_text="What it is for. Without it, it learns nothing.",
            ),
        ),
    ]
