-- with
path AS MATERIALIZED (
SELECT e.*, floor(extract(epoch FROM e.occurred_at) * 1000)::bigint AS ms,
  row_number() OVER (PARTITION BY e.n ORDER BY e.occurred_at, e.ordered_at, e.message_id) AS rank
FROM (
  SELECT p.n, e.name, e.occurred_at, coalesce(e.original_at, e.occurred_at) AS ordered_at, e.message_id COLLATE "C" AS message_id, CASE WHEN e.identity_id IS DISTINCT FROM e.user_identity_id THEN e.identity_id END AS device
  FROM pair p
  JOIN events_personal e ON e.profile_id = p.profile_id AND e.occurred_at < p.at_end
  WHERE e.site_id = %(v0)s::uuid AND e.occurred_at < (timestamptz 'epoch' + %(v3)s::bigint * interval '1 millisecond')
  OFFSET 0
) e)
-- with
c0 AS (
SELECT g.*, count(*) FILTER (WHERE g.at - g.earlier >= interval '1800000 milliseconds')
    OVER (PARTITION BY g.n, g.device ORDER BY g.at) AS piece
  FROM (
    SELECT e.*, lag(e.at) OVER (PARTITION BY e.n, e.device ORDER BY e.at) AS earlier
    FROM (SELECT e.*, date_trunc('milliseconds', e.occurred_at) AS at FROM path e) e
  ) g)
-- with
c1 AS (
SELECT e.n, e.ms, e.rank, device, piece, e.ms AS start FROM c0 e WHERE (e.name = %(v1)s::text))
-- with
c2 AS (
SELECT r.n, r.ms, r.rank, r.device, r.piece, r.start FROM (
  SELECT b.*, max(b.begun) OVER (PARTITION BY b.n, b.device, b.piece ORDER BY b.rank RANGE BETWEEN 1 PRECEDING AND 1 PRECEDING) AS start, max(b.ms) FILTER (WHERE b.role = 1) OVER (PARTITION BY b.n, b.device, b.piece ORDER BY b.rank RANGE BETWEEN 1 PRECEDING AND 1 PRECEDING) AS earlier
  FROM (
    SELECT e.n, e.ms, e.rank, device, piece, 0 AS role, CAST(NULL AS bigint) AS start FROM c0 e WHERE (e.name = %(v2)s::text)
    UNION ALL SELECT e.n, e.ms, e.rank, device, piece, 1, e.start FROM c1 e
  ) b (n, ms, rank, device, piece, role, begun)
) r WHERE r.role = 0 AND r.start IS NOT NULL AND r.ms - r.earlier <= 300000)
-- with
c3 AS (
SELECT s.n, count(*) AS times FROM c2 s GROUP BY s.n)
-- join
LEFT JOIN c3 ON c3.n = p.n
-- verdict
(coalesce(c3.times, 0) >= 1)
-- changing
false
-- hard
false
-- v0: '00000000-0000-0000-0000-000000000007'
-- v1: 'Product Viewed'
-- v2: 'Product Added'
-- v3: 1772452800001
