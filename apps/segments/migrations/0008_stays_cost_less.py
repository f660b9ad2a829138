"""A stay is written without a look at its site, segment and version, and into three indexes less.

One statement writes it with what it belongs to. Those that have ended are looked for by their
segment and time.
"""

from django.db import migrations, models
from django.db.models.deletion import CASCADE


def unchecked(name: str, to: str) -> migrations.AlterField:
    field = models.ForeignKey(
        db_constraint=False, db_index=False, on_delete=CASCADE, related_name="memberships", to=to
    )
    return migrations.AlterField(model_name="membership", name=name, field=field)


class Migration(migrations.Migration):
    dependencies = [("access", "0001_initial"), ("segments", "0007_inside_words")]
    operations = [
        unchecked("site", "access.site"),
        unchecked("segment", "segments.segment"),
        unchecked("version", "segments.segmentversion"),
        migrations.AddIndex(
            model_name="membership",
            index=models.Index(
                condition=models.Q(("left_at__isnull", False)),
                fields=["segment", "left_at"],
                name="segments_ended",
            ),
        ),
    ]
