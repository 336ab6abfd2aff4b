-- Effects: what a plan means for the rows of other tables.

CREATE OR REPLACE FUNCTION prodtest.referring(p_table regclass, p_ids bigint[], p_depth int DEFAULT 0)
RETURNS TABLE (child regclass, effect text, id bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
-- The rows that refer to these, with what their foreign key does, and those that refer to what goes by cascade. A row may
-- come several times; one without a whole number for a key has no id.
#variable_conflict use_column
DECLARE
    v_key record;
    v_from text;
    v_children bigint[];
BEGIN
    FOR v_key IN SELECT * FROM prodtest.foreign_keys_to(p_table) k
                 WHERE k.child <> 'public.appointments'::regclass AND p_ids IS NOT NULL AND p_depth < 20 LOOP
        v_from := format('FROM %s c JOIN %s p ON %s WHERE p.%I = ANY ($1)', v_key.child, p_table, v_key.same, v_key.parent_key);
        IF v_key.follows THEN
            EXECUTE format('SELECT array_agg(DISTINCT c.%I) %s', v_key.child_key, v_from) INTO v_children USING p_ids;
            RETURN QUERY SELECT v_key.child, 'goes by cascade', unnest(v_children)
                         UNION ALL SELECT * FROM prodtest.referring(v_key.child, v_children, p_depth + 1);
        ELSE
            RETURN QUERY EXECUTE format('SELECT $2, $3, %s %s', CASE
                WHEN v_key.child_key IS NULL THEN 'NULL::bigint' ELSE format('c.%I::bigint', v_key.child_key) END, v_from)
            USING p_ids, v_key.child, CASE
                WHEN v_key.on_delete = 'c' THEN format('keeps its parent: %s cannot be followed', v_key.name)
                WHEN v_key.on_delete = 'n' THEN 'would be set null'
                WHEN v_key.on_delete = 'd' THEN 'would be set to its default' ELSE 'keeps its parent' END;
        END IF;
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.planned(p_plan uuid, p_table regclass) RETURNS bigint[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- The rows of a plan in a table; null where no other table could refer to them, so that this is asked for nothing.
    SELECT array_agg(i.id) FROM prodtest.plan_batch b CROSS JOIN unnest(b.row_ids) i(id)
    WHERE b.plan_id = p_plan AND b.table_oid = p_table AND (
        SELECT EXISTS (SELECT 1 FROM unnest(ARRAY['public.appointments', 'public.users']::regclass[]) t(t)
                       CROSS JOIN LATERAL prodtest.foreign_keys_to(t.t) k WHERE k.child <> 'public.appointments'::regclass))
$$;

CREATE OR REPLACE FUNCTION prodtest.going_first(p_plan uuid, p_child regclass) RETURNS SETOF bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- The rows of a table that go along with the plan's appointments, which is before any user goes.
    SELECT r.id FROM prodtest.referring('public.appointments', prodtest.planned(p_plan, 'public.appointments')) r
    WHERE r.child = p_child AND r.effect = 'goes by cascade'
$$;

CREATE OR REPLACE FUNCTION prodtest.along(p_plan uuid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- How many rows of other tables go along, per table. They are a test's: blocked rows are not in the plan.
    SELECT coalesce(jsonb_object_agg(prodtest.name_of(n.child), n.rows), '{}') FROM (
        SELECT r.child, count(DISTINCT r.id) AS rows
        FROM unnest(ARRAY['public.appointments', 'public.users']::regclass[]) t(t)
        CROSS JOIN LATERAL prodtest.referring(t.t, prodtest.planned(p_plan, t.t)) r
        WHERE r.effect = 'goes by cascade' GROUP BY r.child) n
$$;

CREATE OR REPLACE FUNCTION prodtest.effects(p_plan uuid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- How many rows of other tables refer to what the plan takes or would take if they did not, per table and per what
    -- their foreign key would do.
    SELECT coalesce(jsonb_object_agg(n.effect, n.rows), '{}') FROM (
        SELECT format('%s (%s)', prodtest.name_of(r.child), r.effect) AS effect,
               count(DISTINCT r.id) + count(*) FILTER (WHERE r.id IS NULL) AS rows
        FROM unnest(ARRAY['public.appointments', 'public.users']::regclass[]) t(t)
        CROSS JOIN LATERAL prodtest.referring(t.t, prodtest.planned(p_plan, t.t) || (
            SELECT array_agg(b.row_id) FROM prodtest.blocked_row b WHERE b.plan_id = p_plan AND b.table_oid = t.t)) r
        GROUP BY 1) n
$$;
