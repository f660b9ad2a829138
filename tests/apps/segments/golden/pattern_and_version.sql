-- join
CROSS JOIN LATERAL (SELECT CASE WHEN NOT CASE WHEN jsonb_typeof(nullif((p.traits -> %(v3)s::text) -> 0, 'null'::jsonb)) = 'number' THEN NOT (length(((nullif((p.traits -> %(v3)s::text) -> 0, 'null'::jsonb)) #>> '{}')) <= 150) ELSE false END THEN nullif((p.traits -> %(v3)s::text) -> 0, 'null'::jsonb) END AS t0, CASE WHEN NOT CASE WHEN jsonb_typeof(nullif((p.traits -> %(v4)s::text) -> 0, 'null'::jsonb)) = 'number' THEN NOT (length(((nullif((p.traits -> %(v4)s::text) -> 0, 'null'::jsonb)) #>> '{}')) <= 150) ELSE false END THEN nullif((p.traits -> %(v4)s::text) -> 0, 'null'::jsonb) END AS t1, (CASE jsonb_typeof(nullif((p.traits -> %(v3)s::text) -> 0, 'null'::jsonb)) WHEN 'number' THEN NOT (length(((nullif((p.traits -> %(v3)s::text) -> 0, 'null'::jsonb)) #>> '{}')) <= 150) WHEN 'array' THEN EXISTS (SELECT 1 FROM jsonb_array_elements(nullif((p.traits -> %(v3)s::text) -> 0, 'null'::jsonb)) AS i(x) WHERE CASE WHEN jsonb_typeof(i.x) = 'number' THEN NOT (length(((i.x) #>> '{}')) <= 150) ELSE false END) ELSE false END OR CASE jsonb_typeof(nullif((p.traits -> %(v4)s::text) -> 0, 'null'::jsonb)) WHEN 'number' THEN NOT (length(((nullif((p.traits -> %(v4)s::text) -> 0, 'null'::jsonb)) #>> '{}')) <= 150) WHEN 'array' THEN EXISTS (SELECT 1 FROM jsonb_array_elements(nullif((p.traits -> %(v4)s::text) -> 0, 'null'::jsonb)) AS i(x) WHERE CASE WHEN jsonb_typeof(i.x) = 'number' THEN NOT (length(((i.x) #>> '{}')) <= 150) ELSE false END) ELSE false END) AS hard OFFSET 0) t
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
