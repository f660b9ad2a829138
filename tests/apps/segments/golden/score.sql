-- with
path AS MATERIALIZED (
SELECT e.*, floor(extract(epoch FROM e.occurred_at) * 1000)::bigint AS ms,
  row_number() OVER (PARTITION BY e.n ORDER BY e.occurred_at, e.ordered_at, e.message_id) AS rank
FROM (
  SELECT p.n, e.name, e.occurred_at, coalesce(e.original_at, e.occurred_at) AS ordered_at, e.message_id COLLATE "C" AS message_id, CASE WHEN e.identity_id IS DISTINCT FROM e.user_identity_id THEN e.identity_id END AS device
  FROM pair p
  JOIN events_personal e ON e.profile_id = p.profile_id AND e.occurred_at < p.at_end
  WHERE e.site_id = %(v0)s::uuid AND e.occurred_at < (timestamptz 'epoch' + %(v9)s::bigint * interval '1 millisecond') AND (e.name = ANY(%(v10)s::text[]))
  OFFSET 0
) e)
-- with
c0 AS (
SELECT e.n, sum(CASE WHEN ((p.at_ms - e.ms)::float8 / 604800000) < 450 THEN %(v2)s::float8 * power(2::float8, -((p.at_ms - e.ms)::float8 / 604800000)) ELSE 0 END ORDER BY e.rank DESC) AS total, sum(abs(%(v2)s::float8) * CASE WHEN ((p.at_ms - e.ms)::float8 / 604800000) < 450 THEN power(2::float8, -((p.at_ms - e.ms)::float8 / 604800000)) ELSE 1e-126 END) AS size
FROM path e JOIN pair p ON p.n = e.n WHERE (e.name = %(v1)s::text) AND true
GROUP BY e.n)
-- join
LEFT JOIN c0 ON c0.n = p.n
CROSS JOIN LATERAL (SELECT CASE WHEN NOT CASE WHEN jsonb_typeof(r.t0) = 'number' THEN NOT (octet_length(((r.t0) #>> '{}')) <= 150) ELSE false END THEN r.t0 END AS t0, (CASE jsonb_typeof(r.t0) WHEN 'number' THEN NOT (octet_length(((r.t0) #>> '{}')) <= 150) WHEN 'array' THEN EXISTS (SELECT 1 FROM jsonb_array_elements(r.t0) AS i(x) WHERE CASE WHEN jsonb_typeof(i.x) = 'number' THEN NOT (octet_length(((i.x) #>> '{}')) <= 150) ELSE false END) ELSE false END) AS hard FROM (SELECT nullif((p.traits -> %(v11)s::text) -> 0, 'null'::jsonb) AS t0 OFFSET 0) r OFFSET 0) t
-- verdict
(greatest((least(greatest(coalesce(c0.total, 0::float8), %(v3)s::float8), %(v4)s::float8) + CASE WHEN (t.t0 = %(v6)s::jsonb) THEN %(v5)s::float8 ELSE 0 END), %(v7)s::float8) >= %(v8)s::float8)
-- changing
(((coalesce(c0.size > 0, false)) AND (greatest((least(greatest(coalesce(c0.total, 0::float8), %(v3)s::float8), %(v4)s::float8) + CASE WHEN (t.t0 = %(v6)s::jsonb) THEN %(v5)s::float8 ELSE 0 END), %(v7)s::float8) >= %(v8)s::float8)))
-- hard
(coalesce(c0.size, 0) > 0 AND (abs(greatest((least(greatest(coalesce(c0.total, 0::float8), %(v3)s::float8), %(v4)s::float8) + CASE WHEN (t.t0 = %(v6)s::jsonb) THEN %(v5)s::float8 ELSE 0 END), %(v7)s::float8) - %(v8)s::float8) <= 1e-09 * (coalesce(c0.size, 0) + abs(%(v8)s::float8)))) OR t.hard
-- v0: '00000000-0000-0000-0000-000000000007'
-- v1: 'Product Viewed'
-- v2: 2.0
-- v3: -20.0
-- v4: 20.0
-- v5: 10.0
-- v6: '"pro"'
-- v7: 0.0
-- v8: 50.0
-- v9: 1772452800001
-- v10: ['Product Viewed']
-- v11: 'plan'
