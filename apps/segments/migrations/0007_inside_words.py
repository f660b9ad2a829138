"""Fill the words of `inside` from the open memberships: what both say is the same from here on."""

from django.db import migrations

FORWARD = """
WITH bits AS (
  SELECT m.profile_id, g.number / 62 AS word, bit_or(1::bigint << (g.number % 62)) AS bits
  FROM segments_membership m JOIN segments_segment g ON g.id = m.segment_id
  WHERE m.left_at IS NULL GROUP BY m.profile_id, g.number / 62
), words AS (
  SELECT h.profile_id, array_agg(coalesce(b.bits, 0) ORDER BY w.word) AS words
  FROM (SELECT profile_id, max(word) AS last FROM bits GROUP BY profile_id) h
  CROSS JOIN LATERAL generate_series(0, h.last) w(word)
  LEFT JOIN bits b ON b.profile_id = h.profile_id AND b.word = w.word
  GROUP BY h.profile_id
)
UPDATE profiles_profilestate s SET inside = w.words FROM words w WHERE s.profile_id = w.profile_id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("segments", "0006_thresholds_that_adapt"),
        ("profiles", "0004_inside_words"),
    ]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
