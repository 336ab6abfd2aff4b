-- Effects: what a plan means for the rows of other tables.

CREATE OR REPLACE FUNCTION prodtest.referring(p_table regclass, p_ids bigint[], p_plan uuid, p_depth int DEFAULT 0)
RETURNS TABLE (root bigint, child regclass, id bigint, effect text, reason text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
-- The rows that refer to these, with what their foreign key does, and those that refer to what goes by cascade. Where one
-- keeps its root from going there is a reason, by the rule of prodtest.blocked. A row may come several times; one that
-- cannot be told from others has no id.
#variable_conflict use_column
DECLARE
    v_key record;
    v_parents bigint[];
    v_children bigint[];
    v_stay bigint[];
BEGIN
    FOR v_key IN SELECT * FROM prodtest.foreign_keys_to(p_table) k
                 WHERE k.child <> 'public.appointments'::regclass AND p_ids IS NOT NULL AND p_depth < 20 LOOP
        EXECUTE format('SELECT array_agg(%s), array_agg(%s) %s %s', v_key.parent_id, coalesce(v_key.child_id, 'NULL::bigint'),
                       v_key.pairs, CASE WHEN v_key.child = p_table THEN 'AND c.ctid <> p.ctid' END)
        INTO v_parents, v_children USING p_ids;
        CONTINUE WHEN v_parents IS NULL;
        IF NOT v_key.follows THEN
            RETURN QUERY SELECT i.parent, v_key.child, i.child, CASE
                    WHEN v_key.on_delete = 'c' THEN format('keeps its parent: %s cannot be followed', v_key.name)
                    WHEN v_key.on_delete = 'n' THEN 'would be set null'
                    WHEN v_key.on_delete = 'd' THEN 'would be set to its default' ELSE 'keeps its parent' END,
                format('%s refers to it and does not go along (%s)', prodtest.name_of(v_key.child), v_key.name)
                FROM unnest(v_parents, v_children) AS i(parent, child);
            CONTINUE;
        END IF;
        EXECUTE format('SELECT array_agg(%s) FROM %s c WHERE %s AND NOT (%s)', v_key.child_id, v_key.child,
                       prodtest.among(v_key.child, 'c', '$1'), prodtest.leads_nowhere_else(v_key.child, v_key.name))
        INTO v_stay USING v_children, p_plan, NULL::text, false;
        RETURN QUERY SELECT i.parent, v_key.child, i.child, 'goes by cascade', CASE WHEN i.child IN (SELECT unnest(v_stay))
                THEN format('%s refers to it and to a row that stays (%s)', prodtest.name_of(v_key.child), v_key.name) END
            FROM unnest(v_parents, v_children) AS i(parent, child)
            UNION ALL
            SELECT i.parent, r.child, r.id, r.effect, r.reason
            FROM prodtest.referring(v_key.child, v_children, p_plan, p_depth + 1) r
            JOIN unnest(v_parents, v_children) AS i(parent, child) ON i.child = r.root;
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

CREATE OR REPLACE FUNCTION prodtest.going_first(p_plan uuid) RETURNS TABLE (child regclass, id bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- The rows of other tables that go along with the plan's appointments, which is before any user goes.
    SELECT r.child, r.id
    FROM prodtest.referring('public.appointments', prodtest.planned(p_plan, 'public.appointments'), p_plan) r
    WHERE r.effect = 'goes by cascade'
$$;

CREATE OR REPLACE FUNCTION prodtest.along(p_plan uuid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- How many rows of other tables go along, per table. They are a test's: blocked rows are not in the plan.
    SELECT coalesce(jsonb_object_agg(prodtest.name_of(n.child), n.rows), '{}') FROM (
        SELECT r.child, count(DISTINCT r.id) AS rows
        FROM unnest(ARRAY['public.appointments', 'public.users']::regclass[]) t(t)
        CROSS JOIN LATERAL prodtest.referring(t.t, prodtest.planned(p_plan, t.t), p_plan) r
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
            SELECT array_agg(b.row_id) FROM prodtest.blocked_row b WHERE b.plan_id = p_plan AND b.table_oid = t.t), p_plan) r
        GROUP BY 1) n
$$;
