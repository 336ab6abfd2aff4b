-- What holds once `prodtest protect` has run: floors under the retention and the archive, and a tripwire on the tables.

CREATE OR REPLACE FUNCTION prodtest.require_floor(p_scope text, p_cutoff timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- Whoever holds the login role could otherwise call every test row stale, also those of tests that still run.
DECLARE
    v_floor interval;
BEGIN
    SELECT retention_floor INTO v_floor FROM prodtest.protection;
    IF p_scope = 'stale' AND p_cutoff > clock_timestamp() - v_floor THEN
        RAISE EXCEPTION 'this database is protected: only rows older than % h count as stale',
            (extract(epoch FROM v_floor) / 3600)::float8 USING ERRCODE = 'PT011';
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.kept_at_least(p_age interval) RETURNS interval
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Whoever holds the login role could otherwise empty the archive, and nothing could be undone.
    SELECT greatest(p_age, (SELECT archive_floor FROM prodtest.protection))
$$;

CREATE OR REPLACE FUNCTION prodtest.refuse_delete() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- BEFORE DELETE of each row, also by cascade, when the session is the login role's: only test rows pass.
BEGIN
    IF TG_RELID = 'public.appointments'::regclass THEN
        IF OLD.is_test_data THEN
            RETURN OLD;
        END IF;
    ELSIF NOT EXISTS (SELECT 1 FROM public.appointments a WHERE a.user_id = OLD.id AND a.is_test_data IS NOT TRUE)
       AND (prodtest.is_reserved_number(OLD.mobile)
            OR EXISTS (SELECT 1 FROM prodtest.test_call c
                       WHERE c.user_id = OLD.id AND c.user_created_at = OLD.created_at)) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'row % of % is a customer''s: % may not delete it', OLD.id, TG_TABLE_NAME, session_user
        USING ERRCODE = 'PT012';
END
$$;

CREATE OR REPLACE FUNCTION prodtest.refuse_mark() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- BEFORE UPDATE of a mark that was off, when the session is the login role's: only what a call provably made.
BEGIN
    IF EXISTS (SELECT 1 FROM prodtest.test_call c WHERE c.appointment_id = OLD.id AND c.user_id = OLD.user_id
               AND c.appointment_created_at = OLD.created_at AND NOT c.marked_by_app AND c.adopted_at IS NULL) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'appointment % is a customer''s: % may not mark it', OLD.id, session_user USING ERRCODE = 'PT012';
END
$$;

CREATE OR REPLACE FUNCTION prodtest.refuse_truncate() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% may not truncate %', session_user, TG_TABLE_NAME USING ERRCODE = 'PT012';
END
$$;
