from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("decisions", "0002_replayable_records"),
    ]

    operations = [
        migrations.CreateModel(
            name="Forgotten",
            fields=[
                ("digest", models.BinaryField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
            ],
        ),
    ]
