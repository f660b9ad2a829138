"""What arms may change instead of showing a variant."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("experiments", "0005_bandits")]

    operations = [
        migrations.AlterField(
            model_name="arm",
            name="variant",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="arms",
                to="content.variant",
            ),
        ),
        migrations.AddField(
            model_name="arm",
            name="changes",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text="Instead of a variant: what is decided otherwise.",
            ),
        ),
    ]
