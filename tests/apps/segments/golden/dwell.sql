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
path AS MATERIALIZED (
SELECT e.*, floor(extract(epoch FROM e.occurred_at) * 1000)::bigint AS ms,
  row_number() OVER (PARTITION BY e.n ORDER BY e.occurred_at, e.ordered_at, e.message_id) AS rank
FROM (
  SELECT e.*, ((e.p2 = %(v4)s::jsonb)) AS f0 FROM (
  SELECT p.n, e.name, e.occurred_at, coalesce(e.original_at, e.occurred_at) AS ordered_at, e.message_id COLLATE "C" AS message_id, CASE WHEN e.identity_id IS DISTINCT FROM e.user_identity_id THEN e.identity_id END AS device, (e.occurred_at >= p.w0s AND (CASE WHEN e.identity_id IS DISTINCT FROM e.user_identity_id THEN e.identity_id END IS NULL OR CASE WHEN e.identity_id IS DISTINCT FROM e.user_identity_id THEN e.identity_id END = p.w0d)) AS w0, CASE jsonb_typeof((e.properties -> %(v6)s::text)) WHEN 'string' THEN (e.properties -> %(v6)s::text) WHEN 'boolean' THEN (e.properties -> %(v6)s::text) WHEN 'number' THEN CASE WHEN (octet_length((((e.properties -> %(v6)s::text)) #>> '{}')) <= 150) THEN (e.properties -> %(v6)s::text) END END AS p0, CASE jsonb_typeof((e.properties -> %(v7)s::text)) WHEN 'string' THEN (e.properties -> %(v7)s::text) WHEN 'boolean' THEN (e.properties -> %(v7)s::text) WHEN 'number' THEN CASE WHEN (octet_length((((e.properties -> %(v7)s::text)) #>> '{}')) <= 150) THEN (e.properties -> %(v7)s::text) END END AS p1, CASE jsonb_typeof((e.properties -> %(v8)s::text)) WHEN 'string' THEN (e.properties -> %(v8)s::text) WHEN 'boolean' THEN (e.properties -> %(v8)s::text) WHEN 'number' THEN CASE WHEN (octet_length((((e.properties -> %(v8)s::text)) #>> '{}')) <= 150) THEN (e.properties -> %(v8)s::text) END END AS p2, (CASE WHEN jsonb_typeof((e.properties -> %(v6)s::text)) = 'number' THEN NOT (octet_length((((e.properties -> %(v6)s::text)) #>> '{}')) <= 150) ELSE false END OR CASE WHEN jsonb_typeof((e.properties -> %(v7)s::text)) = 'number' THEN NOT (octet_length((((e.properties -> %(v7)s::text)) #>> '{}')) <= 150) ELSE false END OR CASE WHEN jsonb_typeof((e.properties -> %(v8)s::text)) = 'number' THEN NOT (octet_length((((e.properties -> %(v8)s::text)) #>> '{}')) <= 150) ELSE false END) AS hard
  FROM (SELECT p.n, p.profile_id, p.at_ms, p.at_end, session1800000.start AS w0s, session1800000.device AS w0d FROM pair p LEFT JOIN session1800000 ON session1800000.n = p.n OFFSET 0) p
  JOIN events_personal e ON e.profile_id = p.profile_id AND e.occurred_at < p.at_end
  WHERE e.site_id = %(v0)s::uuid AND e.occurred_at < (timestamptz 'epoch' + %(v9)s::bigint * interval '1 millisecond') AND (e.name = ANY(%(v10)s::text[]))
  OFFSET 0
  ) e OFFSET 0
) e)
-- with
path_hard AS (SELECT e.n, bool_or(e.hard) AS hard FROM path e GROUP BY e.n)
-- with
c0 AS (
SELECT a.n, sum(a.added) FILTER (WHERE a.accepted AND a.inside) AS active,
  max(a.ms) FILTER (WHERE a.accepted AND a.inside AND a.rank = a.latest AND a.name <> %(v3)s::text)
    AS open_ms,
  bool_or(a.accepted AND a.inside) AS is_any
FROM (
  SELECT d.n, d.name, d.ms, d.rank, d.inside, first_value(d.name = %(v1)s::text AND d.passes) OVER (PARTITION BY d.n, d.id ORDER BY CASE WHEN d.name = %(v1)s::text THEN 0 ELSE 1 END, d.rank) AS accepted,
    max(d.rank) OVER (PARTITION BY d.n) AS latest,
    CASE d.name WHEN %(v2)s::text THEN d.active WHEN %(v3)s::text THEN greatest(d.active - coalesce(sum(d.active) FILTER (WHERE d.name = %(v2)s::text) OVER (PARTITION BY d.n, d.id ORDER BY d.rank), 0), 0)
      ELSE 0 END AS added
  FROM (
    SELECT e.n, e.name, e.ms, e.rank, CASE WHEN jsonb_typeof(e.p0) = 'number' THEN 'n' || ((e.p0)::float8 + 0)::text ELSE (e.p0)::text END AS id, least(greatest(coalesce(CASE WHEN jsonb_typeof(e.p1) = 'number' THEN CASE WHEN octet_length(((e.p1) #>> '{}')) <= 15 THEN (e.p1)::numeric ELSE (e.p1)::float8::text::numeric END END, 0), 0), 3600000) AS active,
      coalesce(e.w0, false) AS inside,
      coalesce(e.f0, false) AS passes
    FROM path e WHERE ((e.name = %(v1)s::text) OR (e.name = %(v2)s::text) OR (e.name = %(v3)s::text)) AND e.p0 IS NOT NULL
  ) d
) a GROUP BY a.n)
-- join
LEFT JOIN c0 ON c0.n = p.n
LEFT JOIN session1800000 ON session1800000.n = p.n
LEFT JOIN path_hard ON path_hard.n = p.n
-- verdict
((coalesce(c0.active, 0) + least(p.at_ms - coalesce(c0.open_ms, p.at_ms), 10000)) > %(v5)s::bigint)
-- changing
(((session1800000.n IS NOT NULL) OR coalesce(p.at_ms - c0.open_ms < 10000, false)))
-- hard
coalesce(path_hard.hard, false)
-- v0: '00000000-0000-0000-0000-000000000007'
-- v1: 'Page Viewed'
-- v2: 'Page Heartbeat'
-- v3: 'Page Left'
-- v4: '"product"'
-- v5: 180000
-- v6: 'page_view_id'
-- v7: 'active_ms'
-- v8: 'page_type'
-- v9: 1772452800001
-- v10: ['Page Heartbeat', 'Page Left', 'Page Viewed']
