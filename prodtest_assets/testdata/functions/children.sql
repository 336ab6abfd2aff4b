-- Children: rows of other tables that refer to a test row, by the foreign keys that pg_constraint knows.

CREATE OR REPLACE FUNCTION prodtest.foreign_keys_to(p_table regclass)
RETURNS TABLE (name name, child regclass, child_key name, child_column name, parent_column name, on_delete "char")
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- child_key is the child's primary key when that is one integer column; child_column is null for a
    -- foreign key of several columns. What is null here cannot be followed, so its rows block their parent.
    SELECT c.conname, c.conrelid::regclass,
           (SELECT k.attname FROM pg_index i JOIN pg_attribute k ON k.attrelid = i.indrelid AND k.attnum = i.indkey[0]
            WHERE i.indrelid = c.conrelid AND i.indisprimary AND i.indnkeyatts = 1
              AND k.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)),
           CASE WHEN cardinality(c.conkey) = 1 THEN a.attname END, r.attname, c.confdeltype
    FROM pg_constraint c
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
    JOIN pg_attribute r ON r.attrelid = c.confrelid AND r.attnum = c.confkey[1]
    WHERE c.contype = 'f' AND c.confrelid = p_table AND c.conparentid = 0
$$;

CREATE OR REPLACE FUNCTION prodtest.is_reached(p_plan uuid, p_call text, p_table regclass, p_id bigint) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Whether a row goes as well: it is in the plan, or it is what the call left.
    SELECT EXISTS (SELECT 1 FROM prodtest.plan_batch b
                   WHERE b.plan_id = p_plan AND b.table_oid = p_table AND p_id = ANY (b.row_ids))
        OR EXISTS (SELECT 1 FROM prodtest.test_call c WHERE c.call_sid = p_call
                   AND p_id = CASE p_table WHEN 'public.appointments'::regclass THEN c.appointment_id
                                           WHEN 'public.users'::regclass THEN c.user_id END)
$$;

CREATE OR REPLACE FUNCTION prodtest.blocked(p_table regclass, p_ids bigint[], p_plan uuid, p_call text)
RETURNS bigint[] LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- Which of the rows may not go because of their children. A child goes along when it would by CASCADE and every
-- other foreign key of it is null or leads to a row that goes as well; any other child keeps its parent.
DECLARE
    v_key record;
    v_other record;
    v_test text;
    v_found bigint[];
    v_children bigint[];
    v_blocked bigint[] := '{}';
BEGIN
    FOR v_key IN SELECT * FROM prodtest.foreign_keys_to(p_table) LOOP
        IF v_key.child_column IS NULL THEN
            RAISE EXCEPTION 'foreign key % of table % has several columns: its rows cannot be followed',
                v_key.name, v_key.child USING ERRCODE = 'PT010';
        END IF;
        IF v_key.on_delete <> 'c' OR v_key.child_key IS NULL OR v_key.child = 'public.appointments'::regclass THEN
            EXECUTE format('SELECT array_agg(DISTINCT c.%1$I) FROM %2$s c WHERE c.%1$I = ANY ($1)',
                           v_key.child_column, v_key.child) INTO v_found USING p_ids;
            v_blocked := v_blocked || coalesce(v_found, '{}');
            CONTINUE;
        END IF;
        EXECUTE format('SELECT array_agg(l.id) FROM (SELECT c.%I AS id FROM %s c WHERE c.%I = ANY ($1) FOR UPDATE) l',
                       v_key.child_key, v_key.child, v_key.child_column) INTO v_children USING p_ids;
        CONTINUE WHEN v_children IS NULL;
        v_test := 'false';
        FOR v_other IN
            SELECT a.attname AS column, c.confrelid::regclass AS parent FROM pg_constraint c
            JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
            WHERE c.contype = 'f' AND c.conrelid = v_key.child AND c.conname <> v_key.name
        LOOP
            v_test := v_test || format(' OR c.%1$I IS NOT NULL AND NOT prodtest.is_reached($3, $4, %2$L, c.%1$I)',
                                       v_other.column, v_other.parent);
        END LOOP;
        EXECUTE format('SELECT array_agg(DISTINCT c.%I) FROM %s c WHERE c.%I = ANY ($1) AND (c.%I = ANY ($2) OR %s)',
                       v_key.child_column, v_key.child, v_key.child_key, v_key.child_key, v_test)
        INTO v_found USING v_children, prodtest.blocked(v_key.child, v_children, p_plan, p_call), p_plan, p_call;
        v_blocked := v_blocked || coalesce(v_found, '{}');
    END LOOP;
    RETURN v_blocked;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.archive_children(p_cleanup uuid, p_table regclass, p_ids bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- Archive and delete what would go by CASCADE, grandchildren first. The parents are locked: no child comes after.
DECLARE
    v_key record;
    v_children bigint[];
    v_gone int;
    v_kept int;
    v_bytes bigint;
BEGIN
    FOR v_key IN SELECT * FROM prodtest.foreign_keys_to(p_table)
                 WHERE on_delete = 'c' AND child_key IS NOT NULL AND child <> 'public.appointments'::regclass LOOP
        EXECUTE format('SELECT array_agg(c.%I) FROM %s c WHERE c.%I = ANY ($1)',
                       v_key.child_key, v_key.child, v_key.child_column) INTO v_children USING p_ids;
        CONTINUE WHEN v_children IS NULL;
        PERFORM prodtest.archive_children(p_cleanup, v_key.child, v_children);
        EXECUTE format(
            'WITH gone AS (DELETE FROM %1$s c WHERE c.%2$I = ANY ($1) AND c.%3$I = ANY ($2)
                          RETURNING c.%2$I AS id, to_jsonb(c) AS content, pg_column_size(c) AS bytes),
                  kept AS (INSERT INTO prodtest.archived_row (cleanup_id, table_oid, row_id, content)
                           SELECT $3, %4$L, g.id, g.content FROM gone g RETURNING 1)
             SELECT count(*), sum(bytes), (SELECT count(*) FROM kept) FROM gone',
            v_key.child, v_key.child_key, v_key.child_column, v_key.child::oid::regclass)
        INTO v_gone, v_bytes, v_kept USING v_children, p_ids, p_cleanup;
        PERFORM prodtest.note_removal(
            p_cleanup, prodtest.name_of(v_key.child), v_gone, v_kept, v_bytes);
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.triggers_in_the_way(p_plan uuid, p_allowed text[]) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Triggers and rules that would run when a row is deleted, on every table that a cleanup may reach, and those that
    -- would run when it is marked, where the plan holds a row that is to be adopted.
    WITH RECURSIVE adoption AS MATERIALIZED (
        SELECT EXISTS (SELECT 1 FROM prodtest.plan_batch b JOIN prodtest.test_call c ON c.appointment_id = ANY (b.row_ids)
                       JOIN public.appointments a ON {may_adopt:c}
                       WHERE b.plan_id = p_plan AND b.table_oid = 'public.appointments'::regclass AND NOT c.marked_by_app
                         AND NOT a.is_test_data) AS is_due
    ),
    marking AS (
        SELECT m.attrelid, m.attnum FROM pg_attribute m, adoption
        WHERE adoption.is_due AND m.attrelid = 'public.appointments'::regclass AND m.attname = 'is_test_data'
    ),
    reach AS (
        SELECT unnest(ARRAY['public.appointments', 'public.users']::regclass[]) AS t
        UNION SELECT k.child FROM reach r CROSS JOIN LATERAL prodtest.foreign_keys_to(r.t) k WHERE k.on_delete = 'c'
    )
    SELECT coalesce(array_agg(found.name ORDER BY found.name), '{}') FROM (
        SELECT g.tgname::text AS name FROM pg_trigger g JOIN reach r ON r.t = g.tgrelid
        LEFT JOIN marking m ON m.attrelid = g.tgrelid
        WHERE NOT g.tgisinternal AND g.tgenabled <> 'D'
          AND (g.tgtype & 8 <> 0 OR g.tgtype & 16 <> 0 AND (cardinality(g.tgattr::int2[]) = 0 AND m.attnum IS NOT NULL
                                                            OR m.attnum = ANY (g.tgattr)))
          AND g.tgfoid NOT IN (SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'prodtest'::regnamespace
                               AND p.proname IN ('refuse_delete', 'refuse_truncate', 'refuse_mark'))
        UNION
        SELECT w.rulename::text FROM pg_rewrite w JOIN reach r ON r.t = w.ev_class LEFT JOIN marking m ON m.attrelid = r.t
        WHERE w.ev_type = '4' OR w.ev_type = '2' AND m.attnum IS NOT NULL
    ) found WHERE found.name <> ALL (p_allowed)
$$;

CREATE OR REPLACE FUNCTION prodtest.effects(p_plan uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
-- How many rows of other tables refer to what the plan takes, per table and per what their foreign key would do.
DECLARE
    v_key record;
    v_rows bigint;
    v_effects jsonb := '{}';
BEGIN
    FOR v_key IN SELECT k.*, t.t AS parent FROM unnest(ARRAY['public.appointments', 'public.users']::regclass[]) t(t)
                 CROSS JOIN LATERAL prodtest.foreign_keys_to(t.t) k
                 WHERE k.child <> 'public.appointments'::regclass AND k.child_column IS NOT NULL LOOP
        EXECUTE format('SELECT count(*) FROM %s c WHERE c.%I IN (SELECT unnest(b.row_ids) FROM prodtest.plan_batch b
                        WHERE b.plan_id = $1 AND b.table_oid = $2)', v_key.child, v_key.child_column)
        INTO v_rows USING p_plan, v_key.parent;
        CONTINUE WHEN v_rows = 0;
        v_effects := v_effects || jsonb_build_object(
            format('%s (%s)', prodtest.name_of(v_key.child),
                   CASE v_key.on_delete WHEN 'c' THEN 'goes by cascade' WHEN 'n' THEN 'would be set null'
                                        WHEN 'd' THEN 'would be set to its default' ELSE 'keeps its parent' END), v_rows);
    END LOOP;
    RETURN v_effects;
END
$$;
