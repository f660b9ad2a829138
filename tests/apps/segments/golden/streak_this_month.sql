-- with
g0 AS (
SELECT e.n, array_agg(DISTINCT (((e.occurred_at) AT TIME ZONE %(v3)s::text)::date - date '1970-01-01')) FILTER (WHERE (e.name = %(v2)s::text) AND e.w0) AS a0, count(*) FILTER (WHERE (e.name = %(v2)s::text) AND e.w0) AS a1 FROM (
  SELECT p.n, e.name, e.occurred_at, coalesce(e.original_at, e.occurred_at) AS ordered_at, e.message_id COLLATE "C" AS message_id, (e.occurred_at >= p.w0b) AS w0
  FROM (SELECT p.n, p.profile_id, p.at_ms, p.at_end, (timestamptz 'epoch' + %(v1)s::bigint * interval '1 millisecond') AS w0b FROM pair p  OFFSET 0) p
  JOIN events_personal e ON e.profile_id = p.profile_id AND e.occurred_at < p.at_end
  WHERE e.site_id = %(v0)s::uuid AND e.occurred_at < (timestamptz 'epoch' + %(v5)s::bigint * interval '1 millisecond') AND e.occurred_at >= (timestamptz 'epoch' + %(v1)s::bigint * interval '1 millisecond') AND (e.name = ANY(%(v6)s::text[]))
  OFFSET 0
) e GROUP BY e.n)
-- join
LEFT JOIN g0 ON g0.n = p.n
-- verdict
((SELECT CASE WHEN l.days[l.size] >= ((((timestamptz 'epoch' + p.at_ms * interval '1 millisecond')) AT TIME ZONE %(v3)s::text)::date - date '1970-01-01') - 1 THEN (SELECT count(*) FROM unnest(l.days) WITH ORDINALITY AS d(day, place) WHERE l.days[l.size] - d.day = l.size - d.place) ELSE 0 END FROM (SELECT g0.a0 AS days, cardinality(g0.a0) AS size) l)::float8 >= %(v4)s::float8)
-- changing
((((SELECT CASE WHEN l.days[l.size] >= ((((timestamptz 'epoch' + p.at_ms * interval '1 millisecond')) AT TIME ZONE %(v3)s::text)::date - date '1970-01-01') - 1 THEN (SELECT count(*) FROM unnest(l.days) WITH ORDINALITY AS d(day, place) WHERE l.days[l.size] - d.day = l.size - d.place) ELSE 0 END FROM (SELECT g0.a0 AS days, cardinality(g0.a0) AS size) l)::float8 > 0) OR (coalesce(g0.a1, 0) > 0)))
-- hard
false
-- v0: '00000000-0000-0000-0000-000000000007'
-- v1: 1772319600000
-- v2: 'Product Viewed'
-- v3: 'Europe/Paris'
-- v4: 3.0
-- v5: 1772452800001
-- v6: ['Product Viewed']
