-- with
g0 AS (
SELECT e.n, count(*) FILTER (WHERE (e.name = %(v1)s::text AND e.f0) AND e.w0) AS a0, bool_or(e.hard) AS hard FROM (
  SELECT e.*, ((e.p0 = %(v2)s::jsonb)) AS f0 FROM (
  SELECT p.n, e.name, e.occurred_at, coalesce(e.original_at, e.occurred_at) AS ordered_at, e.message_id COLLATE "C" AS message_id, (e.occurred_at >= p.w0b) AS w0, CASE jsonb_typeof((e.properties -> %(v4)s::text)) WHEN 'string' THEN (e.properties -> %(v4)s::text) WHEN 'boolean' THEN (e.properties -> %(v4)s::text) WHEN 'number' THEN CASE WHEN (octet_length((((e.properties -> %(v4)s::text)) #>> '{}')) <= 150) THEN (e.properties -> %(v4)s::text) END END AS p0, (CASE WHEN jsonb_typeof((e.properties -> %(v4)s::text)) = 'number' THEN NOT (octet_length((((e.properties -> %(v4)s::text)) #>> '{}')) <= 150) ELSE false END) AS hard
  FROM (SELECT p.n, p.profile_id, p.at_ms, p.at_end, (p.at_end - interval '600000 milliseconds') AS w0b FROM pair p  OFFSET 0) p
  JOIN events_personal e ON e.profile_id = p.profile_id AND e.occurred_at < p.at_end
  WHERE e.site_id = %(v0)s::uuid AND e.occurred_at < (timestamptz 'epoch' + %(v5)s::bigint * interval '1 millisecond') AND e.occurred_at >= (timestamptz 'epoch' + %(v6)s::bigint * interval '1 millisecond') AND (e.name = ANY(%(v7)s::text[]))
  OFFSET 0
  ) e OFFSET 0
) e GROUP BY e.n)
-- join
LEFT JOIN g0 ON g0.n = p.n
-- verdict
(coalesce(g0.a0, 0)::float8 >= %(v3)s::float8)
-- changing
(((coalesce(g0.a0, 0) > 0) AND (coalesce(g0.a0, 0)::float8 >= %(v3)s::float8)))
-- hard
coalesce(g0.hard, false)
-- v0: '00000000-0000-0000-0000-000000000007'
-- v1: 'Product Viewed'
-- v2: '"blouses"'
-- v3: 3.0
-- v4: 'category'
-- v5: 1772452800001
-- v6: 1772452200001
-- v7: ['Product Viewed']
