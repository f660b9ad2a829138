-- join
CROSS JOIN LATERAL (SELECT CASE WHEN NOT CASE WHEN jsonb_typeof(r.t0) = 'number' THEN NOT (octet_length(((r.t0) #>> '{}')) <= 150) ELSE false END THEN r.t0 END AS t0, CASE WHEN NOT CASE WHEN jsonb_typeof(r.t1) = 'number' THEN NOT (octet_length(((r.t1) #>> '{}')) <= 150) ELSE false END THEN r.t1 END AS t1, (CASE jsonb_typeof(r.t0) WHEN 'number' THEN NOT (octet_length(((r.t0) #>> '{}')) <= 150) WHEN 'array' THEN EXISTS (SELECT 1 FROM jsonb_array_elements(r.t0) AS i(x) WHERE CASE WHEN jsonb_typeof(i.x) = 'number' THEN NOT (octet_length(((i.x) #>> '{}')) <= 150) ELSE false END) ELSE false END OR CASE jsonb_typeof(r.t1) WHEN 'number' THEN NOT (octet_length(((r.t1) #>> '{}')) <= 150) WHEN 'array' THEN EXISTS (SELECT 1 FROM jsonb_array_elements(r.t1) AS i(x) WHERE CASE WHEN jsonb_typeof(i.x) = 'number' THEN NOT (octet_length(((i.x) #>> '{}')) <= 150) ELSE false END) ELSE false END) AS hard FROM (SELECT nullif((p.traits -> %(v3)s::text) -> 0, 'null'::jsonb) AS t0, nullif((p.traits -> %(v4)s::text) -> 0, 'null'::jsonb) AS t1 OFFSET 0) r OFFSET 0) t
-- verdict
((CASE WHEN jsonb_typeof(t.t0) = 'string' THEN (((t.t0) #>> '{}') COLLATE "C" ~ %(v1)s::text) END) OR (CASE WHEN jsonb_typeof(t.t1) = 'string' THEN segments_version(((t.t1) #>> '{}')) >= %(v2)s::int[] END))
-- changing
false
-- hard
t.hard
-- v0: '00000000-0000-0000-0000-000000000007'
-- v1: '\\@example\\.(?:com|org)$'
-- v2: [2, 10, 0, 0]
-- v3: 'email'
-- v4: 'app'
