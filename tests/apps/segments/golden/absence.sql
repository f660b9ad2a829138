-- with
path AS MATERIALIZED (
SELECT e.*, floor(extract(epoch FROM e.occurred_at) * 1000)::bigint AS ms,
  row_number() OVER (PARTITION BY e.n ORDER BY e.occurred_at, e.ordered_at, e.message_id) AS rank
FROM (
  SELECT p.n, e.name, e.occurred_at, coalesce(e.original_at, e.occurred_at) AS ordered_at, e.message_id COLLATE "C" AS message_id, CASE WHEN e.identity_id IS DISTINCT FROM e.user_identity_id THEN e.identity_id END AS device, (e.occurred_at >= p.w0b) AS w0, CASE jsonb_typeof((e.properties -> %(v3)s::text)) WHEN 'string' THEN (e.properties -> %(v3)s::text) WHEN 'boolean' THEN (e.properties -> %(v3)s::text) WHEN 'number' THEN CASE WHEN (octet_length((((e.properties -> %(v3)s::text)) #>> '{}')) <= 150) THEN (e.properties -> %(v3)s::text) END END AS p0, (CASE WHEN jsonb_typeof((e.properties -> %(v3)s::text)) = 'number' THEN NOT (octet_length((((e.properties -> %(v3)s::text)) #>> '{}')) <= 150) ELSE false END) AS hard
  FROM (SELECT p.n, p.profile_id, p.at_ms, p.at_end, (p.at_end - interval '604800000 milliseconds') AS w0b FROM pair p  OFFSET 0) p
  JOIN events_personal e ON e.profile_id = p.profile_id AND e.occurred_at < p.at_end
  WHERE e.site_id = %(v0)s::uuid AND e.occurred_at < (timestamptz 'epoch' + %(v4)s::bigint * interval '1 millisecond') AND (e.name = ANY(%(v5)s::text[]))
  OFFSET 0
) e)
-- with
path_hard AS (SELECT e.n, bool_or(e.hard) AS hard FROM path e GROUP BY e.n)
-- with
c0 AS (
SELECT w.n, min(w.ms) AS ms FROM (
  SELECT e.n, max(e.ms) FILTER (WHERE ((e.name = %(v1)s::text) AND e.w0)) AS ms, max(e.rank) FILTER (WHERE ((e.name = %(v1)s::text) AND e.w0)) AS begun,
    max(e.rank) FILTER (WHERE (e.name = %(v2)s::text)) AS followed
  FROM path e WHERE (((e.name = %(v1)s::text) AND e.w0) OR (e.name = %(v2)s::text)) AND e.p0 IS NOT NULL
  GROUP BY e.n, CASE WHEN jsonb_typeof(e.p0) = 'number' THEN 'n' || ((e.p0)::float8 + 0)::text ELSE (e.p0)::text END
) w WHERE w.begun IS NOT NULL AND (w.followed IS NULL OR w.followed <= w.begun)
GROUP BY w.n)
-- join
LEFT JOIN c0 ON c0.n = p.n
LEFT JOIN path_hard ON path_hard.n = p.n
-- verdict
coalesce(p.at_ms - c0.ms >= 3600000, false)
-- changing
(((c0.ms IS NOT NULL)))
-- hard
coalesce(path_hard.hard, false)
-- v0: '00000000-0000-0000-0000-000000000007'
-- v1: 'Product Added'
-- v2: 'Order Completed'
-- v3: 'cart_id'
-- v4: 1772452800001
-- v5: ['Order Completed', 'Product Added']
