from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("content", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="block",
            name="is_cacheable",
            field=models.BooleanField(
                default=False,
                help_text=(
                    "May caches and CDNs keep each variant for all visitors of the same segments? "
                    "Variants that show something of one visitor, or that are capped or in an "
                    "experiment, are left out. Who has a key of these segments can read their "
                    "variants."
                ),
                verbose_name="may be cached",
            ),
        ),
    ]
