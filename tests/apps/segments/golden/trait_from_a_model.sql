-- join
CROSS JOIN LATERAL (SELECT CASE WHEN NOT CASE WHEN jsonb_typeof(r.t0) = 'number' THEN NOT (octet_length(((r.t0) #>> '{}')) <= 150) ELSE false END THEN r.t0 END AS t0, (CASE jsonb_typeof(r.t0) WHEN 'number' THEN NOT (octet_length(((r.t0) #>> '{}')) <= 150) WHEN 'array' THEN EXISTS (SELECT 1 FROM jsonb_array_elements(r.t0) AS i(x) WHERE CASE WHEN jsonb_typeof(i.x) = 'number' THEN NOT (octet_length(((i.x) #>> '{}')) <= 150) ELSE false END) ELSE false END) AS hard FROM (SELECT nullif((p.traits -> %(v1)s::text) -> 0, 'null'::jsonb) AS t0 OFFSET 0) r OFFSET 0) t
-- verdict
((CASE WHEN jsonb_typeof((CASE WHEN ((nullif((p.traits -> %(v1)s::text) -> 4, 'null'::jsonb)) #>> '{}') = %(v2)s::text AND (CASE WHEN jsonb_typeof(nullif((p.traits -> %(v1)s::text) -> 5, 'null'::jsonb)) = 'number' THEN (nullif((p.traits -> %(v1)s::text) -> 5, 'null'::jsonb))::float8 END) >= %(v3)s::float8 THEN t.t0 END)) = 'string' THEN segments_instant((((CASE WHEN ((nullif((p.traits -> %(v1)s::text) -> 4, 'null'::jsonb)) #>> '{}') = %(v2)s::text AND (CASE WHEN jsonb_typeof(nullif((p.traits -> %(v1)s::text) -> 5, 'null'::jsonb)) = 'number' THEN (nullif((p.traits -> %(v1)s::text) -> 5, 'null'::jsonb))::float8 END) >= %(v3)s::float8 THEN t.t0 END)) #>> '{}')) END) > p.at_ms AND (CASE WHEN jsonb_typeof((CASE WHEN ((nullif((p.traits -> %(v1)s::text) -> 4, 'null'::jsonb)) #>> '{}') = %(v2)s::text AND (CASE WHEN jsonb_typeof(nullif((p.traits -> %(v1)s::text) -> 5, 'null'::jsonb)) = 'number' THEN (nullif((p.traits -> %(v1)s::text) -> 5, 'null'::jsonb))::float8 END) >= %(v3)s::float8 THEN t.t0 END)) = 'string' THEN segments_instant((((CASE WHEN ((nullif((p.traits -> %(v1)s::text) -> 4, 'null'::jsonb)) #>> '{}') = %(v2)s::text AND (CASE WHEN jsonb_typeof(nullif((p.traits -> %(v1)s::text) -> 5, 'null'::jsonb)) = 'number' THEN (nullif((p.traits -> %(v1)s::text) -> 5, 'null'::jsonb))::float8 END) >= %(v3)s::float8 THEN t.t0 END)) #>> '{}')) END) <= p.at_ms + 604800000)
-- changing
((t.t0 IS NOT NULL))
-- hard
t.hard
-- v0: '00000000-0000-0000-0000-000000000007'
-- v1: 'renews'
-- v2: 'model'
-- v3: 0.8
