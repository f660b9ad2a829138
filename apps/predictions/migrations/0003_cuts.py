"""Which versions of a model may remember somebody erased, and whose files are gone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("predictions", "0002_purposes")]
    operations = [
        migrations.AddField(
            model_name="modelversion",
            name="cut_at",
            field=models.DateTimeField(
                blank=True,
                help_text="Somebody it may have learned from was erased then:"
                " it is to be trained again.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="modelversion",
            name="deleted_at",
            field=models.DateTimeField(
                blank=True, help_text="When its file was deleted; the card stays.", null=True
            ),
        ),
    ]
