-- with
since AS (
SELECT e.n, max(e.occurred_at) FILTER (WHERE (e.name = %(v1)s::text)) AS s0 FROM (
  SELECT p.n, e.name, e.occurred_at, coalesce(e.original_at, e.occurred_at) AS ordered_at, e.message_id COLLATE "C" AS message_id
  FROM pair p
  JOIN events_personal e ON e.profile_id = p.profile_id AND e.occurred_at < p.at_end
  WHERE e.site_id = %(v0)s::uuid AND e.occurred_at < (timestamptz 'epoch' + %(v4)s::bigint * interval '1 millisecond') AND (e.name = ANY(%(v5)s::text[]))
  OFFSET 0
) e GROUP BY e.n)
-- with
g0 AS (
SELECT e.n, count(*) FILTER (WHERE (e.name = %(v2)s::text) AND e.w0) AS a0, count(*) FILTER (WHERE true AND e.w0) AS a1 FROM (
  SELECT p.n, e.name, e.occurred_at, coalesce(e.original_at, e.occurred_at) AS ordered_at, e.message_id COLLATE "C" AS message_id, (e.occurred_at >= p.w0b) AS w0
  FROM (SELECT p.n, p.profile_id, p.at_ms, p.at_end, coalesce((date_trunc('milliseconds', since.s0) + interval '1 millisecond'), timestamptz '-infinity') AS w0b FROM pair p LEFT JOIN since ON since.n = p.n OFFSET 0) p
  JOIN events_personal e ON e.profile_id = p.profile_id AND e.occurred_at < p.at_end
  WHERE e.site_id = %(v0)s::uuid AND e.occurred_at < (timestamptz 'epoch' + %(v4)s::bigint * interval '1 millisecond')
  OFFSET 0
) e GROUP BY e.n)
-- join
LEFT JOIN g0 ON g0.n = p.n
-- verdict
((coalesce(g0.a0, 0)::float8 / nullif(g0.a1, 0)::float8) >= %(v3)s::float8)
-- changing
false
-- hard
false
-- v0: '00000000-0000-0000-0000-000000000007'
-- v1: 'Order Completed'
-- v2: 'Product Viewed'
-- v3: 0.5
-- v4: 1772452800001
-- v5: ['Order Completed']
