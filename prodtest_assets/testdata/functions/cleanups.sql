-- Cleanups: the execution of a plan, batch by batch, and a test taking back its own call.

CREATE OR REPLACE FUNCTION prodtest.open_cleanup(p_cleanup uuid, p_plan uuid, p_actor text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Planning may have outlasted the lease. It is ours again unless another cleanup has taken it.
    IF NOT prodtest.take_lease(p_cleanup, p_actor) THEN
        RAISE EXCEPTION 'the cleanup lease was lost' USING ERRCODE = 'PT006';
    END IF;
    PERFORM prodtest.require_guard();
    PERFORM prodtest.require_floor(p.scope, p.cutoff) FROM prodtest.plan p WHERE p.id = p_plan AND p.is_complete;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no complete plan %', p_plan USING ERRCODE = 'PT009';
    END IF;
    -- Only one cleanup runs at a time: whatever is still unfinished was killed.
    UPDATE prodtest.cleanup_run SET stop_reason = 'failed', finished_at = clock_timestamp()
    WHERE finished_at IS NULL AND plan_id IS NOT NULL;
    INSERT INTO prodtest.cleanup_run (id, plan_id, actor) VALUES (p_cleanup, p_plan, p_actor);
END
$$;

CREATE OR REPLACE FUNCTION prodtest.finish_cleanup(
    p_cleanup uuid, p_stop_reason text, p_proof jsonb, p_storage jsonb, p_oldest_left timestamptz
) RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE prodtest.cleanup_run
    SET finished_at = clock_timestamp(), stop_reason = p_stop_reason, proof = p_proof, storage = p_storage,
        oldest_left = p_oldest_left
    WHERE id = p_cleanup AND finished_at IS NULL
$$;

CREATE OR REPLACE FUNCTION prodtest.note_unstarted_cleanup(p_cleanup uuid, p_plan uuid, p_stop_reason text, p_actor text)
RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    -- A cleanup that ended before it took a row has a stop reason as well.
    INSERT INTO prodtest.cleanup_run (id, plan_id, finished_at, stop_reason, actor)
    SELECT p_cleanup, p_plan, clock_timestamp(), p_stop_reason, p_actor WHERE p_stop_reason IN ('locked', 'refused')
    ON CONFLICT (id) DO NOTHING
$$;

CREATE OR REPLACE FUNCTION prodtest.adopt(p_ids bigint[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    -- Mark rows that a call provably made and the application did not mark; the call remembers that the mark is ours.
    -- Once only: a mark that was lifted since is not put back.
    WITH adopted AS (
        UPDATE public.appointments a SET is_test_data = true
        FROM prodtest.test_call c WHERE {may_adopt:c} AND a.id = ANY (p_ids) AND NOT a.is_test_data
        RETURNING c.call_sid
    )
    UPDATE prodtest.test_call c SET adopted_at = clock_timestamp() FROM adopted WHERE c.call_sid = adopted.call_sid
$$;

CREATE OR REPLACE FUNCTION prodtest.remove_batch(
    p_cleanup uuid, p_place int, p_wait boolean, p_first int DEFAULT 1, p_rows int DEFAULT NULL
) RETURNS TABLE (table_name text, planned int, removed int) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- Archive and delete one batch of the cleanup's plan, or p_rows of its rows from the p_first on, in the caller's transaction.
DECLARE
    v_plan prodtest.plan;
    v_batch prodtest.plan_batch;
    v_ids bigint[];
    v_removed int;
BEGIN
    PERFORM prodtest.hold_lease(p_cleanup);
    SELECT p.* INTO STRICT v_plan FROM prodtest.plan p JOIN prodtest.cleanup_run c ON c.plan_id = p.id WHERE c.id = p_cleanup;
    SELECT b.* INTO STRICT v_batch FROM prodtest.plan_batch b WHERE b.plan_id = v_plan.id AND b.place = p_place;
    v_ids := v_batch.row_ids[p_first : p_first + coalesce(p_rows, cardinality(v_batch.row_ids)) - 1];
    IF v_batch.table_oid = 'public.users'::regclass THEN
        v_removed := prodtest.archive_users(
            p_cleanup, v_plan.id, NULL, v_ids, v_batch.scope, v_plan.cutoff, v_plan.run_id, p_wait);
    ELSE
        v_removed := prodtest.archive_appointments(
            p_cleanup, v_plan.id, NULL, v_ids, v_batch.scope, v_plan.cutoff, v_plan.run_id, p_wait);
    END IF;
    RETURN QUERY SELECT prodtest.name_of(v_batch.table_oid), cardinality(v_ids), v_removed;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.remove_call(p_call text) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- A test takes back what its own call left; no lease, since it reaches nothing but that call's rows. The
-- archive files it under the run, which finish_run closes.
DECLARE
    v_call prodtest.test_call;
    v_removed int;
BEGIN
    SELECT * INTO v_call FROM prodtest.test_call WHERE call_sid = p_call AND outcome <> 'open';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no closed call % in the ledger', p_call USING ERRCODE = 'PT009';
    END IF;
    PERFORM prodtest.require_guard();
    INSERT INTO prodtest.cleanup_run (id, actor) VALUES (v_call.run_id, 'test') ON CONFLICT (id) DO NOTHING;
    v_removed := prodtest.archive_appointments(
        v_call.run_id, NULL, p_call, ARRAY[v_call.appointment_id], 'call', '-infinity', v_call.run_id, true);
    RETURN v_removed + prodtest.archive_users(
        v_call.run_id, NULL, p_call, ARRAY[v_call.user_id], 'call', '-infinity', v_call.run_id, true);
END
$$;
