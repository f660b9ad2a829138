-- with
g0 AS (
SELECT e.n, count(*) FILTER (WHERE (e.name = %(v1)s::text) AND e.w0) AS a0, count(*) FILTER (WHERE (e.name = %(v1)s::text) AND e.w1) AS a1, count(*) FILTER (WHERE (e.name = %(v1)s::text) AND e.w2) AS a2, count(*) FILTER (WHERE (e.name = %(v1)s::text) AND e.w3) AS a3 FROM (
  SELECT p.n, e.name, e.occurred_at, coalesce(e.original_at, e.occurred_at) AS ordered_at, e.message_id COLLATE "C" AS message_id, (e.occurred_at >= p.w0b) AS w0, (e.occurred_at >= p.w1b AND e.occurred_at < p.w1e) AS w1, (e.occurred_at >= p.w2b) AS w2, (e.occurred_at >= p.w3b) AS w3
  FROM (SELECT p.n, p.profile_id, p.at_ms, p.at_end, (p.at_end - interval '604800000 milliseconds') AS w0b, (p.at_end - interval '1209600000 milliseconds') AS w1b, (p.at_end - interval '604800000 milliseconds') AS w1e, (p.at_end - interval '86400000 milliseconds') AS w2b, (p.at_end - interval '1209600000 milliseconds') AS w3b FROM pair p  OFFSET 0) p
  JOIN events_personal e ON e.profile_id = p.profile_id AND e.occurred_at < p.at_end
  WHERE e.site_id = %(v0)s::uuid AND e.occurred_at < (timestamptz 'epoch' + %(v4)s::bigint * interval '1 millisecond') AND e.occurred_at >= (timestamptz 'epoch' + %(v5)s::bigint * interval '1 millisecond') AND (e.name = ANY(%(v6)s::text[]))
  OFFSET 0
) e GROUP BY e.n)
-- join
LEFT JOIN g0 ON g0.n = p.n
-- verdict
(NOT (((coalesce(g0.a0, 0)::float8 / nullif(g0.a1, 0)::float8) < %(v2)s::float8) OR (((coalesce(g0.a2, 0) * 3600000)::float8 / 86400000::float8) > %(v3)s::float8)))
-- changing
((((coalesce(g0.a0, 0) > 0) OR (coalesce(g0.a3, 0) > 0)) OR ((coalesce(g0.a2, 0) > 0) AND (((coalesce(g0.a2, 0) * 3600000)::float8 / 86400000::float8) > %(v3)s::float8))))
-- hard
false
-- v0: '00000000-0000-0000-0000-000000000007'
-- v1: 'Product Viewed'
-- v2: 0.5
-- v3: 2.0
-- v4: 1772452800001
-- v5: 1771243200001
-- v6: ['Product Viewed']
