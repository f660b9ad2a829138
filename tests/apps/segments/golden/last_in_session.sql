-- with
session1800000 AS MATERIALIZED (
SELECT p.n, l.device, b.start
FROM pair p
CROSS JOIN LATERAL (
  SELECT CASE WHEN e.identity_id IS DISTINCT FROM e.user_identity_id THEN e.identity_id END AS device FROM events_personal e
  WHERE e.profile_id = p.profile_id AND e.occurred_at < p.at_end AND e.occurred_at >= p.at_end - interval '1800000 milliseconds'
  ORDER BY CASE WHEN e.identity_id IS DISTINCT FROM e.user_identity_id THEN e.identity_id END IS NULL, e.occurred_at DESC, coalesce(e.original_at, e.occurred_at) DESC, e.message_id COLLATE "C" DESC
  LIMIT 1
) l
CROSS JOIN LATERAL (
  SELECT max(g.at) AS start FROM (
    SELECT e.at, lag(e.at) OVER (ORDER BY e.at) AS earlier FROM (
      SELECT date_trunc('milliseconds', e.occurred_at) AS at FROM events_personal e
      WHERE e.profile_id = p.profile_id AND e.occurred_at < p.at_end
        AND CASE WHEN e.identity_id IS DISTINCT FROM e.user_identity_id THEN e.identity_id END IS NOT DISTINCT FROM l.device
    ) e
  ) g
  WHERE g.earlier IS NULL OR g.at - g.earlier >= interval '1800000 milliseconds'
) b)
-- with
g0 AS (
SELECT e.n, array_agg(e.p0 ORDER BY e.occurred_at DESC, e.ordered_at DESC, e.message_id DESC) FILTER (WHERE (e.name = %(v1)s::text) AND e.w0 AND e.p0 IS NOT NULL) AS a0, bool_or(e.hard) AS hard FROM (
  SELECT p.n, e.name, e.occurred_at, coalesce(e.original_at, e.occurred_at) AS ordered_at, e.message_id COLLATE "C" AS message_id, (e.occurred_at >= p.w0s AND (CASE WHEN e.identity_id IS DISTINCT FROM e.user_identity_id THEN e.identity_id END IS NULL OR CASE WHEN e.identity_id IS DISTINCT FROM e.user_identity_id THEN e.identity_id END = p.w0d)) AS w0, CASE jsonb_typeof((e.properties -> %(v3)s::text)) WHEN 'string' THEN (e.properties -> %(v3)s::text) WHEN 'boolean' THEN (e.properties -> %(v3)s::text) WHEN 'number' THEN CASE WHEN (octet_length((((e.properties -> %(v3)s::text)) #>> '{}')) <= 150) THEN (e.properties -> %(v3)s::text) END END AS p0, (CASE WHEN jsonb_typeof((e.properties -> %(v3)s::text)) = 'number' THEN NOT (octet_length((((e.properties -> %(v3)s::text)) #>> '{}')) <= 150) ELSE false END) AS hard
  FROM (SELECT p.n, p.profile_id, p.at_ms, p.at_end, session1800000.start AS w0s, session1800000.device AS w0d FROM pair p LEFT JOIN session1800000 ON session1800000.n = p.n OFFSET 0) p
  JOIN events_personal e ON e.profile_id = p.profile_id AND e.occurred_at < p.at_end
  WHERE e.site_id = %(v0)s::uuid AND e.occurred_at < (timestamptz 'epoch' + %(v4)s::bigint * interval '1 millisecond') AND (e.name = ANY(%(v5)s::text[]))
  OFFSET 0
) e GROUP BY e.n)
-- join
LEFT JOIN session1800000 ON session1800000.n = p.n
LEFT JOIN g0 ON g0.n = p.n
-- verdict
((g0.a0)[1] = %(v2)s::jsonb)
-- changing
(((session1800000.n IS NOT NULL)))
-- hard
coalesce(g0.hard, false)
-- v0: '00000000-0000-0000-0000-000000000007'
-- v1: 'Product Viewed'
-- v2: '"a"'
-- v3: 'category'
-- v4: 1772452800001
-- v5: ['Product Viewed']
