-- Runs of the booking flow: opened, kept alive, closed, and settled when nobody leads them any more.

CREATE OR REPLACE FUNCTION prodtest.open_run(p_run uuid, p_target text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO prodtest.test_run (id, target) VALUES (p_run, p_target)
$$;

CREATE OR REPLACE FUNCTION prodtest.beat(p_run uuid) RETURNS boolean
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    -- False when the run is over: whoever beats must then stop placing calls.
    WITH beaten AS (
        UPDATE prodtest.test_run SET heartbeat_at = clock_timestamp() WHERE id = p_run AND outcome = 'open'
        RETURNING 1
    )
    SELECT EXISTS (SELECT 1 FROM beaten)
$$;

CREATE OR REPLACE FUNCTION prodtest.finish_run(
    p_run uuid, p_outcome text, p_passed int, p_failed int, p_skipped int, p_tests jsonb DEFAULT '[]'
) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE prodtest.test_run
    SET outcome = p_outcome, finished_at = clock_timestamp(), passed = p_passed, failed = p_failed, skipped = p_skipped,
        tests = p_tests
    WHERE id = p_run AND outcome = 'open';
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM prodtest.settle_run(p_run);
    UPDATE prodtest.cleanup_run SET finished_at = clock_timestamp(), stop_reason = 'drained'
    WHERE id = p_run AND finished_at IS NULL;
    RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.settle_run(p_run uuid) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- Attribute what the run's calls left, and close the calls that nobody will close any more.
DECLARE
    v_call text;
    v_settled int := 0;
BEGIN
    IF EXISTS (SELECT 1 FROM prodtest.test_run WHERE id = p_run AND outcome = 'open') THEN
        RETURN 0;
    END IF;
    FOR v_call IN SELECT call_sid FROM prodtest.test_call WHERE run_id = p_run AND appointment_id IS NULL
                  AND (outcome = 'open' OR closed_at > clock_timestamp() - interval '60 seconds') LOOP
        PERFORM prodtest.attribute_call(v_call);
        UPDATE prodtest.test_call SET closed_at = clock_timestamp(), outcome = CASE WHEN outcome = 'open' THEN 'abandoned' ELSE outcome END
        WHERE call_sid = v_call AND closed_at IS NULL;
        v_settled := v_settled + 1;
    END LOOP;
    RETURN v_settled;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.settle_dead_runs() RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_run uuid;
    v_settled int := 0;
BEGIN
    FOR v_run IN SELECT id FROM prodtest.test_run WHERE outcome = 'open'
                 AND heartbeat_at <= clock_timestamp() - interval '30 seconds' FOR UPDATE SKIP LOCKED LOOP
        PERFORM prodtest.finish_run(v_run, 'abandoned', 0, 0, 0);
        v_settled := v_settled + 1;
    END LOOP;
    -- Rows that an application stored shortly after its caller had died.
    PERFORM prodtest.settle_run(id) FROM prodtest.test_run
    WHERE outcome = 'abandoned' AND finished_at > clock_timestamp() - interval '120 seconds';
    RETURN v_settled;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.store_snapshot(p_figures jsonb) RETURNS timestamptz
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO prodtest.snapshot (figures) VALUES (p_figures) RETURNING taken_at
$$;
