"""Lists follow who comes in, from id to id, instead of looking through all entries."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("profiles", "0004_inside_words"), ("segments", "0008_stays_cost_less")]
    operations = [
        migrations.CreateModel(
            name="ListsFollowed",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False),
                ),
                (
                    "seen",
                    models.JSONField(help_text="The greatest id of each table that is behind us."),
                ),
                ("coming", models.JSONField()),
                ("coming_at", models.DateTimeField(help_text="When these were the greatest.")),
            ],
        ),
        migrations.RemoveIndex(model_name="listmember", name="segments_entry_unapplied"),
        migrations.AddIndex(
            model_name="listmember",
            index=models.Index(
                condition=models.Q(("is_applied", False), ("profile__isnull", False)),
                fields=["segment_list"],
                name="segments_entry_moved",
            ),
        ),
    ]
