"""A line of the change feed is written without a look at its site, and into one index less."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("access", "0001_initial"), ("work", "0001_initial")]
    operations = [
        migrations.AlterField(
            model_name="changefeed",
            name="site",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="changes",
                to="access.site",
            ),
        ),
    ]
