-- join

-- verdict
((segments_bucket(p.unit_id, %(v1)s::text)::float8 / 100) >= %(v2)s::float8 AND (segments_bucket(p.unit_id, %(v1)s::text)::float8 / 100) < %(v3)s::float8)
-- changing
false
-- hard
false
-- v0: '00000000-0000-0000-0000-000000000007'
-- v1: 's1'
-- v2: 0.0
-- v3: 50.0
