from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("profiles", "0005_histories_uncompressed"),
    ]

    operations = [
        migrations.AddField(
            model_name="profilestate",
            name="caps",
            field=models.BinaryField(
                db_default=b"",
                default=b"",
                help_text="What was shown that frequency caps count.",
            ),
        ),
    ]
