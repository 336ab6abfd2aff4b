-- Removal: lock, look again, adopt, archive and delete in one transaction. Every DELETE of this project stands here.

CREATE OR REPLACE FUNCTION prodtest.archive_appointments(
    p_cleanup uuid, p_plan uuid, p_call text, p_ids bigint[], p_verdict text, p_cutoff timestamptz, p_run uuid,
    p_wait boolean
) RETURNS int LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET row_security = off
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_named bigint[] := CASE p_verdict WHEN 'named' THEN p_ids ELSE '{}' END;
    v_ids bigint[] := p_ids;
    v_active_only boolean := coalesce((SELECT p.active_only FROM prodtest.plan p WHERE p.id = p_plan), false);
    v_unmarked boolean;
    v_adopted bigint[];
    v_looked_at bigint[];
    v_blocked bigint[] := '{}';
    v_gone int;
    v_kept int;
    v_bytes bigint;
BEGIN
    -- Locks first, in an order of their own: a mark lifted while this waits is seen by the statements below.
    IF p_wait THEN
        SELECT array_agg(l.id), bool_or(NOT l.is_test_data) INTO v_ids, v_unmarked FROM (
            SELECT a.id, a.is_test_data FROM public.appointments a WHERE a.id = ANY (p_ids)
            AND (a.is_test_data OR EXISTS (SELECT 1 FROM prodtest.test_call c WHERE {may_adopt:c})) ORDER BY a.id FOR UPDATE) l;
    ELSE
        SELECT array_agg(l.id), bool_or(NOT l.is_test_data) INTO v_ids, v_unmarked FROM (
            SELECT a.id, a.is_test_data FROM public.appointments a WHERE a.id = ANY (p_ids)
            AND (a.is_test_data OR EXISTS (SELECT 1 FROM prodtest.test_call c WHERE {may_adopt:c})) ORDER BY a.id
            FOR UPDATE SKIP LOCKED) l;
    END IF;
    IF EXISTS (SELECT 1 FROM prodtest.foreign_keys_to('public.appointments'::regclass)) THEN
        -- A row that stays may keep others by its children, so this goes on until all that are left go.
        LOOP
            WITH {sources}, {judged_appointments:by_id.as_asked}
            SELECT array_agg(j.id ORDER BY j.id) INTO v_ids FROM judged j WHERE j.verdict = p_verdict
            AND j.id <> ALL (v_blocked);
            EXIT WHEN v_ids IS NULL OR v_ids = v_looked_at;
            v_looked_at := v_ids;
            v_blocked := prodtest.blocked('public.appointments'::regclass, v_ids, p_plan, p_call, p_wait);
        END LOOP;
        PERFORM prodtest.archive_children(p_cleanup, 'public.appointments'::regclass, v_ids);
    END IF;
    IF v_unmarked THEN
        WITH {sources}, {judged_appointments:by_id.as_asked}
        SELECT array_agg(j.id) INTO v_adopted FROM judged j WHERE NOT j.is_test_data AND j.verdict = p_verdict;
        PERFORM prodtest.adopt(v_adopted);
    END IF;
    WITH {sources}, {judged_appointments:by_id.as_asked},
    gone AS (
        DELETE FROM public.appointments a USING judged j
        WHERE a.ctid = j.location AND a.id = j.id AND a.is_test_data AND j.verdict = p_verdict
        RETURNING a.id, a AS whole, pg_column_size(a) AS bytes, j.call_sid, j.mobile, j.owner_created_at
    ),
    kept AS (
        INSERT INTO prodtest.archived_row
            (cleanup_id, table_oid, row_id, content, adopted, owner_mobile, owner_created_at)
        SELECT p_cleanup, 'public.appointments'::regclass, g.id, to_jsonb(g.whole),
               g.call_sid IN (SELECT l.call_sid FROM ledger l WHERE l.adopted_at IS NOT NULL) IS TRUE, g.mobile, g.owner_created_at
        FROM gone g RETURNING 1
    )
    SELECT count(*), sum(bytes), (SELECT count(*) FROM kept) FROM gone INTO v_gone, v_bytes, v_kept;
    RETURN prodtest.note_removal(p_cleanup, 'appointments', v_gone, v_kept, v_bytes);
END
$$;

CREATE OR REPLACE FUNCTION prodtest.archive_users(
    p_cleanup uuid, p_plan uuid, p_call text, p_ids bigint[], p_verdict text, p_cutoff timestamptz, p_run uuid,
    p_wait boolean
) RETURNS int LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET row_security = off
SET plan_cache_mode = force_generic_plan AS $$
-- A locked parent takes no new children; those that came before the lock are seen by the statements below it.
DECLARE
    v_named bigint[] := '{}';
    v_named_users bigint[] := CASE p_verdict WHEN 'named' THEN p_ids ELSE '{}' END;
    v_scopes text[] := '{}';
    v_ids bigint[];
    v_looked_at bigint[];
    v_blocked bigint[] := '{}';
    v_gone int;
    v_kept int;
    v_bytes bigint;
BEGIN
    IF p_wait THEN
        SELECT array_agg(l.id) INTO v_ids FROM (
            SELECT u.id FROM public.users u WHERE u.id = ANY (p_ids) ORDER BY u.id FOR UPDATE) l;
    ELSE
        SELECT array_agg(l.id) INTO v_ids FROM (
            SELECT u.id FROM public.users u WHERE u.id = ANY (p_ids) ORDER BY u.id FOR UPDATE SKIP LOCKED) l;
    END IF;
    IF EXISTS (SELECT 1 FROM prodtest.foreign_keys_to('public.users'::regclass)
               WHERE child <> 'public.appointments'::regclass) THEN
        LOOP
            WITH {sources}, {judged_appointments:by_user}, {judged_users:by_id}
            SELECT array_agg(j.id ORDER BY j.id) INTO v_ids FROM judged_user j WHERE j.present = 0 AND j.verdict = p_verdict
            AND j.id <> ALL (v_blocked);
            EXIT WHEN v_ids IS NULL OR v_ids = v_looked_at;
            v_looked_at := v_ids;
            v_blocked := prodtest.blocked('public.users'::regclass, v_ids, p_plan, p_call, p_wait);
        END LOOP;
        PERFORM prodtest.archive_children(p_cleanup, 'public.users'::regclass, v_ids);
    END IF;
    WITH {sources}, {judged_appointments:by_user}, {judged_users:by_id},
    gone AS (
        DELETE FROM public.users u USING judged_user j
        WHERE u.id = j.id AND j.present = 0 AND j.verdict = p_verdict
        RETURNING u.id, u AS whole, pg_column_size(u) AS bytes
    ),
    kept AS (
        INSERT INTO prodtest.archived_row (cleanup_id, table_oid, row_id, content)
        SELECT p_cleanup, 'public.users'::regclass, g.id, to_jsonb(g.whole) FROM gone g RETURNING 1
    )
    SELECT count(*), sum(bytes), (SELECT count(*) FROM kept) FROM gone INTO v_gone, v_bytes, v_kept;
    RETURN prodtest.note_removal(p_cleanup, 'users', v_gone, v_kept, v_bytes);
END
$$;

CREATE OR REPLACE FUNCTION prodtest.note_removal(p_cleanup uuid, p_table text, p_gone int, p_kept int, p_bytes bigint)
RETURNS int LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p_gone <> p_kept THEN
        RAISE EXCEPTION '% rows removed from %, % archived', p_gone, p_table, p_kept USING ERRCODE = 'PT008';
    END IF;
    UPDATE prodtest.cleanup_run
    SET deleted = jsonb_set(deleted, ARRAY[p_table], to_jsonb(coalesce((deleted ->> p_table)::int, 0) + p_gone)),
        removed_bytes = removed_bytes + coalesce(p_bytes, 0)
    WHERE id = p_cleanup AND finished_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no unfinished cleanup %', p_cleanup USING ERRCODE = 'PT009';
    END IF;
    INSERT INTO prodtest.cleanup_transaction VALUES (p_cleanup, pg_current_xact_id()::text) ON CONFLICT DO NOTHING;
    RETURN p_gone;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.event_removed(p_cleanup uuid, p_row bigint) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE prodtest.archived_row SET event_removed_at = clock_timestamp()
    WHERE cleanup_id = p_cleanup AND row_id = p_row AND table_oid = 'public.appointments'::regclass
$$;
