-- with
visits AS (
SELECT v.*, row_number() OVER (PARTITION BY v.n ORDER BY v.start, v.device) AS place,
  row_number() OVER (PARTITION BY v.n ORDER BY v.start DESC, v.device DESC) AS back
FROM (
  SELECT c.n, c.device, min(c.at) AS start, max(c.at) AS finish
  FROM (
  SELECT g.*, count(*) FILTER (WHERE g.at - g.earlier >= interval '1800000 milliseconds')
    OVER (PARTITION BY g.n, g.device ORDER BY g.at) AS piece
  FROM (
    SELECT e.n, e.at, e.device, lag(e.at) OVER (PARTITION BY e.n, e.device ORDER BY e.at) AS earlier
    FROM (SELECT * FROM (
    SELECT p.n, date_trunc('milliseconds', e.occurred_at) AS at, CASE WHEN e.identity_id IS DISTINCT FROM e.user_identity_id THEN e.identity_id END AS device,
      bool_or(CASE WHEN e.identity_id IS DISTINCT FROM e.user_identity_id THEN e.identity_id END IS NOT NULL) OVER (PARTITION BY p.n) AS has_device
    FROM pair p JOIN events_personal e
      ON e.profile_id = p.profile_id AND e.occurred_at < p.at_end
  ) k WHERE k.device IS NOT NULL OR NOT k.has_device) e
  ) g
  ) c GROUP BY c.n, c.device, c.piece
) v)
-- with
g0 AS (
SELECT e.n, max(e.occurred_at) FILTER (WHERE (e.name = %(v1)s::text) AND e.w0) AS a0 FROM (
  SELECT p.n, e.name, e.occurred_at, coalesce(e.original_at, e.occurred_at) AS ordered_at, e.message_id COLLATE "C" AS message_id, ((e.occurred_at >= p.w0s AND (CASE WHEN e.identity_id IS DISTINCT FROM e.user_identity_id THEN e.identity_id END IS NULL OR CASE WHEN e.identity_id IS DISTINCT FROM e.user_identity_id THEN e.identity_id END = p.w0d)) AND date_trunc('milliseconds', e.occurred_at) <= p.w0e) AS w0
  FROM (SELECT p.n, p.profile_id, p.at_ms, p.at_end, w0.start AS w0s, w0.device AS w0d, w0.finish AS w0e FROM pair p LEFT JOIN visits w0 ON w0.n = p.n AND w0.place = 2 OFFSET 0) p
  JOIN events_personal e ON e.profile_id = p.profile_id AND e.occurred_at < p.at_end
  WHERE e.site_id = %(v0)s::uuid AND e.occurred_at < (timestamptz 'epoch' + %(v3)s::bigint * interval '1 millisecond') AND (e.name = ANY(%(v4)s::text[]))
  OFFSET 0
) e GROUP BY e.n)
-- join
LEFT JOIN g0 ON g0.n = p.n
-- verdict
(g0.a0 >= (p.at_end - interval '3600000 milliseconds'))
-- changing
((coalesce((p.at_ms - floor(extract(epoch FROM g0.a0) * 1000)::bigint) <= %(v2)s::bigint, false)))
-- hard
false
-- v0: '00000000-0000-0000-0000-000000000007'
-- v1: 'Product Viewed'
-- v2: 3600000
-- v3: 1772452800001
-- v4: ['Product Viewed']
