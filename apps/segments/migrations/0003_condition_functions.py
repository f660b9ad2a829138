"""Dates, versions and anniversaries in SQL: the twins of engine/conditions/{dates,operators}.py."""

from django.db import migrations

FORWARD = r"""
CREATE FUNCTION segments_instant(input text) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    part text[] := regexp_match(input,
        '^([0-9]{4}-[0-9]{2}-[0-9]{2})'
        '(?:T([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])(?:\.([0-9]{1,3}))?'
        '(?:Z|([+-])(0[0-9]|1[0-5]):([0-5][0-9])))?$');
    ms bigint;
    ahead bigint;
BEGIN
    IF part IS NULL OR NOT pg_input_is_valid(part[1], 'date') THEN
        RETURN NULL;
    END IF;
    ms := (part[1]::date - date '1970-01-01') * 86400000::bigint;
    IF part[2] IS NULL THEN
        RETURN ms;
    END IF;
    ms := ms + (part[2]::int * 60 + part[3]::int) * 60000 + part[4]::int * 1000
        + rpad(coalesce(part[5], '0'), 3, '0')::int;
    IF part[6] IS NOT NULL THEN
        ahead := (part[7]::int * 60 + part[8]::int) * 60000;
        ms := ms + CASE part[6] WHEN '+' THEN -ahead ELSE ahead END;
    END IF;
    -- An offset may lead out of the years that a date can have, 0001 to 9999.
    RETURN CASE WHEN ms BETWEEN -62135596800000 AND 253402300799999 THEN ms END;
END $$;

CREATE FUNCTION segments_version(input text) RETURNS integer[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN input ~ '^[0-9]{1,9}(\.[0-9]{1,9}){0,3}$' THEN
        (string_to_array(input, '.')::integer[] || ARRAY[0, 0, 0])[1:4] END
$$;

-- The midnight UTC that begins the day of the year of an instant: today's, or the next. In common
-- years 29 February is 1 March.
CREATE FUNCTION segments_anniversary(born_ms bigint, at_ms bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    born date := date '1970-01-01' + floor(born_ms / 86400000.0)::int;
    today date := date '1970-01-01' + floor(at_ms / 86400000.0)::int;
    found date;
BEGIN
    FOR ahead IN 0 .. 1 LOOP
        -- The day after 28 February is the 29th, where there is one.
        found := make_date(extract(year FROM today)::int + ahead, extract(month FROM born)::int,
            least(extract(day FROM born)::int,
                CASE extract(month FROM born)::int WHEN 2 THEN 28 ELSE 31 END))
            + CASE WHEN extract(month FROM born) = 2 AND extract(day FROM born) = 29
                THEN 1 ELSE 0 END;
        EXIT WHEN found >= today;
    END LOOP;
    RETURN (found - date '1970-01-01') * 86400000::bigint;
END $$;
"""

BACKWARD = """
DROP FUNCTION segments_anniversary(bigint, bigint);
DROP FUNCTION segments_version(text);
DROP FUNCTION segments_instant(text);
"""


class Migration(migrations.Migration):
    dependencies = [("segments", "0002_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
