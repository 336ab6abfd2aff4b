-- Blocked rows: those that a plan leaves out because of rows of other tables that refer to them, and why. It only foresees
-- what prodtest.blocked decides when the rows and their children are locked, so that nobody waits for what cannot go.

CREATE OR REPLACE FUNCTION prodtest.why_blocked(
    p_table regclass, p_ids bigint[], p_plan uuid, p_planned regclass, p_depth int DEFAULT 0
) RETURNS TABLE (id bigint, reason text) LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
-- Which of the rows may not go because of their children, by the rule of prodtest.blocked. p_planned is the table of the
-- plan that these rows or their parents are in: users are seen as they will be when the plan's appointments have gone.
#variable_conflict use_column
DECLARE
    v_key record;
    v_from text;
    v_children bigint[];
BEGIN
    FOR v_key IN SELECT * FROM prodtest.foreign_keys_to(p_table) k
                 WHERE k.child <> 'public.appointments'::regclass AND p_depth < 20 LOOP
        v_from := format('FROM %s c JOIN %s p ON %s WHERE p.%I = ANY ($1)', v_key.child, p_table, v_key.same, v_key.parent_key);
        IF v_key.child = p_table THEN
            v_from := v_from || ' AND c.ctid <> p.ctid';
        END IF;
        IF p_planned = 'public.users'::regclass AND v_key.child_key IS NOT NULL THEN
            v_from := v_from || format(' AND c.%I NOT IN (SELECT prodtest.going_first(%L, %L))',
                                       v_key.child_key, p_plan, v_key.child);
        END IF;
        IF NOT v_key.follows THEN
            RETURN QUERY EXECUTE format('SELECT DISTINCT p.%I::bigint, $2 %s', v_key.parent_key, v_from)
            USING p_ids, format('%s refers to it and does not go along (%s)', prodtest.name_of(v_key.child), v_key.name);
            CONTINUE;
        END IF;
        EXECUTE format('SELECT array_agg(DISTINCT c.%I) %s', v_key.child_key, v_from) INTO v_children USING p_ids;
        CONTINUE WHEN v_children IS NULL;
        RETURN QUERY EXECUTE format(
            'SELECT DISTINCT p.%1$I::bigint, $5 FROM %2$s c JOIN %3$s p ON %4$s
             WHERE p.%1$I = ANY ($4) AND c.%5$I = ANY ($1) AND NOT (%6$s)', v_key.parent_key, v_key.child, p_table,
            v_key.same, v_key.child_key, prodtest.leads_nowhere_else(v_key.child, v_key.name))
        USING v_children, p_plan, NULL::text, p_ids,
              format('%s refers to it and to a row that stays (%s)', prodtest.name_of(v_key.child), v_key.name);
        RETURN QUERY EXECUTE format(
            'SELECT DISTINCT p.%I::bigint, b.reason FROM %s c JOIN %s p ON %s
             JOIN prodtest.why_blocked($2, $3, $4, $5, $6) b ON b.id = c.%I WHERE p.%I = ANY ($1)',
            v_key.parent_key, v_key.child, p_table, v_key.same, v_key.child_key, v_key.parent_key)
        USING p_ids, v_key.child, v_children, p_plan, p_planned, p_depth + 1;
    END LOOP;
END
$$;

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
        SELECT b.id, b.reason FROM prodtest.why_blocked(p_table, v_ids, p_plan, p_table) b
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
