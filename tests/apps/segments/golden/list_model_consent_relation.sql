-- join
LEFT JOIN profiles_profilestate chosen ON chosen.profile_id = p.profile_id
CROSS JOIN LATERAL (SELECT CASE WHEN NOT CASE WHEN jsonb_typeof(r.t0) = 'number' THEN NOT (octet_length(((r.t0) #>> '{}')) <= 150) ELSE false END THEN r.t0 END AS t0, CASE WHEN NOT CASE WHEN jsonb_typeof(r.t1) = 'number' THEN NOT (octet_length(((r.t1) #>> '{}')) <= 150) ELSE false END THEN r.t1 END AS t1, CASE WHEN NOT CASE WHEN jsonb_typeof(r.t2) = 'number' THEN NOT (octet_length(((r.t2) #>> '{}')) <= 150) ELSE false END THEN r.t2 END AS t2, (CASE jsonb_typeof(r.t0) WHEN 'number' THEN NOT (octet_length(((r.t0) #>> '{}')) <= 150) WHEN 'array' THEN EXISTS (SELECT 1 FROM jsonb_array_elements(r.t0) AS i(x) WHERE CASE WHEN jsonb_typeof(i.x) = 'number' THEN NOT (octet_length(((i.x) #>> '{}')) <= 150) ELSE false END) ELSE false END OR CASE jsonb_typeof(r.t1) WHEN 'number' THEN NOT (octet_length(((r.t1) #>> '{}')) <= 150) WHEN 'array' THEN EXISTS (SELECT 1 FROM jsonb_array_elements(r.t1) AS i(x) WHERE CASE WHEN jsonb_typeof(i.x) = 'number' THEN NOT (octet_length(((i.x) #>> '{}')) <= 150) ELSE false END) ELSE false END OR CASE jsonb_typeof(r.t2) WHEN 'number' THEN NOT (octet_length(((r.t2) #>> '{}')) <= 150) WHEN 'array' THEN EXISTS (SELECT 1 FROM jsonb_array_elements(r.t2) AS i(x) WHERE CASE WHEN jsonb_typeof(i.x) = 'number' THEN NOT (octet_length(((i.x) #>> '{}')) <= 150) ELSE false END) ELSE false END) AS hard FROM (SELECT nullif((p.traits -> %(v5)s::text) -> 0, 'null'::jsonb) AS t0, nullif((p.traits -> %(v1)s::text) -> 0, 'null'::jsonb) AS t1, nullif((p.traits -> %(v6)s::text) -> 0, 'null'::jsonb) AS t2 OFFSET 0) r OFFSET 0) t
-- verdict
(SELECT CASE WHEN count(*) FILTER (WHERE t.x) >= 2 THEN true WHEN count(*) FILTER (WHERE t.x IS NOT FALSE) >= 2 THEN NULL ELSE false END FROM unnest(ARRAY[(CASE jsonb_typeof(t.t0) WHEN 'boolean' THEN (t.t0 = 'true'::jsonb) WHEN 'number' THEN p.at_ms::float8 < (t.t0)::float8 ELSE false END), (CASE WHEN (t.t1 IS NOT NULL AND coalesce(p.at_ms < (CASE WHEN jsonb_typeof(nullif((p.traits -> %(v1)s::text) -> 1, 'null'::jsonb)) = 'number' THEN (nullif((p.traits -> %(v1)s::text) -> 1, 'null'::jsonb))::float8 END) + 604800000, false)) THEN (CASE WHEN jsonb_typeof(t.t1) = 'number' THEN (t.t1)::float8 >= %(v2)s::float8 END) ELSE CAST(NULL AS boolean) END), (CASE WHEN chosen.denied & 4 <> 0 THEN false WHEN chosen.granted & 4 <> 0 THEN true END), coalesce(CASE WHEN jsonb_typeof(t.t2) = 'array' THEN t.t2 @> %(v3)s::jsonb ELSE (t.t2 = %(v4)s::jsonb) END, false)]::boolean[]) AS t(x))
-- changing
(((t.t1 IS NOT NULL AND coalesce(p.at_ms < (CASE WHEN jsonb_typeof(nullif((p.traits -> %(v1)s::text) -> 1, 'null'::jsonb)) = 'number' THEN (nullif((p.traits -> %(v1)s::text) -> 1, 'null'::jsonb))::float8 END) + 604800000, false)) OR coalesce(jsonb_typeof(t.t0) = 'number' AND (CASE jsonb_typeof(t.t0) WHEN 'boolean' THEN (t.t0 = 'true'::jsonb) WHEN 'number' THEN p.at_ms::float8 < (t.t0)::float8 ELSE false END), false)))
-- hard
t.hard
-- v0: '00000000-0000-0000-0000-000000000007'
-- v1: 'score.buy'
-- v2: 0.75
-- v3: '["acme"]'
-- v4: '"acme"'
-- v5: 'list.press'
-- v6: 'edge.member_of'
