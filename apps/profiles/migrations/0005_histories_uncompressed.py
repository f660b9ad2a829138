"""A full history is rewritten with every event: to compress it costs more than it saves."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("profiles", "0004_inside_words")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE profiles_profilestate ALTER COLUMN history SET STORAGE EXTERNAL",
            "ALTER TABLE profiles_profilestate ALTER COLUMN history SET STORAGE EXTENDED",
        ),
    ]
