-- join
CROSS JOIN LATERAL (SELECT CASE WHEN NOT CASE WHEN jsonb_typeof(r.t0) = 'number' THEN NOT (octet_length(((r.t0) #>> '{}')) <= 150) ELSE false END THEN r.t0 END AS t0, (CASE jsonb_typeof(r.t0) WHEN 'number' THEN NOT (octet_length(((r.t0) #>> '{}')) <= 150) WHEN 'array' THEN EXISTS (SELECT 1 FROM jsonb_array_elements(r.t0) AS i(x) WHERE CASE WHEN jsonb_typeof(i.x) = 'number' THEN NOT (octet_length(((i.x) #>> '{}')) <= 150) ELSE false END) ELSE false END) AS hard FROM (SELECT nullif((p.traits -> %(v3)s::text) -> 0, 'null'::jsonb) AS t0 OFFSET 0) r OFFSET 0) t
-- verdict
(CASE WHEN t.t0 IS NULL THEN NULL WHEN jsonb_typeof(t.t0) = 'number' THEN ((t.t0)::float8 = ANY(%(v1)s::float8[])) ELSE (t.t0 = ANY(%(v2)s::jsonb[])) END)
-- changing
false
-- hard
t.hard
-- v0: '00000000-0000-0000-0000-000000000007'
-- v1: [2.0]
-- v2: ['"pro"', 'true']
-- v3: 'plan'
