"""What each profile did on each day, summed; and which words have a place in the sums.

Sums of the events that may be learned from, made again whenever the events change. Places in
`names`, `lasts` and `categories` are those of the words, which are only ever added to.
"""

from django.db import migrations

FORWARD = """
CREATE TABLE predictions_featureday (
    site_id uuid NOT NULL,
    profile_id uuid NOT NULL,
    day integer NOT NULL,
    -- When the last of what is counted here was received.
    known_at timestamptz NOT NULL,
    n integer NOT NULL,
    late integer NOT NULL,
    starts integer NOT NULL,
    first_ms bigint NOT NULL,
    last_ms bigint NOT NULL,
    numbers integer NOT NULL,
    total numeric,
    highest double precision,
    orders integer NOT NULL,
    ordered_ms bigint,
    spent numeric,
    items bit(256),
    kinds bit(256),
    devices bit(64),
    steps integer NOT NULL,
    loops integer NOT NULL,
    grams smallint[],
    searches integer NOT NULL,
    search_words bigint,
    search_again integer NOT NULL,
    search_empty integer NOT NULL,
    intent_price integer NOT NULL,
    intent_compare integer NOT NULL,
    intent_question integer NOT NULL,
    intent_exact integer NOT NULL,
    evenings integer NOT NULL,
    weekends integer NOT NULL,
    mobiles integer NOT NULL,
    referred integer NOT NULL,
    names integer[] NOT NULL,
    lasts integer[] NOT NULL,
    categories integer[] NOT NULL,
    PRIMARY KEY (profile_id, day)
);
CREATE INDEX predictions_featureday_day ON predictions_featureday
    USING brin (day) WITH (pages_per_range = 64);
CREATE TABLE predictions_featurewords (
    site_id uuid PRIMARY KEY,
    names text[] NOT NULL,
    categories text[] NOT NULL,
    zone text NOT NULL,
    -- Sums of another version of this or of the database's hashes are made again.
    made_by text NOT NULL
);
"""
BACKWARD = "DROP TABLE predictions_featurewords; DROP TABLE predictions_featureday;"


class Migration(migrations.Migration):
    dependencies = [
        ("predictions", "0004_questions_versions_watch"),
        ("events", "0008_feature_marks"),
    ]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
