"""Room on each page for the next version of a state row: updates stay HOT, no index is touched."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("profiles", "0001_initial")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE profiles_profilestate SET (fillfactor = 60)",
            "ALTER TABLE profiles_profilestate RESET (fillfactor)",
        )
    ]
