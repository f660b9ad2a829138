from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("content", "0003_caps"),
        ("rules", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="rule",
            name="caps",
            field=models.ManyToManyField(
                blank=True,
                help_text="What this rule serves, unless it is the default, draws on these caps.",
                related_name="rules",
                to="content.cap",
            ),
        ),
    ]
