-- The tables and rows that migrations make. Written by `make schema`: do not edit.
\restrict attune

-- Dumped from database version 18.6
-- Dumped by pg_dump version 18.6

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

CREATE FUNCTION public.consent_keep_ledger() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    erasing boolean := coalesce(current_setting('attune.erasing', true), '') = 'on';
    taken text[] := '{profile_id,signals,signals_salt,network,browser}';
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF erasing THEN RETURN OLD; END IF;
    ELSIF to_jsonb(NEW) - 'profile_id' = to_jsonb(OLD) - 'profile_id' THEN
        RETURN NEW;  -- a merge, or a profile that is gone
    ELSIF erasing AND NEW.profile_id IS NULL AND NEW.signals = '{}'::jsonb
      AND NEW.signals_salt IS NULL AND NEW.network = '' AND NEW.browser = ''
      AND to_jsonb(NEW) - taken = to_jsonb(OLD) - taken THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the consent ledger is append-only' USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION public.consent_keep_notice() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'a notice never changes: publish a new version'
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION public.decisions_touch_access_site() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{key,name,regime,time_zone,is_plan_strict,retention_days,decision_log_share,preferences_url,needs_approval,preview_pages,created_at}'::text[] =
            to_jsonb(OLD) - '{key,name,regime,time_zone,is_plan_strict,retention_days,decision_log_share,preferences_url,needs_approval,preview_pages,created_at}'::text[] THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) SELECT OLD.id, 'block', NULL::uuid;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) SELECT NEW.id, 'block', NULL::uuid;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.decisions_touch_content_block() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{name,revision}'::text[] =
            to_jsonb(OLD) - '{name,revision}'::text[] THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT OLD.site_id, 'block', OLD.id
        UNION ALL SELECT p.site_id, 'placement', p.id FROM content_placement p
            WHERE p.block_id = OLD.id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT NEW.site_id, 'block', NEW.id
        UNION ALL SELECT p.site_id, 'placement', p.id FROM content_placement p
            WHERE p.block_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.decisions_touch_content_block_caps() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{}'::text[] =
            to_jsonb(OLD) - '{}'::text[] THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT b.site_id, 'block', b.id FROM content_block b WHERE b.id = OLD.block_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT b.site_id, 'block', b.id FROM content_block b WHERE b.id = NEW.block_id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.decisions_touch_content_blocktype() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{name,revision}'::text[] =
            to_jsonb(OLD) - '{name,revision}'::text[] THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT b.site_id, 'block', b.id FROM content_block b WHERE b.type_id = OLD.id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT b.site_id, 'block', b.id FROM content_block b WHERE b.type_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.decisions_touch_content_cap() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{name,revision}'::text[] =
            to_jsonb(OLD) - '{name,revision}'::text[] THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) SELECT OLD.site_id, 'cap', OLD.id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) SELECT NEW.site_id, 'cap', NEW.id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.decisions_touch_content_placement() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{name,revision}'::text[] =
            to_jsonb(OLD) - '{name,revision}'::text[] THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT OLD.site_id, 'placement', OLD.id
        UNION ALL SELECT u.site_id, 'rule', u.id FROM rules_rule u WHERE u.placement_id = OLD.id
        UNION ALL SELECT u.site_id, 'rule', u.id FROM rules_trigger u
            WHERE u.placement_id = OLD.id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT NEW.site_id, 'placement', NEW.id
        UNION ALL SELECT u.site_id, 'rule', u.id FROM rules_rule u WHERE u.placement_id = NEW.id
        UNION ALL SELECT u.site_id, 'rule', u.id FROM rules_trigger u
            WHERE u.placement_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.decisions_touch_content_placement_caps() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{}'::text[] =
            to_jsonb(OLD) - '{}'::text[] THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT p.site_id, 'placement', p.id FROM content_placement p WHERE p.id = OLD.placement_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT p.site_id, 'placement', p.id FROM content_placement p WHERE p.id = NEW.placement_id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.decisions_touch_content_theme() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{name,description,revision}'::text[] =
            to_jsonb(OLD) - '{name,description,revision}'::text[] THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT b.site_id, 'block', b.id FROM content_variant v
            JOIN content_block b ON b.id = v.block_id WHERE v.theme_id = OLD.id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT b.site_id, 'block', b.id FROM content_variant v
            JOIN content_block b ON b.id = v.block_id WHERE v.theme_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.decisions_touch_content_theme_segments() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{}'::text[] =
            to_jsonb(OLD) - '{}'::text[] THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT b.site_id, 'block', b.id FROM content_variant v
            JOIN content_block b ON b.id = v.block_id WHERE v.theme_id = OLD.theme_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT b.site_id, 'block', b.id FROM content_variant v
            JOIN content_block b ON b.id = v.block_id WHERE v.theme_id = NEW.theme_id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.decisions_touch_content_translation() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{}'::text[] =
            to_jsonb(OLD) - '{}'::text[] THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT b.site_id, 'block', b.id FROM content_variant v
            JOIN content_block b ON b.id = v.block_id WHERE v.id = OLD.variant_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT b.site_id, 'block', b.id FROM content_variant v
            JOIN content_block b ON b.id = v.block_id WHERE v.id = NEW.variant_id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.decisions_touch_content_variant() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{version,digest,published_at,name}'::text[] =
            to_jsonb(OLD) - '{version,digest,published_at,name}'::text[] THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT b.site_id, 'block', b.id FROM content_block b WHERE b.id = OLD.block_id
        UNION ALL SELECT u.site_id, 'rule', u.id FROM rules_rule u WHERE u.variant_id = OLD.id
        UNION ALL SELECT u.site_id, 'rule', u.id FROM rules_trigger u WHERE u.variant_id = OLD.id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT b.site_id, 'block', b.id FROM content_block b WHERE b.id = NEW.block_id
        UNION ALL SELECT u.site_id, 'rule', u.id FROM rules_rule u WHERE u.variant_id = NEW.id
        UNION ALL SELECT u.site_id, 'rule', u.id FROM rules_trigger u WHERE u.variant_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.decisions_touch_content_variant_caps() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{}'::text[] =
            to_jsonb(OLD) - '{}'::text[] THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT b.site_id, 'block', b.id FROM content_variant v
            JOIN content_block b ON b.id = v.block_id WHERE v.id = OLD.variant_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT b.site_id, 'block', b.id FROM content_variant v
            JOIN content_block b ON b.id = v.block_id WHERE v.id = NEW.variant_id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.decisions_touch_content_variant_segments() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{}'::text[] =
            to_jsonb(OLD) - '{}'::text[] THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT b.site_id, 'block', b.id FROM content_variant v
            JOIN content_block b ON b.id = v.block_id WHERE v.id = OLD.variant_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT b.site_id, 'block', b.id FROM content_variant v
            JOIN content_block b ON b.id = v.block_id WHERE v.id = NEW.variant_id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.decisions_touch_experiments_content_placement() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{name,revision}'::text[] =
            to_jsonb(OLD) - '{name,revision}'::text[] THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT e.site_id, 'experiment', e.id FROM experiments_experiment e
            WHERE e.placement_id = OLD.id AND e.state = 'running';
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT e.site_id, 'experiment', e.id FROM experiments_experiment e
            WHERE e.placement_id = NEW.id AND e.state = 'running';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.decisions_touch_experiments_content_variant() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{version,digest,published_at,name}'::text[] =
            to_jsonb(OLD) - '{version,digest,published_at,name}'::text[] THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT e.site_id, 'experiment', e.id FROM experiments_experiment e
            JOIN content_placement p ON p.id = e.placement_id
            WHERE p.block_id = OLD.block_id AND e.state = 'running';
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT e.site_id, 'experiment', e.id FROM experiments_experiment e
            JOIN content_placement p ON p.id = e.placement_id
            WHERE p.block_id = NEW.block_id AND e.state = 'running';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.decisions_touch_experiments_experiment() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{name,hypothesis,looking,looks,alpha,power,baseline,mde_relative,per_arm,min_days,is_unplanned,learnings,winner,revision,coverage,factors,condition,layer_share}'::text[] =
            to_jsonb(OLD) - '{name,hypothesis,looking,looks,alpha,power,baseline,mde_relative,per_arm,min_days,is_unplanned,learnings,winner,revision,coverage,factors,condition,layer_share}'::text[] THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) SELECT OLD.site_id, 'experiment', OLD.id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) SELECT NEW.site_id, 'experiment', NEW.id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.decisions_touch_experiments_holdout() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{name,rotates_days}'::text[] =
            to_jsonb(OLD) - '{name,rotates_days}'::text[] THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) SELECT OLD.site_id, 'holdout', OLD.id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) SELECT NEW.site_id, 'holdout', NEW.id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.decisions_touch_experiments_phase() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{}'::text[] =
            to_jsonb(OLD) - '{}'::text[] THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT e.site_id, 'experiment', e.id FROM experiments_experiment e
            WHERE e.id = OLD.experiment_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT e.site_id, 'experiment', e.id FROM experiments_experiment e
            WHERE e.id = NEW.experiment_id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.decisions_touch_rules_rule() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{name,revision}'::text[] =
            to_jsonb(OLD) - '{name,revision}'::text[] THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) SELECT OLD.site_id, 'rule', OLD.id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) SELECT NEW.site_id, 'rule', NEW.id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.decisions_touch_rules_rule_caps() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{}'::text[] =
            to_jsonb(OLD) - '{}'::text[] THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT u.site_id, 'rule', u.id FROM rules_rule u WHERE u.id = OLD.rule_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT u.site_id, 'rule', u.id FROM rules_rule u WHERE u.id = NEW.rule_id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.decisions_touch_rules_trigger() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{name,revision,message,webhook_address,webhook_secret,webhook_failures,webhook_parked_at,most_per_minute}'::text[] =
            to_jsonb(OLD) - '{name,revision,message,webhook_address,webhook_secret,webhook_failures,webhook_parked_at,most_per_minute}'::text[] THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) SELECT OLD.site_id, 'rule', OLD.id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) SELECT NEW.site_id, 'rule', NEW.id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.decisions_touch_segments_computedtrait() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{name,unit}'::text[] =
            to_jsonb(OLD) - '{name,unit}'::text[] THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) SELECT OLD.site_id, 'computed', NULL::uuid;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) SELECT NEW.site_id, 'computed', NULL::uuid;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.decisions_touch_segments_segment() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{description,draft,draft_policy,tags,refresh_every_s,fallback_for_id,owner_note}'::text[] =
            to_jsonb(OLD) - '{description,draft,draft_policy,tags,refresh_every_s,fallback_for_id,owner_note}'::text[] THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT OLD.site_id, 'segment', NULL::uuid
        UNION ALL SELECT b.site_id, 'block', b.id FROM content_variant_segments t
            JOIN content_variant v ON v.id = t.variant_id
            JOIN content_block b ON b.id = v.block_id WHERE t.segment_id = OLD.id
        UNION ALL SELECT b.site_id, 'block', b.id FROM content_theme_segments t
            JOIN content_variant v ON v.theme_id = t.theme_id
            JOIN content_block b ON b.id = v.block_id WHERE t.segment_id = OLD.id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT NEW.site_id, 'segment', NULL::uuid
        UNION ALL SELECT b.site_id, 'block', b.id FROM content_variant_segments t
            JOIN content_variant v ON v.id = t.variant_id
            JOIN content_block b ON b.id = v.block_id WHERE t.segment_id = NEW.id
        UNION ALL SELECT b.site_id, 'block', b.id FROM content_theme_segments t
            JOIN content_variant v ON v.theme_id = t.theme_id
            JOIN content_block b ON b.id = v.block_id WHERE t.segment_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.decisions_touch_segments_segmentversion() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{note,refreshed_at,refresh_ms,size,first_size,entered,left,restored_from_id,published_by_id}'::text[] =
            to_jsonb(OLD) - '{note,refreshed_at,refresh_ms,size,first_size,entered,left,restored_from_id,published_by_id}'::text[] THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT s.site_id, 'segment', NULL::uuid FROM segments_segment s
            WHERE s.id = OLD.segment_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) 
        SELECT s.site_id, 'segment', NULL::uuid FROM segments_segment s
            WHERE s.id = NEW.segment_id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.events_mark_moved() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO events_rollupmark (site_id, profile_id)
    SELECT e.site_id, e.profile_id
    FROM (SELECT * FROM written UNION ALL SELECT * FROM replaced) e
    JOIN events_rollupsite s ON s.site_id = e.site_id AND e.occurred_at < s.closing_at
    GROUP BY e.site_id, e.profile_id;
    
    INSERT INTO events_featuremark (site_id, profile_id, earliest, latest)
    SELECT e.site_id, e.profile_id, min(e.occurred_at), max(e.occurred_at) FROM (SELECT * FROM written UNION ALL SELECT * FROM replaced) e
    JOIN events_featuresite s ON s.site_id = e.site_id AND e.occurred_at < s.closing_at
    GROUP BY e.site_id, e.profile_id;

    RETURN NULL;
END $$;

CREATE FUNCTION public.events_mark_written() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO events_rollupmark (site_id, profile_id)
    SELECT DISTINCT e.site_id, e.profile_id FROM written e
    JOIN events_rollupsite s ON s.site_id = e.site_id AND e.occurred_at < s.closing_at;
    
    INSERT INTO events_featuremark (site_id, profile_id, earliest, latest)
    SELECT e.site_id, e.profile_id, min(e.occurred_at), max(e.occurred_at) FROM written e
    JOIN events_featuresite s ON s.site_id = e.site_id AND e.occurred_at < s.closing_at
    GROUP BY e.site_id, e.profile_id;

    RETURN NULL;
END $$;

CREATE FUNCTION public.predictions_keep_audits() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF coalesce(current_setting('attune.erasing', true), '') = 'on' THEN RETURN OLD; END IF;
    ELSIF NEW.asked_by_id IS NULL
      AND to_jsonb(NEW) - 'asked_by_id' = to_jsonb(OLD) - 'asked_by_id' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'fairness audits are append-only' USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION public.segments_anniversary(born_ms bigint, at_ms bigint) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
DECLARE
    born date := date '1970-01-01' + floor(born_ms / 86400000.0)::int;
    today date := date '1970-01-01' + floor(at_ms / 86400000.0)::int;
    found date;
BEGIN
    FOR ahead IN 0 .. 1 LOOP
        -- The day after 28 February is the 29th, where there is one.
        found := make_date(extract(year FROM today)::int + ahead, extract(month FROM born)::int,
            least(extract(day FROM born)::int,
                CASE extract(month FROM born)::int WHEN 2 THEN 28 ELSE 31 END))
            + CASE WHEN extract(month FROM born) = 2 AND extract(day FROM born) = 29
                THEN 1 ELSE 0 END;
        EXIT WHEN found >= today;
    END LOOP;
    RETURN (found - date '1970-01-01') * 86400000::bigint;
END $$;

CREATE FUNCTION public.segments_bucket(unit_id text, seed text) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
    SELECT (segments_fnv1a32(
        segments_fnv1a32(unit_id, segments_fnv1a32(seed, 2166136261))::text, 2166136261
    ) % 10000)::integer
$$;

CREATE FUNCTION public.segments_fnv1a32(input text, start bigint) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
DECLARE
    state bigint := start;
    unit text;
    code integer;
BEGIN
    FOREACH unit IN ARRAY regexp_split_to_array(input, '') LOOP
        code := ascii(unit);
        IF code > 65535 THEN  -- two UTF-16 code units, as JavaScript sees it
            state := ((state # (55296 + ((code - 65536) >> 10))) * 16777619) & 4294967295;
            code := 56320 + ((code - 65536) & 1023);
        END IF;
        -- 2^32 times the 25-bit prime stays within a bigint.
        state := ((state # code) * 16777619) & 4294967295;
    END LOOP;
    RETURN state;
END $$;

CREATE FUNCTION public.segments_instant(input text) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $_$
DECLARE
    part text[] := regexp_match(input,
        '^([0-9]{4}-[0-9]{2}-[0-9]{2})'
        '(?:T([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])(?:\.([0-9]{1,3}))?'
        '(?:Z|([+-])(0[0-9]|1[0-5]):([0-5][0-9])))?$');
    ms bigint;
    ahead bigint;
BEGIN
    IF part IS NULL OR NOT pg_input_is_valid(part[1], 'date') THEN
        RETURN NULL;
    END IF;
    ms := (part[1]::date - date '1970-01-01') * 86400000::bigint;
    IF part[2] IS NULL THEN
        RETURN ms;
    END IF;
    ms := ms + (part[2]::int * 60 + part[3]::int) * 60000 + part[4]::int * 1000
        + rpad(coalesce(part[5], '0'), 3, '0')::int;
    IF part[6] IS NOT NULL THEN
        ahead := (part[7]::int * 60 + part[8]::int) * 60000;
        ms := ms + CASE part[6] WHEN '+' THEN -ahead ELSE ahead END;
    END IF;
    -- An offset may lead out of the years that a date can have, 0001 to 9999.
    RETURN CASE WHEN ms BETWEEN -62135596800000 AND 253402300799999 THEN ms END;
END $_$;

CREATE FUNCTION public.segments_version(input text) RETURNS integer[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $_$
    SELECT CASE WHEN input ~ '^[0-9]{1,9}(\.[0-9]{1,9}){0,3}$' THEN
        (string_to_array(input, '.')::integer[] || ARRAY[0, 0, 0])[1:4] END
$_$;

CREATE FUNCTION public.work_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'DELETE' AND TG_ARGV[0] = 'may_retire'
      AND coalesce(current_setting('attune.erasing', true), '') = 'on' THEN
        RETURN OLD;
    ELSIF TG_OP = 'TRUNCATE'
      AND coalesce(current_setting('attune.emptying', true), '') = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION public.work_to_seal() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO work_unsealed (ledger, row_id, at)
    SELECT TG_ARGV[0], fresh.id::text, clock_timestamp() FROM fresh;
    RETURN NULL;
END $$;

SET default_tablespace = '';

SET default_table_access_method = heap;

CREATE TABLE public.access_alert (
    id uuid NOT NULL,
    kind character varying(60) NOT NULL,
    source character varying(200) NOT NULL,
    at timestamp with time zone NOT NULL,
    data jsonb NOT NULL,
    state character varying(10) NOT NULL,
    attempts smallint NOT NULL,
    error character varying(300) NOT NULL,
    site_id uuid NOT NULL,
    CONSTRAINT access_alert_attempts_check CHECK ((attempts >= 0))
);

CREATE TABLE public.access_alertaddress (
    site_id uuid NOT NULL,
    address character varying(500) NOT NULL,
    secret character varying(60) NOT NULL,
    is_enabled boolean NOT NULL,
    failures integer NOT NULL,
    parked_at timestamp with time zone,
    CONSTRAINT access_alertaddress_failures_check CHECK ((failures >= 0))
);

CREATE TABLE public.access_apikey (
    id uuid NOT NULL,
    kind character varying(2) NOT NULL,
    digest character varying(64) NOT NULL,
    hint character varying(12) NOT NULL,
    public_value character varying(80) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    site_id uuid NOT NULL,
    source_id uuid NOT NULL,
    CONSTRAINT access_key_only_pk_is_public CHECK ((((kind)::text = 'pk'::text) OR ((public_value)::text = ''::text)))
);

CREATE TABLE public.access_auditentry (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    actor_label character varying(150) NOT NULL,
    action character varying(80) NOT NULL,
    target_kind character varying(60) NOT NULL,
    target_id character varying(64) NOT NULL,
    detail jsonb NOT NULL,
    actor_id integer,
    site_id uuid,
    salt uuid DEFAULT gen_random_uuid() NOT NULL
);

ALTER TABLE public.access_auditentry ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.access_auditentry_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.access_idempotentcall (
    id bigint NOT NULL,
    digest character varying(64) NOT NULL,
    request_digest character varying(64) NOT NULL,
    route character varying(200) NOT NULL,
    started_at timestamp with time zone NOT NULL,
    status smallint NOT NULL,
    headers jsonb NOT NULL,
    body bytea NOT NULL,
    site_id uuid NOT NULL,
    CONSTRAINT access_idempotentcall_status_check CHECK ((status >= 0))
);

ALTER TABLE public.access_idempotentcall ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.access_idempotentcall_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.access_site (
    id uuid NOT NULL,
    key character varying(60) NOT NULL,
    name character varying(120) NOT NULL,
    regime character varying(20) NOT NULL,
    time_zone character varying(60) NOT NULL,
    is_plan_strict boolean NOT NULL,
    retention_days integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    decision_log_share double precision NOT NULL,
    preferences_url character varying(200) NOT NULL,
    locales jsonb NOT NULL,
    needs_approval boolean NOT NULL,
    preview_pages jsonb NOT NULL,
    ask_again_months smallint DEFAULT 6 NOT NULL,
    contact character varying(200) NOT NULL,
    controller character varying(200) NOT NULL,
    grant_months smallint DEFAULT 12 NOT NULL,
    opt_out_months smallint DEFAULT 12 NOT NULL,
    place_policy character varying(10) NOT NULL,
    privacy_settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    tcf_vendor_id integer,
    treats_gpc_as_refusal boolean,
    CONSTRAINT access_site_ask_again_months_check CHECK ((ask_again_months >= 0)),
    CONSTRAINT access_site_grant_months_check CHECK ((grant_months >= 0)),
    CONSTRAINT access_site_opt_out_months_check CHECK ((opt_out_months >= 0)),
    CONSTRAINT access_site_retention_days_check CHECK ((retention_days >= 0)),
    CONSTRAINT access_site_tcf_vendor_id_check CHECK ((tcf_vendor_id >= 0))
);

CREATE TABLE public.access_sitestaff (
    id bigint NOT NULL,
    user_id integer NOT NULL,
    site_id uuid NOT NULL
);

ALTER TABLE public.access_sitestaff ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.access_sitestaff_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.access_source (
    id uuid NOT NULL,
    name character varying(120) NOT NULL,
    kind character varying(10) NOT NULL,
    consent_mode character varying(10) NOT NULL,
    allowed_origins jsonb NOT NULL,
    rate_per_s integer NOT NULL,
    rate_per_address_s integer NOT NULL,
    burst_s smallint NOT NULL,
    is_user_proof_required boolean NOT NULL,
    proof_secret character varying(64) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    site_id uuid NOT NULL,
    CONSTRAINT access_source_burst_s_check CHECK ((burst_s >= 0)),
    CONSTRAINT access_source_rate_per_address_s_check CHECK ((rate_per_address_s >= 0)),
    CONSTRAINT access_source_rate_per_s_check CHECK ((rate_per_s >= 0))
);

CREATE TABLE public.auth_group (
    id integer NOT NULL,
    name character varying(150) NOT NULL
);

ALTER TABLE public.auth_group ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.auth_group_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.auth_group_permissions (
    id bigint NOT NULL,
    group_id integer NOT NULL,
    permission_id integer NOT NULL
);

ALTER TABLE public.auth_group_permissions ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.auth_group_permissions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.auth_permission (
    id integer NOT NULL,
    name character varying(255) NOT NULL,
    content_type_id integer NOT NULL,
    codename character varying(100) NOT NULL
);

ALTER TABLE public.auth_permission ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.auth_permission_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.auth_user (
    id integer NOT NULL,
    password character varying(128) NOT NULL,
    last_login timestamp with time zone,
    is_superuser boolean NOT NULL,
    username character varying(150) NOT NULL,
    first_name character varying(150) NOT NULL,
    last_name character varying(150) NOT NULL,
    email character varying(254) NOT NULL,
    is_staff boolean NOT NULL,
    is_active boolean NOT NULL,
    date_joined timestamp with time zone NOT NULL
);

CREATE TABLE public.auth_user_groups (
    id bigint NOT NULL,
    user_id integer NOT NULL,
    group_id integer NOT NULL
);

ALTER TABLE public.auth_user_groups ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.auth_user_groups_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE public.auth_user ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.auth_user_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.auth_user_user_permissions (
    id bigint NOT NULL,
    user_id integer NOT NULL,
    permission_id integer NOT NULL
);

ALTER TABLE public.auth_user_user_permissions ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.auth_user_user_permissions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.axes_accessattempt (
    id integer NOT NULL,
    user_agent character varying(255) NOT NULL,
    ip_address inet,
    username character varying(255),
    http_accept character varying(1025) NOT NULL,
    path_info character varying(255) NOT NULL,
    attempt_time timestamp with time zone NOT NULL,
    get_data text NOT NULL,
    post_data text NOT NULL,
    failures_since_start integer NOT NULL,
    CONSTRAINT axes_accessattempt_failures_since_start_check CHECK ((failures_since_start >= 0))
);

ALTER TABLE public.axes_accessattempt ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.axes_accessattempt_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.axes_accessattemptexpiration (
    access_attempt_id integer NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

CREATE TABLE public.axes_accessfailurelog (
    id integer NOT NULL,
    user_agent character varying(255) NOT NULL,
    ip_address inet,
    username character varying(255),
    http_accept character varying(1025) NOT NULL,
    path_info character varying(255) NOT NULL,
    attempt_time timestamp with time zone NOT NULL,
    locked_out boolean NOT NULL
);

ALTER TABLE public.axes_accessfailurelog ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.axes_accessfailurelog_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.axes_accesslog (
    id integer NOT NULL,
    user_agent character varying(255) NOT NULL,
    ip_address inet,
    username character varying(255),
    http_accept character varying(1025) NOT NULL,
    path_info character varying(255) NOT NULL,
    attempt_time timestamp with time zone NOT NULL,
    logout_time timestamp with time zone,
    session_hash character varying(64) NOT NULL
);

ALTER TABLE public.axes_accesslog ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.axes_accesslog_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.consent_consentevent (
    id uuid NOT NULL,
    identity_id bigint NOT NULL,
    subject_digest character varying(64) NOT NULL,
    kind character varying(20) NOT NULL,
    purposes jsonb NOT NULL,
    granted_before smallint NOT NULL,
    denied_before smallint NOT NULL,
    granted_after smallint NOT NULL,
    denied_after smallint NOT NULL,
    epoch integer NOT NULL,
    regime character varying(20) NOT NULL,
    policy_version character varying(40) NOT NULL,
    method character varying(40) NOT NULL,
    has_gpc boolean NOT NULL,
    signals jsonb NOT NULL,
    client_at timestamp with time zone,
    at timestamp with time zone NOT NULL,
    source_id uuid,
    profile_id uuid,
    site_id uuid NOT NULL,
    salt uuid DEFAULT gen_random_uuid() NOT NULL,
    signals_salt uuid DEFAULT gen_random_uuid(),
    actor_id character varying(64) DEFAULT ''::character varying NOT NULL,
    actor_kind character varying(10) DEFAULT 'subject'::character varying NOT NULL,
    basis character varying(20) DEFAULT 'consent'::character varying NOT NULL,
    browser character varying(60) DEFAULT ''::character varying NOT NULL,
    controls jsonb DEFAULT '{}'::jsonb NOT NULL,
    network character varying(50) DEFAULT ''::character varying NOT NULL,
    notice_id uuid,
    notice_language character varying(20) DEFAULT ''::character varying NOT NULL,
    place character varying(10) DEFAULT ''::character varying NOT NULL,
    reason_code character varying(60) DEFAULT ''::character varying NOT NULL,
    regime_source character varying(10) DEFAULT ''::character varying NOT NULL,
    schema_version smallint DEFAULT 1 NOT NULL,
    states jsonb DEFAULT '{}'::jsonb NOT NULL,
    text_sha256 character varying(64) DEFAULT ''::character varying NOT NULL,
    valid_until jsonb DEFAULT '{}'::jsonb NOT NULL
);

CREATE TABLE public.consent_disclosure (
    id bigint NOT NULL,
    what character varying(100) NOT NULL,
    first_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL,
    profile_id uuid NOT NULL,
    recipient_id uuid NOT NULL
);

ALTER TABLE public.consent_disclosure ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.consent_disclosure_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.consent_ending (
    profile_id uuid NOT NULL,
    ends_at timestamp with time zone NOT NULL
);

CREATE TABLE public.consent_noticeversion (
    id uuid NOT NULL,
    version character varying(40) NOT NULL,
    language character varying(20) NOT NULL,
    text text NOT NULL,
    text_sha256 character varying(64) NOT NULL,
    is_material boolean NOT NULL,
    published_at timestamp with time zone NOT NULL,
    site_id uuid NOT NULL,
    contact character varying(200) NOT NULL,
    controller character varying(200) NOT NULL,
    layout jsonb NOT NULL,
    layout_sha256 character varying(64) NOT NULL,
    purposes jsonb NOT NULL,
    recipients jsonb NOT NULL,
    regimes jsonb NOT NULL,
    retention text NOT NULL,
    withdrawal text NOT NULL
);

CREATE TABLE public.consent_recipient (
    id uuid NOT NULL,
    key character varying(60) NOT NULL,
    name character varying(120) NOT NULL,
    country character varying(2) NOT NULL,
    is_third_party boolean NOT NULL,
    purposes jsonb NOT NULL,
    contact character varying(200) NOT NULL,
    endpoint character varying(500) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    site_id uuid NOT NULL
);

CREATE TABLE public.consent_tombstone (
    id bigint NOT NULL,
    digest uuid NOT NULL,
    erased_at timestamp with time zone NOT NULL,
    since_ms bigint,
    until_ms bigint,
    opened_at timestamp with time zone,
    opened_by character varying(10) NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    site_id uuid NOT NULL
);

ALTER TABLE public.consent_tombstone ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.consent_tombstone_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.content_asset (
    id uuid NOT NULL,
    key character varying(100) NOT NULL,
    name character varying(120) NOT NULL,
    alt jsonb NOT NULL,
    focal_x smallint NOT NULL,
    focal_y smallint NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    media_type character varying(40) NOT NULL,
    digest character varying(64) NOT NULL,
    size integer NOT NULL,
    at timestamp with time zone NOT NULL,
    archived_at timestamp with time zone,
    by_id integer,
    site_id uuid NOT NULL,
    CONSTRAINT content_asset_focal_point_inside CHECK (((focal_x <= 100) AND (focal_y <= 100))),
    CONSTRAINT content_asset_focal_x_check CHECK ((focal_x >= 0)),
    CONSTRAINT content_asset_focal_y_check CHECK ((focal_y >= 0)),
    CONSTRAINT content_asset_height_check CHECK ((height >= 0)),
    CONSTRAINT content_asset_size_check CHECK ((size >= 0)),
    CONSTRAINT content_asset_width_check CHECK ((width >= 0))
);

CREATE TABLE public.content_assetfile (
    id bigint NOT NULL,
    digest character varying(64) NOT NULL,
    spec character varying(40) NOT NULL,
    media_type character varying(40) NOT NULL,
    data bytea NOT NULL
);

ALTER TABLE public.content_assetfile ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.content_assetfile_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.content_block (
    id uuid NOT NULL,
    key character varying(100) NOT NULL,
    name character varying(120) NOT NULL,
    kind character varying(20) NOT NULL,
    value_type character varying(10) NOT NULL,
    is_client_visible boolean NOT NULL,
    purpose character varying(20) NOT NULL,
    recommender character varying(100) NOT NULL,
    item_limit smallint NOT NULL,
    schema jsonb NOT NULL,
    site_id uuid NOT NULL,
    is_cacheable boolean NOT NULL,
    archived_at timestamp with time zone,
    revision integer NOT NULL,
    channel character varying(10) NOT NULL,
    type_id uuid,
    CONSTRAINT content_block_item_limit CHECK (((item_limit >= 1) AND (item_limit <= 50))),
    CONSTRAINT content_block_item_limit_check CHECK ((item_limit >= 0)),
    CONSTRAINT content_block_revision_check CHECK ((revision >= 0)),
    CONSTRAINT content_block_value_type_of_flags CHECK (((((kind)::text = 'flag'::text) AND (NOT ((value_type)::text = ''::text))) OR ((NOT ((kind)::text = 'flag'::text)) AND ((value_type)::text = ''::text))))
);

CREATE TABLE public.content_block_caps (
    id bigint NOT NULL,
    block_id uuid NOT NULL,
    cap_id uuid NOT NULL
);

ALTER TABLE public.content_block_caps ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.content_block_caps_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.content_blocktype (
    id uuid NOT NULL,
    key character varying(100) NOT NULL,
    name character varying(120) NOT NULL,
    schema jsonb NOT NULL,
    revision integer NOT NULL,
    archived_at timestamp with time zone,
    site_id uuid NOT NULL,
    CONSTRAINT content_blocktype_revision_check CHECK ((revision >= 0))
);

CREATE TABLE public.content_cap (
    id uuid NOT NULL,
    number integer NOT NULL,
    key character varying(100) NOT NULL,
    name character varying(120) NOT NULL,
    most smallint,
    window_ms bigint,
    per character varying(10) NOT NULL,
    cooldown_ms bigint NOT NULL,
    half_life_ms bigint,
    step double precision NOT NULL,
    floor double precision NOT NULL,
    skip_below double precision NOT NULL,
    site_id uuid NOT NULL,
    revision integer NOT NULL,
    archived_at timestamp with time zone,
    CONSTRAINT content_cap_cooldown_ms_check CHECK ((cooldown_ms >= 0)),
    CONSTRAINT content_cap_half_life_ms_check CHECK ((half_life_ms >= 0)),
    CONSTRAINT content_cap_most_check CHECK ((most >= 0)),
    CONSTRAINT content_cap_number_check CHECK ((number >= 0)),
    CONSTRAINT content_cap_revision_check CHECK ((revision >= 0)),
    CONSTRAINT content_cap_window_ms_check CHECK ((window_ms >= 0))
);

CREATE TABLE public.content_placement (
    id uuid NOT NULL,
    key character varying(100) NOT NULL,
    name character varying(120) NOT NULL,
    is_enabled boolean NOT NULL,
    block_id uuid,
    site_id uuid NOT NULL,
    archived_at timestamp with time zone,
    revision integer NOT NULL,
    CONSTRAINT content_placement_revision_check CHECK ((revision >= 0))
);

CREATE TABLE public.content_placement_caps (
    id bigint NOT NULL,
    placement_id uuid NOT NULL,
    cap_id uuid NOT NULL
);

ALTER TABLE public.content_placement_caps ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.content_placement_caps_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.content_revision (
    id uuid NOT NULL,
    kind character varying(40) NOT NULL,
    object_id uuid NOT NULL,
    number integer NOT NULL,
    document jsonb NOT NULL,
    digest character varying(64) NOT NULL,
    note character varying(200) NOT NULL,
    by_name character varying(150) NOT NULL,
    at timestamp with time zone NOT NULL,
    by_id integer,
    site_id uuid NOT NULL,
    CONSTRAINT content_revision_number_check CHECK ((number >= 0))
);

CREATE TABLE public.content_theme (
    id uuid NOT NULL,
    key character varying(100) NOT NULL,
    name character varying(120) NOT NULL,
    description text NOT NULL,
    messages jsonb NOT NULL,
    revision integer NOT NULL,
    archived_at timestamp with time zone,
    site_id uuid NOT NULL,
    CONSTRAINT content_theme_revision_check CHECK ((revision >= 0))
);

CREATE TABLE public.content_theme_segments (
    id bigint NOT NULL,
    theme_id uuid NOT NULL,
    segment_id uuid NOT NULL
);

ALTER TABLE public.content_theme_segments ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.content_theme_segments_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.content_translation (
    id uuid NOT NULL,
    locale character varying(35) NOT NULL,
    fields jsonb NOT NULL,
    template text NOT NULL,
    variant_id uuid NOT NULL
);

CREATE TABLE public.content_unsaved (
    id uuid NOT NULL,
    kind character varying(80) NOT NULL,
    object_ref character varying(60) NOT NULL,
    tab character varying(40) NOT NULL,
    base character varying(64) NOT NULL,
    form jsonb NOT NULL,
    at timestamp with time zone NOT NULL,
    user_id integer NOT NULL
);

CREATE TABLE public.content_variant (
    id uuid NOT NULL,
    key character varying(100) NOT NULL,
    name character varying(120) NOT NULL,
    priority smallint NOT NULL,
    is_default boolean NOT NULL,
    fields jsonb NOT NULL,
    template text NOT NULL,
    value jsonb,
    version integer NOT NULL,
    digest character varying(64) NOT NULL,
    published_at timestamp with time zone,
    block_id uuid NOT NULL,
    archived_at timestamp with time zone,
    ends_at timestamp with time zone,
    starts_at timestamp with time zone,
    theme_id uuid,
    CONSTRAINT content_variant_ends_after_it_starts CHECK (((starts_at IS NULL) OR (ends_at IS NULL) OR (ends_at > starts_at))),
    CONSTRAINT content_variant_version_check CHECK ((version >= 0))
);

CREATE TABLE public.content_variant_caps (
    id bigint NOT NULL,
    variant_id uuid NOT NULL,
    cap_id uuid NOT NULL
);

ALTER TABLE public.content_variant_caps ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.content_variant_caps_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.content_variant_segments (
    id bigint NOT NULL,
    variant_id uuid NOT NULL,
    segment_id uuid NOT NULL
);

ALTER TABLE public.content_variant_segments ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.content_variant_segments_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.decisions_armday (
    id bigint NOT NULL,
    day date NOT NULL,
    experiment character varying(100) NOT NULL,
    arm character varying(100) NOT NULL,
    calls bigint NOT NULL,
    failed bigint NOT NULL,
    shown bigint NOT NULL,
    site_id uuid NOT NULL,
    CONSTRAINT decisions_armday_calls_check CHECK ((calls >= 0)),
    CONSTRAINT decisions_armday_failed_check CHECK ((failed >= 0)),
    CONSTRAINT decisions_armday_shown_check CHECK ((shown >= 0))
);

ALTER TABLE public.decisions_armday ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.decisions_armday_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.decisions_contentfinding (
    id bigint NOT NULL,
    kind character varying(40) NOT NULL,
    place character varying(160) NOT NULL,
    fingerprint character varying(32) NOT NULL,
    name character varying(250) NOT NULL,
    text text NOT NULL,
    advice text NOT NULL,
    link character varying(300) NOT NULL,
    weight smallint NOT NULL,
    first_found_at timestamp with time zone NOT NULL,
    found_at timestamp with time zone NOT NULL,
    dismissed_at timestamp with time zone,
    dismissed_reason character varying(300) NOT NULL,
    dismissed_by_id integer,
    site_id uuid NOT NULL,
    CONSTRAINT decisions_contentfinding_weight_check CHECK ((weight >= 0))
);

ALTER TABLE public.decisions_contentfinding ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.decisions_contentfinding_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.decisions_countedday (
    id bigint NOT NULL,
    day date NOT NULL,
    records bigint NOT NULL,
    counted_at timestamp with time zone NOT NULL,
    took_ms integer NOT NULL,
    site_id uuid NOT NULL,
    CONSTRAINT decisions_countedday_records_check CHECK ((records >= 0)),
    CONSTRAINT decisions_countedday_took_ms_check CHECK ((took_ms >= 0))
);

ALTER TABLE public.decisions_countedday ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.decisions_countedday_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.decisions_decisionrecord (
    id uuid NOT NULL,
    site_id uuid NOT NULL,
    request_id character varying(40) NOT NULL,
    profile_id uuid,
    source_id uuid NOT NULL,
    snapshot integer NOT NULL,
    at timestamp with time zone NOT NULL,
    placements jsonb NOT NULL,
    facts jsonb NOT NULL,
    took_us integer NOT NULL,
    format smallint NOT NULL,
    digest character varying(16) NOT NULL,
    unit_id character varying(600) NOT NULL,
    inputs bytea,
    missing text[] NOT NULL,
    writer uuid,
    number bigint NOT NULL,
    dropped bigint NOT NULL,
    key_id smallint NOT NULL,
    seal bytea NOT NULL,
    CONSTRAINT decisions_decisionrecord_dropped_check CHECK ((dropped >= 0)),
    CONSTRAINT decisions_decisionrecord_format_check CHECK ((format >= 0)),
    CONSTRAINT decisions_decisionrecord_key_id_check CHECK ((key_id >= 0)),
    CONSTRAINT decisions_decisionrecord_number_check CHECK ((number >= 0)),
    CONSTRAINT decisions_decisionrecord_snapshot_check CHECK ((snapshot >= 0)),
    CONSTRAINT decisions_decisionrecord_took_us_check CHECK ((took_us >= 0))
);

CREATE TABLE public.decisions_dryrunasked (
    id uuid NOT NULL,
    asked jsonb NOT NULL,
    days smallint NOT NULL,
    at timestamp with time zone NOT NULL,
    intent_id uuid,
    found jsonb,
    refused text NOT NULL,
    by_id integer,
    site_id uuid NOT NULL,
    CONSTRAINT decisions_dryrunasked_days_check CHECK ((days >= 0))
);

CREATE TABLE public.decisions_forgotten (
    digest bytea NOT NULL,
    at timestamp with time zone NOT NULL
);

CREATE TABLE public.decisions_hotgeneration (
    id smallint NOT NULL,
    generation integer NOT NULL,
    run_id character varying(60) NOT NULL,
    CONSTRAINT decisions_hotgeneration_generation_check CHECK ((generation >= 0))
);

CREATE TABLE public.decisions_part (
    id bigint NOT NULL,
    kind character varying(20) NOT NULL,
    key character varying(120) NOT NULL,
    object_id uuid,
    digest character varying(64) NOT NULL,
    body text NOT NULL,
    problems jsonb NOT NULL,
    is_refused boolean NOT NULL,
    is_listed boolean NOT NULL,
    served character varying(64) NOT NULL,
    served_part character varying(64) NOT NULL,
    served_at timestamp with time zone,
    site_id uuid NOT NULL
);

ALTER TABLE public.decisions_part ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.decisions_part_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.decisions_partstate (
    site_id uuid NOT NULL,
    made_with character varying(40) NOT NULL,
    number integer NOT NULL,
    surroundings character varying(64) NOT NULL,
    CONSTRAINT decisions_partstate_number_check CHECK ((number >= 0))
);

CREATE TABLE public.decisions_publication (
    id uuid NOT NULL,
    number integer NOT NULL,
    document jsonb,
    digest character varying(64) NOT NULL,
    note character varying(200) NOT NULL,
    published_at timestamp with time zone NOT NULL,
    restores integer,
    published_by_id integer,
    site_id uuid NOT NULL,
    counts jsonb NOT NULL,
    manifest text,
    release_id uuid,
    CONSTRAINT decisions_publication_number_check CHECK ((number >= 0)),
    CONSTRAINT decisions_publication_restores_check CHECK ((restores >= 0))
);

CREATE TABLE public.decisions_publishedpart (
    id bigint NOT NULL,
    digest character varying(64) NOT NULL,
    body text NOT NULL,
    reads jsonb NOT NULL,
    site_id uuid NOT NULL
);

ALTER TABLE public.decisions_publishedpart ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.decisions_publishedpart_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.decisions_release (
    id uuid NOT NULL,
    number integer NOT NULL,
    name character varying(120) NOT NULL,
    note character varying(200) NOT NULL,
    state character varying(12) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    submitted_at timestamp with time zone,
    starts_at timestamp with time zone,
    ends_at timestamp with time zone,
    published_number integer,
    ended_number integer,
    trouble text NOT NULL,
    created_by_id integer,
    site_id uuid NOT NULL,
    submitted_by_id integer,
    CONSTRAINT decisions_release_ended_number_check CHECK ((ended_number >= 0)),
    CONSTRAINT decisions_release_ends_after_it_starts CHECK (((starts_at IS NULL) OR (ends_at IS NULL) OR (ends_at > starts_at))),
    CONSTRAINT decisions_release_number_check CHECK ((number >= 0)),
    CONSTRAINT decisions_release_published_number_check CHECK ((published_number >= 0))
);

CREATE TABLE public.decisions_releaseitem (
    id bigint NOT NULL,
    kind character varying(20) NOT NULL,
    key character varying(120) NOT NULL,
    object_id uuid,
    base character varying(64) NOT NULL,
    digest character varying(64) NOT NULL,
    part character varying(64) NOT NULL,
    replaced character varying(64) NOT NULL,
    revision integer NOT NULL,
    authors jsonb NOT NULL,
    release_id uuid NOT NULL,
    CONSTRAINT decisions_releaseitem_revision_check CHECK ((revision >= 0))
);

ALTER TABLE public.decisions_releaseitem ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.decisions_releaseitem_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.decisions_releasevote (
    id bigint NOT NULL,
    verdict character varying(10) NOT NULL,
    reason text NOT NULL,
    at timestamp with time zone NOT NULL,
    contents character varying(64) NOT NULL,
    by_id integer,
    release_id uuid NOT NULL
);

ALTER TABLE public.decisions_releasevote ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.decisions_releasevote_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.decisions_servedday (
    id bigint NOT NULL,
    day date NOT NULL,
    placement character varying(100) NOT NULL,
    variant character varying(100) NOT NULL,
    reason character varying(20) NOT NULL,
    rule character varying(100) NOT NULL,
    calls bigint NOT NULL,
    visitors bigint NOT NULL,
    site_id uuid NOT NULL,
    CONSTRAINT decisions_servedday_calls_check CHECK ((calls >= 0)),
    CONSTRAINT decisions_servedday_visitors_check CHECK ((visitors >= 0))
);

ALTER TABLE public.decisions_servedday ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.decisions_servedday_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.decisions_shownday (
    id bigint NOT NULL,
    day date NOT NULL,
    placement character varying(100) NOT NULL,
    variant character varying(100) NOT NULL,
    exposures bigint NOT NULL,
    conversions bigint NOT NULL,
    site_id uuid NOT NULL,
    CONSTRAINT decisions_shownday_conversions_check CHECK ((conversions >= 0)),
    CONSTRAINT decisions_shownday_exposures_check CHECK ((exposures >= 0))
);

ALTER TABLE public.decisions_shownday ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.decisions_shownday_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.decisions_touched (
    id bigint NOT NULL,
    site_id uuid NOT NULL,
    kind character varying(20) NOT NULL,
    object_id uuid
);

ALTER TABLE public.decisions_touched ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.decisions_touched_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.delivery_previewlink (
    id uuid NOT NULL,
    digest character varying(64) NOT NULL,
    name character varying(120) NOT NULL,
    specs jsonb NOT NULL,
    author character varying(150) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    created_by_id integer,
    site_id uuid NOT NULL
);

CREATE TABLE public.delivery_purgeaddress (
    id uuid NOT NULL,
    url character varying(500) NOT NULL,
    header character varying(60) NOT NULL,
    secret character varying(500) NOT NULL,
    is_enabled boolean NOT NULL,
    site_id uuid NOT NULL
);

CREATE TABLE public.demo_demorun (
    id uuid NOT NULL,
    name character varying(50) NOT NULL,
    clicks_digest character varying(64) NOT NULL,
    learn_until date NOT NULL,
    sessions integer NOT NULL,
    shift_s double precision NOT NULL,
    created_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    report jsonb NOT NULL,
    shop_source_id uuid NOT NULL,
    site_id uuid NOT NULL,
    CONSTRAINT demo_demorun_sessions_check CHECK ((sessions >= 0))
);

CREATE TABLE public.django_admin_log (
    id integer NOT NULL,
    action_time timestamp with time zone NOT NULL,
    object_id text,
    object_repr character varying(200) NOT NULL,
    action_flag smallint NOT NULL,
    change_message text NOT NULL,
    content_type_id integer,
    user_id integer NOT NULL,
    CONSTRAINT django_admin_log_action_flag_check CHECK ((action_flag >= 0))
);

ALTER TABLE public.django_admin_log ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.django_admin_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.django_celery_beat_clockedschedule (
    id integer NOT NULL,
    clocked_time timestamp with time zone NOT NULL
);

ALTER TABLE public.django_celery_beat_clockedschedule ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.django_celery_beat_clockedschedule_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.django_celery_beat_crontabschedule (
    id integer NOT NULL,
    minute character varying(240) NOT NULL,
    hour character varying(96) NOT NULL,
    day_of_week character varying(64) NOT NULL,
    day_of_month character varying(124) NOT NULL,
    month_of_year character varying(64) NOT NULL,
    timezone character varying(63) NOT NULL
);

ALTER TABLE public.django_celery_beat_crontabschedule ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.django_celery_beat_crontabschedule_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.django_celery_beat_intervalschedule (
    id integer NOT NULL,
    every integer NOT NULL,
    period character varying(24) NOT NULL
);

ALTER TABLE public.django_celery_beat_intervalschedule ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.django_celery_beat_intervalschedule_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.django_celery_beat_periodictask (
    id integer NOT NULL,
    name character varying(200) NOT NULL,
    task character varying(200) NOT NULL,
    args text NOT NULL,
    kwargs text NOT NULL,
    queue character varying(200),
    exchange character varying(200),
    routing_key character varying(200),
    expires timestamp with time zone,
    enabled boolean NOT NULL,
    last_run_at timestamp with time zone,
    total_run_count integer NOT NULL,
    date_changed timestamp with time zone NOT NULL,
    description text NOT NULL,
    crontab_id integer,
    interval_id integer,
    solar_id integer,
    one_off boolean NOT NULL,
    start_time timestamp with time zone,
    priority integer,
    headers text NOT NULL,
    clocked_id integer,
    expire_seconds integer,
    CONSTRAINT django_celery_beat_periodictask_expire_seconds_check CHECK ((expire_seconds >= 0)),
    CONSTRAINT django_celery_beat_periodictask_priority_check CHECK ((priority >= 0)),
    CONSTRAINT django_celery_beat_periodictask_total_run_count_check CHECK ((total_run_count >= 0))
);

ALTER TABLE public.django_celery_beat_periodictask ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.django_celery_beat_periodictask_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.django_celery_beat_periodictasks (
    ident smallint NOT NULL,
    last_update timestamp with time zone NOT NULL
);

CREATE TABLE public.django_celery_beat_solarschedule (
    id integer NOT NULL,
    event character varying(24) NOT NULL,
    latitude numeric(9,6) NOT NULL,
    longitude numeric(9,6) NOT NULL
);

ALTER TABLE public.django_celery_beat_solarschedule ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.django_celery_beat_solarschedule_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.django_content_type (
    id integer NOT NULL,
    app_label character varying(100) NOT NULL,
    model character varying(100) NOT NULL
);

ALTER TABLE public.django_content_type ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.django_content_type_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.django_migrations (
    id bigint NOT NULL,
    app character varying(255) NOT NULL,
    name character varying(255) NOT NULL,
    applied timestamp with time zone NOT NULL
);

ALTER TABLE public.django_migrations ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.django_migrations_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.django_session (
    session_key character varying(40) NOT NULL,
    session_data text NOT NULL,
    expire_date timestamp with time zone NOT NULL
);

CREATE TABLE public.events_dedupekey (
    source_id uuid NOT NULL,
    digest uuid NOT NULL,
    received_at timestamp with time zone NOT NULL
)
PARTITION BY HASH (digest);

CREATE TABLE public.events_dedupekey_0 (
    source_id uuid CONSTRAINT events_dedupekey_source_id_not_null NOT NULL,
    digest uuid CONSTRAINT events_dedupekey_digest_not_null NOT NULL,
    received_at timestamp with time zone CONSTRAINT events_dedupekey_received_at_not_null NOT NULL
);

CREATE TABLE public.events_dedupekey_1 (
    source_id uuid CONSTRAINT events_dedupekey_source_id_not_null NOT NULL,
    digest uuid CONSTRAINT events_dedupekey_digest_not_null NOT NULL,
    received_at timestamp with time zone CONSTRAINT events_dedupekey_received_at_not_null NOT NULL
);

CREATE TABLE public.events_dedupekey_2 (
    source_id uuid CONSTRAINT events_dedupekey_source_id_not_null NOT NULL,
    digest uuid CONSTRAINT events_dedupekey_digest_not_null NOT NULL,
    received_at timestamp with time zone CONSTRAINT events_dedupekey_received_at_not_null NOT NULL
);

CREATE TABLE public.events_dedupekey_3 (
    source_id uuid CONSTRAINT events_dedupekey_source_id_not_null NOT NULL,
    digest uuid CONSTRAINT events_dedupekey_digest_not_null NOT NULL,
    received_at timestamp with time zone CONSTRAINT events_dedupekey_received_at_not_null NOT NULL
);

CREATE TABLE public.events_dedupekey_4 (
    source_id uuid CONSTRAINT events_dedupekey_source_id_not_null NOT NULL,
    digest uuid CONSTRAINT events_dedupekey_digest_not_null NOT NULL,
    received_at timestamp with time zone CONSTRAINT events_dedupekey_received_at_not_null NOT NULL
);

CREATE TABLE public.events_dedupekey_5 (
    source_id uuid CONSTRAINT events_dedupekey_source_id_not_null NOT NULL,
    digest uuid CONSTRAINT events_dedupekey_digest_not_null NOT NULL,
    received_at timestamp with time zone CONSTRAINT events_dedupekey_received_at_not_null NOT NULL
);

CREATE TABLE public.events_dedupekey_6 (
    source_id uuid CONSTRAINT events_dedupekey_source_id_not_null NOT NULL,
    digest uuid CONSTRAINT events_dedupekey_digest_not_null NOT NULL,
    received_at timestamp with time zone CONSTRAINT events_dedupekey_received_at_not_null NOT NULL
);

CREATE TABLE public.events_dedupekey_7 (
    source_id uuid CONSTRAINT events_dedupekey_source_id_not_null NOT NULL,
    digest uuid CONSTRAINT events_dedupekey_digest_not_null NOT NULL,
    received_at timestamp with time zone CONSTRAINT events_dedupekey_received_at_not_null NOT NULL
);

CREATE SEQUENCE public.events_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE public.events_event (
    id bigint DEFAULT nextval('public.events_event_id_seq'::regclass) NOT NULL,
    site_id uuid NOT NULL,
    profile_id uuid NOT NULL,
    identity_id bigint NOT NULL,
    user_identity_id bigint,
    source_id uuid NOT NULL,
    kind smallint NOT NULL,
    name text NOT NULL,
    category text,
    item text,
    value double precision,
    message_id text NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    original_at timestamp with time zone,
    sent_at timestamp with time zone,
    received_at timestamp with time zone NOT NULL,
    properties jsonb DEFAULT '{}'::jsonb NOT NULL,
    context jsonb DEFAULT '{}'::jsonb NOT NULL,
    consent_epoch integer NOT NULL,
    purposes smallint NOT NULL,
    flags smallint DEFAULT 0 NOT NULL
)
PARTITION BY RANGE (occurred_at);

CREATE TABLE public.events_event_default (
    id bigint DEFAULT nextval('public.events_event_id_seq'::regclass) CONSTRAINT events_event_id_not_null NOT NULL,
    site_id uuid CONSTRAINT events_event_site_id_not_null NOT NULL,
    profile_id uuid CONSTRAINT events_event_profile_id_not_null NOT NULL,
    identity_id bigint CONSTRAINT events_event_identity_id_not_null NOT NULL,
    user_identity_id bigint,
    source_id uuid CONSTRAINT events_event_source_id_not_null NOT NULL,
    kind smallint CONSTRAINT events_event_kind_not_null NOT NULL,
    name text CONSTRAINT events_event_name_not_null NOT NULL,
    category text,
    item text,
    value double precision,
    message_id text CONSTRAINT events_event_message_id_not_null NOT NULL,
    occurred_at timestamp with time zone CONSTRAINT events_event_occurred_at_not_null NOT NULL,
    original_at timestamp with time zone,
    sent_at timestamp with time zone,
    received_at timestamp with time zone CONSTRAINT events_event_received_at_not_null NOT NULL,
    properties jsonb DEFAULT '{}'::jsonb CONSTRAINT events_event_properties_not_null NOT NULL,
    context jsonb DEFAULT '{}'::jsonb CONSTRAINT events_event_context_not_null NOT NULL,
    consent_epoch integer CONSTRAINT events_event_consent_epoch_not_null NOT NULL,
    purposes smallint CONSTRAINT events_event_purposes_not_null NOT NULL,
    flags smallint DEFAULT 0 CONSTRAINT events_event_flags_not_null NOT NULL
);

CREATE TABLE public.events_eventschema (
    id bigint NOT NULL,
    name character varying(200) NOT NULL,
    is_declared boolean NOT NULL,
    first_seen_at timestamp with time zone NOT NULL,
    site_id uuid NOT NULL
);

ALTER TABLE public.events_eventschema ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.events_eventschema_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.events_featuremark (
    id bigint NOT NULL,
    site_id uuid NOT NULL,
    profile_id uuid NOT NULL,
    earliest timestamp with time zone NOT NULL,
    latest timestamp with time zone NOT NULL
);

ALTER TABLE public.events_featuremark ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.events_featuremark_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.events_featuresite (
    site_id uuid NOT NULL,
    closing_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL
);

CREATE TABLE public.events_inbox (
    id bigint NOT NULL,
    part smallint NOT NULL,
    site_id uuid NOT NULL,
    source_id uuid NOT NULL,
    received_at timestamp with time zone NOT NULL,
    body text NOT NULL
)
WITH (autovacuum_vacuum_threshold='500', autovacuum_vacuum_scale_factor='0');
ALTER TABLE ONLY public.events_inbox ALTER COLUMN body SET STORAGE EXTERNAL;

ALTER TABLE public.events_inbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.events_inbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.events_inboxpart (
    part smallint NOT NULL
);

CREATE TABLE public.events_intakeminute (
    id bigint NOT NULL,
    minute timestamp with time zone NOT NULL,
    accepted bigint NOT NULL,
    duplicates bigint NOT NULL,
    rejected bigint NOT NULL,
    without_consent bigint NOT NULL,
    site_id uuid NOT NULL,
    erased bigint DEFAULT 0 NOT NULL
);

ALTER TABLE public.events_intakeminute ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.events_intakeminute_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW public.events_personal AS
 SELECT id,
    site_id,
    profile_id,
    identity_id,
    user_identity_id,
    source_id,
    kind,
    name,
    category,
    item,
    value,
    message_id,
    occurred_at,
    original_at,
    sent_at,
    received_at,
    properties,
    context,
    consent_epoch,
    purposes,
    flags
   FROM public.events_event
  WHERE (((purposes)::integer & 8) <> 0);

CREATE TABLE public.events_quarantine (
    id uuid NOT NULL,
    received_at timestamp with time zone NOT NULL,
    code character varying(60) NOT NULL,
    detail character varying(300) NOT NULL,
    message_id character varying(100) NOT NULL,
    body text NOT NULL,
    state character varying(10) NOT NULL,
    resolved_at timestamp with time zone,
    site_id uuid NOT NULL,
    source_id uuid NOT NULL,
    subjects uuid[] DEFAULT '{}'::uuid[] NOT NULL
);

CREATE TABLE public.events_rollup (
    measure integer NOT NULL,
    day integer NOT NULL,
    profile_id uuid NOT NULL,
    earliest timestamp with time zone NOT NULL,
    latest timestamp with time zone NOT NULL,
    n integer NOT NULL,
    numbers integer,
    low double precision,
    high double precision,
    total numeric,
    first jsonb,
    last jsonb
);

CREATE TABLE public.events_rollupmark (
    id bigint NOT NULL,
    site_id uuid NOT NULL,
    profile_id uuid NOT NULL,
    is_lasting boolean DEFAULT false NOT NULL
);

ALTER TABLE public.events_rollupmark ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.events_rollupmark_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.events_rollupmeasure (
    id integer NOT NULL,
    site_id uuid NOT NULL,
    digest text NOT NULL,
    name text NOT NULL
);

ALTER TABLE public.events_rollupmeasure ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.events_rollupmeasure_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.events_rollupsite (
    site_id uuid NOT NULL,
    closing_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    spans jsonb DEFAULT '[]'::jsonb NOT NULL
);

CREATE TABLE public.events_rollupspan (
    profile_id uuid NOT NULL,
    site_id uuid NOT NULL,
    wholes bigint[] NOT NULL,
    moments timestamp with time zone[] NOT NULL,
    reals double precision[] NOT NULL,
    totals numeric[] NOT NULL,
    ends jsonb[] NOT NULL,
    doubles double precision[] DEFAULT '{}'::double precision[] NOT NULL
);
ALTER TABLE ONLY public.events_rollupspan ALTER COLUMN wholes SET STORAGE PLAIN;
ALTER TABLE ONLY public.events_rollupspan ALTER COLUMN moments SET STORAGE PLAIN;
ALTER TABLE ONLY public.events_rollupspan ALTER COLUMN doubles SET STORAGE PLAIN;

CREATE TABLE public.experiments_arm (
    id uuid NOT NULL,
    number smallint NOT NULL,
    key character varying(100) NOT NULL,
    name character varying(120) NOT NULL,
    weight double precision NOT NULL,
    is_control boolean NOT NULL,
    levels jsonb NOT NULL,
    variant_id uuid,
    experiment_id uuid NOT NULL,
    changes jsonb NOT NULL,
    CONSTRAINT experiments_arm_number_check CHECK ((number >= 0))
);

CREATE TABLE public.experiments_banditsum (
    id bigint NOT NULL,
    arm smallint NOT NULL,
    context character varying(100) NOT NULL,
    day date NOT NULL,
    n bigint NOT NULL,
    w double precision NOT NULL,
    ww double precision NOT NULL,
    wy double precision NOT NULL,
    wwy double precision NOT NULL,
    wwyy double precision NOT NULL,
    counted_at timestamp with time zone NOT NULL,
    metric_id uuid NOT NULL,
    phase_id uuid NOT NULL,
    CONSTRAINT experiments_banditsum_arm_check CHECK ((arm >= 0))
);

ALTER TABLE public.experiments_banditsum ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.experiments_banditsum_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.experiments_change (
    id bigint NOT NULL,
    phase smallint NOT NULL,
    at timestamp with time zone NOT NULL,
    action character varying(20) NOT NULL,
    note character varying(500) NOT NULL,
    detail jsonb NOT NULL,
    by_id integer,
    experiment_id uuid NOT NULL,
    CONSTRAINT experiments_change_phase_check CHECK ((phase >= 0))
);

ALTER TABLE public.experiments_change ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.experiments_change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.experiments_choiceworth (
    phase_id uuid NOT NULL,
    worked_out_at timestamp with time zone NOT NULL,
    document jsonb NOT NULL
);

CREATE TABLE public.experiments_cursor (
    site_id uuid NOT NULL,
    event_id bigint NOT NULL
);

CREATE TABLE public.experiments_daysum (
    id bigint NOT NULL,
    arm smallint NOT NULL,
    segment character varying(100) NOT NULL,
    day date NOT NULL,
    n bigint NOT NULL,
    y double precision NOT NULL,
    yy double precision NOT NULL,
    d double precision NOT NULL,
    dd double precision NOT NULL,
    yd double precision NOT NULL,
    x double precision NOT NULL,
    xx double precision NOT NULL,
    xy double precision NOT NULL,
    sample jsonb NOT NULL,
    left_out integer NOT NULL,
    counted_at timestamp with time zone NOT NULL,
    metric_id uuid NOT NULL,
    phase_id uuid NOT NULL,
    CONSTRAINT experiments_daysum_arm_check CHECK ((arm >= 0)),
    CONSTRAINT experiments_daysum_left_out_check CHECK ((left_out >= 0))
);

ALTER TABLE public.experiments_daysum ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.experiments_daysum_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.experiments_experiment (
    id uuid NOT NULL,
    key character varying(100) NOT NULL,
    name character varying(120) NOT NULL,
    hypothesis text NOT NULL,
    kind character varying(10) NOT NULL,
    factors jsonb NOT NULL,
    state character varying(10) NOT NULL,
    coverage double precision NOT NULL,
    layer_share double precision NOT NULL,
    condition jsonb,
    segments jsonb NOT NULL,
    looking character varying(8) NOT NULL,
    looks smallint NOT NULL,
    alpha double precision NOT NULL,
    power double precision NOT NULL,
    baseline double precision,
    mde_relative double precision,
    per_arm integer,
    min_days smallint NOT NULL,
    is_unplanned boolean NOT NULL,
    phase smallint NOT NULL,
    concluded_at timestamp with time zone,
    winner character varying(100) NOT NULL,
    learnings text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    revision integer NOT NULL,
    archived_at timestamp with time zone,
    created_by_id integer,
    placement_id uuid NOT NULL,
    site_id uuid NOT NULL,
    layer_id uuid,
    stops_for jsonb NOT NULL,
    stop_least integer NOT NULL,
    bandit_floor double precision NOT NULL,
    bandit_burn_in integer NOT NULL,
    bandit_hours smallint NOT NULL,
    is_contextual boolean NOT NULL,
    CONSTRAINT experiments_experiment_bandit_burn_in_check CHECK ((bandit_burn_in >= 0)),
    CONSTRAINT experiments_experiment_bandit_hours_check CHECK ((bandit_hours >= 0)),
    CONSTRAINT experiments_experiment_looks_check CHECK ((looks >= 0)),
    CONSTRAINT experiments_experiment_min_days_check CHECK ((min_days >= 0)),
    CONSTRAINT experiments_experiment_per_arm_check CHECK ((per_arm >= 0)),
    CONSTRAINT experiments_experiment_phase_check CHECK ((phase >= 0)),
    CONSTRAINT experiments_experiment_revision_check CHECK ((revision >= 0)),
    CONSTRAINT experiments_experiment_stop_least_check CHECK ((stop_least >= 0))
);

CREATE TABLE public.experiments_goal (
    id uuid NOT NULL,
    role character varying(10) NOT NULL,
    margin double precision,
    added_at timestamp with time zone NOT NULL,
    experiment_id uuid NOT NULL,
    metric_id uuid NOT NULL
);

CREATE TABLE public.experiments_holdout (
    id uuid NOT NULL,
    key character varying(100) NOT NULL,
    name character varying(120) NOT NULL,
    share double precision NOT NULL,
    seed character varying(100) NOT NULL,
    is_enabled boolean NOT NULL,
    started_at timestamp with time zone,
    rotates_days smallint NOT NULL,
    archived_at timestamp with time zone,
    site_id uuid NOT NULL,
    placements jsonb NOT NULL,
    revision integer NOT NULL,
    CONSTRAINT experiments_holdout_revision_check CHECK ((revision >= 0)),
    CONSTRAINT experiments_holdout_rotates_days_check CHECK ((rotates_days >= 0))
);

CREATE TABLE public.experiments_holdoutmember (
    id bigint NOT NULL,
    seed character varying(100) NOT NULL,
    arm smallint NOT NULL,
    first_at timestamp with time zone NOT NULL,
    day date NOT NULL,
    is_mixed boolean NOT NULL,
    segments jsonb NOT NULL,
    profile_id uuid NOT NULL,
    turn_id bigint NOT NULL,
    CONSTRAINT experiments_holdoutmember_arm_check CHECK ((arm >= 0))
);

ALTER TABLE public.experiments_holdoutmember ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.experiments_holdoutmember_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.experiments_holdoutsum (
    id bigint NOT NULL,
    arm smallint NOT NULL,
    segment character varying(100) NOT NULL,
    day date NOT NULL,
    n bigint NOT NULL,
    y double precision NOT NULL,
    yy double precision NOT NULL,
    d double precision NOT NULL,
    dd double precision NOT NULL,
    yd double precision NOT NULL,
    x double precision NOT NULL,
    xx double precision NOT NULL,
    xy double precision NOT NULL,
    left_out integer NOT NULL,
    counted_at timestamp with time zone NOT NULL,
    metric_id uuid NOT NULL,
    turn_id bigint NOT NULL,
    CONSTRAINT experiments_holdoutsum_arm_check CHECK ((arm >= 0)),
    CONSTRAINT experiments_holdoutsum_left_out_check CHECK ((left_out >= 0))
);

ALTER TABLE public.experiments_holdoutsum ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.experiments_holdoutsum_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.experiments_holdoutturn (
    id bigint NOT NULL,
    publication integer NOT NULL,
    seed character varying(100) NOT NULL,
    share double precision NOT NULL,
    placements jsonb NOT NULL,
    holdout_id uuid NOT NULL,
    CONSTRAINT experiments_holdoutturn_publication_check CHECK ((publication >= 0))
);

ALTER TABLE public.experiments_holdoutturn ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.experiments_holdoutturn_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.experiments_layer (
    id uuid NOT NULL,
    key character varying(100) NOT NULL,
    name character varying(120) NOT NULL,
    site_id uuid NOT NULL,
    revision integer NOT NULL,
    archived_at timestamp with time zone,
    CONSTRAINT experiments_layer_revision_check CHECK ((revision >= 0))
);

CREATE TABLE public.experiments_look (
    id bigint NOT NULL,
    day date NOT NULL,
    figures jsonb NOT NULL,
    phase_id uuid NOT NULL
);

ALTER TABLE public.experiments_look ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.experiments_look_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.experiments_metric (
    id uuid NOT NULL,
    key character varying(100) NOT NULL,
    name character varying(120) NOT NULL,
    kind character varying(12) NOT NULL,
    event character varying(200) NOT NULL,
    of character varying(8) NOT NULL,
    property character varying(200) NOT NULL,
    per_event character varying(200) NOT NULL,
    per_of character varying(8) NOT NULL,
    per_property character varying(200) NOT NULL,
    direction character varying(4) NOT NULL,
    currency character varying(3) NOT NULL,
    window_hours integer NOT NULL,
    after_hours integer NOT NULL,
    most double precision,
    quantile double precision NOT NULL,
    archived_at timestamp with time zone,
    site_id uuid NOT NULL,
    revision integer NOT NULL,
    stands_for character varying(8) NOT NULL,
    CONSTRAINT experiments_metric_after_hours_check CHECK ((after_hours >= 0)),
    CONSTRAINT experiments_metric_revision_check CHECK ((revision >= 0)),
    CONSTRAINT experiments_metric_window CHECK ((after_hours < window_hours)),
    CONSTRAINT experiments_metric_window_hours_check CHECK ((window_hours >= 0))
);

CREATE TABLE public.experiments_participant (
    id bigint NOT NULL,
    arm smallint NOT NULL,
    first_at timestamp with time zone NOT NULL,
    day date NOT NULL,
    is_mixed boolean NOT NULL,
    is_bot boolean NOT NULL,
    segments jsonb NOT NULL,
    facts jsonb NOT NULL,
    profile_id uuid NOT NULL,
    phase_id uuid NOT NULL,
    probability double precision,
    CONSTRAINT experiments_participant_arm_check CHECK ((arm >= 0))
);

ALTER TABLE public.experiments_participant ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.experiments_participant_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.experiments_phase (
    id uuid NOT NULL,
    number smallint NOT NULL,
    seed character varying(100) NOT NULL,
    arms jsonb NOT NULL,
    stopped jsonb NOT NULL,
    coverage double precision NOT NULL,
    layer_key character varying(100) NOT NULL,
    layer_start double precision NOT NULL,
    layer_end double precision NOT NULL,
    condition jsonb,
    segments jsonb NOT NULL,
    started_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    experiment_id uuid NOT NULL,
    bandit jsonb NOT NULL,
    CONSTRAINT experiments_phase_number_check CHECK ((number >= 0))
);

CREATE TABLE public.experiments_reopened (
    id bigint NOT NULL,
    day date NOT NULL,
    phase_id uuid NOT NULL
);

ALTER TABLE public.experiments_reopened ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.experiments_reopened_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.experiments_result (
    phase_id uuid NOT NULL,
    worked_out_at timestamp with time zone NOT NULL,
    document jsonb NOT NULL
);

CREATE TABLE public.experiments_serving (
    id bigint NOT NULL,
    publication integer NOT NULL,
    experiment_id uuid NOT NULL,
    phase_id uuid NOT NULL,
    CONSTRAINT experiments_serving_publication_check CHECK ((publication >= 0))
);

ALTER TABLE public.experiments_serving ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.experiments_serving_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.experiments_uncounted (
    id bigint NOT NULL,
    experiment character varying(100) NOT NULL,
    arm character varying(100) NOT NULL,
    why character varying(10) NOT NULL,
    day date NOT NULL,
    n bigint NOT NULL,
    site_id uuid NOT NULL,
    CONSTRAINT experiments_uncounted_n_check CHECK ((n >= 0))
);

ALTER TABLE public.experiments_uncounted ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.experiments_uncounted_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.experiments_whatif (
    id uuid NOT NULL,
    placement character varying(100) NOT NULL,
    days smallint NOT NULL,
    policy jsonb NOT NULL,
    everybody boolean NOT NULL,
    at timestamp with time zone NOT NULL,
    intent_id uuid,
    found jsonb,
    refused text NOT NULL,
    by_id integer,
    metric_id uuid NOT NULL,
    site_id uuid NOT NULL,
    CONSTRAINT experiments_whatif_days_check CHECK ((days >= 0))
);

CREATE TABLE public.experiments_worth (
    holdout_id uuid NOT NULL,
    worked_out_at timestamp with time zone NOT NULL,
    document jsonb NOT NULL
);

CREATE TABLE public.experiments_worthasked (
    site_id uuid NOT NULL,
    cost double precision,
    asked_upto timestamp with time zone,
    metric_id uuid
);

CREATE TABLE public.integrations_connection (
    id uuid NOT NULL,
    name character varying(120) NOT NULL,
    kind character varying(12) NOT NULL,
    secret character varying(200) NOT NULL,
    seen_path character varying(300) NOT NULL,
    tag_prefix character varying(40) NOT NULL,
    is_enabled boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    site_id uuid NOT NULL,
    source_id uuid,
    last_event_at timestamp with time zone
);

CREATE TABLE public.integrations_entrylink (
    id uuid NOT NULL,
    entry character varying(200) NOT NULL,
    locale character varying(35) NOT NULL,
    at timestamp with time zone NOT NULL,
    connection_id uuid NOT NULL,
    variant_id uuid NOT NULL
);

CREATE TABLE public.integrations_incoming (
    id uuid NOT NULL,
    delivery character varying(200) NOT NULL,
    event character varying(200) NOT NULL,
    body bytea NOT NULL,
    repaired text NOT NULL,
    state character varying(8) NOT NULL,
    code character varying(60) NOT NULL,
    message character varying(1000) NOT NULL,
    received_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    connection_id uuid NOT NULL,
    variant_id uuid
);

CREATE TABLE public.integrations_mapping (
    id uuid NOT NULL,
    content_type character varying(200) NOT NULL,
    fields text NOT NULL,
    block_id uuid NOT NULL,
    connection_id uuid NOT NULL
);

CREATE TABLE public.otp_static_staticdevice (
    id integer NOT NULL,
    name character varying(64) NOT NULL,
    confirmed boolean NOT NULL,
    user_id integer NOT NULL,
    throttling_failure_count integer NOT NULL,
    throttling_failure_timestamp timestamp with time zone,
    created_at timestamp with time zone,
    last_used_at timestamp with time zone,
    CONSTRAINT otp_static_staticdevice_throttling_failure_count_check CHECK ((throttling_failure_count >= 0))
);

ALTER TABLE public.otp_static_staticdevice ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.otp_static_staticdevice_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.otp_static_statictoken (
    id integer NOT NULL,
    token character varying(16) NOT NULL,
    device_id integer NOT NULL
);

ALTER TABLE public.otp_static_statictoken ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.otp_static_statictoken_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.otp_totp_totpdevice (
    id integer NOT NULL,
    name character varying(64) NOT NULL,
    confirmed boolean NOT NULL,
    key character varying(80) NOT NULL,
    step smallint NOT NULL,
    t0 bigint NOT NULL,
    digits smallint NOT NULL,
    tolerance smallint NOT NULL,
    drift smallint NOT NULL,
    last_t bigint NOT NULL,
    user_id integer NOT NULL,
    throttling_failure_count integer NOT NULL,
    throttling_failure_timestamp timestamp with time zone,
    created_at timestamp with time zone,
    last_used_at timestamp with time zone,
    CONSTRAINT otp_totp_totpdevice_digits_check CHECK ((digits >= 0)),
    CONSTRAINT otp_totp_totpdevice_step_check CHECK ((step >= 0)),
    CONSTRAINT otp_totp_totpdevice_throttling_failure_count_check CHECK ((throttling_failure_count >= 0)),
    CONSTRAINT otp_totp_totpdevice_tolerance_check CHECK ((tolerance >= 0))
);

ALTER TABLE public.otp_totp_totpdevice ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.otp_totp_totpdevice_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.predictions_driftlook (
    id bigint NOT NULL,
    looked_at timestamp with time zone NOT NULL,
    kind character varying(12) NOT NULL,
    name character varying(200) NOT NULL,
    value double precision,
    expected double precision,
    level character varying(8) NOT NULL,
    words character varying(500) NOT NULL,
    version_id uuid NOT NULL
);

ALTER TABLE public.predictions_driftlook ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.predictions_driftlook_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.predictions_fairnessaudit (
    id uuid NOT NULL,
    audited_at timestamp with time zone NOT NULL,
    trait character varying(200) NOT NULL,
    groups jsonb NOT NULL,
    pairs jsonb NOT NULL,
    proxies jsonb NOT NULL,
    verdict character varying(8) NOT NULL,
    words text NOT NULL,
    asked_by_id integer,
    version_id uuid NOT NULL
);

CREATE TABLE public.predictions_featureday (
    site_id uuid NOT NULL,
    profile_id uuid NOT NULL,
    day integer NOT NULL,
    known_at timestamp with time zone NOT NULL,
    n integer NOT NULL,
    late integer NOT NULL,
    starts integer NOT NULL,
    first_ms bigint NOT NULL,
    last_ms bigint NOT NULL,
    numbers integer NOT NULL,
    total numeric,
    highest double precision,
    orders integer NOT NULL,
    ordered_ms bigint,
    spent numeric,
    items bit(256),
    kinds bit(256),
    devices bit(64),
    steps integer NOT NULL,
    loops integer NOT NULL,
    grams smallint[],
    searches integer NOT NULL,
    search_words bigint,
    search_again integer NOT NULL,
    search_empty integer NOT NULL,
    intent_price integer NOT NULL,
    intent_compare integer NOT NULL,
    intent_question integer NOT NULL,
    intent_exact integer NOT NULL,
    evenings integer NOT NULL,
    weekends integer NOT NULL,
    mobiles integer NOT NULL,
    referred integer NOT NULL,
    names integer[] NOT NULL,
    lasts integer[] NOT NULL,
    categories integer[] NOT NULL
);

CREATE TABLE public.predictions_featurewords (
    site_id uuid NOT NULL,
    names text[] NOT NULL,
    categories text[] NOT NULL,
    zone text NOT NULL,
    made_by text NOT NULL
);

CREATE TABLE public.predictions_group (
    id uuid NOT NULL,
    key character varying(40) NOT NULL,
    name character varying(120) NOT NULL,
    size integer NOT NULL,
    center jsonb NOT NULL,
    words jsonb NOT NULL,
    surrogate jsonb NOT NULL,
    stability double precision,
    segment_key character varying(100) NOT NULL,
    version_id uuid NOT NULL,
    CONSTRAINT predictions_group_size_check CHECK ((size >= 0))
);

CREATE TABLE public.predictions_modelspec (
    id uuid NOT NULL,
    key character varying(100) NOT NULL,
    name character varying(120) NOT NULL,
    target_event character varying(200) NOT NULL,
    horizon_hours integer NOT NULL,
    window_days integer NOT NULL,
    active_days integer NOT NULL,
    moments integer NOT NULL,
    feature_names jsonb NOT NULL,
    hyperparameters jsonb NOT NULL,
    seed integer NOT NULL,
    is_enabled boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    site_id uuid NOT NULL,
    purpose character varying(20) NOT NULL,
    audited_trait character varying(200) NOT NULL,
    cost double precision,
    embargo_hours integer NOT NULL,
    gain double precision,
    hysteresis double precision NOT NULL,
    kind character varying(12) NOT NULL,
    knows_by character varying(8) NOT NULL,
    method character varying(8) NOT NULL,
    retrain character varying(8) NOT NULL,
    search character varying(6) NOT NULL,
    serves_online boolean NOT NULL,
    settings jsonb NOT NULL,
    target jsonb NOT NULL,
    threshold double precision NOT NULL,
    trials integer NOT NULL,
    CONSTRAINT predictions_modelspec_active_days_check CHECK ((active_days >= 0)),
    CONSTRAINT predictions_modelspec_embargo_hours_check CHECK ((embargo_hours >= 0)),
    CONSTRAINT predictions_modelspec_horizon_hours_check CHECK ((horizon_hours >= 0)),
    CONSTRAINT predictions_modelspec_moments_check CHECK ((moments >= 0)),
    CONSTRAINT predictions_modelspec_seed_check CHECK ((seed >= 0)),
    CONSTRAINT predictions_modelspec_trials_check CHECK ((trials >= 0)),
    CONSTRAINT predictions_modelspec_window_days_check CHECK ((window_days >= 0))
);

CREATE TABLE public.predictions_modelversion (
    id uuid NOT NULL,
    number integer NOT NULL,
    state character varying(10) NOT NULL,
    trained_at timestamp with time zone NOT NULL,
    promoted_at timestamp with time zone,
    artifact_sha256 character varying(64) NOT NULL,
    feature_names jsonb NOT NULL,
    calibration jsonb NOT NULL,
    lineage jsonb NOT NULL,
    card jsonb NOT NULL,
    spec_id uuid NOT NULL,
    cut_at timestamp with time zone,
    deleted_at timestamp with time zone,
    approval_note character varying(500) NOT NULL,
    approved_at timestamp with time zone,
    approved_by_id integer,
    data_sha256 character varying(64) NOT NULL,
    gates jsonb NOT NULL,
    method character varying(8) NOT NULL,
    online_us double precision,
    reference jsonb NOT NULL,
    shadow jsonb NOT NULL,
    signature character varying(64) NOT NULL,
    CONSTRAINT predictions_modelversion_number_check CHECK ((number >= 0))
);

CREATE TABLE public.predictions_score (
    id bigint NOT NULL,
    value double precision,
    as_of timestamp with time zone NOT NULL,
    profile_id uuid NOT NULL,
    spec_id uuid NOT NULL,
    version_id uuid NOT NULL,
    label character varying(200) DEFAULT ''::character varying NOT NULL,
    output character varying(100) DEFAULT ''::character varying NOT NULL
)
WITH (fillfactor='60');

ALTER TABLE public.predictions_score ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.predictions_score_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.predictions_trainingrun (
    id uuid NOT NULL,
    state character varying(10) NOT NULL,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    outcome character varying(500) NOT NULL,
    rows integer NOT NULL,
    positives integer NOT NULL,
    spec_id uuid NOT NULL,
    version_id uuid,
    cause character varying(10) NOT NULL,
    intent_id uuid,
    report jsonb NOT NULL,
    stage character varying(40) NOT NULL,
    CONSTRAINT predictions_trainingrun_positives_check CHECK ((positives >= 0)),
    CONSTRAINT predictions_trainingrun_rows_check CHECK ((rows >= 0))
);

CREATE TABLE public.privacy_bulkaction (
    id uuid NOT NULL,
    kind character varying(10) NOT NULL,
    state character varying(10) NOT NULL,
    reason character varying(300) NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    asked_by_id integer NOT NULL,
    site_id uuid NOT NULL
);

CREATE TABLE public.privacy_bulkvote (
    id bigint NOT NULL,
    is_yes boolean NOT NULL,
    words character varying(300) NOT NULL,
    at timestamp with time zone NOT NULL,
    bulk_id uuid NOT NULL,
    officer_id integer NOT NULL
);

ALTER TABLE public.privacy_bulkvote ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.privacy_bulkvote_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.privacy_certificate (
    id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    kind character varying(10) NOT NULL,
    body text NOT NULL,
    jws text NOT NULL,
    salt uuid DEFAULT gen_random_uuid() NOT NULL,
    site_id uuid NOT NULL,
    erasure_id uuid NOT NULL
);

CREATE TABLE public.privacy_erasure (
    id uuid NOT NULL,
    request_id uuid,
    cause character varying(20) NOT NULL,
    state character varying(10) NOT NULL,
    started_at timestamp with time zone NOT NULL,
    completed_at timestamp with time zone,
    checked_at timestamp with time zone,
    profile_ids uuid[] NOT NULL,
    sought bytea NOT NULL,
    site_id uuid NOT NULL
);

CREATE TABLE public.privacy_erasurestep (
    id bigint NOT NULL,
    ordinal smallint NOT NULL,
    name character varying(20) NOT NULL,
    state character varying(10) NOT NULL,
    stores jsonb NOT NULL,
    attempts smallint NOT NULL,
    first_at timestamp with time zone,
    done_at timestamp with time zone,
    detail character varying(300) NOT NULL,
    erasure_id uuid NOT NULL,
    CONSTRAINT privacy_erasurestep_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT privacy_erasurestep_ordinal_check CHECK ((ordinal >= 0))
);

ALTER TABLE public.privacy_erasurestep ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.privacy_erasurestep_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.privacy_message (
    id uuid NOT NULL,
    template character varying(60) NOT NULL,
    sealed bytea NOT NULL,
    is_for_known boolean NOT NULL,
    state character varying(10) NOT NULL,
    attempts smallint NOT NULL,
    error character varying(120) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    site_id uuid NOT NULL,
    CONSTRAINT privacy_message_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT privacy_message_emptied CHECK ((((state)::text = ANY ((ARRAY['waiting'::character varying, 'failed'::character varying])::text[])) OR (sealed = '\x'::bytea)))
);

CREATE TABLE public.privacy_modelcut (
    id bigint NOT NULL,
    kind character varying(12) NOT NULL,
    target_id uuid NOT NULL,
    cut_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    done_at timestamp with time zone,
    erasure_id uuid NOT NULL
);

ALTER TABLE public.privacy_modelcut ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.privacy_modelcut_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.privacy_note (
    id bigint NOT NULL,
    author_label character varying(150) NOT NULL,
    at timestamp with time zone NOT NULL,
    text_enc bytea NOT NULL,
    request_id uuid NOT NULL
);

ALTER TABLE public.privacy_note ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.privacy_note_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.privacy_package (
    id uuid NOT NULL,
    kind character varying(20) NOT NULL,
    token_salt uuid DEFAULT gen_random_uuid() NOT NULL,
    token_digest character varying(64) NOT NULL,
    made_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    sha256 character varying(64) NOT NULL,
    size bigint NOT NULL,
    content_enc bytea NOT NULL,
    opened_at timestamp with time zone,
    closed_at timestamp with time zone,
    request_id uuid NOT NULL,
    CONSTRAINT privacy_package_size_check CHECK ((size >= 0))
);

CREATE TABLE public.privacy_recipienttelling (
    id bigint NOT NULL,
    request_id uuid,
    what character varying(40) NOT NULL,
    recipient character varying(100) NOT NULL,
    name character varying(200) NOT NULL,
    endpoint character varying(500) NOT NULL,
    body bytea NOT NULL,
    state character varying(10) NOT NULL,
    attempts smallint NOT NULL,
    told_at timestamp with time zone,
    answer character varying(200) NOT NULL,
    erasure_id uuid,
    site_id uuid NOT NULL,
    CONSTRAINT privacy_recipienttelling_attempts_check CHECK ((attempts >= 0))
);

ALTER TABLE public.privacy_recipienttelling ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.privacy_recipienttelling_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.privacy_reminder (
    id bigint NOT NULL,
    kind character varying(10) NOT NULL,
    remind_on date NOT NULL,
    remind_at timestamp with time zone NOT NULL,
    sent_at timestamp with time zone,
    request_id uuid NOT NULL
);

ALTER TABLE public.privacy_reminder ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.privacy_reminder_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.privacy_request (
    id uuid NOT NULL,
    public_ref character varying(20) NOT NULL,
    kind character varying(20) NOT NULL,
    regulation character varying(10) NOT NULL,
    route character varying(20) NOT NULL,
    state character varying(20) NOT NULL,
    language character varying(20) NOT NULL,
    received_at timestamp with time zone NOT NULL,
    time_zone character varying(60) NOT NULL,
    confirm_by date,
    confirmed_at timestamp with time zone,
    due_on date NOT NULL,
    extended_due_on date NOT NULL,
    internal_due_at timestamp with time zone NOT NULL,
    extended_at timestamp with time zone,
    extension_reason text NOT NULL,
    ended_at timestamp with time zone,
    names_enc bytea NOT NULL,
    subject_digests uuid[] NOT NULL,
    verified_how character varying(20) NOT NULL,
    verified_at timestamp with time zone,
    evidence_enc bytea NOT NULL,
    evidence_emptied_at timestamp with time zone,
    refusal_article character varying(40) NOT NULL,
    refusal_reason text NOT NULL,
    outcome jsonb NOT NULL,
    failures smallint NOT NULL,
    trouble character varying(200) NOT NULL,
    opendsr_id uuid,
    opendsr_digest character varying(64) NOT NULL,
    callbacks jsonb NOT NULL,
    bulk_id uuid,
    joined_to_id uuid,
    site_id uuid NOT NULL,
    verified_by_id integer,
    CONSTRAINT privacy_request_failures_check CHECK ((failures >= 0))
);

CREATE TABLE public.privacy_requestevent (
    id uuid NOT NULL,
    request_id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    kind character varying(40) NOT NULL,
    state character varying(20) NOT NULL,
    actor_id bigint,
    actor_label character varying(150) NOT NULL,
    detail jsonb NOT NULL,
    salt uuid DEFAULT gen_random_uuid() NOT NULL,
    site_id uuid NOT NULL
);

CREATE TABLE public.privacy_requestsubject (
    id bigint NOT NULL,
    profile_id uuid NOT NULL,
    request_id uuid NOT NULL
);

ALTER TABLE public.privacy_requestsubject ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.privacy_requestsubject_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.privacy_retentionrun (
    id bigint NOT NULL,
    kind character varying(40) NOT NULL,
    at timestamp with time zone NOT NULL,
    state character varying(10) NOT NULL,
    days integer NOT NULL,
    cutoff timestamp with time zone NOT NULL,
    removed bigint NOT NULL,
    partitions integer NOT NULL,
    oldest_left timestamp with time zone,
    took_ms integer NOT NULL,
    proof jsonb NOT NULL,
    site_id uuid,
    CONSTRAINT privacy_retentionrun_days_check CHECK ((days >= 0)),
    CONSTRAINT privacy_retentionrun_partitions_check CHECK ((partitions >= 0)),
    CONSTRAINT privacy_retentionrun_took_ms_check CHECK ((took_ms >= 0))
);

ALTER TABLE public.privacy_retentionrun ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.privacy_retentionrun_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.profiles_contact (
    id bigint NOT NULL,
    kind character varying(8) NOT NULL,
    digest uuid NOT NULL,
    profile_id uuid NOT NULL,
    site_id uuid NOT NULL
);

ALTER TABLE public.profiles_contact ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.profiles_contact_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.profiles_due (
    profile_id uuid NOT NULL,
    due_at timestamp with time zone NOT NULL
);

CREATE TABLE public.profiles_duplicate (
    id bigint NOT NULL,
    why jsonb NOT NULL,
    state character varying(8) NOT NULL,
    found_at timestamp with time zone NOT NULL,
    decided_at timestamp with time zone,
    decided_by_id integer,
    one_id uuid NOT NULL,
    other_id uuid NOT NULL,
    site_id uuid NOT NULL
);

ALTER TABLE public.profiles_duplicate ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.profiles_duplicate_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.profiles_identity (
    id bigint NOT NULL,
    kind character varying(40) NOT NULL,
    value character varying(512) NOT NULL,
    is_shared boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    profile_id uuid NOT NULL,
    site_id uuid NOT NULL
);

ALTER TABLE public.profiles_identity ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.profiles_identity_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.profiles_identitylink (
    id bigint NOT NULL,
    since timestamp with time zone NOT NULL,
    identity_id bigint NOT NULL,
    profile_id uuid NOT NULL
);

ALTER TABLE public.profiles_identitylink ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.profiles_identitylink_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.profiles_keptapart (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    one_id uuid NOT NULL,
    other_id uuid NOT NULL,
    site_id uuid NOT NULL
);

ALTER TABLE public.profiles_keptapart ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.profiles_keptapart_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.profiles_mergerecord (
    id bigint NOT NULL,
    cause character varying(40) NOT NULL,
    message_id character varying(100) NOT NULL,
    at timestamp with time zone NOT NULL,
    loser_id uuid NOT NULL,
    site_id uuid NOT NULL,
    winner_id uuid NOT NULL,
    kept jsonb,
    undone_at timestamp with time zone,
    undone_reason character varying(200) NOT NULL
);

ALTER TABLE public.profiles_mergerecord ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.profiles_mergerecord_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.profiles_profile (
    id uuid NOT NULL,
    bucketing_key character varying(64) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    merged_into_id uuid,
    site_id uuid NOT NULL
);

CREATE TABLE public.profiles_profilestate (
    profile_id uuid NOT NULL,
    site_id uuid NOT NULL,
    unit_id character varying(64) NOT NULL,
    identities jsonb NOT NULL,
    version bigint NOT NULL,
    consent_epoch integer NOT NULL,
    granted smallint NOT NULL,
    denied smallint NOT NULL,
    history bytea NOT NULL,
    memberships bytea NOT NULL,
    traits jsonb NOT NULL,
    event_count bigint NOT NULL,
    first_seen_at timestamp with time zone,
    last_seen_at timestamp with time zone,
    last_message_id character varying(100) NOT NULL,
    merged_into uuid,
    inside bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    caps bytea DEFAULT '\x'::bytea NOT NULL,
    consents bytea DEFAULT '\x'::bytea NOT NULL,
    consent_until timestamp with time zone,
    holds smallint DEFAULT 0 NOT NULL,
    residence character varying(10) DEFAULT ''::character varying NOT NULL
)
WITH (fillfactor='60');
ALTER TABLE ONLY public.profiles_profilestate ALTER COLUMN history SET STORAGE EXTERNAL;

CREATE TABLE public.profiles_subjectkey (
    id uuid NOT NULL,
    wrapped bytea NOT NULL,
    master character varying(32) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    profile_id uuid,
    site_id uuid NOT NULL
);

CREATE TABLE public.profiles_trait (
    id bigint NOT NULL,
    key character varying(120) NOT NULL,
    value jsonb NOT NULL,
    source character varying(60) NOT NULL,
    observed_at timestamp with time zone NOT NULL,
    message_id character varying(100) NOT NULL,
    profile_id uuid NOT NULL
);

ALTER TABLE public.profiles_trait ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.profiles_trait_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.profiles_traitchange (
    id bigint NOT NULL,
    key character varying(120) NOT NULL,
    value jsonb,
    source character varying(60) NOT NULL,
    observed_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    consent_epoch integer NOT NULL,
    message_id character varying(100) NOT NULL,
    profile_id uuid NOT NULL,
    identity_id bigint
);

ALTER TABLE public.profiles_traitchange ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.profiles_traitchange_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.profiles_traitkind (
    id bigint NOT NULL,
    key character varying(120) NOT NULL,
    kind character varying(12) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    site_id uuid NOT NULL
);

ALTER TABLE public.profiles_traitkind ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.profiles_traitkind_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.recommendations_item (
    id bigint NOT NULL,
    code character varying(500) NOT NULL,
    category character varying(500) NOT NULL,
    name character varying(500) NOT NULL,
    price double precision,
    seen_at timestamp with time zone NOT NULL,
    site_id uuid NOT NULL,
    first_seen_at timestamp with time zone,
    image character varying(2000) NOT NULL,
    is_available boolean NOT NULL,
    source character varying(6) NOT NULL,
    stock integer,
    url character varying(2000) NOT NULL,
    words character varying(1000) NOT NULL,
    CONSTRAINT recommendations_item_stock_check CHECK ((stock >= 0))
);

ALTER TABLE public.recommendations_item ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.recommendations_item_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.recommendations_itemlist (
    id bigint NOT NULL,
    item character varying(500) NOT NULL,
    ranked jsonb NOT NULL,
    version_id uuid NOT NULL,
    method character varying(12) NOT NULL,
    previous character varying(500) NOT NULL,
    vector jsonb
);

ALTER TABLE public.recommendations_itemlist ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.recommendations_itemlist_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.recommendations_personlist (
    id bigint NOT NULL,
    items jsonb NOT NULL,
    as_of timestamp with time zone NOT NULL,
    profile_id uuid NOT NULL,
    recommender_id uuid NOT NULL,
    version_id uuid NOT NULL
);

ALTER TABLE public.recommendations_personlist ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.recommendations_personlist_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.recommendations_recommender (
    id uuid NOT NULL,
    key character varying(100) NOT NULL,
    name character varying(120) NOT NULL,
    kind character varying(20) NOT NULL,
    event_name character varying(200) NOT NULL,
    window_days integer NOT NULL,
    is_enabled boolean NOT NULL,
    site_id uuid NOT NULL,
    active_id uuid,
    purpose character varying(20) NOT NULL,
    catalogue_at timestamp with time zone,
    bought_event character varying(200) NOT NULL,
    diversity double precision NOT NULL,
    exploration double precision NOT NULL,
    filters jsonb NOT NULL,
    half_life_days double precision NOT NULL,
    per_person boolean NOT NULL,
    weights jsonb NOT NULL,
    CONSTRAINT recommendations_recommender_window_days_check CHECK ((window_days >= 0))
);

CREATE TABLE public.recommendations_recommenderversion (
    id uuid NOT NULL,
    trained_at timestamp with time zone NOT NULL,
    since timestamp with time zone NOT NULL,
    until timestamp with time zone NOT NULL,
    views bigint NOT NULL,
    pairs bigint NOT NULL,
    popular jsonb NOT NULL,
    metrics jsonb NOT NULL,
    recommender_id uuid NOT NULL,
    digest character varying(64) NOT NULL,
    approved_by_id integer,
    data_sha256 character varying(64) NOT NULL,
    method character varying(12) NOT NULL,
    outcome character varying(500) NOT NULL,
    params jsonb NOT NULL,
    state character varying(9) NOT NULL,
    CONSTRAINT recommendations_recommenderversion_pairs_check CHECK ((pairs >= 0)),
    CONSTRAINT recommendations_recommenderversion_views_check CHECK ((views >= 0))
);

CREATE TABLE public.recommendations_trial (
    id bigint NOT NULL,
    tried_at timestamp with time zone NOT NULL,
    cut_at timestamp with time zone NOT NULL,
    method character varying(12) NOT NULL,
    k smallint NOT NULL,
    people integer NOT NULL,
    figures jsonb NOT NULL,
    won boolean NOT NULL,
    recommender_id uuid NOT NULL,
    version_id uuid,
    CONSTRAINT recommendations_trial_k_check CHECK ((k >= 0)),
    CONSTRAINT recommendations_trial_people_check CHECK ((people >= 0))
);

ALTER TABLE public.recommendations_trial ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.recommendations_trial_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.rules_firing (
    id uuid NOT NULL,
    trigger_id uuid NOT NULL,
    profile_id uuid NOT NULL,
    cause character varying(40) NOT NULL,
    at timestamp with time zone NOT NULL,
    due_at timestamp with time zone,
    outcome character varying(12) NOT NULL,
    webhook character varying(10) NOT NULL,
    attempts smallint NOT NULL,
    error character varying(300) NOT NULL,
    CONSTRAINT rules_firing_attempts_check CHECK ((attempts >= 0))
);

CREATE TABLE public.rules_rule (
    id uuid NOT NULL,
    key character varying(100) NOT NULL,
    name character varying(120) NOT NULL,
    priority smallint NOT NULL,
    condition jsonb NOT NULL,
    starts_at timestamp with time zone,
    ends_at timestamp with time zone,
    is_enabled boolean NOT NULL,
    placement_id uuid NOT NULL,
    site_id uuid NOT NULL,
    variant_id uuid NOT NULL,
    archived_at timestamp with time zone,
    revision integer NOT NULL,
    purpose character varying(20) NOT NULL,
    CONSTRAINT rules_ends_after_it_starts CHECK (((starts_at IS NULL) OR (ends_at IS NULL) OR (ends_at > starts_at))),
    CONSTRAINT rules_rule_revision_check CHECK ((revision >= 0))
);

CREATE TABLE public.rules_rule_caps (
    id bigint NOT NULL,
    rule_id uuid NOT NULL,
    cap_id uuid NOT NULL
);

ALTER TABLE public.rules_rule_caps ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.rules_rule_caps_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.rules_trigger (
    id uuid NOT NULL,
    site_id uuid NOT NULL,
    number integer NOT NULL,
    key character varying(80) NOT NULL,
    name character varying(120) NOT NULL,
    segment_id uuid NOT NULL,
    "on" character varying(10) NOT NULL,
    for_ms bigint NOT NULL,
    placement_id uuid,
    variant_id uuid,
    cap_id uuid,
    message jsonb,
    webhook_address character varying(500) NOT NULL,
    webhook_secret character varying(60) NOT NULL,
    webhook_failures integer NOT NULL,
    webhook_parked_at timestamp with time zone,
    most smallint,
    window_ms bigint,
    cooldown_ms bigint NOT NULL,
    most_per_minute integer NOT NULL,
    priority smallint NOT NULL,
    is_enabled boolean NOT NULL,
    starts_at timestamp with time zone,
    ends_at timestamp with time zone,
    paused_at timestamp with time zone,
    revision integer NOT NULL,
    archived_at timestamp with time zone,
    purpose character varying(20) NOT NULL,
    recipient_id uuid,
    CONSTRAINT rules_trigger_cooldown_ms_check CHECK ((cooldown_ms >= 0)),
    CONSTRAINT rules_trigger_ends_after_it_starts CHECK (((starts_at IS NULL) OR (ends_at IS NULL) OR (ends_at > starts_at))),
    CONSTRAINT rules_trigger_for_ms_check CHECK ((for_ms >= 0)),
    CONSTRAINT rules_trigger_most_check CHECK ((most >= 0)),
    CONSTRAINT rules_trigger_most_per_minute_check CHECK ((most_per_minute >= 0)),
    CONSTRAINT rules_trigger_number_check CHECK ((number >= 0)),
    CONSTRAINT rules_trigger_revision_check CHECK ((revision >= 0)),
    CONSTRAINT rules_trigger_shows_something_somewhere CHECK ((((placement_id IS NULL) AND (variant_id IS NULL)) OR ((placement_id IS NOT NULL) AND (variant_id IS NOT NULL)))),
    CONSTRAINT rules_trigger_webhook_failures_check CHECK ((webhook_failures >= 0)),
    CONSTRAINT rules_trigger_window_ms_check CHECK ((window_ms >= 0))
);

CREATE TABLE public.rules_triggercursor (
    id smallint NOT NULL,
    upto bigint NOT NULL
);

CREATE TABLE public.segments_computedtrait (
    id uuid NOT NULL,
    key character varying(60) NOT NULL,
    name character varying(120) NOT NULL,
    definition jsonb NOT NULL,
    unit character varying(20) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    site_id uuid NOT NULL
);

CREATE TABLE public.segments_listmember (
    id bigint NOT NULL,
    kind character varying(40) NOT NULL,
    value character varying(512) NOT NULL,
    expires_at timestamp with time zone,
    is_applied boolean NOT NULL,
    profile_id uuid,
    removed_by_id uuid,
    upload_id uuid NOT NULL,
    segment_list_id uuid NOT NULL
);

ALTER TABLE public.segments_listmember ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.segments_listmember_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.segments_listsfollowed (
    id smallint NOT NULL,
    seen jsonb NOT NULL,
    coming jsonb NOT NULL,
    coming_at timestamp with time zone NOT NULL,
    CONSTRAINT segments_listsfollowed_id_check CHECK ((id >= 0))
);

CREATE TABLE public.segments_listupload (
    id uuid NOT NULL,
    number integer NOT NULL,
    mode character varying(10) NOT NULL,
    state character varying(10) NOT NULL,
    file_name character varying(200) NOT NULL,
    sha256 character varying(64) NOT NULL,
    uploaded_with character varying(64) NOT NULL,
    uploaded_at timestamp with time zone NOT NULL,
    rows integer NOT NULL,
    refused integer NOT NULL,
    faults jsonb NOT NULL,
    added integer NOT NULL,
    removed integer NOT NULL,
    is_final boolean NOT NULL,
    undone_at timestamp with time zone,
    undone_by_id integer,
    uploaded_by_id integer,
    segment_list_id uuid NOT NULL,
    CONSTRAINT segments_listupload_added_check CHECK ((added >= 0)),
    CONSTRAINT segments_listupload_number_check CHECK ((number >= 0)),
    CONSTRAINT segments_listupload_refused_check CHECK ((refused >= 0)),
    CONSTRAINT segments_listupload_removed_check CHECK ((removed >= 0)),
    CONSTRAINT segments_listupload_rows_check CHECK ((rows >= 0))
);

CREATE TABLE public.segments_liveset (
    site_id uuid NOT NULL,
    number bigint NOT NULL,
    request_reads jsonb NOT NULL,
    time_zone character varying(64) NOT NULL
);

CREATE TABLE public.segments_membership (
    id bigint NOT NULL,
    since timestamp with time zone NOT NULL,
    left_at timestamp with time zone,
    valid_until timestamp with time zone,
    source character varying(10) NOT NULL,
    profile_id uuid NOT NULL,
    site_id uuid NOT NULL,
    segment_id uuid NOT NULL,
    version_id uuid NOT NULL
);

ALTER TABLE public.segments_membership ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.segments_membership_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.segments_persona (
    id uuid NOT NULL,
    key character varying(60) NOT NULL,
    name character varying(120) NOT NULL,
    description text NOT NULL,
    traits jsonb NOT NULL,
    events jsonb NOT NULL,
    context jsonb NOT NULL,
    consents jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    archived_at timestamp with time zone,
    site_id uuid NOT NULL
);

CREATE TABLE public.segments_segment (
    id uuid NOT NULL,
    number integer NOT NULL,
    key character varying(60) NOT NULL,
    name character varying(120) NOT NULL,
    description text NOT NULL,
    draft jsonb NOT NULL,
    is_hidden boolean NOT NULL,
    is_archived boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    site_id uuid NOT NULL,
    draft_policy jsonb NOT NULL,
    fallback_for_id uuid,
    kind character varying(10) NOT NULL,
    owner_note text NOT NULL,
    refresh_every_s integer,
    tags jsonb NOT NULL,
    purpose character varying(20) NOT NULL,
    CONSTRAINT segments_segment_number_check CHECK ((number >= 0)),
    CONSTRAINT segments_segment_refresh_every_s_check CHECK ((refresh_every_s >= 0))
);

CREATE TABLE public.segments_segmentadaptation (
    segment_id uuid NOT NULL,
    every_days smallint NOT NULL,
    numbers jsonb NOT NULL,
    publishes_itself boolean NOT NULL,
    next_at timestamp with time zone NOT NULL,
    problem text NOT NULL,
    CONSTRAINT segments_segmentadaptation_every_days_check CHECK ((every_days >= 0))
);

CREATE TABLE public.segments_segmentbaseline (
    version_id uuid NOT NULL,
    goal character varying(200) NOT NULL,
    days smallint NOT NULL,
    members bigint NOT NULL,
    members_converted bigint NOT NULL,
    everyone bigint NOT NULL,
    everyone_converted bigint NOT NULL,
    measured_at timestamp with time zone NOT NULL,
    CONSTRAINT segments_segmentbaseline_days_check CHECK ((days >= 0)),
    CONSTRAINT segments_segmentbaseline_everyone_check CHECK ((everyone >= 0)),
    CONSTRAINT segments_segmentbaseline_everyone_converted_check CHECK ((everyone_converted >= 0)),
    CONSTRAINT segments_segmentbaseline_members_check CHECK ((members >= 0)),
    CONSTRAINT segments_segmentbaseline_members_converted_check CHECK ((members_converted >= 0))
);

CREATE TABLE public.segments_segmentlist (
    id uuid NOT NULL,
    key character varying(60) NOT NULL,
    name character varying(120) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    site_id uuid NOT NULL,
    purpose character varying(20) NOT NULL,
    basis character varying(20) NOT NULL
);

CREATE TABLE public.segments_segmentversion (
    id uuid NOT NULL,
    number integer NOT NULL,
    condition jsonb NOT NULL,
    digest character varying(64) NOT NULL,
    state character varying(12) NOT NULL,
    published_at timestamp with time zone NOT NULL,
    refreshed_at timestamp with time zone,
    refresh_ms integer,
    size bigint,
    published_by_id integer,
    segment_id uuid NOT NULL,
    entered bigint,
    first_size bigint,
    "left" bigint,
    note text NOT NULL,
    policy jsonb NOT NULL,
    restored_from_id uuid,
    CONSTRAINT segments_segmentversion_entered_check CHECK ((entered >= 0)),
    CONSTRAINT segments_segmentversion_first_size_check CHECK ((first_size >= 0)),
    CONSTRAINT segments_segmentversion_left_check CHECK (("left" >= 0)),
    CONSTRAINT segments_segmentversion_number_check CHECK ((number >= 0)),
    CONSTRAINT segments_segmentversion_refresh_ms_check CHECK ((refresh_ms >= 0)),
    CONSTRAINT segments_segmentversion_size_check CHECK ((size >= 0))
);

CREATE TABLE public.segments_thresholdproposal (
    id uuid NOT NULL,
    state character varying(10) NOT NULL,
    base jsonb NOT NULL,
    condition jsonb NOT NULL,
    numbers jsonb NOT NULL,
    size_before bigint,
    size_after bigint,
    entered bigint,
    "left" bigint,
    made_at timestamp with time zone NOT NULL,
    answered_at timestamp with time zone,
    answered_by_id integer,
    segment_id uuid NOT NULL,
    CONSTRAINT segments_thresholdproposal_entered_check CHECK ((entered >= 0)),
    CONSTRAINT segments_thresholdproposal_left_check CHECK (("left" >= 0)),
    CONSTRAINT segments_thresholdproposal_size_after_check CHECK ((size_after >= 0)),
    CONSTRAINT segments_thresholdproposal_size_before_check CHECK ((size_before >= 0))
);

CREATE TABLE public.studio_tour (
    user_id integer NOT NULL,
    put_away_at timestamp with time zone,
    opened jsonb NOT NULL
);

CREATE TABLE public.work_changefeed (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    kind character varying(40) NOT NULL,
    profile_id uuid,
    payload jsonb NOT NULL,
    site_id uuid NOT NULL
);

ALTER TABLE public.work_changefeed ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.work_changefeed_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.work_intent (
    id uuid NOT NULL,
    kind character varying(80) NOT NULL,
    key character varying(200) NOT NULL,
    payload jsonb NOT NULL,
    queue character varying(20) NOT NULL,
    state character varying(10) NOT NULL,
    attempts smallint NOT NULL,
    run_after timestamp with time zone NOT NULL,
    leased_by character varying(100) NOT NULL,
    leased_until timestamp with time zone,
    done_steps bigint NOT NULL,
    total_steps bigint NOT NULL,
    note character varying(300) NOT NULL,
    error text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    site_id uuid,
    CONSTRAINT work_intent_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT work_intent_done_steps_check CHECK ((done_steps >= 0)),
    CONSTRAINT work_intent_total_steps_check CHECK ((total_steps >= 0))
);

CREATE TABLE public.work_ledgerstate (
    ledger character varying(20) NOT NULL,
    looked_at timestamp with time zone,
    anchored_at timestamp with time zone,
    checked_at timestamp with time zone,
    checked jsonb NOT NULL
);

CREATE TABLE public.work_seal (
    ledger character varying(20) NOT NULL,
    site_id uuid NOT NULL,
    seq bigint NOT NULL,
    row_id character varying(40) NOT NULL,
    form smallint NOT NULL,
    row_at timestamp with time zone NOT NULL,
    since timestamp with time zone,
    sealed_at timestamp with time zone NOT NULL,
    content bytea,
    apart bytea,
    chain bytea NOT NULL
);

CREATE TABLE public.work_sealhead (
    ledger character varying(20) NOT NULL,
    site_id uuid NOT NULL,
    seq bigint NOT NULL,
    chain bytea NOT NULL,
    sealed_at timestamp with time zone NOT NULL,
    anchored_seq bigint NOT NULL
);

CREATE TABLE public.work_unsealed (
    id bigint NOT NULL,
    ledger character varying(20) NOT NULL,
    row_id character varying(40) NOT NULL,
    at timestamp with time zone DEFAULT statement_timestamp() NOT NULL
);

ALTER TABLE public.work_unsealed ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.work_unsealed_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY public.events_dedupekey ATTACH PARTITION public.events_dedupekey_0 FOR VALUES WITH (modulus 8, remainder 0);

ALTER TABLE ONLY public.events_dedupekey ATTACH PARTITION public.events_dedupekey_1 FOR VALUES WITH (modulus 8, remainder 1);

ALTER TABLE ONLY public.events_dedupekey ATTACH PARTITION public.events_dedupekey_2 FOR VALUES WITH (modulus 8, remainder 2);

ALTER TABLE ONLY public.events_dedupekey ATTACH PARTITION public.events_dedupekey_3 FOR VALUES WITH (modulus 8, remainder 3);

ALTER TABLE ONLY public.events_dedupekey ATTACH PARTITION public.events_dedupekey_4 FOR VALUES WITH (modulus 8, remainder 4);

ALTER TABLE ONLY public.events_dedupekey ATTACH PARTITION public.events_dedupekey_5 FOR VALUES WITH (modulus 8, remainder 5);

ALTER TABLE ONLY public.events_dedupekey ATTACH PARTITION public.events_dedupekey_6 FOR VALUES WITH (modulus 8, remainder 6);

ALTER TABLE ONLY public.events_dedupekey ATTACH PARTITION public.events_dedupekey_7 FOR VALUES WITH (modulus 8, remainder 7);

ALTER TABLE ONLY public.events_event ATTACH PARTITION public.events_event_default DEFAULT;

INSERT INTO public.django_content_type VALUES
	(1, 'otp_totp', 'totpdevice'),
	(2, 'access', 'sealedtotp');

INSERT INTO public.django_migrations VALUES
	(1, 'contenttypes', '0001_initial', '2000-01-01 00:00:00+00'),
	(2, 'auth', '0001_initial', '2000-01-01 00:00:00+00'),
	(3, 'otp_totp', '0001_initial', '2000-01-01 00:00:00+00'),
	(4, 'otp_totp', '0002_auto_20190420_0723', '2000-01-01 00:00:00+00'),
	(5, 'otp_totp', '0003_add_timestamps', '2000-01-01 00:00:00+00'),
	(6, 'otp_static', '0001_initial', '2000-01-01 00:00:00+00'),
	(7, 'otp_static', '0002_throttling', '2000-01-01 00:00:00+00'),
	(8, 'otp_static', '0003_add_timestamps', '2000-01-01 00:00:00+00'),
	(9, 'access', '0001_initial', '2000-01-01 00:00:00+00'),
	(10, 'work', '0001_initial', '2000-01-01 00:00:00+00'),
	(11, 'work', '0002_changes_cost_less', '2000-01-01 00:00:00+00'),
	(12, 'work', '0003_ledger_seals', '2000-01-01 00:00:00+00'),
	(13, 'access', '0002_idempotent_calls', '2000-01-01 00:00:00+00'),
	(14, 'access', '0003_decision_log_share', '2000-01-01 00:00:00+00'),
	(15, 'access', '0004_editing', '2000-01-01 00:00:00+00'),
	(16, 'access', '0005_audit_sealed', '2000-01-01 00:00:00+00'),
	(17, 'access', '0006_site_privacy', '2000-01-01 00:00:00+00'),
	(18, 'access', '0007_sign_in', '2000-01-01 00:00:00+00'),
	(19, 'access', '0008_alerts', '2000-01-01 00:00:00+00'),
	(20, 'admin', '0001_initial', '2000-01-01 00:00:00+00'),
	(21, 'admin', '0002_logentry_remove_auto_add', '2000-01-01 00:00:00+00'),
	(22, 'admin', '0003_logentry_add_action_flag_choices', '2000-01-01 00:00:00+00'),
	(23, 'contenttypes', '0002_remove_content_type_name', '2000-01-01 00:00:00+00'),
	(24, 'auth', '0002_alter_permission_name_max_length', '2000-01-01 00:00:00+00'),
	(25, 'auth', '0003_alter_user_email_max_length', '2000-01-01 00:00:00+00'),
	(26, 'auth', '0004_alter_user_username_opts', '2000-01-01 00:00:00+00'),
	(27, 'auth', '0005_alter_user_last_login_null', '2000-01-01 00:00:00+00'),
	(28, 'auth', '0006_require_contenttypes_0002', '2000-01-01 00:00:00+00'),
	(29, 'auth', '0007_alter_validators_add_error_messages', '2000-01-01 00:00:00+00'),
	(30, 'auth', '0008_alter_user_username_max_length', '2000-01-01 00:00:00+00'),
	(31, 'auth', '0009_alter_user_last_name_max_length', '2000-01-01 00:00:00+00'),
	(32, 'auth', '0010_alter_group_name_max_length', '2000-01-01 00:00:00+00'),
	(33, 'auth', '0011_update_proxy_permissions', '2000-01-01 00:00:00+00'),
	(34, 'auth', '0012_alter_user_first_name_max_length', '2000-01-01 00:00:00+00'),
	(35, 'axes', '0001_initial', '2000-01-01 00:00:00+00'),
	(36, 'axes', '0002_auto_20151217_2044', '2000-01-01 00:00:00+00'),
	(37, 'axes', '0003_auto_20160322_0929', '2000-01-01 00:00:00+00'),
	(38, 'axes', '0004_auto_20181024_1538', '2000-01-01 00:00:00+00'),
	(39, 'axes', '0005_remove_accessattempt_trusted', '2000-01-01 00:00:00+00'),
	(40, 'axes', '0006_remove_accesslog_trusted', '2000-01-01 00:00:00+00'),
	(41, 'axes', '0007_alter_accessattempt_unique_together', '2000-01-01 00:00:00+00'),
	(42, 'axes', '0008_accessfailurelog', '2000-01-01 00:00:00+00'),
	(43, 'axes', '0009_add_session_hash', '2000-01-01 00:00:00+00'),
	(44, 'axes', '0010_accessattemptexpiration', '2000-01-01 00:00:00+00'),
	(45, 'profiles', '0001_initial', '2000-01-01 00:00:00+00'),
	(46, 'profiles', '0002_state_row_fillfactor', '2000-01-01 00:00:00+00'),
	(47, 'profiles', '0003_undoing', '2000-01-01 00:00:00+00'),
	(48, 'profiles', '0004_inside_words', '2000-01-01 00:00:00+00'),
	(49, 'profiles', '0005_histories_uncompressed', '2000-01-01 00:00:00+00'),
	(50, 'profiles', '0006_caps', '2000-01-01 00:00:00+00'),
	(51, 'profiles', '0007_editing', '2000-01-01 00:00:00+00'),
	(52, 'profiles', '0008_consent_state', '2000-01-01 00:00:00+00'),
	(53, 'consent', '0001_initial', '2000-01-01 00:00:00+00'),
	(54, 'consent', '0002_append_only', '2000-01-01 00:00:00+00'),
	(55, 'consent', '0004_sealed', '2000-01-01 00:00:00+00'),
	(56, 'consent', '0005_states_and_proof', '2000-01-01 00:00:00+00'),
	(57, 'consent', '0006_recipients', '2000-01-01 00:00:00+00'),
	(58, 'consent', '0007_tombstones', '2000-01-01 00:00:00+00'),
	(59, 'segments', '0001_bucket_function', '2000-01-01 00:00:00+00'),
	(60, 'segments', '0002_initial', '2000-01-01 00:00:00+00'),
	(61, 'segments', '0003_condition_functions', '2000-01-01 00:00:00+00'),
	(62, 'segments', '0004_lists_policies_and_baselines', '2000-01-01 00:00:00+00'),
	(63, 'segments', '0005_live_set_reads_and_zone', '2000-01-01 00:00:00+00'),
	(64, 'segments', '0006_thresholds_that_adapt', '2000-01-01 00:00:00+00'),
	(65, 'segments', '0007_inside_words', '2000-01-01 00:00:00+00'),
	(66, 'segments', '0008_stays_cost_less', '2000-01-01 00:00:00+00'),
	(67, 'segments', '0009_lists_followed', '2000-01-01 00:00:00+00'),
	(68, 'content', '0001_initial', '2000-01-01 00:00:00+00'),
	(69, 'content', '0002_block_is_cacheable', '2000-01-01 00:00:00+00'),
	(70, 'content', '0003_caps', '2000-01-01 00:00:00+00'),
	(71, 'content', '0004_editing', '2000-01-01 00:00:00+00'),
	(72, 'content', '0005_revisions', '2000-01-01 00:00:00+00'),
	(73, 'content', '0006_kinds', '2000-01-01 00:00:00+00'),
	(74, 'content', '0007_assets', '2000-01-01 00:00:00+00'),
	(75, 'profiles', '0009_vault', '2000-01-01 00:00:00+00'),
	(76, 'profiles', '0010_duplicates', '2000-01-01 00:00:00+00'),
	(77, 'experiments', '0001_experiments', '2000-01-01 00:00:00+00'),
	(78, 'rules', '0001_initial', '2000-01-01 00:00:00+00'),
	(79, 'rules', '0002_caps', '2000-01-01 00:00:00+00'),
	(80, 'rules', '0003_editing', '2000-01-01 00:00:00+00'),
	(81, 'rules', '0004_triggers', '2000-01-01 00:00:00+00'),
	(82, 'decisions', '0001_initial', '2000-01-01 00:00:00+00'),
	(83, 'decisions', '0002_replayable_records', '2000-01-01 00:00:00+00'),
	(84, 'decisions', '0003_forgotten', '2000-01-01 00:00:00+00'),
	(85, 'decisions', '0004_releases', '2000-01-01 00:00:00+00'),
	(86, 'decisions', '0005_served_days', '2000-01-01 00:00:00+00'),
	(87, 'decisions', '0006_experiments', '2000-01-01 00:00:00+00'),
	(88, 'decisions', '0007_arm_days', '2000-01-01 00:00:00+00'),
	(89, 'delivery', '0001_purge_address', '2000-01-01 00:00:00+00'),
	(90, 'delivery', '0002_preview_links', '2000-01-01 00:00:00+00'),
	(91, 'demo', '0001_initial', '2000-01-01 00:00:00+00'),
	(92, 'django_celery_beat', '0001_initial', '2000-01-01 00:00:00+00'),
	(93, 'django_celery_beat', '0002_auto_20161118_0346', '2000-01-01 00:00:00+00'),
	(94, 'django_celery_beat', '0003_auto_20161209_0049', '2000-01-01 00:00:00+00'),
	(95, 'django_celery_beat', '0004_auto_20170221_0000', '2000-01-01 00:00:00+00'),
	(96, 'django_celery_beat', '0005_add_solarschedule_events_choices', '2000-01-01 00:00:00+00'),
	(97, 'django_celery_beat', '0006_auto_20180322_0932', '2000-01-01 00:00:00+00'),
	(98, 'django_celery_beat', '0007_auto_20180521_0826', '2000-01-01 00:00:00+00'),
	(99, 'django_celery_beat', '0008_auto_20180914_1922', '2000-01-01 00:00:00+00'),
	(100, 'django_celery_beat', '0006_auto_20180210_1226', '2000-01-01 00:00:00+00'),
	(101, 'django_celery_beat', '0006_periodictask_priority', '2000-01-01 00:00:00+00'),
	(102, 'django_celery_beat', '0009_periodictask_headers', '2000-01-01 00:00:00+00'),
	(103, 'django_celery_beat', '0010_auto_20190429_0326', '2000-01-01 00:00:00+00'),
	(104, 'django_celery_beat', '0011_auto_20190508_0153', '2000-01-01 00:00:00+00'),
	(105, 'django_celery_beat', '0012_periodictask_expire_seconds', '2000-01-01 00:00:00+00'),
	(106, 'django_celery_beat', '0013_auto_20200609_0727', '2000-01-01 00:00:00+00'),
	(107, 'django_celery_beat', '0014_remove_clockedschedule_enabled', '2000-01-01 00:00:00+00'),
	(108, 'django_celery_beat', '0015_edit_solarschedule_events_choices', '2000-01-01 00:00:00+00'),
	(109, 'django_celery_beat', '0016_alter_crontabschedule_timezone', '2000-01-01 00:00:00+00'),
	(110, 'django_celery_beat', '0017_alter_crontabschedule_month_of_year', '2000-01-01 00:00:00+00'),
	(111, 'django_celery_beat', '0018_improve_crontab_helptext', '2000-01-01 00:00:00+00'),
	(112, 'django_celery_beat', '0019_alter_periodictasks_options', '2000-01-01 00:00:00+00'),
	(113, 'events', '0001_partitioned_events', '2000-01-01 00:00:00+00'),
	(114, 'events', '0002_initial', '2000-01-01 00:00:00+00'),
	(115, 'events', '0003_rollups', '2000-01-01 00:00:00+00'),
	(116, 'events', '0004_totals_as_doubles', '2000-01-01 00:00:00+00'),
	(117, 'events', '0005_quarantine_subjects', '2000-01-01 00:00:00+00'),
	(118, 'events', '0006_events_personal', '2000-01-01 00:00:00+00'),
	(119, 'events', '0007_intake_erased', '2000-01-01 00:00:00+00'),
	(120, 'events', '0008_feature_marks', '2000-01-01 00:00:00+00'),
	(121, 'experiments', '0002_events_by_id', '2000-01-01 00:00:00+00'),
	(122, 'experiments', '0003_design', '2000-01-01 00:00:00+00'),
	(123, 'experiments', '0004_stopping', '2000-01-01 00:00:00+00'),
	(124, 'experiments', '0005_bandits', '2000-01-01 00:00:00+00'),
	(125, 'experiments', '0006_targets', '2000-01-01 00:00:00+00'),
	(126, 'experiments', '0007_worth', '2000-01-01 00:00:00+00'),
	(127, 'experiments', '0008_what_if', '2000-01-01 00:00:00+00'),
	(128, 'integrations', '0001_initial', '2000-01-01 00:00:00+00'),
	(129, 'integrations', '0002_engagement', '2000-01-01 00:00:00+00'),
	(130, 'predictions', '0001_initial', '2000-01-01 00:00:00+00'),
	(131, 'predictions', '0002_purposes', '2000-01-01 00:00:00+00'),
	(132, 'predictions', '0003_cuts', '2000-01-01 00:00:00+00'),
	(133, 'predictions', '0004_questions_versions_watch', '2000-01-01 00:00:00+00'),
	(134, 'predictions', '0005_days', '2000-01-01 00:00:00+00'),
	(135, 'predictions', '0006_audits_append_only', '2000-01-01 00:00:00+00'),
	(136, 'privacy', '0001_requests', '2000-01-01 00:00:00+00'),
	(137, 'privacy', '0002_erasures', '2000-01-01 00:00:00+00'),
	(138, 'privacy', '0003_packages', '2000-01-01 00:00:00+00'),
	(139, 'privacy', '0004_retention', '2000-01-01 00:00:00+00'),
	(140, 'privacy', '0005_outbox', '2000-01-01 00:00:00+00'),
	(141, 'recommendations', '0001_initial', '2000-01-01 00:00:00+00'),
	(142, 'recommendations', '0002_recommenderversion_digest', '2000-01-01 00:00:00+00'),
	(143, 'recommendations', '0003_purposes', '2000-01-01 00:00:00+00'),
	(144, 'recommendations', '0004_catalogue_methods_trials', '2000-01-01 00:00:00+00'),
	(145, 'rules', '0005_purposes', '2000-01-01 00:00:00+00'),
	(146, 'segments', '0010_personas', '2000-01-01 00:00:00+00'),
	(147, 'segments', '0011_purposes', '2000-01-01 00:00:00+00'),
	(148, 'sessions', '0001_initial', '2000-01-01 00:00:00+00'),
	(149, 'studio', '0001_tour', '2000-01-01 00:00:00+00');

SELECT pg_catalog.setval('public.access_auditentry_id_seq', 1, false);

SELECT pg_catalog.setval('public.access_idempotentcall_id_seq', 1, false);

SELECT pg_catalog.setval('public.access_sitestaff_id_seq', 1, false);

SELECT pg_catalog.setval('public.auth_group_id_seq', 1, false);

SELECT pg_catalog.setval('public.auth_group_permissions_id_seq', 1, false);

SELECT pg_catalog.setval('public.auth_permission_id_seq', 1, false);

SELECT pg_catalog.setval('public.auth_user_groups_id_seq', 1, false);

SELECT pg_catalog.setval('public.auth_user_id_seq', 1, false);

SELECT pg_catalog.setval('public.auth_user_user_permissions_id_seq', 1, false);

SELECT pg_catalog.setval('public.axes_accessattempt_id_seq', 1, false);

SELECT pg_catalog.setval('public.axes_accessfailurelog_id_seq', 1, false);

SELECT pg_catalog.setval('public.axes_accesslog_id_seq', 1, false);

SELECT pg_catalog.setval('public.consent_disclosure_id_seq', 1, false);

SELECT pg_catalog.setval('public.consent_tombstone_id_seq', 1, false);

SELECT pg_catalog.setval('public.content_assetfile_id_seq', 1, false);

SELECT pg_catalog.setval('public.content_block_caps_id_seq', 1, false);

SELECT pg_catalog.setval('public.content_placement_caps_id_seq', 1, false);

SELECT pg_catalog.setval('public.content_theme_segments_id_seq', 1, false);

SELECT pg_catalog.setval('public.content_variant_caps_id_seq', 1, false);

SELECT pg_catalog.setval('public.content_variant_segments_id_seq', 1, false);

SELECT pg_catalog.setval('public.decisions_armday_id_seq', 1, false);

SELECT pg_catalog.setval('public.decisions_contentfinding_id_seq', 1, false);

SELECT pg_catalog.setval('public.decisions_countedday_id_seq', 1, false);

SELECT pg_catalog.setval('public.decisions_part_id_seq', 1, false);

SELECT pg_catalog.setval('public.decisions_publishedpart_id_seq', 1, false);

SELECT pg_catalog.setval('public.decisions_releaseitem_id_seq', 1, false);

SELECT pg_catalog.setval('public.decisions_releasevote_id_seq', 1, false);

SELECT pg_catalog.setval('public.decisions_servedday_id_seq', 1, false);

SELECT pg_catalog.setval('public.decisions_shownday_id_seq', 1, false);

SELECT pg_catalog.setval('public.decisions_touched_id_seq', 1, false);

SELECT pg_catalog.setval('public.django_admin_log_id_seq', 1, false);

SELECT pg_catalog.setval('public.django_celery_beat_clockedschedule_id_seq', 1, false);

SELECT pg_catalog.setval('public.django_celery_beat_crontabschedule_id_seq', 1, false);

SELECT pg_catalog.setval('public.django_celery_beat_intervalschedule_id_seq', 1, false);

SELECT pg_catalog.setval('public.django_celery_beat_periodictask_id_seq', 1, false);

SELECT pg_catalog.setval('public.django_celery_beat_solarschedule_id_seq', 1, false);

SELECT pg_catalog.setval('public.django_content_type_id_seq', 2, true);

SELECT pg_catalog.setval('public.django_migrations_id_seq', 149, true);

SELECT pg_catalog.setval('public.events_event_id_seq', 1, false);

SELECT pg_catalog.setval('public.events_eventschema_id_seq', 1, false);

SELECT pg_catalog.setval('public.events_featuremark_id_seq', 1, false);

SELECT pg_catalog.setval('public.events_inbox_id_seq', 1, false);

SELECT pg_catalog.setval('public.events_intakeminute_id_seq', 1, false);

SELECT pg_catalog.setval('public.events_rollupmark_id_seq', 1, false);

SELECT pg_catalog.setval('public.events_rollupmeasure_id_seq', 1, false);

SELECT pg_catalog.setval('public.experiments_banditsum_id_seq', 1, false);

SELECT pg_catalog.setval('public.experiments_change_id_seq', 1, false);

SELECT pg_catalog.setval('public.experiments_daysum_id_seq', 1, false);

SELECT pg_catalog.setval('public.experiments_holdoutmember_id_seq', 1, false);

SELECT pg_catalog.setval('public.experiments_holdoutsum_id_seq', 1, false);

SELECT pg_catalog.setval('public.experiments_holdoutturn_id_seq', 1, false);

SELECT pg_catalog.setval('public.experiments_look_id_seq', 1, false);

SELECT pg_catalog.setval('public.experiments_participant_id_seq', 1, false);

SELECT pg_catalog.setval('public.experiments_reopened_id_seq', 1, false);

SELECT pg_catalog.setval('public.experiments_serving_id_seq', 1, false);

SELECT pg_catalog.setval('public.experiments_uncounted_id_seq', 1, false);

SELECT pg_catalog.setval('public.otp_static_staticdevice_id_seq', 1, false);

SELECT pg_catalog.setval('public.otp_static_statictoken_id_seq', 1, false);

SELECT pg_catalog.setval('public.otp_totp_totpdevice_id_seq', 1, false);

SELECT pg_catalog.setval('public.predictions_driftlook_id_seq', 1, false);

SELECT pg_catalog.setval('public.predictions_score_id_seq', 1, false);

SELECT pg_catalog.setval('public.privacy_bulkvote_id_seq', 1, false);

SELECT pg_catalog.setval('public.privacy_erasurestep_id_seq', 1, false);

SELECT pg_catalog.setval('public.privacy_modelcut_id_seq', 1, false);

SELECT pg_catalog.setval('public.privacy_note_id_seq', 1, false);

SELECT pg_catalog.setval('public.privacy_recipienttelling_id_seq', 1, false);

SELECT pg_catalog.setval('public.privacy_reminder_id_seq', 1, false);

SELECT pg_catalog.setval('public.privacy_requestsubject_id_seq', 1, false);

SELECT pg_catalog.setval('public.privacy_retentionrun_id_seq', 1, false);

SELECT pg_catalog.setval('public.profiles_contact_id_seq', 1, false);

SELECT pg_catalog.setval('public.profiles_duplicate_id_seq', 1, false);

SELECT pg_catalog.setval('public.profiles_identity_id_seq', 1, false);

SELECT pg_catalog.setval('public.profiles_identitylink_id_seq', 1, false);

SELECT pg_catalog.setval('public.profiles_keptapart_id_seq', 1, false);

SELECT pg_catalog.setval('public.profiles_mergerecord_id_seq', 1, false);

SELECT pg_catalog.setval('public.profiles_trait_id_seq', 1, false);

SELECT pg_catalog.setval('public.profiles_traitchange_id_seq', 1, false);

SELECT pg_catalog.setval('public.profiles_traitkind_id_seq', 1, false);

SELECT pg_catalog.setval('public.recommendations_item_id_seq', 1, false);

SELECT pg_catalog.setval('public.recommendations_itemlist_id_seq', 1, false);

SELECT pg_catalog.setval('public.recommendations_personlist_id_seq', 1, false);

SELECT pg_catalog.setval('public.recommendations_trial_id_seq', 1, false);

SELECT pg_catalog.setval('public.rules_rule_caps_id_seq', 1, false);

SELECT pg_catalog.setval('public.segments_listmember_id_seq', 1, false);

SELECT pg_catalog.setval('public.segments_membership_id_seq', 1, false);

SELECT pg_catalog.setval('public.work_changefeed_id_seq', 1, false);

SELECT pg_catalog.setval('public.work_unsealed_id_seq', 1, false);

ALTER TABLE ONLY public.access_alert
    ADD CONSTRAINT access_alert_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.access_alertaddress
    ADD CONSTRAINT access_alertaddress_pkey PRIMARY KEY (site_id);

ALTER TABLE ONLY public.access_apikey
    ADD CONSTRAINT access_apikey_digest_key UNIQUE (digest);

ALTER TABLE ONLY public.access_apikey
    ADD CONSTRAINT access_apikey_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.access_auditentry
    ADD CONSTRAINT access_auditentry_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.access_idempotentcall
    ADD CONSTRAINT access_idempotent_call UNIQUE (site_id, digest);

ALTER TABLE ONLY public.access_idempotentcall
    ADD CONSTRAINT access_idempotentcall_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.access_site
    ADD CONSTRAINT access_site_key_key UNIQUE (key);

ALTER TABLE ONLY public.access_site
    ADD CONSTRAINT access_site_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.access_sitestaff
    ADD CONSTRAINT access_site_staff UNIQUE (user_id, site_id);

ALTER TABLE ONLY public.access_sitestaff
    ADD CONSTRAINT access_sitestaff_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.access_source
    ADD CONSTRAINT access_source_name UNIQUE (site_id, name);

ALTER TABLE ONLY public.access_source
    ADD CONSTRAINT access_source_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.auth_group
    ADD CONSTRAINT auth_group_name_key UNIQUE (name);

ALTER TABLE ONLY public.auth_group_permissions
    ADD CONSTRAINT auth_group_permissions_group_id_permission_id_0cd325b0_uniq UNIQUE (group_id, permission_id);

ALTER TABLE ONLY public.auth_group_permissions
    ADD CONSTRAINT auth_group_permissions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.auth_group
    ADD CONSTRAINT auth_group_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.auth_permission
    ADD CONSTRAINT auth_permission_content_type_id_codename_01ab375a_uniq UNIQUE (content_type_id, codename);

ALTER TABLE ONLY public.auth_permission
    ADD CONSTRAINT auth_permission_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.auth_user_groups
    ADD CONSTRAINT auth_user_groups_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.auth_user_groups
    ADD CONSTRAINT auth_user_groups_user_id_group_id_94350c0c_uniq UNIQUE (user_id, group_id);

ALTER TABLE ONLY public.auth_user
    ADD CONSTRAINT auth_user_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.auth_user_user_permissions
    ADD CONSTRAINT auth_user_user_permissions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.auth_user_user_permissions
    ADD CONSTRAINT auth_user_user_permissions_user_id_permission_id_14a6b632_uniq UNIQUE (user_id, permission_id);

ALTER TABLE ONLY public.auth_user
    ADD CONSTRAINT auth_user_username_key UNIQUE (username);

ALTER TABLE ONLY public.axes_accessattempt
    ADD CONSTRAINT axes_accessattempt_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.axes_accessattempt
    ADD CONSTRAINT axes_accessattempt_username_ip_address_user_agent_8ea22282_uniq UNIQUE (username, ip_address, user_agent);

ALTER TABLE ONLY public.axes_accessattemptexpiration
    ADD CONSTRAINT axes_accessattemptexpiration_pkey PRIMARY KEY (access_attempt_id);

ALTER TABLE ONLY public.axes_accessfailurelog
    ADD CONSTRAINT axes_accessfailurelog_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.axes_accesslog
    ADD CONSTRAINT axes_accesslog_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.consent_consentevent
    ADD CONSTRAINT consent_consentevent_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.consent_disclosure
    ADD CONSTRAINT consent_disclosure_once UNIQUE (profile_id, recipient_id, what);

ALTER TABLE ONLY public.consent_disclosure
    ADD CONSTRAINT consent_disclosure_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.consent_ending
    ADD CONSTRAINT consent_ending_pkey PRIMARY KEY (profile_id);

ALTER TABLE ONLY public.consent_noticeversion
    ADD CONSTRAINT consent_notice_unique UNIQUE (site_id, version, language);

ALTER TABLE ONLY public.consent_noticeversion
    ADD CONSTRAINT consent_noticeversion_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.consent_recipient
    ADD CONSTRAINT consent_recipient_key UNIQUE (site_id, key);

ALTER TABLE ONLY public.consent_recipient
    ADD CONSTRAINT consent_recipient_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.consent_tombstone
    ADD CONSTRAINT consent_tombstone_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.consent_tombstone
    ADD CONSTRAINT consent_tombstone_unique UNIQUE NULLS NOT DISTINCT (site_id, digest, erased_at, since_ms);

ALTER TABLE ONLY public.content_asset
    ADD CONSTRAINT content_asset_key UNIQUE (site_id, key);

ALTER TABLE ONLY public.content_asset
    ADD CONSTRAINT content_asset_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.content_assetfile
    ADD CONSTRAINT content_assetfile_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.content_assetfile
    ADD CONSTRAINT content_assetfile_spec UNIQUE (digest, spec);

ALTER TABLE ONLY public.content_block_caps
    ADD CONSTRAINT content_block_caps_block_id_cap_id_feb5d360_uniq UNIQUE (block_id, cap_id);

ALTER TABLE ONLY public.content_block_caps
    ADD CONSTRAINT content_block_caps_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.content_block
    ADD CONSTRAINT content_block_key UNIQUE (site_id, key);

ALTER TABLE ONLY public.content_block
    ADD CONSTRAINT content_block_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.content_blocktype
    ADD CONSTRAINT content_blocktype_key UNIQUE (site_id, key);

ALTER TABLE ONLY public.content_blocktype
    ADD CONSTRAINT content_blocktype_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.content_cap
    ADD CONSTRAINT content_cap_key UNIQUE (site_id, key);

ALTER TABLE ONLY public.content_cap
    ADD CONSTRAINT content_cap_number UNIQUE (site_id, number);

ALTER TABLE ONLY public.content_cap
    ADD CONSTRAINT content_cap_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.content_placement_caps
    ADD CONSTRAINT content_placement_caps_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.content_placement_caps
    ADD CONSTRAINT content_placement_caps_placement_id_cap_id_a5ef7756_uniq UNIQUE (placement_id, cap_id);

ALTER TABLE ONLY public.content_placement
    ADD CONSTRAINT content_placement_key UNIQUE (site_id, key);

ALTER TABLE ONLY public.content_placement
    ADD CONSTRAINT content_placement_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.content_revision
    ADD CONSTRAINT content_revision_number UNIQUE (kind, object_id, number);

ALTER TABLE ONLY public.content_revision
    ADD CONSTRAINT content_revision_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.content_theme
    ADD CONSTRAINT content_theme_key UNIQUE (site_id, key);

ALTER TABLE ONLY public.content_theme
    ADD CONSTRAINT content_theme_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.content_theme_segments
    ADD CONSTRAINT content_theme_segments_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.content_theme_segments
    ADD CONSTRAINT content_theme_segments_theme_id_segment_id_24820c4e_uniq UNIQUE (theme_id, segment_id);

ALTER TABLE ONLY public.content_translation
    ADD CONSTRAINT content_translation_locale UNIQUE (variant_id, locale);

ALTER TABLE ONLY public.content_translation
    ADD CONSTRAINT content_translation_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.content_unsaved
    ADD CONSTRAINT content_unsaved_of_a_tab UNIQUE (user_id, kind, object_ref, tab);

ALTER TABLE ONLY public.content_unsaved
    ADD CONSTRAINT content_unsaved_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.content_variant_caps
    ADD CONSTRAINT content_variant_caps_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.content_variant_caps
    ADD CONSTRAINT content_variant_caps_variant_id_cap_id_f39f3872_uniq UNIQUE (variant_id, cap_id);

ALTER TABLE ONLY public.content_variant
    ADD CONSTRAINT content_variant_key UNIQUE (block_id, key);

ALTER TABLE ONLY public.content_variant
    ADD CONSTRAINT content_variant_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.content_variant_segments
    ADD CONSTRAINT content_variant_segments_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.content_variant_segments
    ADD CONSTRAINT content_variant_segments_variant_id_segment_id_7db4d79a_uniq UNIQUE (variant_id, segment_id);

ALTER TABLE ONLY public.decisions_armday
    ADD CONSTRAINT decisions_arm_day_once UNIQUE (site_id, experiment, day, arm);

ALTER TABLE ONLY public.decisions_armday
    ADD CONSTRAINT decisions_armday_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.decisions_contentfinding
    ADD CONSTRAINT decisions_contentfinding_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.decisions_countedday
    ADD CONSTRAINT decisions_counted_once UNIQUE (site_id, day);

ALTER TABLE ONLY public.decisions_countedday
    ADD CONSTRAINT decisions_countedday_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.decisions_decisionrecord
    ADD CONSTRAINT decisions_decisionrecord_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.decisions_dryrunasked
    ADD CONSTRAINT decisions_dryrunasked_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.decisions_contentfinding
    ADD CONSTRAINT decisions_finding_once UNIQUE (site_id, kind, place);

ALTER TABLE ONLY public.decisions_forgotten
    ADD CONSTRAINT decisions_forgotten_pkey PRIMARY KEY (digest);

ALTER TABLE ONLY public.decisions_hotgeneration
    ADD CONSTRAINT decisions_hotgeneration_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.decisions_part
    ADD CONSTRAINT decisions_part_of_draft UNIQUE (site_id, kind, key);

ALTER TABLE ONLY public.decisions_part
    ADD CONSTRAINT decisions_part_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.decisions_partstate
    ADD CONSTRAINT decisions_partstate_pkey PRIMARY KEY (site_id);

ALTER TABLE ONLY public.decisions_publication
    ADD CONSTRAINT decisions_publication_number UNIQUE (site_id, number);

ALTER TABLE ONLY public.decisions_publication
    ADD CONSTRAINT decisions_publication_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.decisions_publishedpart
    ADD CONSTRAINT decisions_published_part UNIQUE (site_id, digest);

ALTER TABLE ONLY public.decisions_publishedpart
    ADD CONSTRAINT decisions_publishedpart_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.decisions_releaseitem
    ADD CONSTRAINT decisions_release_item UNIQUE (release_id, kind, key);

ALTER TABLE ONLY public.decisions_release
    ADD CONSTRAINT decisions_release_number UNIQUE (site_id, number);

ALTER TABLE ONLY public.decisions_release
    ADD CONSTRAINT decisions_release_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.decisions_releaseitem
    ADD CONSTRAINT decisions_releaseitem_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.decisions_releasevote
    ADD CONSTRAINT decisions_releasevote_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.decisions_servedday
    ADD CONSTRAINT decisions_served_once UNIQUE (site_id, day, placement, variant, reason, rule);

ALTER TABLE ONLY public.decisions_servedday
    ADD CONSTRAINT decisions_servedday_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.decisions_shownday
    ADD CONSTRAINT decisions_shown_once UNIQUE (site_id, day, placement, variant);

ALTER TABLE ONLY public.decisions_shownday
    ADD CONSTRAINT decisions_shownday_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.decisions_touched
    ADD CONSTRAINT decisions_touched_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.delivery_previewlink
    ADD CONSTRAINT delivery_previewlink_digest_key UNIQUE (digest);

ALTER TABLE ONLY public.delivery_previewlink
    ADD CONSTRAINT delivery_previewlink_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.delivery_purgeaddress
    ADD CONSTRAINT delivery_purgeaddress_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.delivery_purgeaddress
    ADD CONSTRAINT delivery_purgeaddress_site_id_key UNIQUE (site_id);

ALTER TABLE ONLY public.demo_demorun
    ADD CONSTRAINT demo_demorun_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.demo_demorun
    ADD CONSTRAINT demo_demorun_site_id_key UNIQUE (site_id);

ALTER TABLE ONLY public.django_admin_log
    ADD CONSTRAINT django_admin_log_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.django_celery_beat_clockedschedule
    ADD CONSTRAINT django_celery_beat_clockedschedule_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.django_celery_beat_crontabschedule
    ADD CONSTRAINT django_celery_beat_crontabschedule_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.django_celery_beat_intervalschedule
    ADD CONSTRAINT django_celery_beat_intervalschedule_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.django_celery_beat_periodictask
    ADD CONSTRAINT django_celery_beat_periodictask_name_key UNIQUE (name);

ALTER TABLE ONLY public.django_celery_beat_periodictask
    ADD CONSTRAINT django_celery_beat_periodictask_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.django_celery_beat_periodictasks
    ADD CONSTRAINT django_celery_beat_periodictasks_pkey PRIMARY KEY (ident);

ALTER TABLE ONLY public.django_celery_beat_solarschedule
    ADD CONSTRAINT django_celery_beat_solar_event_latitude_longitude_ba64999a_uniq UNIQUE (event, latitude, longitude);

ALTER TABLE ONLY public.django_celery_beat_solarschedule
    ADD CONSTRAINT django_celery_beat_solarschedule_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.django_content_type
    ADD CONSTRAINT django_content_type_app_label_model_76bd3d3b_uniq UNIQUE (app_label, model);

ALTER TABLE ONLY public.django_content_type
    ADD CONSTRAINT django_content_type_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.django_migrations
    ADD CONSTRAINT django_migrations_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.django_session
    ADD CONSTRAINT django_session_pkey PRIMARY KEY (session_key);

ALTER TABLE ONLY public.events_dedupekey
    ADD CONSTRAINT events_dedupekey_pkey PRIMARY KEY (digest, source_id);

ALTER TABLE ONLY public.events_dedupekey_0
    ADD CONSTRAINT events_dedupekey_0_pkey PRIMARY KEY (digest, source_id);

ALTER TABLE ONLY public.events_dedupekey_1
    ADD CONSTRAINT events_dedupekey_1_pkey PRIMARY KEY (digest, source_id);

ALTER TABLE ONLY public.events_dedupekey_2
    ADD CONSTRAINT events_dedupekey_2_pkey PRIMARY KEY (digest, source_id);

ALTER TABLE ONLY public.events_dedupekey_3
    ADD CONSTRAINT events_dedupekey_3_pkey PRIMARY KEY (digest, source_id);

ALTER TABLE ONLY public.events_dedupekey_4
    ADD CONSTRAINT events_dedupekey_4_pkey PRIMARY KEY (digest, source_id);

ALTER TABLE ONLY public.events_dedupekey_5
    ADD CONSTRAINT events_dedupekey_5_pkey PRIMARY KEY (digest, source_id);

ALTER TABLE ONLY public.events_dedupekey_6
    ADD CONSTRAINT events_dedupekey_6_pkey PRIMARY KEY (digest, source_id);

ALTER TABLE ONLY public.events_dedupekey_7
    ADD CONSTRAINT events_dedupekey_7_pkey PRIMARY KEY (digest, source_id);

ALTER TABLE ONLY public.events_eventschema
    ADD CONSTRAINT events_eventschema_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.events_featuremark
    ADD CONSTRAINT events_featuremark_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.events_featuresite
    ADD CONSTRAINT events_featuresite_pkey PRIMARY KEY (site_id);

ALTER TABLE ONLY public.events_inbox
    ADD CONSTRAINT events_inbox_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.events_inboxpart
    ADD CONSTRAINT events_inboxpart_pkey PRIMARY KEY (part);

ALTER TABLE ONLY public.events_intakeminute
    ADD CONSTRAINT events_intakeminute_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.events_intakeminute
    ADD CONSTRAINT events_minute_unique UNIQUE (site_id, minute);

ALTER TABLE ONLY public.events_quarantine
    ADD CONSTRAINT events_quarantine_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.events_rollupmark
    ADD CONSTRAINT events_rollupmark_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.events_rollupmeasure
    ADD CONSTRAINT events_rollupmeasure_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.events_rollupmeasure
    ADD CONSTRAINT events_rollupmeasure_site_id_digest_key UNIQUE (site_id, digest);

ALTER TABLE ONLY public.events_rollupsite
    ADD CONSTRAINT events_rollupsite_pkey PRIMARY KEY (site_id);

ALTER TABLE ONLY public.events_rollupspan
    ADD CONSTRAINT events_rollupspan_pkey PRIMARY KEY (profile_id);

ALTER TABLE ONLY public.events_eventschema
    ADD CONSTRAINT events_schema_unique UNIQUE (site_id, name);

ALTER TABLE ONLY public.experiments_arm
    ADD CONSTRAINT experiments_arm_key UNIQUE (experiment_id, key);

ALTER TABLE ONLY public.experiments_arm
    ADD CONSTRAINT experiments_arm_number UNIQUE (experiment_id, number);

ALTER TABLE ONLY public.experiments_arm
    ADD CONSTRAINT experiments_arm_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.experiments_banditsum
    ADD CONSTRAINT experiments_banditsum_once UNIQUE (phase_id, metric_id, arm, context, day);

ALTER TABLE ONLY public.experiments_banditsum
    ADD CONSTRAINT experiments_banditsum_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.experiments_change
    ADD CONSTRAINT experiments_change_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.experiments_choiceworth
    ADD CONSTRAINT experiments_choiceworth_pkey PRIMARY KEY (phase_id);

ALTER TABLE ONLY public.experiments_cursor
    ADD CONSTRAINT experiments_cursor_pkey PRIMARY KEY (site_id);

ALTER TABLE ONLY public.experiments_daysum
    ADD CONSTRAINT experiments_daysum_once UNIQUE (phase_id, metric_id, arm, segment, day);

ALTER TABLE ONLY public.experiments_daysum
    ADD CONSTRAINT experiments_daysum_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.experiments_experiment
    ADD CONSTRAINT experiments_experiment_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.experiments_goal
    ADD CONSTRAINT experiments_goal_once UNIQUE (experiment_id, metric_id);

ALTER TABLE ONLY public.experiments_goal
    ADD CONSTRAINT experiments_goal_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.experiments_holdout
    ADD CONSTRAINT experiments_holdout_key UNIQUE (site_id, key);

ALTER TABLE ONLY public.experiments_holdout
    ADD CONSTRAINT experiments_holdout_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.experiments_holdoutturn
    ADD CONSTRAINT experiments_holdout_turn_once UNIQUE (holdout_id, publication);

ALTER TABLE ONLY public.experiments_holdoutmember
    ADD CONSTRAINT experiments_holdoutmember_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.experiments_holdoutsum
    ADD CONSTRAINT experiments_holdoutsum_once UNIQUE (turn_id, metric_id, arm, segment, day);

ALTER TABLE ONLY public.experiments_holdoutsum
    ADD CONSTRAINT experiments_holdoutsum_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.experiments_holdoutturn
    ADD CONSTRAINT experiments_holdoutturn_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.experiments_experiment
    ADD CONSTRAINT experiments_key UNIQUE (site_id, key);

ALTER TABLE ONLY public.experiments_layer
    ADD CONSTRAINT experiments_layer_key UNIQUE (site_id, key);

ALTER TABLE ONLY public.experiments_layer
    ADD CONSTRAINT experiments_layer_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.experiments_look
    ADD CONSTRAINT experiments_look_day UNIQUE (phase_id, day);

ALTER TABLE ONLY public.experiments_look
    ADD CONSTRAINT experiments_look_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.experiments_holdoutmember
    ADD CONSTRAINT experiments_member_once UNIQUE (seed, profile_id);

ALTER TABLE ONLY public.experiments_metric
    ADD CONSTRAINT experiments_metric_key UNIQUE (site_id, key);

ALTER TABLE ONLY public.experiments_metric
    ADD CONSTRAINT experiments_metric_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.experiments_participant
    ADD CONSTRAINT experiments_participant_once UNIQUE (phase_id, profile_id);

ALTER TABLE ONLY public.experiments_participant
    ADD CONSTRAINT experiments_participant_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.experiments_phase
    ADD CONSTRAINT experiments_phase_number UNIQUE (experiment_id, number);

ALTER TABLE ONLY public.experiments_phase
    ADD CONSTRAINT experiments_phase_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.experiments_phase
    ADD CONSTRAINT experiments_phase_seed_key UNIQUE (seed);

ALTER TABLE ONLY public.experiments_reopened
    ADD CONSTRAINT experiments_reopened_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.experiments_result
    ADD CONSTRAINT experiments_result_pkey PRIMARY KEY (phase_id);

ALTER TABLE ONLY public.experiments_serving
    ADD CONSTRAINT experiments_serving_once UNIQUE (experiment_id, publication);

ALTER TABLE ONLY public.experiments_serving
    ADD CONSTRAINT experiments_serving_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.experiments_uncounted
    ADD CONSTRAINT experiments_uncounted_once UNIQUE (site_id, experiment, arm, why, day);

ALTER TABLE ONLY public.experiments_uncounted
    ADD CONSTRAINT experiments_uncounted_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.experiments_whatif
    ADD CONSTRAINT experiments_whatif_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.experiments_worth
    ADD CONSTRAINT experiments_worth_pkey PRIMARY KEY (holdout_id);

ALTER TABLE ONLY public.experiments_worthasked
    ADD CONSTRAINT experiments_worthasked_pkey PRIMARY KEY (site_id);

ALTER TABLE ONLY public.integrations_connection
    ADD CONSTRAINT integrations_connection_name UNIQUE (site_id, name);

ALTER TABLE ONLY public.integrations_connection
    ADD CONSTRAINT integrations_connection_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.integrations_entrylink
    ADD CONSTRAINT integrations_entrylink_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.integrations_incoming
    ADD CONSTRAINT integrations_incoming_once UNIQUE (connection_id, delivery);

ALTER TABLE ONLY public.integrations_incoming
    ADD CONSTRAINT integrations_incoming_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.integrations_entrylink
    ADD CONSTRAINT integrations_link_entry UNIQUE (connection_id, entry, locale);

ALTER TABLE ONLY public.integrations_mapping
    ADD CONSTRAINT integrations_mapping_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.integrations_mapping
    ADD CONSTRAINT integrations_mapping_type UNIQUE (connection_id, content_type);

ALTER TABLE ONLY public.otp_static_staticdevice
    ADD CONSTRAINT otp_static_staticdevice_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.otp_static_statictoken
    ADD CONSTRAINT otp_static_statictoken_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.otp_totp_totpdevice
    ADD CONSTRAINT otp_totp_totpdevice_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.predictions_driftlook
    ADD CONSTRAINT predictions_driftlook_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.predictions_fairnessaudit
    ADD CONSTRAINT predictions_fairnessaudit_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.predictions_featureday
    ADD CONSTRAINT predictions_featureday_pkey PRIMARY KEY (profile_id, day);

ALTER TABLE ONLY public.predictions_featurewords
    ADD CONSTRAINT predictions_featurewords_pkey PRIMARY KEY (site_id);

ALTER TABLE ONLY public.predictions_group
    ADD CONSTRAINT predictions_group_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.predictions_group
    ADD CONSTRAINT predictions_group_unique UNIQUE (version_id, key);

ALTER TABLE ONLY public.predictions_modelspec
    ADD CONSTRAINT predictions_modelspec_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.predictions_modelversion
    ADD CONSTRAINT predictions_modelversion_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.predictions_score
    ADD CONSTRAINT predictions_score_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.predictions_score
    ADD CONSTRAINT predictions_score_unique UNIQUE (profile_id, spec_id, output);

ALTER TABLE ONLY public.predictions_modelspec
    ADD CONSTRAINT predictions_spec_unique UNIQUE (site_id, key);

ALTER TABLE ONLY public.predictions_trainingrun
    ADD CONSTRAINT predictions_trainingrun_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.predictions_modelversion
    ADD CONSTRAINT predictions_version_unique UNIQUE (spec_id, number);

ALTER TABLE ONLY public.privacy_bulkaction
    ADD CONSTRAINT privacy_bulkaction_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.privacy_bulkvote
    ADD CONSTRAINT privacy_bulkvote_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.privacy_certificate
    ADD CONSTRAINT privacy_certificate_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.privacy_modelcut
    ADD CONSTRAINT privacy_cut_unique UNIQUE (erasure_id, target_id);

ALTER TABLE ONLY public.privacy_erasure
    ADD CONSTRAINT privacy_erasure_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.privacy_erasurestep
    ADD CONSTRAINT privacy_erasurestep_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.privacy_message
    ADD CONSTRAINT privacy_message_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.privacy_modelcut
    ADD CONSTRAINT privacy_modelcut_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.privacy_note
    ADD CONSTRAINT privacy_note_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.privacy_package
    ADD CONSTRAINT privacy_package_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.privacy_package
    ADD CONSTRAINT privacy_package_token_digest_key UNIQUE (token_digest);

ALTER TABLE ONLY public.privacy_recipienttelling
    ADD CONSTRAINT privacy_recipienttelling_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.privacy_reminder
    ADD CONSTRAINT privacy_reminder_once UNIQUE (request_id, kind, remind_on);

ALTER TABLE ONLY public.privacy_reminder
    ADD CONSTRAINT privacy_reminder_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.privacy_request
    ADD CONSTRAINT privacy_request_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.privacy_request
    ADD CONSTRAINT privacy_request_public_ref_key UNIQUE (public_ref);

ALTER TABLE ONLY public.privacy_requestevent
    ADD CONSTRAINT privacy_requestevent_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.privacy_requestsubject
    ADD CONSTRAINT privacy_requestsubject_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.privacy_retentionrun
    ADD CONSTRAINT privacy_retentionrun_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.privacy_erasurestep
    ADD CONSTRAINT privacy_step_unique UNIQUE (erasure_id, ordinal);

ALTER TABLE ONLY public.privacy_requestsubject
    ADD CONSTRAINT privacy_subject_once UNIQUE (request_id, profile_id);

ALTER TABLE ONLY public.privacy_recipienttelling
    ADD CONSTRAINT privacy_telling_unique UNIQUE (erasure_id, recipient, what);

ALTER TABLE ONLY public.privacy_bulkvote
    ADD CONSTRAINT privacy_vote_once UNIQUE (bulk_id, officer_id);

ALTER TABLE ONLY public.profiles_keptapart
    ADD CONSTRAINT profiles_apart_unique UNIQUE (one_id, other_id);

ALTER TABLE ONLY public.profiles_contact
    ADD CONSTRAINT profiles_contact_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.profiles_contact
    ADD CONSTRAINT profiles_contact_unique UNIQUE (site_id, kind, digest, profile_id);

ALTER TABLE ONLY public.profiles_due
    ADD CONSTRAINT profiles_due_pkey PRIMARY KEY (profile_id);

ALTER TABLE ONLY public.profiles_duplicate
    ADD CONSTRAINT profiles_duplicate_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.profiles_duplicate
    ADD CONSTRAINT profiles_duplicate_unique UNIQUE (one_id, other_id);

ALTER TABLE ONLY public.profiles_identity
    ADD CONSTRAINT profiles_identity_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.profiles_identity
    ADD CONSTRAINT profiles_identity_unique UNIQUE (site_id, kind, value);

ALTER TABLE ONLY public.profiles_identitylink
    ADD CONSTRAINT profiles_identitylink_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.profiles_keptapart
    ADD CONSTRAINT profiles_keptapart_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.profiles_identitylink
    ADD CONSTRAINT profiles_link_unique UNIQUE (identity_id, since);

ALTER TABLE ONLY public.profiles_mergerecord
    ADD CONSTRAINT profiles_mergerecord_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.profiles_profile
    ADD CONSTRAINT profiles_profile_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.profiles_profilestate
    ADD CONSTRAINT profiles_profilestate_pkey PRIMARY KEY (profile_id);

ALTER TABLE ONLY public.profiles_subjectkey
    ADD CONSTRAINT profiles_subjectkey_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.profiles_trait
    ADD CONSTRAINT profiles_trait_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.profiles_trait
    ADD CONSTRAINT profiles_trait_unique UNIQUE (profile_id, key);

ALTER TABLE ONLY public.profiles_traitchange
    ADD CONSTRAINT profiles_traitchange_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.profiles_traitkind
    ADD CONSTRAINT profiles_traitkind_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.profiles_traitkind
    ADD CONSTRAINT profiles_traitkind_unique UNIQUE (site_id, key);

ALTER TABLE ONLY public.recommendations_item
    ADD CONSTRAINT recommendations_item_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.recommendations_item
    ADD CONSTRAINT recommendations_item_unique UNIQUE (site_id, code);

ALTER TABLE ONLY public.recommendations_itemlist
    ADD CONSTRAINT recommendations_itemlist_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.recommendations_recommender
    ADD CONSTRAINT recommendations_key_unique UNIQUE (site_id, key);

ALTER TABLE ONLY public.recommendations_itemlist
    ADD CONSTRAINT recommendations_list_unique UNIQUE (version_id, item, previous);

ALTER TABLE ONLY public.recommendations_personlist
    ADD CONSTRAINT recommendations_person_unique UNIQUE (profile_id, recommender_id);

ALTER TABLE ONLY public.recommendations_personlist
    ADD CONSTRAINT recommendations_personlist_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.recommendations_recommender
    ADD CONSTRAINT recommendations_recommender_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.recommendations_recommenderversion
    ADD CONSTRAINT recommendations_recommenderversion_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.recommendations_trial
    ADD CONSTRAINT recommendations_trial_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.rules_firing
    ADD CONSTRAINT rules_firing_once UNIQUE (trigger_id, profile_id, cause);

ALTER TABLE ONLY public.rules_firing
    ADD CONSTRAINT rules_firing_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.rules_rule
    ADD CONSTRAINT rules_key_unique UNIQUE (site_id, key);

ALTER TABLE ONLY public.rules_rule_caps
    ADD CONSTRAINT rules_rule_caps_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.rules_rule_caps
    ADD CONSTRAINT rules_rule_caps_rule_id_cap_id_4d025ad7_uniq UNIQUE (rule_id, cap_id);

ALTER TABLE ONLY public.rules_rule
    ADD CONSTRAINT rules_rule_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.rules_trigger
    ADD CONSTRAINT rules_trigger_key UNIQUE (site_id, key);

ALTER TABLE ONLY public.rules_trigger
    ADD CONSTRAINT rules_trigger_number UNIQUE (site_id, number);

ALTER TABLE ONLY public.rules_trigger
    ADD CONSTRAINT rules_trigger_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.rules_triggercursor
    ADD CONSTRAINT rules_triggercursor_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.segments_computedtrait
    ADD CONSTRAINT segments_computed_unique UNIQUE (site_id, key);

ALTER TABLE ONLY public.segments_computedtrait
    ADD CONSTRAINT segments_computedtrait_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.segments_segment
    ADD CONSTRAINT segments_key_unique UNIQUE (site_id, key);

ALTER TABLE ONLY public.segments_segmentlist
    ADD CONSTRAINT segments_list_unique UNIQUE (site_id, key);

ALTER TABLE ONLY public.segments_listmember
    ADD CONSTRAINT segments_listmember_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.segments_listsfollowed
    ADD CONSTRAINT segments_listsfollowed_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.segments_listupload
    ADD CONSTRAINT segments_listupload_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.segments_liveset
    ADD CONSTRAINT segments_liveset_pkey PRIMARY KEY (site_id);

ALTER TABLE ONLY public.segments_membership
    ADD CONSTRAINT segments_membership_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.segments_segment
    ADD CONSTRAINT segments_number_unique UNIQUE (site_id, number);

ALTER TABLE ONLY public.segments_persona
    ADD CONSTRAINT segments_persona_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.segments_persona
    ADD CONSTRAINT segments_persona_unique UNIQUE (site_id, key);

ALTER TABLE ONLY public.segments_segment
    ADD CONSTRAINT segments_segment_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.segments_segmentadaptation
    ADD CONSTRAINT segments_segmentadaptation_pkey PRIMARY KEY (segment_id);

ALTER TABLE ONLY public.segments_segmentbaseline
    ADD CONSTRAINT segments_segmentbaseline_pkey PRIMARY KEY (version_id);

ALTER TABLE ONLY public.segments_segmentlist
    ADD CONSTRAINT segments_segmentlist_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.segments_segmentversion
    ADD CONSTRAINT segments_segmentversion_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.segments_thresholdproposal
    ADD CONSTRAINT segments_thresholdproposal_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.segments_listupload
    ADD CONSTRAINT segments_upload_unique UNIQUE (segment_list_id, number);

ALTER TABLE ONLY public.segments_segmentversion
    ADD CONSTRAINT segments_version_unique UNIQUE (segment_id, number);

ALTER TABLE ONLY public.studio_tour
    ADD CONSTRAINT studio_tour_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.work_changefeed
    ADD CONSTRAINT work_changefeed_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.work_intent
    ADD CONSTRAINT work_intent_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.work_ledgerstate
    ADD CONSTRAINT work_ledgerstate_pkey PRIMARY KEY (ledger);

ALTER TABLE ONLY public.work_seal
    ADD CONSTRAINT work_seal_pkey PRIMARY KEY (ledger, site_id, seq);

ALTER TABLE ONLY public.work_seal
    ADD CONSTRAINT work_seal_row UNIQUE (ledger, row_id);

ALTER TABLE ONLY public.work_sealhead
    ADD CONSTRAINT work_sealhead_pkey PRIMARY KEY (ledger, site_id);

ALTER TABLE ONLY public.work_unsealed
    ADD CONSTRAINT work_unsealed_pkey PRIMARY KEY (id);

CREATE INDEX access_alert_site_at ON public.access_alert USING btree (site_id, at DESC);

CREATE INDEX access_alert_site_id_9bdd775e ON public.access_alert USING btree (site_id);

CREATE INDEX access_apikey_digest_2110bae7_like ON public.access_apikey USING btree (digest varchar_pattern_ops);

CREATE INDEX access_apikey_site_id_57503d98 ON public.access_apikey USING btree (site_id);

CREATE INDEX access_apikey_source_id_a1620ee1 ON public.access_apikey USING btree (source_id);

CREATE INDEX access_audit_site_at ON public.access_auditentry USING btree (site_id, at DESC);

CREATE INDEX access_auditentry_actor_id_2e31e51b ON public.access_auditentry USING btree (actor_id);

CREATE INDEX access_auditentry_site_id_47ee2486 ON public.access_auditentry USING btree (site_id);

CREATE INDEX access_idempotentcall_site_id_d0c93609 ON public.access_idempotentcall USING btree (site_id);

CREATE INDEX access_idempotentcall_started_at_81a3789d ON public.access_idempotentcall USING btree (started_at);

CREATE INDEX access_site_key_bb4c2abd_like ON public.access_site USING btree (key varchar_pattern_ops);

CREATE INDEX access_sitestaff_site_id_ff271832 ON public.access_sitestaff USING btree (site_id);

CREATE INDEX access_sitestaff_user_id_4abd9e3b ON public.access_sitestaff USING btree (user_id);

CREATE INDEX access_source_site_id_d12205bf ON public.access_source USING btree (site_id);

CREATE INDEX auth_group_name_a6ea08ec_like ON public.auth_group USING btree (name varchar_pattern_ops);

CREATE INDEX auth_group_permissions_group_id_b120cbf9 ON public.auth_group_permissions USING btree (group_id);

CREATE INDEX auth_group_permissions_permission_id_84c5c92e ON public.auth_group_permissions USING btree (permission_id);

CREATE INDEX auth_permission_content_type_id_2f476e4b ON public.auth_permission USING btree (content_type_id);

CREATE INDEX auth_user_groups_group_id_97559544 ON public.auth_user_groups USING btree (group_id);

CREATE INDEX auth_user_groups_user_id_6a12ed8b ON public.auth_user_groups USING btree (user_id);

CREATE INDEX auth_user_user_permissions_permission_id_1fbb5f2c ON public.auth_user_user_permissions USING btree (permission_id);

CREATE INDEX auth_user_user_permissions_user_id_a95ead1b ON public.auth_user_user_permissions USING btree (user_id);

CREATE INDEX auth_user_username_6821ab7c_like ON public.auth_user USING btree (username varchar_pattern_ops);

CREATE INDEX axes_accessattempt_ip_address_10922d9c ON public.axes_accessattempt USING btree (ip_address);

CREATE INDEX axes_accessattempt_user_agent_ad89678b ON public.axes_accessattempt USING btree (user_agent);

CREATE INDEX axes_accessattempt_user_agent_ad89678b_like ON public.axes_accessattempt USING btree (user_agent varchar_pattern_ops);

CREATE INDEX axes_accessattempt_username_3f2d4ca0 ON public.axes_accessattempt USING btree (username);

CREATE INDEX axes_accessattempt_username_3f2d4ca0_like ON public.axes_accessattempt USING btree (username varchar_pattern_ops);

CREATE INDEX axes_accessfailurelog_ip_address_2e9f5a7f ON public.axes_accessfailurelog USING btree (ip_address);

CREATE INDEX axes_accessfailurelog_user_agent_ea145dda ON public.axes_accessfailurelog USING btree (user_agent);

CREATE INDEX axes_accessfailurelog_user_agent_ea145dda_like ON public.axes_accessfailurelog USING btree (user_agent varchar_pattern_ops);

CREATE INDEX axes_accessfailurelog_username_a8b7e8a4 ON public.axes_accessfailurelog USING btree (username);

CREATE INDEX axes_accessfailurelog_username_a8b7e8a4_like ON public.axes_accessfailurelog USING btree (username varchar_pattern_ops);

CREATE INDEX axes_accesslog_ip_address_86b417e5 ON public.axes_accesslog USING btree (ip_address);

CREATE INDEX axes_accesslog_user_agent_0e659004 ON public.axes_accesslog USING btree (user_agent);

CREATE INDEX axes_accesslog_user_agent_0e659004_like ON public.axes_accesslog USING btree (user_agent varchar_pattern_ops);

CREATE INDEX axes_accesslog_username_df93064b ON public.axes_accesslog USING btree (username);

CREATE INDEX axes_accesslog_username_df93064b_like ON public.axes_accesslog USING btree (username varchar_pattern_ops);

CREATE INDEX consent_consentevent_notice_id_fabcd5ea ON public.consent_consentevent USING btree (notice_id);

CREATE INDEX consent_consentevent_profile_id_108b73a2 ON public.consent_consentevent USING btree (profile_id);

CREATE INDEX consent_consentevent_site_id_784ed53b ON public.consent_consentevent USING btree (site_id);

CREATE INDEX consent_disclosure_last ON public.consent_disclosure USING btree (last_at);

CREATE INDEX consent_disclosure_profile_id_4a3350f6 ON public.consent_disclosure USING btree (profile_id);

CREATE INDEX consent_ending_ends_at_35274b7f ON public.consent_ending USING btree (ends_at);

CREATE INDEX consent_event_profile ON public.consent_consentevent USING btree (profile_id, id);

CREATE INDEX consent_event_subject ON public.consent_consentevent USING btree (subject_digest);

CREATE INDEX consent_noticeversion_site_id_9fc43a24 ON public.consent_noticeversion USING btree (site_id);

CREATE INDEX consent_recipient_key_2f48c4e0 ON public.consent_recipient USING btree (key);

CREATE INDEX consent_recipient_key_2f48c4e0_like ON public.consent_recipient USING btree (key varchar_pattern_ops);

CREATE INDEX consent_recipient_site_id_b1acaf99 ON public.consent_recipient USING btree (site_id);

CREATE INDEX content_asset_by_id_095ac47e ON public.content_asset USING btree (by_id);

CREATE INDEX content_asset_digest ON public.content_asset USING btree (digest);

CREATE INDEX content_asset_newest ON public.content_asset USING btree (site_id, at DESC);

CREATE INDEX content_asset_site_id_cc1e482c ON public.content_asset USING btree (site_id);

CREATE INDEX content_block_caps_block_id_122b5d9e ON public.content_block_caps USING btree (block_id);

CREATE INDEX content_block_caps_cap_id_c977301a ON public.content_block_caps USING btree (cap_id);

CREATE INDEX content_block_site_id_10d862d7 ON public.content_block USING btree (site_id);

CREATE INDEX content_block_type_id_9a65cd55 ON public.content_block USING btree (type_id);

CREATE INDEX content_blocktype_site_id_2a343555 ON public.content_blocktype USING btree (site_id);

CREATE INDEX content_cap_site_id_75e3beb1 ON public.content_cap USING btree (site_id);

CREATE UNIQUE INDEX content_one_default_variant ON public.content_variant USING btree (block_id) WHERE is_default;

CREATE INDEX content_placement_block_id_53fe727d ON public.content_placement USING btree (block_id);

CREATE INDEX content_placement_caps_cap_id_d3a126f9 ON public.content_placement_caps USING btree (cap_id);

CREATE INDEX content_placement_caps_placement_id_582ce5c5 ON public.content_placement_caps USING btree (placement_id);

CREATE INDEX content_placement_site_id_b661bb8c ON public.content_placement USING btree (site_id);

CREATE INDEX content_revision_by_id_41cf0c3d ON public.content_revision USING btree (by_id);

CREATE INDEX content_revision_newest ON public.content_revision USING btree (site_id, at DESC);

CREATE INDEX content_revision_site_id_5243392d ON public.content_revision USING btree (site_id);

CREATE INDEX content_theme_segments_segment_id_51a50693 ON public.content_theme_segments USING btree (segment_id);

CREATE INDEX content_theme_segments_theme_id_5e678c4a ON public.content_theme_segments USING btree (theme_id);

CREATE INDEX content_theme_site_id_2a28a37c ON public.content_theme USING btree (site_id);

CREATE INDEX content_translation_variant_id_5a6ffc77 ON public.content_translation USING btree (variant_id);

CREATE INDEX content_unsaved_at_bd841fb6 ON public.content_unsaved USING btree (at);

CREATE INDEX content_unsaved_user_id_fa182dc5 ON public.content_unsaved USING btree (user_id);

CREATE INDEX content_variant_block_id_e5afbed3 ON public.content_variant USING btree (block_id);

CREATE INDEX content_variant_caps_cap_id_86c25974 ON public.content_variant_caps USING btree (cap_id);

CREATE INDEX content_variant_caps_variant_id_589b35d6 ON public.content_variant_caps USING btree (variant_id);

CREATE INDEX content_variant_segments_segment_id_a9c48288 ON public.content_variant_segments USING btree (segment_id);

CREATE INDEX content_variant_segments_variant_id_daafb74a ON public.content_variant_segments USING btree (variant_id);

CREATE INDEX content_variant_theme_id_f94855fe ON public.content_variant USING btree (theme_id);

CREATE INDEX decisions_armday_site_id_e24c5f53 ON public.decisions_armday USING btree (site_id);

CREATE INDEX decisions_contentfinding_dismissed_by_id_d35545cf ON public.decisions_contentfinding USING btree (dismissed_by_id);

CREATE INDEX decisions_contentfinding_site_id_249ad363 ON public.decisions_contentfinding USING btree (site_id);

CREATE INDEX decisions_countedday_site_id_55d44d14 ON public.decisions_countedday USING btree (site_id);

CREATE INDEX decisions_dry_run_site ON public.decisions_dryrunasked USING btree (site_id, at DESC);

CREATE INDEX decisions_dryrunasked_by_id_e6c0fc08 ON public.decisions_dryrunasked USING btree (by_id);

CREATE INDEX decisions_dryrunasked_site_id_e3b67537 ON public.decisions_dryrunasked USING btree (site_id);

CREATE INDEX decisions_finding_open ON public.decisions_contentfinding USING btree (site_id, kind) WHERE (dismissed_at IS NULL);

CREATE INDEX decisions_part_object ON public.decisions_part USING btree (object_id);

CREATE INDEX decisions_part_refused ON public.decisions_part USING btree (site_id) WHERE (NOT (problems = '[]'::jsonb));

CREATE INDEX decisions_part_site_id_e8062253 ON public.decisions_part USING btree (site_id);

CREATE INDEX decisions_part_waiting ON public.decisions_part USING btree (site_id) WHERE (NOT ((digest)::text = (served)::text));

CREATE INDEX decisions_publication_published_by_id_298cb565 ON public.decisions_publication USING btree (published_by_id);

CREATE INDEX decisions_publication_release_id_934eeb1e ON public.decisions_publication USING btree (release_id);

CREATE INDEX decisions_publication_site_id_de21ca7b ON public.decisions_publication USING btree (site_id);

CREATE INDEX decisions_publishedpart_site_id_fdb5b2b1 ON public.decisions_publishedpart USING btree (site_id);

CREATE INDEX decisions_record_at ON public.decisions_decisionrecord USING brin (at);

CREATE INDEX decisions_record_profile ON public.decisions_decisionrecord USING btree (profile_id, at DESC);

CREATE INDEX decisions_record_site ON public.decisions_decisionrecord USING btree (site_id, at DESC);

CREATE INDEX decisions_release_created_by_id_eaddec31 ON public.decisions_release USING btree (created_by_id);

CREATE INDEX decisions_release_site_id_3a984aaa ON public.decisions_release USING btree (site_id);

CREATE INDEX decisions_release_submitted_by_id_b59f6601 ON public.decisions_release USING btree (submitted_by_id);

CREATE INDEX decisions_releaseitem_release_id_18871b71 ON public.decisions_releaseitem USING btree (release_id);

CREATE INDEX decisions_releasevote_by_id_0032678c ON public.decisions_releasevote USING btree (by_id);

CREATE INDEX decisions_releasevote_release_id_aaaea926 ON public.decisions_releasevote USING btree (release_id);

CREATE INDEX decisions_served_place ON public.decisions_servedday USING btree (site_id, placement, day);

CREATE INDEX decisions_servedday_site_id_2fec41b6 ON public.decisions_servedday USING btree (site_id);

CREATE INDEX decisions_shownday_site_id_0e5993b9 ON public.decisions_shownday USING btree (site_id);

CREATE INDEX decisions_touched_site_id_b5980d0f ON public.decisions_touched USING btree (site_id);

CREATE INDEX delivery_preview_links ON public.delivery_previewlink USING btree (site_id, created_at DESC);

CREATE INDEX delivery_previewlink_created_by_id_7271b6a6 ON public.delivery_previewlink USING btree (created_by_id);

CREATE INDEX delivery_previewlink_digest_daf90620_like ON public.delivery_previewlink USING btree (digest varchar_pattern_ops);

CREATE INDEX delivery_previewlink_site_id_c23f1de4 ON public.delivery_previewlink USING btree (site_id);

CREATE INDEX demo_demorun_shop_source_id_583ab7f0 ON public.demo_demorun USING btree (shop_source_id);

CREATE INDEX demo_run_name ON public.demo_demorun USING btree (name, created_at DESC);

CREATE INDEX django_admin_log_content_type_id_c4bce8eb ON public.django_admin_log USING btree (content_type_id);

CREATE INDEX django_admin_log_user_id_c564eba6 ON public.django_admin_log USING btree (user_id);

CREATE INDEX django_celery_beat_periodictask_clocked_id_47a69f82 ON public.django_celery_beat_periodictask USING btree (clocked_id);

CREATE INDEX django_celery_beat_periodictask_crontab_id_d3cba168 ON public.django_celery_beat_periodictask USING btree (crontab_id);

CREATE INDEX django_celery_beat_periodictask_interval_id_a8ca27da ON public.django_celery_beat_periodictask USING btree (interval_id);

CREATE INDEX django_celery_beat_periodictask_name_265a36b7_like ON public.django_celery_beat_periodictask USING btree (name varchar_pattern_ops);

CREATE INDEX django_celery_beat_periodictask_solar_id_a87ce72c ON public.django_celery_beat_periodictask USING btree (solar_id);

CREATE INDEX django_session_expire_date_a5c62663 ON public.django_session USING btree (expire_date);

CREATE INDEX django_session_session_key_c0390e0f_like ON public.django_session USING btree (session_key varchar_pattern_ops);

CREATE INDEX events_event_id ON ONLY public.events_event USING brin (id int8_minmax_multi_ops) WITH (pages_per_range='32', autosummarize='on');

CREATE INDEX events_event_default_id_idx ON public.events_event_default USING brin (id int8_minmax_multi_ops) WITH (pages_per_range='32', autosummarize='on');

CREATE INDEX events_event_occurred ON ONLY public.events_event USING brin (occurred_at timestamptz_minmax_multi_ops) WITH (pages_per_range='64');

CREATE INDEX events_event_default_occurred_at_idx ON public.events_event_default USING brin (occurred_at timestamptz_minmax_multi_ops) WITH (pages_per_range='64');

CREATE INDEX events_event_profile ON ONLY public.events_event USING btree (profile_id, occurred_at);

CREATE INDEX events_event_default_profile_id_occurred_at_idx ON public.events_event_default USING btree (profile_id, occurred_at);

CREATE INDEX events_eventschema_site_id_24e9cbb5 ON public.events_eventschema USING btree (site_id);

CREATE INDEX events_featuremark_profile ON public.events_featuremark USING btree (profile_id);

CREATE INDEX events_inbox_part ON public.events_inbox USING btree (part, id);

CREATE INDEX events_intakeminute_site_id_af826d77 ON public.events_intakeminute USING btree (site_id);

CREATE INDEX events_quarantine_open ON public.events_quarantine USING btree (site_id, state, received_at DESC);

CREATE INDEX events_quarantine_site_id_3808f343 ON public.events_quarantine USING btree (site_id);

CREATE INDEX events_quarantine_source_id_916b7861 ON public.events_quarantine USING btree (source_id);

CREATE INDEX events_quarantine_whose ON public.events_quarantine USING gin (subjects);

CREATE INDEX events_rollup_profile ON public.events_rollup USING btree (profile_id);

CREATE INDEX events_rollupmark_profile ON public.events_rollupmark USING btree (profile_id);

CREATE INDEX experiments_arm_experiment_id_31e3cf58 ON public.experiments_arm USING btree (experiment_id);

CREATE INDEX experiments_arm_variant_id_e9c2741b ON public.experiments_arm USING btree (variant_id);

CREATE INDEX experiments_banditsum_metric_id_802c2896 ON public.experiments_banditsum USING btree (metric_id);

CREATE INDEX experiments_banditsum_phase_id_78f4c052 ON public.experiments_banditsum USING btree (phase_id);

CREATE INDEX experiments_change_by_id_7849edd8 ON public.experiments_change USING btree (by_id);

CREATE INDEX experiments_change_experiment_id_751f0cf8 ON public.experiments_change USING btree (experiment_id);

CREATE INDEX experiments_changes ON public.experiments_change USING btree (experiment_id, at DESC);

CREATE INDEX experiments_daysum_metric_id_63ed847c ON public.experiments_daysum USING btree (metric_id);

CREATE INDEX experiments_daysum_phase_id_3cb6e8c7 ON public.experiments_daysum USING btree (phase_id);

CREATE INDEX experiments_experiment_created_by_id_7a6e7047 ON public.experiments_experiment USING btree (created_by_id);

CREATE INDEX experiments_experiment_layer_id_fae591c9 ON public.experiments_experiment USING btree (layer_id);

CREATE INDEX experiments_experiment_placement_id_d3d5e860 ON public.experiments_experiment USING btree (placement_id);

CREATE INDEX experiments_experiment_site_id_54ebb770 ON public.experiments_experiment USING btree (site_id);

CREATE INDEX experiments_goal_experiment_id_7e62a02f ON public.experiments_goal USING btree (experiment_id);

CREATE INDEX experiments_goal_metric_id_68e2c71f ON public.experiments_goal USING btree (metric_id);

CREATE INDEX experiments_holdout_site_id_ec24a796 ON public.experiments_holdout USING btree (site_id);

CREATE INDEX experiments_holdoutmember_profile_id_f7b02fb3 ON public.experiments_holdoutmember USING btree (profile_id);

CREATE INDEX experiments_holdoutmember_turn_id_08b22557 ON public.experiments_holdoutmember USING btree (turn_id);

CREATE INDEX experiments_holdoutsum_metric_id_755354c2 ON public.experiments_holdoutsum USING btree (metric_id);

CREATE INDEX experiments_holdoutsum_turn_id_4d20fa04 ON public.experiments_holdoutsum USING btree (turn_id);

CREATE INDEX experiments_holdoutturn_holdout_id_921cda4c ON public.experiments_holdoutturn USING btree (holdout_id);

CREATE INDEX experiments_joined ON public.experiments_participant USING btree (phase_id, day);

CREATE INDEX experiments_layer_site_id_4db603a7 ON public.experiments_layer USING btree (site_id);

CREATE INDEX experiments_look_phase_id_57cc3a52 ON public.experiments_look USING btree (phase_id);

CREATE INDEX experiments_member_day ON public.experiments_holdoutmember USING btree (turn_id, day);

CREATE INDEX experiments_metric_site_id_620e3668 ON public.experiments_metric USING btree (site_id);

CREATE UNIQUE INDEX experiments_one_control ON public.experiments_arm USING btree (experiment_id) WHERE is_control;

CREATE UNIQUE INDEX experiments_one_phase ON public.experiments_phase USING btree (experiment_id) WHERE (ended_at IS NULL);

CREATE INDEX experiments_participant_phase_id_4b50cb7d ON public.experiments_participant USING btree (phase_id);

CREATE INDEX experiments_participant_profile_id_4986bc6b ON public.experiments_participant USING btree (profile_id);

CREATE INDEX experiments_phase_experiment_id_09e99f1d ON public.experiments_phase USING btree (experiment_id);

CREATE INDEX experiments_phase_seed_67c97a53_like ON public.experiments_phase USING btree (seed varchar_pattern_ops);

CREATE INDEX experiments_reopened_phase_id_0c55dd59 ON public.experiments_reopened USING btree (phase_id);

CREATE INDEX experiments_serving_experiment_id_72933f1b ON public.experiments_serving USING btree (experiment_id);

CREATE INDEX experiments_serving_phase_id_0e9bb59d ON public.experiments_serving USING btree (phase_id);

CREATE INDEX experiments_uncounted_site_id_5e5956ad ON public.experiments_uncounted USING btree (site_id);

CREATE INDEX experiments_what_if_site ON public.experiments_whatif USING btree (site_id, at DESC);

CREATE INDEX experiments_whatif_by_id_27328610 ON public.experiments_whatif USING btree (by_id);

CREATE INDEX experiments_whatif_metric_id_992c248c ON public.experiments_whatif USING btree (metric_id);

CREATE INDEX experiments_whatif_site_id_68f1b0be ON public.experiments_whatif USING btree (site_id);

CREATE INDEX experiments_worthasked_metric_id_733cdc31 ON public.experiments_worthasked USING btree (metric_id);

CREATE INDEX integrations_connection_site_id_691c172b ON public.integrations_connection USING btree (site_id);

CREATE INDEX integrations_connection_source_id_98d9dae8 ON public.integrations_connection USING btree (source_id);

CREATE INDEX integrations_entrylink_connection_id_fe73bc7a ON public.integrations_entrylink USING btree (connection_id);

CREATE INDEX integrations_entrylink_variant_id_db49783f ON public.integrations_entrylink USING btree (variant_id);

CREATE INDEX integrations_incoming_at ON public.integrations_incoming USING btree (received_at DESC);

CREATE INDEX integrations_incoming_end ON public.integrations_incoming USING btree (ended_at) WHERE (NOT (ended_at IS NULL));

CREATE INDEX integrations_incoming_variant_id_696a60b3 ON public.integrations_incoming USING btree (variant_id);

CREATE INDEX integrations_mapping_block_id_b1a15a30 ON public.integrations_mapping USING btree (block_id);

CREATE INDEX integrations_mapping_connection_id_164ed1cd ON public.integrations_mapping USING btree (connection_id);

CREATE INDEX otp_static_staticdevice_user_id_7f9cff2b ON public.otp_static_staticdevice USING btree (user_id);

CREATE INDEX otp_static_statictoken_device_id_74b7c7d1 ON public.otp_static_statictoken USING btree (device_id);

CREATE INDEX otp_static_statictoken_token_d0a51866 ON public.otp_static_statictoken USING btree (token);

CREATE INDEX otp_static_statictoken_token_d0a51866_like ON public.otp_static_statictoken USING btree (token varchar_pattern_ops);

CREATE INDEX otp_totp_totpdevice_user_id_0fb18292 ON public.otp_totp_totpdevice USING btree (user_id);

CREATE INDEX predictions_audits ON public.predictions_fairnessaudit USING btree (version_id, audited_at DESC);

CREATE INDEX predictions_driftlook_version_id_acfa7e0b ON public.predictions_driftlook USING btree (version_id);

CREATE INDEX predictions_fairnessaudit_asked_by_id_b9e29fc0 ON public.predictions_fairnessaudit USING btree (asked_by_id);

CREATE INDEX predictions_fairnessaudit_version_id_3c63af4c ON public.predictions_fairnessaudit USING btree (version_id);

CREATE INDEX predictions_featureday_day ON public.predictions_featureday USING brin (day) WITH (pages_per_range='64');

CREATE INDEX predictions_group_version_id_43f20fb9 ON public.predictions_group USING btree (version_id);

CREATE INDEX predictions_looks ON public.predictions_driftlook USING btree (version_id, looked_at DESC);

CREATE INDEX predictions_modelspec_key_cbe6a944 ON public.predictions_modelspec USING btree (key);

CREATE INDEX predictions_modelspec_key_cbe6a944_like ON public.predictions_modelspec USING btree (key varchar_pattern_ops);

CREATE INDEX predictions_modelspec_site_id_15ce1685 ON public.predictions_modelspec USING btree (site_id);

CREATE INDEX predictions_modelversion_approved_by_id_19b592ea ON public.predictions_modelversion USING btree (approved_by_id);

CREATE INDEX predictions_modelversion_spec_id_ab9fcd04 ON public.predictions_modelversion USING btree (spec_id);

CREATE UNIQUE INDEX predictions_one_challenger ON public.predictions_modelversion USING btree (spec_id) WHERE ((state)::text = 'challenger'::text);

CREATE UNIQUE INDEX predictions_one_champion ON public.predictions_modelversion USING btree (spec_id) WHERE ((state)::text = 'champion'::text);

CREATE INDEX predictions_runs ON public.predictions_trainingrun USING btree (spec_id, started_at DESC);

CREATE INDEX predictions_score_spec_id_ecc62898 ON public.predictions_score USING btree (spec_id);

CREATE INDEX predictions_trainingrun_spec_id_7535a4c3 ON public.predictions_trainingrun USING btree (spec_id);

CREATE INDEX predictions_trainingrun_version_id_d93a67cb ON public.predictions_trainingrun USING btree (version_id);

CREATE INDEX privacy_bulkaction_asked_by_id_5c7dd3f2 ON public.privacy_bulkaction USING btree (asked_by_id);

CREATE INDEX privacy_bulkaction_site_id_858bc783 ON public.privacy_bulkaction USING btree (site_id);

CREATE INDEX privacy_bulkvote_bulk_id_fcb727d3 ON public.privacy_bulkvote USING btree (bulk_id);

CREATE INDEX privacy_bulkvote_officer_id_1460ec1b ON public.privacy_bulkvote USING btree (officer_id);

CREATE INDEX privacy_certificate_erasure_id_9016d21a ON public.privacy_certificate USING btree (erasure_id);

CREATE UNIQUE INDEX privacy_certificate_one ON public.privacy_certificate USING btree (erasure_id) WHERE ((kind)::text = 'erasure'::text);

CREATE INDEX privacy_certificate_site ON public.privacy_certificate USING btree (site_id, at DESC);

CREATE INDEX privacy_certificate_site_id_efd78661 ON public.privacy_certificate USING btree (site_id);

CREATE INDEX privacy_cut_open ON public.privacy_modelcut USING btree (due_at) WHERE (done_at IS NULL);

CREATE INDEX privacy_erasure_open ON public.privacy_erasure USING btree (site_id) WHERE (NOT ((state)::text = 'completed'::text));

CREATE INDEX privacy_erasure_site_id_fb7de0bc ON public.privacy_erasure USING btree (site_id);

CREATE INDEX privacy_erasurestep_erasure_id_bb1c20f7 ON public.privacy_erasurestep USING btree (erasure_id);

CREATE INDEX privacy_message_open ON public.privacy_message USING btree (expires_at) WHERE ((state)::text = ANY ((ARRAY['waiting'::character varying, 'failed'::character varying])::text[]));

CREATE INDEX privacy_message_site_id_ec642bc0 ON public.privacy_message USING btree (site_id);

CREATE INDEX privacy_modelcut_erasure_id_3310ca9f ON public.privacy_modelcut USING btree (erasure_id);

CREATE INDEX privacy_note_request_id_7925c517 ON public.privacy_note USING btree (request_id);

CREATE INDEX privacy_package_expires_at_1e40e546 ON public.privacy_package USING btree (expires_at);

CREATE INDEX privacy_package_request_id_484f2e47 ON public.privacy_package USING btree (request_id);

CREATE INDEX privacy_package_token_digest_20248ffa_like ON public.privacy_package USING btree (token_digest varchar_pattern_ops);

CREATE INDEX privacy_recipienttelling_erasure_id_edf344ce ON public.privacy_recipienttelling USING btree (erasure_id);

CREATE INDEX privacy_recipienttelling_site_id_917aa45e ON public.privacy_recipienttelling USING btree (site_id);

CREATE INDEX privacy_reminder_request_id_3311d80a ON public.privacy_reminder USING btree (request_id);

CREATE INDEX privacy_reminder_waiting ON public.privacy_reminder USING btree (remind_at) WHERE (sent_at IS NULL);

CREATE INDEX privacy_request_bulk_id_0d398fd4 ON public.privacy_request USING btree (bulk_id);

CREATE INDEX privacy_request_inbox ON public.privacy_request USING btree (site_id, state, due_on);

CREATE INDEX privacy_request_joined_to_id_b44173b8 ON public.privacy_request USING btree (joined_to_id);

CREATE UNIQUE INDEX privacy_request_opendsr ON public.privacy_request USING btree (site_id, opendsr_id) WHERE (opendsr_id IS NOT NULL);

CREATE INDEX privacy_request_public_ref_5524eb14_like ON public.privacy_request USING btree (public_ref varchar_pattern_ops);

CREATE INDEX privacy_request_received ON public.privacy_request USING btree (received_at DESC);

CREATE INDEX privacy_request_site_id_8c0e5b5b ON public.privacy_request USING btree (site_id);

CREATE INDEX privacy_request_verified_by_id_dd29935d ON public.privacy_request USING btree (verified_by_id);

CREATE INDEX privacy_requestevent_request_id_057d8dfd ON public.privacy_requestevent USING btree (request_id);

CREATE INDEX privacy_requestevent_site_id_2ff39867 ON public.privacy_requestevent USING btree (site_id);

CREATE INDEX privacy_requestsubject_profile_id_6f81ef2f ON public.privacy_requestsubject USING btree (profile_id);

CREATE INDEX privacy_requestsubject_request_id_7751c1a2 ON public.privacy_requestsubject USING btree (request_id);

CREATE INDEX privacy_retention_kind ON public.privacy_retentionrun USING btree (kind, at DESC);

CREATE INDEX privacy_retentionrun_site_id_e1080afb ON public.privacy_retentionrun USING btree (site_id);

CREATE INDEX profiles_contact_profile_id_418e38ad ON public.profiles_contact USING btree (profile_id);

CREATE INDEX profiles_contact_site_id_8d988f3e ON public.profiles_contact USING btree (site_id);

CREATE INDEX profiles_due_due_at_b51f47b3 ON public.profiles_due USING btree (due_at);

CREATE INDEX profiles_duplicate_decided_by_id_a0fec663 ON public.profiles_duplicate USING btree (decided_by_id);

CREATE INDEX profiles_duplicate_one_id_d3c2d2ff ON public.profiles_duplicate USING btree (one_id);

CREATE INDEX profiles_duplicate_other_id_8f5c3639 ON public.profiles_duplicate USING btree (other_id);

CREATE INDEX profiles_duplicate_site_id_62ce259d ON public.profiles_duplicate USING btree (site_id);

CREATE INDEX profiles_duplicates ON public.profiles_duplicate USING btree (site_id, state, found_at DESC);

CREATE INDEX profiles_identity_profile_id_66c2e55a ON public.profiles_identity USING btree (profile_id);

CREATE INDEX profiles_identity_site_id_ec5a2cfc ON public.profiles_identity USING btree (site_id);

CREATE INDEX profiles_identitylink_identity_id_09a878df ON public.profiles_identitylink USING btree (identity_id);

CREATE INDEX profiles_identitylink_profile_id_2fa0bcfe ON public.profiles_identitylink USING btree (profile_id);

CREATE INDEX profiles_keptapart_one_id_409349d3 ON public.profiles_keptapart USING btree (one_id);

CREATE INDEX profiles_keptapart_other_id_0c54bdfa ON public.profiles_keptapart USING btree (other_id);

CREATE INDEX profiles_keptapart_site_id_ff191866 ON public.profiles_keptapart USING btree (site_id);

CREATE INDEX profiles_mergerecord_loser_id_99316755 ON public.profiles_mergerecord USING btree (loser_id);

CREATE INDEX profiles_mergerecord_site_id_eb8ca565 ON public.profiles_mergerecord USING btree (site_id);

CREATE INDEX profiles_mergerecord_winner_id_7a3e8191 ON public.profiles_mergerecord USING btree (winner_id);

CREATE INDEX profiles_profile_merged_into_id_f2e5a931 ON public.profiles_profile USING btree (merged_into_id);

CREATE INDEX profiles_profile_site_id_df62bdc5 ON public.profiles_profile USING btree (site_id);

CREATE INDEX profiles_recent ON public.profiles_profile USING btree (site_id, created_at DESC);

CREATE UNIQUE INDEX profiles_sitekey_unique ON public.profiles_subjectkey USING btree (site_id) WHERE (profile_id IS NULL);

CREATE INDEX profiles_subjectkey_profile_id_5b2a5325 ON public.profiles_subjectkey USING btree (profile_id);

CREATE INDEX profiles_subjectkey_site_id_c9f9082d ON public.profiles_subjectkey USING btree (site_id);

CREATE INDEX profiles_trait_profile_id_0d21d793 ON public.profiles_trait USING btree (profile_id);

CREATE INDEX profiles_traitchange_profile_id_17e2327d ON public.profiles_traitchange USING btree (profile_id);

CREATE INDEX profiles_traitkind_site_id_4ae8e5de ON public.profiles_traitkind USING btree (site_id);

CREATE INDEX recommendations_item_site_id_1f09a2b2 ON public.recommendations_item USING btree (site_id);

CREATE INDEX recommendations_itemlist_version_id_96c83007 ON public.recommendations_itemlist USING btree (version_id);

CREATE INDEX recommendations_personlist_profile_id_10a8c0bf ON public.recommendations_personlist USING btree (profile_id);

CREATE INDEX recommendations_personlist_recommender_id_dab691fd ON public.recommendations_personlist USING btree (recommender_id);

CREATE INDEX recommendations_personlist_version_id_8037f892 ON public.recommendations_personlist USING btree (version_id);

CREATE INDEX recommendations_recommender_active_id_346a8883 ON public.recommendations_recommender USING btree (active_id);

CREATE INDEX recommendations_recommender_key_2f1e16a5 ON public.recommendations_recommender USING btree (key);

CREATE INDEX recommendations_recommender_key_2f1e16a5_like ON public.recommendations_recommender USING btree (key varchar_pattern_ops);

CREATE INDEX recommendations_recommender_site_id_89ec46b5 ON public.recommendations_recommender USING btree (site_id);

CREATE INDEX recommendations_recommenderversion_approved_by_id_3c0cf75c ON public.recommendations_recommenderversion USING btree (approved_by_id);

CREATE INDEX recommendations_recommenderversion_recommender_id_ed8bcce8 ON public.recommendations_recommenderversion USING btree (recommender_id);

CREATE INDEX recommendations_trial_recommender_id_8e610dc0 ON public.recommendations_trial USING btree (recommender_id);

CREATE INDEX recommendations_trial_version_id_eadc6a69 ON public.recommendations_trial USING btree (version_id);

CREATE INDEX recommendations_trials ON public.recommendations_trial USING btree (recommender_id, tried_at DESC);

CREATE INDEX rules_firing_at ON public.rules_firing USING btree (at);

CREATE INDEX rules_firing_profile ON public.rules_firing USING btree (profile_id);

CREATE INDEX rules_firing_trigger ON public.rules_firing USING btree (trigger_id, at);

CREATE INDEX rules_firing_waiting ON public.rules_firing USING btree (due_at) WHERE ((outcome)::text = 'waiting'::text);

CREATE INDEX rules_rule_caps_cap_id_912d5013 ON public.rules_rule_caps USING btree (cap_id);

CREATE INDEX rules_rule_caps_rule_id_79d2e2fb ON public.rules_rule_caps USING btree (rule_id);

CREATE INDEX rules_rule_placement_id_7488945f ON public.rules_rule USING btree (placement_id);

CREATE INDEX rules_rule_site_id_87d9297e ON public.rules_rule USING btree (site_id);

CREATE INDEX rules_rule_variant_id_dd5fddff ON public.rules_rule USING btree (variant_id);

CREATE INDEX rules_trigger_cap_id_8d723e22 ON public.rules_trigger USING btree (cap_id);

CREATE INDEX rules_trigger_placement_id_64abf493 ON public.rules_trigger USING btree (placement_id);

CREATE INDEX rules_trigger_recipient_id_6473c39b ON public.rules_trigger USING btree (recipient_id);

CREATE INDEX rules_trigger_segment_id_3753c219 ON public.rules_trigger USING btree (segment_id);

CREATE INDEX rules_trigger_site_id_abbcfe01 ON public.rules_trigger USING btree (site_id);

CREATE INDEX rules_trigger_variant_id_1643f468 ON public.rules_trigger USING btree (variant_id);

CREATE INDEX segments_computedtrait_key_11346f57 ON public.segments_computedtrait USING btree (key);

CREATE INDEX segments_computedtrait_key_11346f57_like ON public.segments_computedtrait USING btree (key varchar_pattern_ops);

CREATE INDEX segments_computedtrait_site_id_2130324a ON public.segments_computedtrait USING btree (site_id);

CREATE INDEX segments_ended ON public.segments_membership USING btree (segment_id, left_at) WHERE (left_at IS NOT NULL);

CREATE INDEX segments_entry_moved ON public.segments_listmember USING btree (segment_list_id) WHERE ((NOT is_applied) AND (profile_id IS NOT NULL));

CREATE INDEX segments_entry_of ON public.segments_listmember USING btree (kind, value);

CREATE INDEX segments_listmember_profile_id_aa326f26 ON public.segments_listmember USING btree (profile_id);

CREATE INDEX segments_listmember_removed_by_id_f26de6ed ON public.segments_listmember USING btree (removed_by_id);

CREATE INDEX segments_listmember_segment_list_id_b9bae169 ON public.segments_listmember USING btree (segment_list_id);

CREATE INDEX segments_listmember_upload_id_d2a6c42c ON public.segments_listmember USING btree (upload_id);

CREATE INDEX segments_listupload_segment_list_id_379f0168 ON public.segments_listupload USING btree (segment_list_id);

CREATE INDEX segments_listupload_undone_by_id_2e670f3c ON public.segments_listupload USING btree (undone_by_id);

CREATE INDEX segments_listupload_uploaded_by_id_4961694b ON public.segments_listupload USING btree (uploaded_by_id);

CREATE INDEX segments_members ON public.segments_membership USING btree (segment_id, profile_id) WHERE (left_at IS NULL);

CREATE INDEX segments_membership_profile_id_9a9eacb0 ON public.segments_membership USING btree (profile_id);

CREATE UNIQUE INDEX segments_one_entry ON public.segments_listmember USING btree (segment_list_id, kind, value) WHERE (removed_by_id IS NULL);

CREATE UNIQUE INDEX segments_one_live_version ON public.segments_segmentversion USING btree (segment_id) WHERE ((state)::text = 'live'::text);

CREATE UNIQUE INDEX segments_one_open_stay ON public.segments_membership USING btree (profile_id, segment_id) WHERE (left_at IS NULL);

CREATE UNIQUE INDEX segments_one_waiting_proposal ON public.segments_thresholdproposal USING btree (segment_id) WHERE ((state)::text = 'waiting'::text);

CREATE INDEX segments_persona_key_bd357295 ON public.segments_persona USING btree (key);

CREATE INDEX segments_persona_key_bd357295_like ON public.segments_persona USING btree (key varchar_pattern_ops);

CREATE INDEX segments_persona_site_id_6ba12d8a ON public.segments_persona USING btree (site_id);

CREATE INDEX segments_segment_fallback_for_id_4ced0d27 ON public.segments_segment USING btree (fallback_for_id);

CREATE INDEX segments_segment_key_e5e9c267 ON public.segments_segment USING btree (key);

CREATE INDEX segments_segment_key_e5e9c267_like ON public.segments_segment USING btree (key varchar_pattern_ops);

CREATE INDEX segments_segment_site_id_b7211b53 ON public.segments_segment USING btree (site_id);

CREATE INDEX segments_segmentadaptation_next_at_179ffe00 ON public.segments_segmentadaptation USING btree (next_at);

CREATE INDEX segments_segmentlist_key_d65b4759 ON public.segments_segmentlist USING btree (key);

CREATE INDEX segments_segmentlist_key_d65b4759_like ON public.segments_segmentlist USING btree (key varchar_pattern_ops);

CREATE INDEX segments_segmentlist_site_id_e4751059 ON public.segments_segmentlist USING btree (site_id);

CREATE INDEX segments_segmentversion_published_by_id_0e874c18 ON public.segments_segmentversion USING btree (published_by_id);

CREATE INDEX segments_segmentversion_restored_from_id_ac5a507c ON public.segments_segmentversion USING btree (restored_from_id);

CREATE INDEX segments_segmentversion_segment_id_f468d6ea ON public.segments_segmentversion USING btree (segment_id);

CREATE INDEX segments_thresholdproposal_answered_by_id_0ab4fe2b ON public.segments_thresholdproposal USING btree (answered_by_id);

CREATE INDEX segments_thresholdproposal_segment_id_3e754ce8 ON public.segments_thresholdproposal USING btree (segment_id);

CREATE INDEX work_feed_profile ON public.work_changefeed USING btree (profile_id);

CREATE INDEX work_feed_site ON public.work_changefeed USING btree (site_id, id);

CREATE UNIQUE INDEX work_intent_one_waiting ON public.work_intent USING btree (kind, key) WHERE ((state)::text = 'waiting'::text);

CREATE INDEX work_intent_open ON public.work_intent USING btree (run_after) WHERE ((state)::text = ANY ((ARRAY['waiting'::character varying, 'running'::character varying])::text[]));

CREATE INDEX work_intent_site_id_63e4bed2 ON public.work_intent USING btree (site_id);

CREATE INDEX work_ledgerstate_ledger_656cb9a4_like ON public.work_ledgerstate USING btree (ledger varchar_pattern_ops);

ALTER INDEX public.events_dedupekey_pkey ATTACH PARTITION public.events_dedupekey_0_pkey;

ALTER INDEX public.events_dedupekey_pkey ATTACH PARTITION public.events_dedupekey_1_pkey;

ALTER INDEX public.events_dedupekey_pkey ATTACH PARTITION public.events_dedupekey_2_pkey;

ALTER INDEX public.events_dedupekey_pkey ATTACH PARTITION public.events_dedupekey_3_pkey;

ALTER INDEX public.events_dedupekey_pkey ATTACH PARTITION public.events_dedupekey_4_pkey;

ALTER INDEX public.events_dedupekey_pkey ATTACH PARTITION public.events_dedupekey_5_pkey;

ALTER INDEX public.events_dedupekey_pkey ATTACH PARTITION public.events_dedupekey_6_pkey;

ALTER INDEX public.events_dedupekey_pkey ATTACH PARTITION public.events_dedupekey_7_pkey;

ALTER INDEX public.events_event_id ATTACH PARTITION public.events_event_default_id_idx;

ALTER INDEX public.events_event_occurred ATTACH PARTITION public.events_event_default_occurred_at_idx;

ALTER INDEX public.events_event_profile ATTACH PARTITION public.events_event_default_profile_id_occurred_at_idx;

CREATE TRIGGER access_audit_to_seal AFTER INSERT ON public.access_auditentry REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION public.work_to_seal('audit');

CREATE TRIGGER access_keep_all_audit BEFORE TRUNCATE ON public.access_auditentry FOR EACH STATEMENT EXECUTE FUNCTION public.work_append_only();

CREATE TRIGGER access_keep_audit BEFORE DELETE OR UPDATE ON public.access_auditentry FOR EACH ROW EXECUTE FUNCTION public.work_append_only('may_retire');

CREATE TRIGGER consent_keep_all_ledger BEFORE TRUNCATE ON public.consent_consentevent FOR EACH STATEMENT EXECUTE FUNCTION public.work_append_only();

CREATE TRIGGER consent_keep_ledger BEFORE DELETE OR UPDATE ON public.consent_consentevent FOR EACH ROW EXECUTE FUNCTION public.consent_keep_ledger();

CREATE TRIGGER consent_keep_notice BEFORE UPDATE ON public.consent_noticeversion FOR EACH ROW EXECUTE FUNCTION public.consent_keep_notice();

CREATE TRIGGER consent_ledger_to_seal AFTER INSERT ON public.consent_consentevent REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION public.work_to_seal('consent');

CREATE TRIGGER decisions_touch AFTER INSERT OR DELETE OR UPDATE ON public.access_site FOR EACH ROW EXECUTE FUNCTION public.decisions_touch_access_site();

CREATE TRIGGER decisions_touch AFTER INSERT OR DELETE OR UPDATE ON public.content_block FOR EACH ROW EXECUTE FUNCTION public.decisions_touch_content_block();

CREATE TRIGGER decisions_touch AFTER INSERT OR DELETE OR UPDATE ON public.content_block_caps FOR EACH ROW EXECUTE FUNCTION public.decisions_touch_content_block_caps();

CREATE TRIGGER decisions_touch AFTER INSERT OR DELETE OR UPDATE ON public.content_blocktype FOR EACH ROW EXECUTE FUNCTION public.decisions_touch_content_blocktype();

CREATE TRIGGER decisions_touch AFTER INSERT OR DELETE OR UPDATE ON public.content_cap FOR EACH ROW EXECUTE FUNCTION public.decisions_touch_content_cap();

CREATE TRIGGER decisions_touch AFTER INSERT OR DELETE OR UPDATE ON public.content_placement FOR EACH ROW EXECUTE FUNCTION public.decisions_touch_content_placement();

CREATE TRIGGER decisions_touch AFTER INSERT OR DELETE OR UPDATE ON public.content_placement_caps FOR EACH ROW EXECUTE FUNCTION public.decisions_touch_content_placement_caps();

CREATE TRIGGER decisions_touch AFTER INSERT OR DELETE OR UPDATE ON public.content_theme FOR EACH ROW EXECUTE FUNCTION public.decisions_touch_content_theme();

CREATE TRIGGER decisions_touch AFTER INSERT OR DELETE OR UPDATE ON public.content_theme_segments FOR EACH ROW EXECUTE FUNCTION public.decisions_touch_content_theme_segments();

CREATE TRIGGER decisions_touch AFTER INSERT OR DELETE OR UPDATE ON public.content_translation FOR EACH ROW EXECUTE FUNCTION public.decisions_touch_content_translation();

CREATE TRIGGER decisions_touch AFTER INSERT OR DELETE OR UPDATE ON public.content_variant FOR EACH ROW EXECUTE FUNCTION public.decisions_touch_content_variant();

CREATE TRIGGER decisions_touch AFTER INSERT OR DELETE OR UPDATE ON public.content_variant_caps FOR EACH ROW EXECUTE FUNCTION public.decisions_touch_content_variant_caps();

CREATE TRIGGER decisions_touch AFTER INSERT OR DELETE OR UPDATE ON public.content_variant_segments FOR EACH ROW EXECUTE FUNCTION public.decisions_touch_content_variant_segments();

CREATE TRIGGER decisions_touch AFTER INSERT OR DELETE OR UPDATE ON public.experiments_experiment FOR EACH ROW EXECUTE FUNCTION public.decisions_touch_experiments_experiment();

CREATE TRIGGER decisions_touch AFTER INSERT OR DELETE OR UPDATE ON public.experiments_holdout FOR EACH ROW EXECUTE FUNCTION public.decisions_touch_experiments_holdout();

CREATE TRIGGER decisions_touch AFTER INSERT OR DELETE OR UPDATE ON public.experiments_phase FOR EACH ROW EXECUTE FUNCTION public.decisions_touch_experiments_phase();

CREATE TRIGGER decisions_touch AFTER INSERT OR DELETE OR UPDATE ON public.rules_rule FOR EACH ROW EXECUTE FUNCTION public.decisions_touch_rules_rule();

CREATE TRIGGER decisions_touch AFTER INSERT OR DELETE OR UPDATE ON public.rules_rule_caps FOR EACH ROW EXECUTE FUNCTION public.decisions_touch_rules_rule_caps();

CREATE TRIGGER decisions_touch AFTER INSERT OR DELETE OR UPDATE ON public.rules_trigger FOR EACH ROW EXECUTE FUNCTION public.decisions_touch_rules_trigger();

CREATE TRIGGER decisions_touch AFTER INSERT OR DELETE OR UPDATE ON public.segments_computedtrait FOR EACH ROW EXECUTE FUNCTION public.decisions_touch_segments_computedtrait();

CREATE TRIGGER decisions_touch AFTER INSERT OR DELETE OR UPDATE ON public.segments_segment FOR EACH ROW EXECUTE FUNCTION public.decisions_touch_segments_segment();

CREATE TRIGGER decisions_touch AFTER INSERT OR DELETE OR UPDATE ON public.segments_segmentversion FOR EACH ROW EXECUTE FUNCTION public.decisions_touch_segments_segmentversion();

CREATE TRIGGER decisions_touch_experiments AFTER INSERT OR DELETE OR UPDATE ON public.content_placement FOR EACH ROW EXECUTE FUNCTION public.decisions_touch_experiments_content_placement();

CREATE TRIGGER decisions_touch_experiments AFTER INSERT OR DELETE OR UPDATE ON public.content_variant FOR EACH ROW EXECUTE FUNCTION public.decisions_touch_experiments_content_variant();

CREATE TRIGGER events_mark_deleted AFTER DELETE ON public.events_event REFERENCING OLD TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION public.events_mark_written();

CREATE TRIGGER events_mark_inserted AFTER INSERT ON public.events_event REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION public.events_mark_written();

CREATE TRIGGER events_mark_updated AFTER UPDATE ON public.events_event REFERENCING OLD TABLE AS replaced NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION public.events_mark_moved();

CREATE TRIGGER predictions_keep_audits BEFORE DELETE OR UPDATE ON public.predictions_fairnessaudit FOR EACH ROW EXECUTE FUNCTION public.predictions_keep_audits();

CREATE TRIGGER privacy_certificates_to_seal AFTER INSERT ON public.privacy_certificate REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION public.work_to_seal('certificates');

CREATE TRIGGER privacy_keep_all_certificates BEFORE TRUNCATE ON public.privacy_certificate FOR EACH STATEMENT EXECUTE FUNCTION public.work_append_only();

CREATE TRIGGER privacy_keep_certificates BEFORE DELETE OR UPDATE ON public.privacy_certificate FOR EACH ROW EXECUTE FUNCTION public.work_append_only('may_retire');

CREATE TRIGGER privacy_keep_log BEFORE DELETE OR UPDATE ON public.privacy_requestevent FOR EACH ROW EXECUTE FUNCTION public.work_append_only('may_retire');

CREATE TRIGGER privacy_keep_whole_log BEFORE TRUNCATE ON public.privacy_requestevent FOR EACH STATEMENT EXECUTE FUNCTION public.work_append_only();

CREATE TRIGGER privacy_log_to_seal AFTER INSERT ON public.privacy_requestevent REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION public.work_to_seal('requests');

CREATE TRIGGER work_keep_all_seals BEFORE TRUNCATE ON public.work_seal FOR EACH STATEMENT EXECUTE FUNCTION public.work_append_only();

CREATE TRIGGER work_keep_seals BEFORE DELETE OR UPDATE ON public.work_seal FOR EACH ROW EXECUTE FUNCTION public.work_append_only();

ALTER TABLE ONLY public.access_alert
    ADD CONSTRAINT access_alert_site_id_9bdd775e_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.access_alertaddress
    ADD CONSTRAINT access_alertaddress_site_id_c2685aec_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.access_apikey
    ADD CONSTRAINT access_apikey_site_id_57503d98_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.access_apikey
    ADD CONSTRAINT access_apikey_source_id_a1620ee1_fk_access_source_id FOREIGN KEY (source_id) REFERENCES public.access_source(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.access_idempotentcall
    ADD CONSTRAINT access_idempotentcall_site_id_d0c93609_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.access_sitestaff
    ADD CONSTRAINT access_sitestaff_site_id_ff271832_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.access_sitestaff
    ADD CONSTRAINT access_sitestaff_user_id_4abd9e3b_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.access_source
    ADD CONSTRAINT access_source_site_id_d12205bf_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.auth_group_permissions
    ADD CONSTRAINT auth_group_permissio_permission_id_84c5c92e_fk_auth_perm FOREIGN KEY (permission_id) REFERENCES public.auth_permission(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.auth_group_permissions
    ADD CONSTRAINT auth_group_permissions_group_id_b120cbf9_fk_auth_group_id FOREIGN KEY (group_id) REFERENCES public.auth_group(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.auth_permission
    ADD CONSTRAINT auth_permission_content_type_id_2f476e4b_fk_django_co FOREIGN KEY (content_type_id) REFERENCES public.django_content_type(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.auth_user_groups
    ADD CONSTRAINT auth_user_groups_group_id_97559544_fk_auth_group_id FOREIGN KEY (group_id) REFERENCES public.auth_group(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.auth_user_groups
    ADD CONSTRAINT auth_user_groups_user_id_6a12ed8b_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.auth_user_user_permissions
    ADD CONSTRAINT auth_user_user_permi_permission_id_1fbb5f2c_fk_auth_perm FOREIGN KEY (permission_id) REFERENCES public.auth_permission(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.auth_user_user_permissions
    ADD CONSTRAINT auth_user_user_permissions_user_id_a95ead1b_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.axes_accessattemptexpiration
    ADD CONSTRAINT axes_accessattemptex_access_attempt_id_6b73a47a_fk_axes_acce FOREIGN KEY (access_attempt_id) REFERENCES public.axes_accessattempt(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.consent_consentevent
    ADD CONSTRAINT consent_consentevent_notice_id_fabcd5ea_fk_consent_n FOREIGN KEY (notice_id) REFERENCES public.consent_noticeversion(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.consent_consentevent
    ADD CONSTRAINT consent_consentevent_profile_id_108b73a2_fk_profiles_profile_id FOREIGN KEY (profile_id) REFERENCES public.profiles_profile(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.consent_consentevent
    ADD CONSTRAINT consent_consentevent_site_id_784ed53b_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.consent_disclosure
    ADD CONSTRAINT consent_disclosure_profile_id_4a3350f6_fk_profiles_profile_id FOREIGN KEY (profile_id) REFERENCES public.profiles_profile(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.consent_disclosure
    ADD CONSTRAINT consent_disclosure_recipient_id_fe2ec454_fk_consent_r FOREIGN KEY (recipient_id) REFERENCES public.consent_recipient(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.consent_ending
    ADD CONSTRAINT consent_ending_profile_id_bdacc138_fk_profiles_profile_id FOREIGN KEY (profile_id) REFERENCES public.profiles_profile(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.consent_noticeversion
    ADD CONSTRAINT consent_noticeversion_site_id_9fc43a24_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.consent_recipient
    ADD CONSTRAINT consent_recipient_site_id_b1acaf99_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.consent_tombstone
    ADD CONSTRAINT consent_tombstone_site_id_2b94adbf_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.content_asset
    ADD CONSTRAINT content_asset_by_id_095ac47e_fk_auth_user_id FOREIGN KEY (by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.content_asset
    ADD CONSTRAINT content_asset_site_id_cc1e482c_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.content_block_caps
    ADD CONSTRAINT content_block_caps_block_id_122b5d9e_fk_content_block_id FOREIGN KEY (block_id) REFERENCES public.content_block(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.content_block_caps
    ADD CONSTRAINT content_block_caps_cap_id_c977301a_fk_content_cap_id FOREIGN KEY (cap_id) REFERENCES public.content_cap(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.content_block
    ADD CONSTRAINT content_block_site_id_10d862d7_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.content_block
    ADD CONSTRAINT content_block_type_id_9a65cd55_fk_content_blocktype_id FOREIGN KEY (type_id) REFERENCES public.content_blocktype(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.content_blocktype
    ADD CONSTRAINT content_blocktype_site_id_2a343555_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.content_cap
    ADD CONSTRAINT content_cap_site_id_75e3beb1_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.content_placement
    ADD CONSTRAINT content_placement_block_id_53fe727d_fk_content_block_id FOREIGN KEY (block_id) REFERENCES public.content_block(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.content_placement_caps
    ADD CONSTRAINT content_placement_ca_placement_id_582ce5c5_fk_content_p FOREIGN KEY (placement_id) REFERENCES public.content_placement(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.content_placement_caps
    ADD CONSTRAINT content_placement_caps_cap_id_d3a126f9_fk_content_cap_id FOREIGN KEY (cap_id) REFERENCES public.content_cap(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.content_placement
    ADD CONSTRAINT content_placement_site_id_b661bb8c_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.content_revision
    ADD CONSTRAINT content_revision_by_id_41cf0c3d_fk_auth_user_id FOREIGN KEY (by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.content_revision
    ADD CONSTRAINT content_revision_site_id_5243392d_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.content_theme_segments
    ADD CONSTRAINT content_theme_segmen_segment_id_51a50693_fk_segments_ FOREIGN KEY (segment_id) REFERENCES public.segments_segment(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.content_theme_segments
    ADD CONSTRAINT content_theme_segments_theme_id_5e678c4a_fk_content_theme_id FOREIGN KEY (theme_id) REFERENCES public.content_theme(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.content_theme
    ADD CONSTRAINT content_theme_site_id_2a28a37c_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.content_translation
    ADD CONSTRAINT content_translation_variant_id_5a6ffc77_fk_content_variant_id FOREIGN KEY (variant_id) REFERENCES public.content_variant(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.content_unsaved
    ADD CONSTRAINT content_unsaved_user_id_fa182dc5_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.content_variant
    ADD CONSTRAINT content_variant_block_id_e5afbed3_fk_content_block_id FOREIGN KEY (block_id) REFERENCES public.content_block(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.content_variant_caps
    ADD CONSTRAINT content_variant_caps_cap_id_86c25974_fk_content_cap_id FOREIGN KEY (cap_id) REFERENCES public.content_cap(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.content_variant_caps
    ADD CONSTRAINT content_variant_caps_variant_id_589b35d6_fk_content_variant_id FOREIGN KEY (variant_id) REFERENCES public.content_variant(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.content_variant_segments
    ADD CONSTRAINT content_variant_segm_segment_id_a9c48288_fk_segments_ FOREIGN KEY (segment_id) REFERENCES public.segments_segment(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.content_variant_segments
    ADD CONSTRAINT content_variant_segm_variant_id_daafb74a_fk_content_v FOREIGN KEY (variant_id) REFERENCES public.content_variant(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.content_variant
    ADD CONSTRAINT content_variant_theme_id_f94855fe_fk_content_theme_id FOREIGN KEY (theme_id) REFERENCES public.content_theme(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.decisions_armday
    ADD CONSTRAINT decisions_armday_site_id_e24c5f53_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.decisions_contentfinding
    ADD CONSTRAINT decisions_contentfin_dismissed_by_id_d35545cf_fk_auth_user FOREIGN KEY (dismissed_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.decisions_contentfinding
    ADD CONSTRAINT decisions_contentfinding_site_id_249ad363_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.decisions_countedday
    ADD CONSTRAINT decisions_countedday_site_id_55d44d14_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.decisions_dryrunasked
    ADD CONSTRAINT decisions_dryrunasked_by_id_e6c0fc08_fk_auth_user_id FOREIGN KEY (by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.decisions_dryrunasked
    ADD CONSTRAINT decisions_dryrunasked_site_id_e3b67537_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.decisions_part
    ADD CONSTRAINT decisions_part_site_id_e8062253_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.decisions_partstate
    ADD CONSTRAINT decisions_partstate_site_id_6b28bac6_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.decisions_publication
    ADD CONSTRAINT decisions_publicatio_release_id_934eeb1e_fk_decisions FOREIGN KEY (release_id) REFERENCES public.decisions_release(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.decisions_publication
    ADD CONSTRAINT decisions_publication_published_by_id_298cb565_fk_auth_user_id FOREIGN KEY (published_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.decisions_publication
    ADD CONSTRAINT decisions_publication_site_id_de21ca7b_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.decisions_publishedpart
    ADD CONSTRAINT decisions_publishedpart_site_id_fdb5b2b1_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.decisions_release
    ADD CONSTRAINT decisions_release_created_by_id_eaddec31_fk_auth_user_id FOREIGN KEY (created_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.decisions_release
    ADD CONSTRAINT decisions_release_site_id_3a984aaa_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.decisions_release
    ADD CONSTRAINT decisions_release_submitted_by_id_b59f6601_fk_auth_user_id FOREIGN KEY (submitted_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.decisions_releaseitem
    ADD CONSTRAINT decisions_releaseite_release_id_18871b71_fk_decisions FOREIGN KEY (release_id) REFERENCES public.decisions_release(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.decisions_releasevote
    ADD CONSTRAINT decisions_releasevot_release_id_aaaea926_fk_decisions FOREIGN KEY (release_id) REFERENCES public.decisions_release(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.decisions_releasevote
    ADD CONSTRAINT decisions_releasevote_by_id_0032678c_fk_auth_user_id FOREIGN KEY (by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.decisions_servedday
    ADD CONSTRAINT decisions_servedday_site_id_2fec41b6_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.decisions_shownday
    ADD CONSTRAINT decisions_shownday_site_id_0e5993b9_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.delivery_previewlink
    ADD CONSTRAINT delivery_previewlink_created_by_id_7271b6a6_fk_auth_user_id FOREIGN KEY (created_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.delivery_previewlink
    ADD CONSTRAINT delivery_previewlink_site_id_c23f1de4_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.delivery_purgeaddress
    ADD CONSTRAINT delivery_purgeaddress_site_id_c3812650_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.demo_demorun
    ADD CONSTRAINT demo_demorun_shop_source_id_583ab7f0_fk_access_source_id FOREIGN KEY (shop_source_id) REFERENCES public.access_source(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.demo_demorun
    ADD CONSTRAINT demo_demorun_site_id_8d80f966_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.django_admin_log
    ADD CONSTRAINT django_admin_log_content_type_id_c4bce8eb_fk_django_co FOREIGN KEY (content_type_id) REFERENCES public.django_content_type(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.django_admin_log
    ADD CONSTRAINT django_admin_log_user_id_c564eba6_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.django_celery_beat_periodictask
    ADD CONSTRAINT django_celery_beat_p_clocked_id_47a69f82_fk_django_ce FOREIGN KEY (clocked_id) REFERENCES public.django_celery_beat_clockedschedule(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.django_celery_beat_periodictask
    ADD CONSTRAINT django_celery_beat_p_crontab_id_d3cba168_fk_django_ce FOREIGN KEY (crontab_id) REFERENCES public.django_celery_beat_crontabschedule(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.django_celery_beat_periodictask
    ADD CONSTRAINT django_celery_beat_p_interval_id_a8ca27da_fk_django_ce FOREIGN KEY (interval_id) REFERENCES public.django_celery_beat_intervalschedule(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.django_celery_beat_periodictask
    ADD CONSTRAINT django_celery_beat_p_solar_id_a87ce72c_fk_django_ce FOREIGN KEY (solar_id) REFERENCES public.django_celery_beat_solarschedule(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.events_eventschema
    ADD CONSTRAINT events_eventschema_site_id_24e9cbb5_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.events_intakeminute
    ADD CONSTRAINT events_intakeminute_site_id_af826d77_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.events_quarantine
    ADD CONSTRAINT events_quarantine_site_id_3808f343_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.events_quarantine
    ADD CONSTRAINT events_quarantine_source_id_916b7861_fk_access_source_id FOREIGN KEY (source_id) REFERENCES public.access_source(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_arm
    ADD CONSTRAINT experiments_arm_experiment_id_31e3cf58_fk_experimen FOREIGN KEY (experiment_id) REFERENCES public.experiments_experiment(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_arm
    ADD CONSTRAINT experiments_arm_variant_id_e9c2741b_fk_content_variant_id FOREIGN KEY (variant_id) REFERENCES public.content_variant(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_banditsum
    ADD CONSTRAINT experiments_banditsu_metric_id_802c2896_fk_experimen FOREIGN KEY (metric_id) REFERENCES public.experiments_metric(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_banditsum
    ADD CONSTRAINT experiments_banditsum_phase_id_78f4c052_fk_experiments_phase_id FOREIGN KEY (phase_id) REFERENCES public.experiments_phase(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_change
    ADD CONSTRAINT experiments_change_by_id_7849edd8_fk_auth_user_id FOREIGN KEY (by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_change
    ADD CONSTRAINT experiments_change_experiment_id_751f0cf8_fk_experimen FOREIGN KEY (experiment_id) REFERENCES public.experiments_experiment(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_choiceworth
    ADD CONSTRAINT experiments_choicewo_phase_id_f183bd2d_fk_experimen FOREIGN KEY (phase_id) REFERENCES public.experiments_phase(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_cursor
    ADD CONSTRAINT experiments_cursor_site_id_cab29887_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_daysum
    ADD CONSTRAINT experiments_daysum_metric_id_63ed847c_fk_experiments_metric_id FOREIGN KEY (metric_id) REFERENCES public.experiments_metric(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_daysum
    ADD CONSTRAINT experiments_daysum_phase_id_3cb6e8c7_fk_experiments_phase_id FOREIGN KEY (phase_id) REFERENCES public.experiments_phase(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_experiment
    ADD CONSTRAINT experiments_experime_layer_id_fae591c9_fk_experimen FOREIGN KEY (layer_id) REFERENCES public.experiments_layer(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_experiment
    ADD CONSTRAINT experiments_experime_placement_id_d3d5e860_fk_content_p FOREIGN KEY (placement_id) REFERENCES public.content_placement(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_experiment
    ADD CONSTRAINT experiments_experiment_created_by_id_7a6e7047_fk_auth_user_id FOREIGN KEY (created_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_experiment
    ADD CONSTRAINT experiments_experiment_site_id_54ebb770_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_goal
    ADD CONSTRAINT experiments_goal_experiment_id_7e62a02f_fk_experimen FOREIGN KEY (experiment_id) REFERENCES public.experiments_experiment(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_goal
    ADD CONSTRAINT experiments_goal_metric_id_68e2c71f_fk_experiments_metric_id FOREIGN KEY (metric_id) REFERENCES public.experiments_metric(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_holdout
    ADD CONSTRAINT experiments_holdout_site_id_ec24a796_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_holdoutmember
    ADD CONSTRAINT experiments_holdoutm_profile_id_f7b02fb3_fk_profiles_ FOREIGN KEY (profile_id) REFERENCES public.profiles_profile(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_holdoutmember
    ADD CONSTRAINT experiments_holdoutm_turn_id_08b22557_fk_experimen FOREIGN KEY (turn_id) REFERENCES public.experiments_holdoutturn(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_holdoutsum
    ADD CONSTRAINT experiments_holdouts_metric_id_755354c2_fk_experimen FOREIGN KEY (metric_id) REFERENCES public.experiments_metric(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_holdoutsum
    ADD CONSTRAINT experiments_holdouts_turn_id_4d20fa04_fk_experimen FOREIGN KEY (turn_id) REFERENCES public.experiments_holdoutturn(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_holdoutturn
    ADD CONSTRAINT experiments_holdoutt_holdout_id_921cda4c_fk_experimen FOREIGN KEY (holdout_id) REFERENCES public.experiments_holdout(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_layer
    ADD CONSTRAINT experiments_layer_site_id_4db603a7_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_look
    ADD CONSTRAINT experiments_look_phase_id_57cc3a52_fk_experiments_phase_id FOREIGN KEY (phase_id) REFERENCES public.experiments_phase(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_metric
    ADD CONSTRAINT experiments_metric_site_id_620e3668_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_participant
    ADD CONSTRAINT experiments_particip_phase_id_4b50cb7d_fk_experimen FOREIGN KEY (phase_id) REFERENCES public.experiments_phase(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_participant
    ADD CONSTRAINT experiments_particip_profile_id_4986bc6b_fk_profiles_ FOREIGN KEY (profile_id) REFERENCES public.profiles_profile(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_phase
    ADD CONSTRAINT experiments_phase_experiment_id_09e99f1d_fk_experimen FOREIGN KEY (experiment_id) REFERENCES public.experiments_experiment(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_reopened
    ADD CONSTRAINT experiments_reopened_phase_id_0c55dd59_fk_experiments_phase_id FOREIGN KEY (phase_id) REFERENCES public.experiments_phase(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_result
    ADD CONSTRAINT experiments_result_phase_id_c4de7bb9_fk_experiments_phase_id FOREIGN KEY (phase_id) REFERENCES public.experiments_phase(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_serving
    ADD CONSTRAINT experiments_serving_experiment_id_72933f1b_fk_experimen FOREIGN KEY (experiment_id) REFERENCES public.experiments_experiment(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_serving
    ADD CONSTRAINT experiments_serving_phase_id_0e9bb59d_fk_experiments_phase_id FOREIGN KEY (phase_id) REFERENCES public.experiments_phase(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_uncounted
    ADD CONSTRAINT experiments_uncounted_site_id_5e5956ad_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_whatif
    ADD CONSTRAINT experiments_whatif_by_id_27328610_fk_auth_user_id FOREIGN KEY (by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_whatif
    ADD CONSTRAINT experiments_whatif_metric_id_992c248c_fk_experiments_metric_id FOREIGN KEY (metric_id) REFERENCES public.experiments_metric(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_whatif
    ADD CONSTRAINT experiments_whatif_site_id_68f1b0be_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_worth
    ADD CONSTRAINT experiments_worth_holdout_id_88716763_fk_experiments_holdout_id FOREIGN KEY (holdout_id) REFERENCES public.experiments_holdout(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_worthasked
    ADD CONSTRAINT experiments_worthask_metric_id_733cdc31_fk_experimen FOREIGN KEY (metric_id) REFERENCES public.experiments_metric(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.experiments_worthasked
    ADD CONSTRAINT experiments_worthasked_site_id_4c0b8876_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.integrations_connection
    ADD CONSTRAINT integrations_connection_site_id_691c172b_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.integrations_connection
    ADD CONSTRAINT integrations_connection_source_id_98d9dae8_fk_access_source_id FOREIGN KEY (source_id) REFERENCES public.access_source(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.integrations_entrylink
    ADD CONSTRAINT integrations_entryli_connection_id_fe73bc7a_fk_integrati FOREIGN KEY (connection_id) REFERENCES public.integrations_connection(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.integrations_entrylink
    ADD CONSTRAINT integrations_entryli_variant_id_db49783f_fk_content_v FOREIGN KEY (variant_id) REFERENCES public.content_variant(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.integrations_incoming
    ADD CONSTRAINT integrations_incomin_connection_id_937beafd_fk_integrati FOREIGN KEY (connection_id) REFERENCES public.integrations_connection(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.integrations_incoming
    ADD CONSTRAINT integrations_incoming_variant_id_696a60b3_fk_content_variant_id FOREIGN KEY (variant_id) REFERENCES public.content_variant(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.integrations_mapping
    ADD CONSTRAINT integrations_mapping_block_id_b1a15a30_fk_content_block_id FOREIGN KEY (block_id) REFERENCES public.content_block(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.integrations_mapping
    ADD CONSTRAINT integrations_mapping_connection_id_164ed1cd_fk_integrati FOREIGN KEY (connection_id) REFERENCES public.integrations_connection(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.otp_static_staticdevice
    ADD CONSTRAINT otp_static_staticdevice_user_id_7f9cff2b_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.otp_static_statictoken
    ADD CONSTRAINT otp_static_statictok_device_id_74b7c7d1_fk_otp_stati FOREIGN KEY (device_id) REFERENCES public.otp_static_staticdevice(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.otp_totp_totpdevice
    ADD CONSTRAINT otp_totp_totpdevice_user_id_0fb18292_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.predictions_driftlook
    ADD CONSTRAINT predictions_driftloo_version_id_acfa7e0b_fk_predictio FOREIGN KEY (version_id) REFERENCES public.predictions_modelversion(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.predictions_fairnessaudit
    ADD CONSTRAINT predictions_fairness_version_id_3c63af4c_fk_predictio FOREIGN KEY (version_id) REFERENCES public.predictions_modelversion(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.predictions_fairnessaudit
    ADD CONSTRAINT predictions_fairnessaudit_asked_by_id_b9e29fc0_fk_auth_user_id FOREIGN KEY (asked_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.predictions_group
    ADD CONSTRAINT predictions_group_version_id_43f20fb9_fk_predictio FOREIGN KEY (version_id) REFERENCES public.predictions_modelversion(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.predictions_modelspec
    ADD CONSTRAINT predictions_modelspec_site_id_15ce1685_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.predictions_modelversion
    ADD CONSTRAINT predictions_modelver_approved_by_id_19b592ea_fk_auth_user FOREIGN KEY (approved_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.predictions_modelversion
    ADD CONSTRAINT predictions_modelver_spec_id_ab9fcd04_fk_predictio FOREIGN KEY (spec_id) REFERENCES public.predictions_modelspec(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.predictions_score
    ADD CONSTRAINT predictions_score_profile_id_2c8ee8b5_fk_profiles_profile_id FOREIGN KEY (profile_id) REFERENCES public.profiles_profile(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.predictions_score
    ADD CONSTRAINT predictions_score_spec_id_ecc62898_fk_predictions_modelspec_id FOREIGN KEY (spec_id) REFERENCES public.predictions_modelspec(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.predictions_score
    ADD CONSTRAINT predictions_score_version_id_6b2afae7_fk_predictio FOREIGN KEY (version_id) REFERENCES public.predictions_modelversion(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.predictions_trainingrun
    ADD CONSTRAINT predictions_training_spec_id_7535a4c3_fk_predictio FOREIGN KEY (spec_id) REFERENCES public.predictions_modelspec(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.predictions_trainingrun
    ADD CONSTRAINT predictions_training_version_id_d93a67cb_fk_predictio FOREIGN KEY (version_id) REFERENCES public.predictions_modelversion(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.privacy_bulkaction
    ADD CONSTRAINT privacy_bulkaction_asked_by_id_5c7dd3f2_fk_auth_user_id FOREIGN KEY (asked_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.privacy_bulkaction
    ADD CONSTRAINT privacy_bulkaction_site_id_858bc783_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.privacy_bulkvote
    ADD CONSTRAINT privacy_bulkvote_bulk_id_fcb727d3_fk_privacy_bulkaction_id FOREIGN KEY (bulk_id) REFERENCES public.privacy_bulkaction(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.privacy_bulkvote
    ADD CONSTRAINT privacy_bulkvote_officer_id_1460ec1b_fk_auth_user_id FOREIGN KEY (officer_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.privacy_erasurestep
    ADD CONSTRAINT privacy_erasurestep_erasure_id_bb1c20f7_fk_privacy_erasure_id FOREIGN KEY (erasure_id) REFERENCES public.privacy_erasure(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.privacy_message
    ADD CONSTRAINT privacy_message_site_id_ec642bc0_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.privacy_modelcut
    ADD CONSTRAINT privacy_modelcut_erasure_id_3310ca9f_fk_privacy_erasure_id FOREIGN KEY (erasure_id) REFERENCES public.privacy_erasure(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.privacy_note
    ADD CONSTRAINT privacy_note_request_id_7925c517_fk_privacy_request_id FOREIGN KEY (request_id) REFERENCES public.privacy_request(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.privacy_package
    ADD CONSTRAINT privacy_package_request_id_484f2e47_fk_privacy_request_id FOREIGN KEY (request_id) REFERENCES public.privacy_request(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.privacy_recipienttelling
    ADD CONSTRAINT privacy_recipienttel_erasure_id_edf344ce_fk_privacy_e FOREIGN KEY (erasure_id) REFERENCES public.privacy_erasure(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.privacy_reminder
    ADD CONSTRAINT privacy_reminder_request_id_3311d80a_fk_privacy_request_id FOREIGN KEY (request_id) REFERENCES public.privacy_request(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.privacy_request
    ADD CONSTRAINT privacy_request_bulk_id_0d398fd4_fk_privacy_bulkaction_id FOREIGN KEY (bulk_id) REFERENCES public.privacy_bulkaction(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.privacy_request
    ADD CONSTRAINT privacy_request_joined_to_id_b44173b8_fk_privacy_request_id FOREIGN KEY (joined_to_id) REFERENCES public.privacy_request(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.privacy_request
    ADD CONSTRAINT privacy_request_site_id_8c0e5b5b_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.privacy_request
    ADD CONSTRAINT privacy_request_verified_by_id_dd29935d_fk_auth_user_id FOREIGN KEY (verified_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.privacy_requestsubject
    ADD CONSTRAINT privacy_requestsubje_request_id_7751c1a2_fk_privacy_r FOREIGN KEY (request_id) REFERENCES public.privacy_request(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.privacy_retentionrun
    ADD CONSTRAINT privacy_retentionrun_site_id_e1080afb_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.profiles_due
    ADD CONSTRAINT profiles_due_profile_id_b2d087a9_fk_profiles_profile_id FOREIGN KEY (profile_id) REFERENCES public.profiles_profile(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.profiles_duplicate
    ADD CONSTRAINT profiles_duplicate_decided_by_id_a0fec663_fk_auth_user_id FOREIGN KEY (decided_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.profiles_duplicate
    ADD CONSTRAINT profiles_duplicate_one_id_d3c2d2ff_fk_profiles_profile_id FOREIGN KEY (one_id) REFERENCES public.profiles_profile(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.profiles_duplicate
    ADD CONSTRAINT profiles_duplicate_other_id_8f5c3639_fk_profiles_profile_id FOREIGN KEY (other_id) REFERENCES public.profiles_profile(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.profiles_duplicate
    ADD CONSTRAINT profiles_duplicate_site_id_62ce259d_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.profiles_identity
    ADD CONSTRAINT profiles_identity_profile_id_66c2e55a_fk_profiles_profile_id FOREIGN KEY (profile_id) REFERENCES public.profiles_profile(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.profiles_identity
    ADD CONSTRAINT profiles_identity_site_id_ec5a2cfc_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.profiles_identitylink
    ADD CONSTRAINT profiles_identitylin_identity_id_09a878df_fk_profiles_ FOREIGN KEY (identity_id) REFERENCES public.profiles_identity(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.profiles_identitylink
    ADD CONSTRAINT profiles_identitylin_profile_id_2fa0bcfe_fk_profiles_ FOREIGN KEY (profile_id) REFERENCES public.profiles_profile(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.profiles_keptapart
    ADD CONSTRAINT profiles_keptapart_one_id_409349d3_fk_profiles_profile_id FOREIGN KEY (one_id) REFERENCES public.profiles_profile(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.profiles_keptapart
    ADD CONSTRAINT profiles_keptapart_other_id_0c54bdfa_fk_profiles_profile_id FOREIGN KEY (other_id) REFERENCES public.profiles_profile(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.profiles_keptapart
    ADD CONSTRAINT profiles_keptapart_site_id_ff191866_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.profiles_mergerecord
    ADD CONSTRAINT profiles_mergerecord_loser_id_99316755_fk_profiles_profile_id FOREIGN KEY (loser_id) REFERENCES public.profiles_profile(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.profiles_mergerecord
    ADD CONSTRAINT profiles_mergerecord_site_id_eb8ca565_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.profiles_mergerecord
    ADD CONSTRAINT profiles_mergerecord_winner_id_7a3e8191_fk_profiles_profile_id FOREIGN KEY (winner_id) REFERENCES public.profiles_profile(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.profiles_profile
    ADD CONSTRAINT profiles_profile_merged_into_id_f2e5a931_fk_profiles_profile_id FOREIGN KEY (merged_into_id) REFERENCES public.profiles_profile(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.profiles_profile
    ADD CONSTRAINT profiles_profile_site_id_df62bdc5_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.profiles_profilestate
    ADD CONSTRAINT profiles_profilestat_profile_id_ba97dc55_fk_profiles_ FOREIGN KEY (profile_id) REFERENCES public.profiles_profile(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.profiles_trait
    ADD CONSTRAINT profiles_trait_profile_id_0d21d793_fk_profiles_profile_id FOREIGN KEY (profile_id) REFERENCES public.profiles_profile(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.profiles_traitchange
    ADD CONSTRAINT profiles_traitchange_profile_id_17e2327d_fk_profiles_profile_id FOREIGN KEY (profile_id) REFERENCES public.profiles_profile(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.profiles_traitkind
    ADD CONSTRAINT profiles_traitkind_site_id_4ae8e5de_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.recommendations_item
    ADD CONSTRAINT recommendations_item_site_id_1f09a2b2_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.recommendations_itemlist
    ADD CONSTRAINT recommendations_item_version_id_96c83007_fk_recommend FOREIGN KEY (version_id) REFERENCES public.recommendations_recommenderversion(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.recommendations_personlist
    ADD CONSTRAINT recommendations_pers_profile_id_10a8c0bf_fk_profiles_ FOREIGN KEY (profile_id) REFERENCES public.profiles_profile(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.recommendations_personlist
    ADD CONSTRAINT recommendations_pers_recommender_id_dab691fd_fk_recommend FOREIGN KEY (recommender_id) REFERENCES public.recommendations_recommender(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.recommendations_personlist
    ADD CONSTRAINT recommendations_pers_version_id_8037f892_fk_recommend FOREIGN KEY (version_id) REFERENCES public.recommendations_recommenderversion(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.recommendations_recommender
    ADD CONSTRAINT recommendations_reco_active_id_346a8883_fk_recommend FOREIGN KEY (active_id) REFERENCES public.recommendations_recommenderversion(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.recommendations_recommenderversion
    ADD CONSTRAINT recommendations_reco_approved_by_id_3c0cf75c_fk_auth_user FOREIGN KEY (approved_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.recommendations_recommenderversion
    ADD CONSTRAINT recommendations_reco_recommender_id_ed8bcce8_fk_recommend FOREIGN KEY (recommender_id) REFERENCES public.recommendations_recommender(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.recommendations_recommender
    ADD CONSTRAINT recommendations_recommender_site_id_89ec46b5_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.recommendations_trial
    ADD CONSTRAINT recommendations_tria_recommender_id_8e610dc0_fk_recommend FOREIGN KEY (recommender_id) REFERENCES public.recommendations_recommender(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.recommendations_trial
    ADD CONSTRAINT recommendations_tria_version_id_eadc6a69_fk_recommend FOREIGN KEY (version_id) REFERENCES public.recommendations_recommenderversion(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.rules_firing
    ADD CONSTRAINT rules_firing_trigger_id_8ec3bee6_fk_rules_trigger_id FOREIGN KEY (trigger_id) REFERENCES public.rules_trigger(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.rules_rule_caps
    ADD CONSTRAINT rules_rule_caps_cap_id_912d5013_fk_content_cap_id FOREIGN KEY (cap_id) REFERENCES public.content_cap(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.rules_rule_caps
    ADD CONSTRAINT rules_rule_caps_rule_id_79d2e2fb_fk_rules_rule_id FOREIGN KEY (rule_id) REFERENCES public.rules_rule(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.rules_rule
    ADD CONSTRAINT rules_rule_placement_id_7488945f_fk_content_placement_id FOREIGN KEY (placement_id) REFERENCES public.content_placement(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.rules_rule
    ADD CONSTRAINT rules_rule_site_id_87d9297e_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.rules_rule
    ADD CONSTRAINT rules_rule_variant_id_dd5fddff_fk_content_variant_id FOREIGN KEY (variant_id) REFERENCES public.content_variant(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.rules_trigger
    ADD CONSTRAINT rules_trigger_cap_id_8d723e22_fk_content_cap_id FOREIGN KEY (cap_id) REFERENCES public.content_cap(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.rules_trigger
    ADD CONSTRAINT rules_trigger_placement_id_64abf493_fk_content_placement_id FOREIGN KEY (placement_id) REFERENCES public.content_placement(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.rules_trigger
    ADD CONSTRAINT rules_trigger_recipient_id_6473c39b_fk_consent_recipient_id FOREIGN KEY (recipient_id) REFERENCES public.consent_recipient(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.rules_trigger
    ADD CONSTRAINT rules_trigger_segment_id_3753c219_fk_segments_segment_id FOREIGN KEY (segment_id) REFERENCES public.segments_segment(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.rules_trigger
    ADD CONSTRAINT rules_trigger_site_id_abbcfe01_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.rules_trigger
    ADD CONSTRAINT rules_trigger_variant_id_1643f468_fk_content_variant_id FOREIGN KEY (variant_id) REFERENCES public.content_variant(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.segments_computedtrait
    ADD CONSTRAINT segments_computedtrait_site_id_2130324a_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.segments_listmember
    ADD CONSTRAINT segments_listmember_profile_id_aa326f26_fk_profiles_profile_id FOREIGN KEY (profile_id) REFERENCES public.profiles_profile(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.segments_listmember
    ADD CONSTRAINT segments_listmember_removed_by_id_f26de6ed_fk_segments_ FOREIGN KEY (removed_by_id) REFERENCES public.segments_listupload(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.segments_listmember
    ADD CONSTRAINT segments_listmember_segment_list_id_b9bae169_fk_segments_ FOREIGN KEY (segment_list_id) REFERENCES public.segments_segmentlist(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.segments_listmember
    ADD CONSTRAINT segments_listmember_upload_id_d2a6c42c_fk_segments_ FOREIGN KEY (upload_id) REFERENCES public.segments_listupload(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.segments_listupload
    ADD CONSTRAINT segments_listupload_segment_list_id_379f0168_fk_segments_ FOREIGN KEY (segment_list_id) REFERENCES public.segments_segmentlist(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.segments_listupload
    ADD CONSTRAINT segments_listupload_undone_by_id_2e670f3c_fk_auth_user_id FOREIGN KEY (undone_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.segments_listupload
    ADD CONSTRAINT segments_listupload_uploaded_by_id_4961694b_fk_auth_user_id FOREIGN KEY (uploaded_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.segments_liveset
    ADD CONSTRAINT segments_liveset_site_id_286e6655_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.segments_membership
    ADD CONSTRAINT segments_membership_profile_id_9a9eacb0_fk_profiles_profile_id FOREIGN KEY (profile_id) REFERENCES public.profiles_profile(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.segments_persona
    ADD CONSTRAINT segments_persona_site_id_6ba12d8a_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.segments_segment
    ADD CONSTRAINT segments_segment_fallback_for_id_4ced0d27_fk_segments_ FOREIGN KEY (fallback_for_id) REFERENCES public.segments_segment(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.segments_segment
    ADD CONSTRAINT segments_segment_site_id_b7211b53_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.segments_segmentadaptation
    ADD CONSTRAINT segments_segmentadap_segment_id_c718d308_fk_segments_ FOREIGN KEY (segment_id) REFERENCES public.segments_segment(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.segments_segmentbaseline
    ADD CONSTRAINT segments_segmentbase_version_id_d49c2427_fk_segments_ FOREIGN KEY (version_id) REFERENCES public.segments_segmentversion(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.segments_segmentlist
    ADD CONSTRAINT segments_segmentlist_site_id_e4751059_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.segments_segmentversion
    ADD CONSTRAINT segments_segmentvers_published_by_id_0e874c18_fk_auth_user FOREIGN KEY (published_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.segments_segmentversion
    ADD CONSTRAINT segments_segmentvers_restored_from_id_ac5a507c_fk_segments_ FOREIGN KEY (restored_from_id) REFERENCES public.segments_segmentversion(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.segments_segmentversion
    ADD CONSTRAINT segments_segmentvers_segment_id_f468d6ea_fk_segments_ FOREIGN KEY (segment_id) REFERENCES public.segments_segment(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.segments_thresholdproposal
    ADD CONSTRAINT segments_thresholdpr_answered_by_id_0ab4fe2b_fk_auth_user FOREIGN KEY (answered_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.segments_thresholdproposal
    ADD CONSTRAINT segments_thresholdpr_segment_id_3e754ce8_fk_segments_ FOREIGN KEY (segment_id) REFERENCES public.segments_segment(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.studio_tour
    ADD CONSTRAINT studio_tour_user_id_6c42808d_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.work_intent
    ADD CONSTRAINT work_intent_site_id_63e4bed2_fk_access_site_id FOREIGN KEY (site_id) REFERENCES public.access_site(id) DEFERRABLE INITIALLY DEFERRED;

\unrestrict attune
