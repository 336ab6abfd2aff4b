-- Test calls: a row before each call, and proof of what it left. Append-only, so that nobody can forge proof.

CREATE OR REPLACE FUNCTION prodtest.offer_names(p_run uuid, p_names text[]) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- Which of these names no user bears. That takes a look at all users, so it is taken for many calls at once. It stays
-- true: nobody knows a drawn name before its call, and of users who come later each call looks at all.
DECLARE
    v_mark bigint := coalesce((SELECT max(id) FROM public.users), 0);
    v_names text[] := ARRAY(SELECT DISTINCT lower(drawn) FROM unnest(p_names) AS drawn);
    v_taken text[] := ARRAY(SELECT lower(u.full_name) FROM public.users u WHERE lower(u.full_name) = ANY (v_names));
BEGIN
    DELETE FROM prodtest.free_name f
    WHERE NOT EXISTS (SELECT 1 FROM prodtest.test_run r WHERE r.id = f.run_id AND r.outcome = 'open');
    INSERT INTO prodtest.free_name (run_id, name, user_id_mark)
    SELECT p_run, drawn, v_mark FROM unnest(v_names) AS drawn WHERE drawn <> ALL (v_taken) ON CONFLICT DO NOTHING;
    RETURN ARRAY(SELECT drawn FROM unnest(p_names) AS drawn WHERE lower(drawn) <> ALL (v_taken));
END
$$;

CREATE OR REPLACE FUNCTION prodtest.open_call(
    p_call text, p_run uuid, p_persona text, p_number text, p_name text, p_requested_start timestamptz
) RETURNS timestamptz LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_opened timestamptz := clock_timestamp();
    v_canary prodtest.test_call;
    v_name_mark bigint;
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
    DELETE FROM prodtest.free_name WHERE run_id = p_run AND name = lower(p_name) RETURNING user_id_mark INTO v_name_mark;
    -- One question for each, so that the number is looked up in its index, and the name among new users only.
    IF EXISTS (
        SELECT 1 FROM public.users u
        WHERE prodtest.is_reserved_number(u.mobile) AND {digits:u.mobile} = {digits:p_number}
          AND NOT EXISTS (SELECT 1 FROM prodtest.test_call c WHERE {made_user:c})
    ) OR EXISTS (
        SELECT 1 FROM public.users u
        WHERE u.id > coalesce(v_name_mark, (-9223372036854775808)::bigint) AND lower(u.full_name) = lower(p_name)
          AND NOT EXISTS (SELECT 1 FROM prodtest.test_call c WHERE {made_user:c})
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
    IF p_outcome NOT IN ('refused', 'failed') THEN
        RAISE EXCEPTION 'a call that ends is neither open nor booked: its row decides that' USING ERRCODE = 'PT009';
    END IF;
    UPDATE prodtest.test_call SET closed_at = clock_timestamp(), outcome = p_outcome, transcript = p_transcript
    WHERE call_sid = p_call AND outcome = 'open';
    PERFORM prodtest.attribute_call(p_call);
END
$$;

CREATE OR REPLACE FUNCTION prodtest.compare_call(p_call text, p_comparison jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- Keep what was said beside what was stored: once, and only for a call whose row was found.
BEGIN
    IF jsonb_typeof(p_comparison) IS DISTINCT FROM 'array' THEN
        RAISE EXCEPTION 'a comparison is a list of fields' USING ERRCODE = 'PT009';
    END IF;
    UPDATE prodtest.test_call SET comparison = p_comparison
    WHERE call_sid = p_call AND appointment_id IS NOT NULL AND comparison IS NULL;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.attribute_call(p_call text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- Find the row that the call provably made: ids above the marks taken before the call, and the number, or
-- the name and the requested start. Two candidates are no proof, nor is a row that a later call with the same
-- number may have made; the application's clock is no evidence.
DECLARE
    v_call prodtest.test_call;
    v_next prodtest.test_call;
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
    SELECT * INTO v_next FROM prodtest.test_call
    WHERE caller_number = v_call.caller_number AND opened_at > v_call.opened_at ORDER BY opened_at LIMIT 1;
    SELECT array_agg(a.id), array_agg(DISTINCT a.user_id) INTO v_rows, v_users
    FROM public.users u JOIN public.appointments a ON a.user_id = u.id
    WHERE (u.id > v_call.user_id_mark
           OR EXISTS (SELECT 1 FROM prodtest.test_call c WHERE c.caller_number = v_call.caller_number AND {made_user:c}))
      AND a.id > v_call.appointment_id_mark AND a.id <= coalesce(v_next.appointment_id_mark, a.id)
      AND ({digits:u.mobile} = {digits:v_call.caller_number}
           OR (lower(u.full_name) = lower(v_call.caller_name) AND a.starts_at = v_call.requested_start))
      AND NOT EXISTS (SELECT 1 FROM prodtest.test_call c WHERE {made_row:c});
    IF cardinality(v_rows) = 1 THEN
        UPDATE prodtest.test_call c
        SET appointment_id = a.id, appointment_created_at = a.created_at, user_id = u.id, user_created_at = u.created_at,
            marked_by_app = a.is_test_data, outcome = 'booked',
            proof = CASE WHEN {digits:u.mobile} = {digits:v_call.caller_number} THEN 'number' ELSE 'name and start' END
        FROM public.appointments a JOIN public.users u ON u.id = a.user_id
        WHERE c.call_sid = p_call AND a.id = v_rows[1];
        RETURN true;
    END IF;
    IF v_users IS NULL THEN
        SELECT array_agg(u.id) INTO v_users FROM public.users u
        WHERE u.id > v_call.user_id_mark AND u.id <= coalesce(v_next.user_id_mark, u.id)
          AND {digits:u.mobile} = {digits:v_call.caller_number};
    END IF;
    IF cardinality(v_users) = 1 THEN
        UPDATE prodtest.test_call c SET user_id = u.id, user_created_at = u.created_at FROM public.users u
        WHERE u.id = v_users[1] AND c.call_sid = p_call AND c.user_id IS NULL;
    END IF;
    RETURN false;
END
$$;
