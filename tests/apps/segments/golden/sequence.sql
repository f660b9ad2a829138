-- with
path AS MATERIALIZED (
SELECT e.*, floor(extract(epoch FROM e.occurred_at) * 1000)::bigint AS ms,
  row_number() OVER (PARTITION BY e.n ORDER BY e.occurred_at, e.ordered_at, e.message_id) AS rank
FROM (
  SELECT p.n, e.name, e.occurred_at, coalesce(e.original_at, e.occurred_at) AS ordered_at, e.message_id COLLATE "C" AS message_id, CASE WHEN e.identity_id IS DISTINCT FROM e.user_identity_id THEN e.identity_id END AS device, (e.occurred_at >= p.w0b) AS w0, CASE jsonb_typeof((e.properties -> %(v4)s::text)) WHEN 'string' THEN (e.properties -> %(v4)s::text) WHEN 'boolean' THEN (e.properties -> %(v4)s::text) WHEN 'number' THEN CASE WHEN (octet_length((((e.properties -> %(v4)s::text)) #>> '{}')) <= 150) THEN (e.properties -> %(v4)s::text) END END AS p0, (CASE WHEN jsonb_typeof((e.properties -> %(v4)s::text)) = 'number' THEN NOT (octet_length((((e.properties -> %(v4)s::text)) #>> '{}')) <= 150) ELSE false END) AS hard
  FROM (SELECT p.n, p.profile_id, p.at_ms, p.at_end, (p.at_end - interval '604800000 milliseconds') AS w0b FROM pair p  OFFSET 0) p
  JOIN events_personal e ON e.profile_id = p.profile_id AND e.occurred_at < p.at_end
  WHERE e.site_id = %(v0)s::uuid AND e.occurred_at < (timestamptz 'epoch' + %(v5)s::bigint * interval '1 millisecond') AND e.occurred_at >= (timestamptz 'epoch' + %(v6)s::bigint * interval '1 millisecond') AND (e.name = ANY(%(v7)s::text[]))
  OFFSET 0
) e)
-- with
path_hard AS (SELECT e.n, bool_or(e.hard) AS hard FROM path e GROUP BY e.n)
-- with
c0 AS (
SELECT e.*, CASE WHEN e.p0 IS NOT NULL THEN CASE WHEN jsonb_typeof(e.p0) = 'number' THEN 'n' || ((e.p0)::float8 + 0)::text ELSE (e.p0)::text END END AS k0, count(*) FILTER (WHERE (e.name = %(v1)s::text)) OVER (PARTITION BY e.n ORDER BY e.rank) AS x0, count(*) FILTER (WHERE (e.name = %(v1)s::text)) OVER (PARTITION BY e.n ORDER BY e.rank) - CASE WHEN (e.name = %(v1)s::text) THEN 1 ELSE 0 END AS y0 FROM path e WHERE (e.name = %(v2)s::text) OR (e.name = %(v3)s::text) OR (e.name = %(v1)s::text))
-- with
c1 AS (
SELECT e.n, e.ms, e.rank, k0, x0 AS g0, e.ms AS start FROM c0 e WHERE (e.name = %(v2)s::text) AND e.w0 AND e.k0 IS NOT NULL)
-- with
c2 AS (
SELECT r.n, r.ms, r.rank, r.k0, r.start FROM (
  SELECT b.*, greatest(max(b.begun) OVER (PARTITION BY b.n, b.k0, b.g0 ORDER BY b.ms RANGE BETWEEN 300000 PRECEDING AND 1 PRECEDING), max(b.begun) OVER (PARTITION BY b.n, b.k0, b.g0, b.ms ORDER BY b.rank, b.role ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS start
  FROM (
    SELECT e.n, e.ms, e.rank, k0, y0, 0 AS role, CAST(NULL AS bigint) AS start FROM c0 e WHERE (e.name = %(v3)s::text) AND e.w0 AND e.k0 IS NOT NULL
    UNION ALL SELECT e.n, e.ms, e.rank, k0, g0, 1, e.start FROM c1 e
  ) b (n, ms, rank, k0, g0, role, begun)
) r WHERE r.role = 0 AND r.start IS NOT NULL)
-- with
c3 AS (
SELECT s.n, count(*) AS times FROM c2 s WHERE s.ms - s.start <= 3600000 GROUP BY s.n)
-- join
LEFT JOIN c3 ON c3.n = p.n
LEFT JOIN path_hard ON path_hard.n = p.n
-- verdict
(coalesce(c3.times, 0) >= 2)
-- changing
((coalesce(c3.times, 0) >= 2))
-- hard
coalesce(path_hard.hard, false)
-- v0: '00000000-0000-0000-0000-000000000007'
-- v1: 'Order Completed'
-- v2: 'Product Viewed'
-- v3: 'Product Added'
-- v4: 'product_id'
-- v5: 1772452800001
-- v6: 1771848000001
-- v7: ['Order Completed', 'Product Added', 'Product Viewed']
