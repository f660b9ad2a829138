-- with
g0 AS (
SELECT e.n, sum(CASE WHEN jsonb_typeof(e.p0) = 'number' THEN CASE WHEN octet_length(((e.p0) #>> '{}')) <= 15 THEN (e.p0)::numeric ELSE (e.p0)::float8::text::numeric END END) FILTER (WHERE (e.name = %(v1)s::text)) AS a0, count(CASE WHEN jsonb_typeof(e.p0) = 'number' THEN (e.p0)::float8 END) FILTER (WHERE (e.name = %(v1)s::text)) AS a1, max(CASE WHEN jsonb_typeof(e.p0) = 'number' THEN (e.p0)::float8 END) FILTER (WHERE (e.name = %(v1)s::text)) AS a2, count(DISTINCT CASE WHEN jsonb_typeof(e.p0) = 'number' THEN 'n' || ((e.p0)::float8 + 0)::text ELSE (e.p0)::text END) FILTER (WHERE (e.name = %(v1)s::text)) AS a3, bool_or(e.hard) AS hard FROM (
  SELECT p.n, e.name, e.occurred_at, coalesce(e.original_at, e.occurred_at) AS ordered_at, e.message_id COLLATE "C" AS message_id, CASE jsonb_typeof((e.properties -> %(v3)s::text)) WHEN 'string' THEN (e.properties -> %(v3)s::text) WHEN 'boolean' THEN (e.properties -> %(v3)s::text) WHEN 'number' THEN CASE WHEN (octet_length((((e.properties -> %(v3)s::text)) #>> '{}')) <= 150) THEN (e.properties -> %(v3)s::text) END END AS p0, (CASE WHEN jsonb_typeof((e.properties -> %(v3)s::text)) = 'number' THEN NOT (octet_length((((e.properties -> %(v3)s::text)) #>> '{}')) <= 150) ELSE false END) AS hard
  FROM pair p
  JOIN events_personal e ON e.profile_id = p.profile_id AND e.occurred_at < p.at_end
  WHERE e.site_id = %(v0)s::uuid AND e.occurred_at < (timestamptz 'epoch' + %(v4)s::bigint * interval '1 millisecond') AND (e.name = ANY(%(v5)s::text[]))
  OFFSET 0
) e GROUP BY e.n)
-- join
LEFT JOIN g0 ON g0.n = p.n
-- verdict
((coalesce(g0.a0, 0)::float8 > %(v2)s::float8) AND ((g0.a0::float8 / nullif(g0.a1, 0)::float8) > %(v2)s::float8) AND (g0.a2 > %(v2)s::float8) AND (coalesce(g0.a3, 0)::float8 > %(v2)s::float8))
-- changing
false
-- hard
coalesce(g0.hard, false)
-- v0: '00000000-0000-0000-0000-000000000007'
-- v1: 'Product Viewed'
-- v2: 9.0
-- v3: 'price'
-- v4: 1772452800001
-- v5: ['Product Viewed']
