"""The sticky bucket of a unit in SQL: the twin of engine/bucketing.py."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION segments_fnv1a32(input text, start bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    state bigint := start;
    unit text;
    code integer;
BEGIN
    FOREACH unit IN ARRAY regexp_split_to_array(input, '') LOOP
        code := ascii(unit);
        IF code > 65535 THEN  -- two UTF-16 code units, as JavaScript sees it
            state := ((state # (55296 + ((code - 65536) >> 10))) * 16777619) & 4294967295;
            code := 56320 + ((code - 65536) & 1023);
        END IF;
        -- 2^32 times the 25-bit prime stays within a bigint.
        state := ((state # code) * 16777619) & 4294967295;
    END LOOP;
    RETURN state;
END $$;

CREATE FUNCTION segments_bucket(unit_id text, seed text) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT (segments_fnv1a32(
        segments_fnv1a32(unit_id, segments_fnv1a32(seed, 2166136261))::text, 2166136261
    ) % 10000)::integer
$$;
"""

BACKWARD = """
DROP FUNCTION segments_bucket(text, text);
DROP FUNCTION segments_fnv1a32(text, bigint);
"""


class Migration(migrations.Migration):
    initial = True
    dependencies: list[tuple[str, str]] = []
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
