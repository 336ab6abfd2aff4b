-- Blocked rows: those that a plan leaves out because of rows of other tables that refer to them, and why. It only foresees
-- what prodtest.blocked decides when the rows and their children are locked, so that nobody waits for what cannot go.

CREATE OR REPLACE FUNCTION prodtest.leave_out_blocked(p_plan uuid) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- Take blocked rows out of a plan and remember them; how many there are, per table. A row that stays may keep others,
-- so this goes on until none is found.
DECLARE
    v_table regclass;
    v_found bigint;
BEGIN
    IF EXISTS (SELECT 1 FROM prodtest.blocked_row) THEN
        DELETE FROM prodtest.blocked_row r USING prodtest.plan_batch b, unnest(b.row_ids) i(id)
        WHERE b.plan_id = p_plan AND b.table_oid = r.table_oid AND i.id = r.row_id;
    END IF;
    LOOP
        v_found := 0;
        FOREACH v_table IN ARRAY ARRAY['public.appointments', 'public.users']::regclass[] LOOP
            v_found := v_found + prodtest.leave_out(p_plan, v_table);
        END LOOP;
        EXIT WHEN v_found = 0;
    END LOOP;
    RETURN (SELECT coalesce(jsonb_object_agg(prodtest.name_of(n.table_oid), n.rows), '{}') FROM (
        SELECT r.table_oid, count(*) AS rows FROM prodtest.blocked_row r WHERE r.plan_id = p_plan GROUP BY 1) n);
END
$$;

CREATE OR REPLACE FUNCTION prodtest.leave_out(p_plan uuid, p_table regclass) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_ids bigint[] := prodtest.planned(p_plan, p_table);
    v_found bigint;
BEGIN
    IF v_ids IS NULL THEN
        RETURN 0;
    END IF;
    WITH found AS (
        -- Users are seen as they will be when the plan's appointments have gone.
        SELECT r.root AS id, r.reason FROM prodtest.referring(p_table, v_ids, p_plan) r
        WHERE r.reason IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM prodtest.going_first(p_plan) g
            WHERE p_table = 'public.users'::regclass AND g.child = r.child AND g.id = r.id)
        UNION ALL
        SELECT a.user_id, 'one of its appointments stays'
        FROM prodtest.blocked_row r JOIN public.appointments a ON a.id = r.row_id
        WHERE p_table = 'public.users'::regclass AND r.table_oid = 'public.appointments'::regclass
          AND a.user_id = ANY (v_ids)
    )
    INSERT INTO prodtest.blocked_row AS r (table_oid, row_id, plan_id, reason)
    SELECT p_table, f.id, p_plan, min(f.reason) FROM found f GROUP BY f.id
    ON CONFLICT (table_oid, row_id) DO UPDATE SET plan_id = excluded.plan_id, reason = excluded.reason;
    GET DIAGNOSTICS v_found = ROW_COUNT;
    IF v_found > 0 THEN
        UPDATE prodtest.plan_batch b SET (row_ids, aged_from) = (
            SELECT coalesce(array_agg(i.id ORDER BY i.place), '{}'),
                   CASE WHEN b.aged_from IS NOT NULL THEN array_agg(i.aged_from ORDER BY i.place) END
            FROM unnest(b.row_ids, b.aged_from) WITH ORDINALITY i(id, aged_from, place)
            WHERE NOT EXISTS (SELECT 1 FROM prodtest.blocked_row r WHERE r.table_oid = p_table AND r.row_id = i.id))
        WHERE b.plan_id = p_plan AND b.table_oid = p_table;
        DELETE FROM prodtest.plan_batch b WHERE b.plan_id = p_plan AND b.row_ids = '{}';
    END IF;
    RETURN v_found;
END
$$;
