-- The one door to the application's tables. Nothing else in this project inserts into the ledger, marks,
-- archives or deletes a row. Every function fixes its search_path and names schemas in full.
--
-- A name in braces stands for that statement of predicates.sql; by_id and by_user restrict it to v_ids.
-- Errors carry a code of class PT, which errors.py knows: PT001 the run is over, PT002 the number is not
-- reserved, PT003 number or name taken, PT004 the canary left no row, PT005 the canary is still awaited,
-- PT006 the lease is lost, PT007 the plan drifted, PT008 a removed row was not archived, PT009 unknown id.

-- Runs ------------------------------------------------------------------------------------------------

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

CREATE OR REPLACE FUNCTION prodtest.finish_run(p_run uuid, p_outcome text, p_passed int, p_failed int, p_skipped int)
RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE prodtest.test_run
    SET outcome = p_outcome, finished_at = clock_timestamp(), passed = p_passed, failed = p_failed, skipped = p_skipped
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

-- Calls -----------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION prodtest.open_call(
    p_call text, p_run uuid, p_persona text, p_number text, p_name text, p_requested_start timestamptz
) RETURNS timestamptz LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_opened timestamptz := clock_timestamp();
    v_canary prodtest.test_call;
BEGIN
    PERFORM 1 FROM prodtest.test_run WHERE id = p_run AND outcome = 'open'
        AND heartbeat_at > v_opened - interval '30 seconds' FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'run % is over' , p_run USING ERRCODE = 'PT001';
    END IF;
    IF NOT prodtest.is_reserved_number(p_number) THEN
        RAISE EXCEPTION 'the caller''s number is not reserved for tests' USING ERRCODE = 'PT002';
    END IF;
    SELECT * INTO v_canary FROM prodtest.test_call WHERE run_id = p_run ORDER BY opened_at LIMIT 1;
    IF FOUND AND NOT EXISTS (SELECT 1 FROM prodtest.test_call WHERE run_id = p_run AND user_id IS NOT NULL) THEN
        IF v_canary.closed_at < v_opened - interval '60 seconds' THEN
            RAISE EXCEPTION 'the first call of the run left no row in this database' USING ERRCODE = 'PT004';
        END IF;
        RAISE EXCEPTION 'the row of the first call is still awaited' USING ERRCODE = 'PT005';
    END IF;
    IF EXISTS (
        SELECT 1 FROM public.users u
        WHERE (lower(u.full_name) = lower(p_name)
               OR (prodtest.is_reserved_number(u.mobile) AND {digits:u.mobile} = {digits:p_number}))
          AND NOT EXISTS (SELECT 1 FROM prodtest.test_call c WHERE c.user_id = u.id)
    ) THEN
        RAISE EXCEPTION 'a user holds the caller''s number or name' USING ERRCODE = 'PT003';
    END IF;
    INSERT INTO prodtest.test_call (call_sid, run_id, persona, caller_number, caller_name, requested_start,
                                    opened_at, user_id_mark, appointment_id_mark)
    SELECT p_call, p_run, p_persona, p_number, p_name, p_requested_start, v_opened,
           coalesce((SELECT max(id) FROM public.users), 0), coalesce((SELECT max(id) FROM public.appointments), 0);
    RETURN v_opened;
EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION 'an open call holds the caller''s number' USING ERRCODE = 'PT003';
END
$$;

CREATE OR REPLACE FUNCTION prodtest.close_call(p_call text, p_outcome text, p_transcript jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE prodtest.test_call SET closed_at = clock_timestamp(), outcome = p_outcome, transcript = p_transcript
    WHERE call_sid = p_call AND outcome = 'open';
    PERFORM prodtest.attribute_call(p_call);
END
$$;

CREATE OR REPLACE FUNCTION prodtest.attribute_call(p_call text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- Find the row that the call provably made: ids above the marks taken before the call, and the number, or
-- the name and the requested start. Two candidates are no proof; the application's clock is no evidence.
DECLARE
    v_call prodtest.test_call;
    v_users bigint[];
    v_rows bigint[];
BEGIN
    SELECT * INTO v_call FROM prodtest.test_call WHERE call_sid = p_call FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no call % in the ledger', p_call USING ERRCODE = 'PT009';
    END IF;
    IF v_call.appointment_id IS NOT NULL THEN
        RETURN true;
    END IF;
    IF v_call.closed_at < clock_timestamp() - interval '60 seconds' THEN
        RETURN false;
    END IF;
    SELECT array_agg(a.id), array_agg(DISTINCT a.user_id) INTO v_rows, v_users
    FROM public.users u JOIN public.appointments a ON a.user_id = u.id
    WHERE (u.id > v_call.user_id_mark
           OR u.id IN (SELECT c.user_id FROM prodtest.test_call c WHERE c.caller_number = v_call.caller_number))
      AND a.id > v_call.appointment_id_mark
      AND ({digits:u.mobile} = {digits:v_call.caller_number}
           OR (lower(u.full_name) = lower(v_call.caller_name) AND a.starts_at = v_call.requested_start))
      AND NOT EXISTS (SELECT 1 FROM prodtest.test_call c WHERE c.appointment_id = a.id);
    IF cardinality(v_rows) = 1 THEN
        UPDATE prodtest.test_call c
        SET appointment_id = a.id, user_id = a.user_id, marked_by_app = a.is_test_data, outcome = 'booked',
            proof = CASE WHEN {digits:u.mobile} = {digits:v_call.caller_number} THEN 'number' ELSE 'name and start' END
        FROM public.appointments a JOIN public.users u ON u.id = a.user_id
        WHERE c.call_sid = p_call AND a.id = v_rows[1];
        RETURN true;
    END IF;
    IF v_users IS NULL THEN
        SELECT array_agg(u.id) INTO v_users FROM public.users u
        WHERE u.id > v_call.user_id_mark AND {digits:u.mobile} = {digits:v_call.caller_number};
    END IF;
    IF cardinality(v_users) = 1 THEN
        UPDATE prodtest.test_call SET user_id = v_users[1] WHERE call_sid = p_call AND user_id IS NULL;
    END IF;
    RETURN false;
END
$$;

-- Plans -----------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION prodtest.make_plan(
    p_plan uuid, p_scope text, p_cutoff timestamptz, p_run uuid, p_named bigint[], p_named_users bigint[],
    p_limit int, p_batch_size int, p_actor text
) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- Store which rows may go, in batches of ids, oldest row first; p_limit rows in all tables at most.
BEGIN
    INSERT INTO prodtest.plan (id, scope, cutoff, run_id, named, named_users, actor)
    VALUES (p_plan, p_scope, p_cutoff, p_run, p_named, p_named_users, p_actor);
    WITH reachable AS (
        SELECT table_oid, id, verdict, row_number() OVER (ORDER BY table_oid = 'public.users'::regclass, aged_from, id) AS place
        FROM prodtest.reachable(p_scope, p_cutoff, p_run, p_named, p_named_users)
    ),
    batched AS (
        SELECT *, (row_number() OVER (PARTITION BY table_oid, verdict ORDER BY id) - 1) / p_batch_size AS batch
        FROM reachable WHERE p_limit IS NULL OR place <= p_limit
    )
    INSERT INTO prodtest.plan_batch (plan_id, place, table_oid, scope, row_ids)
    SELECT p_plan, row_number() OVER (ORDER BY table_oid = 'public.users'::regclass, verdict, batch), table_oid, verdict,
           array_agg(id ORDER BY id)
    FROM batched GROUP BY table_oid, verdict, batch;
    UPDATE prodtest.plan SET counts = (
        SELECT coalesce(jsonb_object_agg(t, n), '{}') FROM (
            SELECT (SELECT relname FROM pg_class WHERE oid = b.table_oid) AS t, sum(cardinality(b.row_ids)) AS n
            FROM prodtest.plan_batch b WHERE b.plan_id = p_plan GROUP BY b.table_oid) c)
    WHERE id = p_plan;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.reachable(
    p_scope text, p_cutoff timestamptz, p_run uuid, p_named bigint[], p_named_users bigint[]
) RETURNS TABLE (table_oid regclass, id bigint, verdict text, aged_from timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_scopes text[] := prodtest.verdicts_of(p_scope);
    v_named bigint[] := p_named;
    v_named_users bigint[] := p_named_users;
BEGIN
    RETURN QUERY WITH {sources}, {judged_appointments},
    {judged_users}
    SELECT 'public.appointments'::regclass, j.id, j.verdict, j.aged_from FROM judged j WHERE j.verdict = ANY (v_scopes)
    UNION ALL
    SELECT 'public.users'::regclass, u.id, u.verdict, coalesce(u.first_opened_at, u.created_at)
    FROM judged_user u WHERE u.verdict = ANY (v_scopes);
END
$$;

CREATE OR REPLACE FUNCTION prodtest.verdicts_of(p_scope text) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Every cleanup also takes what calls of this run or of a dead run left.
    SELECT CASE p_scope WHEN 'stale' THEN ARRAY['stale', 'call'] WHEN 'call' THEN ARRAY['call']
                        WHEN 'named' THEN ARRAY['named'] END
$$;

CREATE OR REPLACE FUNCTION prodtest.drift(p_plan uuid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Rows within reach now that the plan does not hold, per table; empty when nothing was added.
    SELECT coalesce(jsonb_object_agg(t, n), '{}') FROM (
        SELECT (SELECT relname FROM pg_class WHERE oid = r.table_oid) AS t, count(*) AS n
        FROM prodtest.plan p
        CROSS JOIN LATERAL prodtest.reachable(p.scope, p.cutoff, p.run_id, p.named, p.named_users) r
        LEFT JOIN (SELECT b.table_oid, unnest(b.row_ids) AS id FROM prodtest.plan_batch b WHERE b.plan_id = p_plan) planned
               ON planned.table_oid = r.table_oid AND planned.id = r.id
        WHERE p.id = p_plan AND planned.id IS NULL GROUP BY r.table_oid) c
$$;

-- Cleanups --------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION prodtest.take_lease(p_holder uuid, p_actor text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO prodtest.lease AS l (holder, actor, until)
    VALUES (p_holder, p_actor, clock_timestamp() + interval '30 seconds')
    ON CONFLICT (only_one) DO UPDATE SET holder = excluded.holder, actor = excluded.actor, until = excluded.until
    WHERE l.until < clock_timestamp() OR l.holder = excluded.holder;
    RETURN FOUND;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.hold_lease(p_holder uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE prodtest.lease SET until = clock_timestamp() + interval '30 seconds'
    WHERE holder = p_holder AND until > clock_timestamp();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the cleanup lease was lost' USING ERRCODE = 'PT006';
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.release_lease(p_holder uuid) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM prodtest.lease WHERE holder = p_holder
$$;

CREATE OR REPLACE FUNCTION prodtest.open_cleanup(p_cleanup uuid, p_plan uuid, p_actor text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM prodtest.hold_lease(p_cleanup);
    -- Only one cleanup runs at a time: whatever is still unfinished was killed.
    UPDATE prodtest.cleanup_run SET stop_reason = 'failed', finished_at = clock_timestamp()
    WHERE finished_at IS NULL AND plan_id IS NOT NULL;
    INSERT INTO prodtest.cleanup_run (id, plan_id, actor) VALUES (p_cleanup, p_plan, p_actor);
END
$$;

CREATE OR REPLACE FUNCTION prodtest.finish_cleanup(p_cleanup uuid, p_stop_reason text, p_proof jsonb) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE prodtest.cleanup_run SET finished_at = clock_timestamp(), stop_reason = p_stop_reason, proof = p_proof
    WHERE id = p_cleanup AND finished_at IS NULL
$$;

CREATE OR REPLACE FUNCTION prodtest.adopt_unmarked(p_cleanup uuid, p_run uuid) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- Mark the rows that calls of this run, of dead runs or of finished runs provably made and the application left unmarked.
DECLARE
    p_cutoff timestamptz := 'infinity';
    v_named bigint[] := '{}';
    v_ids bigint[];
BEGIN
    PERFORM prodtest.hold_lease(p_cleanup);
    WITH {sources}, {judged_appointments}
    SELECT array_agg(j.id) INTO v_ids FROM judged j
    WHERE NOT j.is_test_data AND j.verdict NOT IN ('held', 'live');
    RETURN prodtest.adopt(v_ids);
END
$$;

CREATE OR REPLACE FUNCTION prodtest.adopt(p_ids bigint[]) RETURNS bigint[]
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    -- Only rows with proof in the ledger; the call remembers that the mark is ours.
    WITH adopted AS (
        UPDATE public.appointments a SET is_test_data = true
        FROM prodtest.test_call c WHERE c.appointment_id = a.id AND a.id = ANY (p_ids) AND NOT a.is_test_data
        RETURNING a.id
    ),
    noted AS (
        UPDATE prodtest.test_call c SET adopted_at = clock_timestamp() FROM adopted WHERE c.appointment_id = adopted.id
    )
    SELECT coalesce(array_agg(id), '{}') FROM adopted
$$;

CREATE OR REPLACE FUNCTION prodtest.remove_batch(p_cleanup uuid, p_place int, p_wait boolean)
RETURNS TABLE (table_name text, planned int, removed int) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- Archive and delete one batch of the cleanup's plan in the caller's transaction.
DECLARE
    v_plan prodtest.plan;
    v_batch prodtest.plan_batch;
    v_removed int;
BEGIN
    PERFORM prodtest.hold_lease(p_cleanup);
    SELECT p.* INTO STRICT v_plan FROM prodtest.plan p JOIN prodtest.cleanup_run c ON c.plan_id = p.id WHERE c.id = p_cleanup;
    SELECT b.* INTO STRICT v_batch FROM prodtest.plan_batch b WHERE b.plan_id = v_plan.id AND b.place = p_place;
    IF v_batch.table_oid = 'public.users'::regclass THEN
        v_removed := prodtest.archive_users(p_cleanup, v_batch.row_ids, v_batch.scope, v_plan.cutoff, v_plan.run_id, p_wait);
    ELSE
        v_removed := prodtest.archive_appointments(p_cleanup, v_batch.row_ids, v_batch.scope, v_plan.cutoff, v_plan.run_id, p_wait);
    END IF;
    RETURN QUERY SELECT (SELECT relname::text FROM pg_class WHERE oid = v_batch.table_oid), cardinality(v_batch.row_ids), v_removed;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.archive_appointments(
    p_cleanup uuid, p_ids bigint[], p_verdict text, p_cutoff timestamptz, p_run uuid, p_wait boolean
) RETURNS int LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_named bigint[] := CASE p_verdict WHEN 'named' THEN p_ids ELSE '{}' END;
    v_ids bigint[];
    v_gone int;
    v_kept int;
BEGIN
    -- Locks first, in an order of their own: a mark lifted while this waits is seen by the statement below.
    IF p_wait THEN
        SELECT array_agg(l.id) INTO v_ids FROM (
            SELECT a.id FROM public.appointments a WHERE a.id = ANY (p_ids) AND a.is_test_data ORDER BY a.id FOR UPDATE) l;
    ELSE
        SELECT array_agg(l.id) INTO v_ids FROM (
            SELECT a.id FROM public.appointments a WHERE a.id = ANY (p_ids) AND a.is_test_data ORDER BY a.id
            FOR UPDATE SKIP LOCKED) l;
    END IF;
    v_ids := prodtest.without_references('public.appointments'::regclass, v_ids);
    WITH {sources},
    {judged_appointments:by_id},
    gone AS (
        DELETE FROM public.appointments a USING judged j
        WHERE a.id = j.id AND a.is_test_data AND j.verdict = p_verdict
        RETURNING a.*
    ),
    kept AS (
        INSERT INTO prodtest.archived_row (cleanup_id, table_oid, row_id, content, adopted)
        SELECT p_cleanup, 'public.appointments'::regclass, g.id, to_jsonb(g),
               EXISTS (SELECT 1 FROM ledger l WHERE l.appointment_id = g.id AND NOT l.marked_by_app)
        FROM gone g RETURNING 1
    )
    SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM kept) INTO v_gone, v_kept;
    RETURN prodtest.note_removal(p_cleanup, 'appointments', v_gone, v_kept);
END
$$;

CREATE OR REPLACE FUNCTION prodtest.archive_users(
    p_cleanup uuid, p_ids bigint[], p_verdict text, p_cutoff timestamptz, p_run uuid, p_wait boolean
) RETURNS int LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- A locked parent takes no new children; those that came before the lock are seen by the next statement.
DECLARE
    v_named bigint[] := '{}';
    v_named_users bigint[] := CASE p_verdict WHEN 'named' THEN p_ids ELSE '{}' END;
    v_scopes text[] := '{}';
    v_ids bigint[];
    v_gone int;
    v_kept int;
BEGIN
    IF p_wait THEN
        SELECT array_agg(l.id) INTO v_ids FROM (
            SELECT u.id FROM public.users u WHERE u.id = ANY (p_ids) ORDER BY u.id FOR UPDATE) l;
    ELSE
        SELECT array_agg(l.id) INTO v_ids FROM (
            SELECT u.id FROM public.users u WHERE u.id = ANY (p_ids) ORDER BY u.id FOR UPDATE SKIP LOCKED) l;
    END IF;
    v_ids := prodtest.without_references('public.users'::regclass, v_ids);
    WITH {sources},
    {judged_appointments:by_user},
    {judged_users:by_id},
    gone AS (
        DELETE FROM public.users u USING judged_user j
        WHERE u.id = j.id AND j.present = 0 AND j.verdict = p_verdict
        RETURNING u.*
    ),
    kept AS (
        INSERT INTO prodtest.archived_row (cleanup_id, table_oid, row_id, content)
        SELECT p_cleanup, 'public.users'::regclass, g.id, to_jsonb(g) FROM gone g RETURNING 1
    )
    SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM kept) INTO v_gone, v_kept;
    RETURN prodtest.note_removal(p_cleanup, 'users', v_gone, v_kept);
END
$$;

CREATE OR REPLACE FUNCTION prodtest.without_references(p_table regclass, p_ids bigint[]) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- The ids that no row of any table refers to, whatever its foreign key would do on delete.
DECLARE
    v_key record;
    v_ids bigint[] := p_ids;
BEGIN
    FOR v_key IN
        SELECT c.conrelid::regclass AS child, a.attname AS child_column, r.attname AS parent_column
        FROM pg_constraint c
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
        JOIN pg_attribute r ON r.attrelid = c.confrelid AND r.attnum = c.confkey[1]
        WHERE c.contype = 'f' AND c.confrelid = p_table
    LOOP
        EXECUTE format('SELECT array_agg(p.id) FROM %s p WHERE p.id = ANY ($1)
                        AND NOT EXISTS (SELECT 1 FROM %s c WHERE c.%I = p.%I)',
                       p_table, v_key.child, v_key.child_column, v_key.parent_column)
        INTO v_ids USING v_ids;
    END LOOP;
    RETURN v_ids;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.note_removal(p_cleanup uuid, p_table text, p_gone int, p_kept int) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p_gone <> p_kept THEN
        RAISE EXCEPTION '% rows removed from %, % archived', p_gone, p_table, p_kept USING ERRCODE = 'PT008';
    END IF;
    UPDATE prodtest.cleanup_run
    SET deleted = jsonb_set(deleted, ARRAY[p_table], to_jsonb(coalesce((deleted ->> p_table)::int, 0) + p_gone)),
        transactions = transactions || pg_current_xact_id()::text
    WHERE id = p_cleanup AND finished_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no unfinished cleanup %', p_cleanup USING ERRCODE = 'PT009';
    END IF;
    RETURN p_gone;
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
    INSERT INTO prodtest.cleanup_run (id, actor) VALUES (v_call.run_id, 'test') ON CONFLICT (id) DO NOTHING;
    PERFORM prodtest.adopt(ARRAY[v_call.appointment_id]);
    v_removed := prodtest.archive_appointments(v_call.run_id, ARRAY[v_call.appointment_id], 'call', '-infinity', v_call.run_id, true);
    RETURN v_removed + prodtest.archive_users(v_call.run_id, ARRAY[v_call.user_id], 'call', '-infinity', v_call.run_id, true);
END
$$;

CREATE OR REPLACE FUNCTION prodtest.event_removed(p_cleanup uuid, p_row bigint) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE prodtest.archived_row SET event_removed_at = clock_timestamp()
    WHERE cleanup_id = p_cleanup AND row_id = p_row AND table_oid = 'public.appointments'::regclass
$$;

CREATE OR REPLACE FUNCTION prodtest.store_snapshot(p_figures jsonb) RETURNS timestamptz
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO prodtest.snapshot (figures) VALUES (p_figures) RETURNING taken_at
$$;
