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
page_view AS (
SELECT p.n, l.id
FROM pair p JOIN session1800000 s ON s.n = p.n
CROSS JOIN LATERAL (
  SELECT CASE WHEN jsonb_typeof(CASE jsonb_typeof((e.properties -> %(v3)s::text)) WHEN 'string' THEN (e.properties -> %(v3)s::text) WHEN 'boolean' THEN (e.properties -> %(v3)s::text) WHEN 'number' THEN CASE WHEN (octet_length((((e.properties -> %(v3)s::text)) #>> '{}')) <= 150) THEN (e.properties -> %(v3)s::text) END END) = 'number' THEN 'n' || ((CASE jsonb_typeof((e.properties -> %(v3)s::text)) WHEN 'string' THEN (e.properties -> %(v3)s::text) WHEN 'boolean' THEN (e.properties -> %(v3)s::text) WHEN 'number' THEN CASE WHEN (octet_length((((e.properties -> %(v3)s::text)) #>> '{}')) <= 150) THEN (e.properties -> %(v3)s::text) END END)::float8 + 0)::text ELSE (CASE jsonb_typeof((e.properties -> %(v3)s::text)) WHEN 'string' THEN (e.properties -> %(v3)s::text) WHEN 'boolean' THEN (e.properties -> %(v3)s::text) WHEN 'number' THEN CASE WHEN (octet_length((((e.properties -> %(v3)s::text)) #>> '{}')) <= 150) THEN (e.properties -> %(v3)s::text) END END)::text END AS id FROM events_personal e
  WHERE e.profile_id = p.profile_id AND e.occurred_at < p.at_end AND e.occurred_at >= s.start
    AND (CASE WHEN e.identity_id IS DISTINCT FROM e.user_identity_id THEN e.identity_id END IS NULL OR CASE WHEN e.identity_id IS DISTINCT FROM e.user_identity_id THEN e.identity_id END = s.device) AND CASE jsonb_typeof((e.properties -> %(v3)s::text)) WHEN 'string' THEN (e.properties -> %(v3)s::text) WHEN 'boolean' THEN (e.properties -> %(v3)s::text) WHEN 'number' THEN CASE WHEN (octet_length((((e.properties -> %(v3)s::text)) #>> '{}')) <= 150) THEN (e.properties -> %(v3)s::text) END END IS NOT NULL
  ORDER BY e.occurred_at DESC, coalesce(e.original_at, e.occurred_at) DESC, e.message_id COLLATE "C" DESC
  LIMIT 1
) l)
-- with
path AS MATERIALIZED (
SELECT e.*, floor(extract(epoch FROM e.occurred_at) * 1000)::bigint AS ms,
  row_number() OVER (PARTITION BY e.n ORDER BY e.occurred_at, e.ordered_at, e.message_id) AS rank
FROM (
  SELECT p.n, e.name, e.occurred_at, coalesce(e.original_at, e.occurred_at) AS ordered_at, e.message_id COLLATE "C" AS message_id, CASE WHEN e.identity_id IS DISTINCT FROM e.user_identity_id THEN e.identity_id END AS device, ((e.occurred_at >= p.w0s AND (CASE WHEN e.identity_id IS DISTINCT FROM e.user_identity_id THEN e.identity_id END IS NULL OR CASE WHEN e.identity_id IS DISTINCT FROM e.user_identity_id THEN e.identity_id END = p.w0d)) AND CASE WHEN jsonb_typeof(CASE jsonb_typeof((e.properties -> %(v3)s::text)) WHEN 'string' THEN (e.properties -> %(v3)s::text) WHEN 'boolean' THEN (e.properties -> %(v3)s::text) WHEN 'number' THEN CASE WHEN (octet_length((((e.properties -> %(v3)s::text)) #>> '{}')) <= 150) THEN (e.properties -> %(v3)s::text) END END) = 'number' THEN 'n' || ((CASE jsonb_typeof((e.properties -> %(v3)s::text)) WHEN 'string' THEN (e.properties -> %(v3)s::text) WHEN 'boolean' THEN (e.properties -> %(v3)s::text) WHEN 'number' THEN CASE WHEN (octet_length((((e.properties -> %(v3)s::text)) #>> '{}')) <= 150) THEN (e.properties -> %(v3)s::text) END END)::float8 + 0)::text ELSE (CASE jsonb_typeof((e.properties -> %(v3)s::text)) WHEN 'string' THEN (e.properties -> %(v3)s::text) WHEN 'boolean' THEN (e.properties -> %(v3)s::text) WHEN 'number' THEN CASE WHEN (octet_length((((e.properties -> %(v3)s::text)) #>> '{}')) <= 150) THEN (e.properties -> %(v3)s::text) END END)::text END = p.w0p) AS w0, CASE jsonb_typeof((e.properties -> %(v4)s::text)) WHEN 'string' THEN (e.properties -> %(v4)s::text) WHEN 'boolean' THEN (e.properties -> %(v4)s::text) WHEN 'number' THEN CASE WHEN (octet_length((((e.properties -> %(v4)s::text)) #>> '{}')) <= 150) THEN (e.properties -> %(v4)s::text) END END AS p0, CASE jsonb_typeof((e.properties -> %(v3)s::text)) WHEN 'string' THEN (e.properties -> %(v3)s::text) WHEN 'boolean' THEN (e.properties -> %(v3)s::text) WHEN 'number' THEN CASE WHEN (octet_length((((e.properties -> %(v3)s::text)) #>> '{}')) <= 150) THEN (e.properties -> %(v3)s::text) END END AS p1, (CASE WHEN jsonb_typeof((e.properties -> %(v4)s::text)) = 'number' THEN NOT (octet_length((((e.properties -> %(v4)s::text)) #>> '{}')) <= 150) ELSE false END OR CASE WHEN jsonb_typeof((e.properties -> %(v3)s::text)) = 'number' THEN NOT (octet_length((((e.properties -> %(v3)s::text)) #>> '{}')) <= 150) ELSE false END) AS hard
  FROM (SELECT p.n, p.profile_id, p.at_ms, p.at_end, session1800000.start AS w0s, session1800000.device AS w0d, page_view.id AS w0p FROM pair p LEFT JOIN session1800000 ON session1800000.n = p.n LEFT JOIN page_view ON page_view.n = p.n OFFSET 0) p
  JOIN events_personal e ON e.profile_id = p.profile_id AND e.occurred_at < p.at_end
  WHERE e.site_id = %(v0)s::uuid AND e.occurred_at < (timestamptz 'epoch' + %(v5)s::bigint * interval '1 millisecond') AND (e.name = ANY(%(v6)s::text[]))
  OFFSET 0
) e)
-- with
path_hard AS (SELECT e.n, bool_or(e.hard) AS hard FROM path e GROUP BY e.n)
-- with
c0 AS (
SELECT c.n, c.value FROM (
  SELECT e.n, (array_agg(e.p0 ORDER BY e.occurred_at DESC, e.ordered_at DESC, e.message_id DESC))[1] AS value, row_number() OVER (
    PARTITION BY e.n ORDER BY count(*) DESC, max(e.rank) DESC) AS place
  FROM path e WHERE (e.name = %(v1)s::text) AND e.w0 AND e.p0 IS NOT NULL
  GROUP BY e.n, CASE WHEN jsonb_typeof(e.p0) = 'number' THEN 'n' || ((e.p0)::float8 + 0)::text ELSE (e.p0)::text END
) c WHERE c.place = 1)
-- join
LEFT JOIN c0 ON c0.n = p.n
LEFT JOIN session1800000 ON session1800000.n = p.n
LEFT JOIN path_hard ON path_hard.n = p.n
-- verdict
(c0.value = %(v2)s::jsonb)
-- changing
(((session1800000.n IS NOT NULL)))
-- hard
coalesce(path_hard.hard, false)
-- v0: '00000000-0000-0000-0000-000000000007'
-- v1: 'Product Viewed'
-- v2: '"a"'
-- v3: 'page_view_id'
-- v4: 'category'
-- v5: 1772452800001
-- v6: ['Product Viewed']
