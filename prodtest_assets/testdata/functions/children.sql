-- Children: rows of other tables that refer to a test row, by the foreign keys that pg_constraint knows.

CREATE OR REPLACE FUNCTION prodtest.foreign_keys_to(p_table regclass)
RETURNS TABLE (
    name name, child regclass, child_column name, child_id text, parent_id text, same text, pairs text, on_delete "char",
    follows boolean
) LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- `same` joins child c to its parent p by all columns of the key; `pairs` are the rows of both, for the parents with the
    -- ids in $1. We follow what goes by CASCADE and comes back by undo: children that can be told apart and refer to one
    -- column. Users and appointments go by their own rules only.
    SELECT f.conname, f.conrelid::regclass, k.child_column, prodtest.id_in(f.conrelid, 'c'),
           prodtest.id_in(p_table, 'p'), k.same,
           format('FROM %s c JOIN %s p ON %s WHERE %s', f.conrelid::regclass, p_table, k.same,
                  prodtest.among(p_table, 'p', '$1')),
           f.confdeltype,
           f.confdeltype = 'c' AND cardinality(f.conkey) = 1 AND prodtest.id_in(f.conrelid, 'c') IS NOT NULL
               AND prodtest.key_columns(p_table) <> '{}'
               AND f.conrelid NOT IN ('public.users'::regclass, 'public.appointments'::regclass)
    FROM pg_constraint f CROSS JOIN LATERAL (
        SELECT string_agg(format('p.%I = c.%I', r.attname, a.attname), ' AND ') AS same, min(a.attname)::name AS child_column
        FROM unnest(f.conkey, f.confkey) AS pair(child, parent)
        JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = pair.child
        JOIN pg_attribute r ON r.attrelid = f.confrelid AND r.attnum = pair.parent) k
    WHERE f.contype = 'f' AND f.confrelid = p_table AND f.conparentid = 0
$$;

CREATE OR REPLACE FUNCTION prodtest.reached(p_plan uuid, p_call text, p_table regclass, p_ids bigint[], p_now boolean)
RETURNS SETOF bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- Which of the users or appointments go as well: they are in the plan, or they are what the call left. p_now: the plan may
-- be old, so that they are locked and judged anew, and what somebody else has locked does not go.
DECLARE
    v_plan prodtest.plan;
    v_ids bigint[];
    v_people bigint[];
BEGIN
    SELECT array_agg(o.id) INTO v_ids FROM (
        SELECT unnest(b.row_ids) AS id FROM prodtest.plan_batch b WHERE b.plan_id = p_plan AND b.table_oid = p_table
        UNION ALL
        SELECT CASE p_table WHEN 'public.appointments'::regclass THEN c.appointment_id
                            WHEN 'public.users'::regclass THEN c.user_id END
        FROM prodtest.test_call c WHERE c.call_sid = p_call) o
    WHERE o.id IN (SELECT unnest(p_ids));
    IF NOT p_now OR v_ids IS NULL THEN
        RETURN QUERY SELECT unnest(v_ids);
        RETURN;
    END IF;
    IF p_table = 'public.appointments'::regclass THEN
        SELECT array_agg(l.id), array_agg(l.user_id) INTO v_ids, v_people FROM (
            SELECT a.id, a.user_id FROM public.appointments a WHERE a.id = ANY (v_ids) ORDER BY a.id
            FOR UPDATE SKIP LOCKED) l;
    ELSE
        SELECT array_agg(l.id), array_agg(l.id) INTO v_ids, v_people FROM (
            SELECT u.id FROM public.users u WHERE u.id = ANY (v_ids) ORDER BY u.id FOR UPDATE SKIP LOCKED) l;
    END IF;
    SELECT p.* INTO v_plan FROM prodtest.plan p WHERE p.id = p_plan;
    IF NOT FOUND THEN
        SELECT 'call', c.run_id, '{}', '{}' INTO v_plan.scope, v_plan.run_id, v_plan.named, v_plan.named_users
        FROM prodtest.test_call c WHERE c.call_sid = p_call;
    END IF;
    RETURN QUERY SELECT i.id FROM prodtest.judge(v_plan.scope, v_plan.cutoff, v_plan.run_id, v_plan.named, v_plan.named_users,
                                                 v_people, coalesce(v_plan.active_only, false)) j
                 CROSS JOIN LATERAL unnest(j.ids) AS i(id)
                 WHERE j.table_oid = p_table AND j.verdict = ANY (prodtest.verdicts_of(v_plan.scope)) AND i.id = ANY (v_ids);
END
$$;

CREATE OR REPLACE FUNCTION prodtest.blocked(
    p_table regclass, p_ids bigint[], p_plan uuid, p_call text, p_wait boolean, p_above text[] DEFAULT '{}'
) RETURNS bigint[] LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- Which of the rows may not go because of their children. A child goes along when it would by CASCADE and every
-- other foreign key of it is null or leads to a row that goes as well; any other child keeps its parent, and so does one
-- that somebody else has locked, unless it is waited for. p_above are the rows that led here, lest it go in circles.
DECLARE
    v_key record;
    v_above text[] := p_above || ARRAY(SELECT format('%s:%s', p_table::oid, id) FROM unnest(p_ids) AS id);
    v_ids bigint[];
    v_free bigint[];
    v_found bigint[];
    v_stay bigint[];
    v_blocked bigint[] := '{}';
BEGIN
    -- All children are locked before one is judged, since it may lead to another.
    FOR v_key IN SELECT * FROM prodtest.foreign_keys_to(p_table) LOOP
        IF v_key.follows THEN
            EXECUTE format('SELECT array_agg(l.id) FROM (SELECT %s AS id %s ORDER BY 1 FOR UPDATE OF c %s) l',
                           v_key.child_id, v_key.pairs, CASE WHEN NOT p_wait THEN 'SKIP LOCKED' END) INTO v_free USING p_ids;
            v_found := prodtest.parents_of_others(v_key.parent_id, v_key.child_id, v_key.pairs, p_ids, v_free);
        ELSE
            -- A row that refers to itself goes with itself.
            EXECUTE format('SELECT array_agg(DISTINCT %s) %s %s', v_key.parent_id, v_key.pairs,
                           CASE WHEN v_key.child = p_table THEN 'AND c.ctid <> p.ctid' END) INTO v_found USING p_ids;
        END IF;
        v_blocked := v_blocked || v_found;
    END LOOP;
    v_ids := ARRAY(SELECT unnest(p_ids) EXCEPT SELECT unnest(v_blocked));
    FOR v_key IN SELECT * FROM prodtest.foreign_keys_to(p_table) WHERE follows LOOP
        EXECUTE format('SELECT array_agg(l.id) FROM (SELECT %s AS id %s OFFSET 0) l', v_key.child_id, v_key.pairs)
        INTO v_free USING v_ids;
        CONTINUE WHEN v_free IS NULL;
        -- Rows of this very level go in one statement and may refer to each other; what leads further up is a circle.
        v_free := ARRAY(SELECT id FROM unnest(v_free) AS id
                        WHERE format('%s:%s', v_key.child::oid, id) NOT IN (SELECT unnest(v_above))
                           OR v_key.child = p_table AND id IN (SELECT unnest(v_ids)));
        -- One that stays may keep others of its kind, so this goes on until all that are left go.
        LOOP
            EXECUTE format('SELECT array_agg(%s) FROM %s c WHERE %s AND NOT (%s)', v_key.child_id, v_key.child,
                           prodtest.among(v_key.child, 'c', '$1'), prodtest.leads_nowhere_else(v_key.child, v_key.name))
            INTO v_stay USING v_free, p_plan, p_call, true;
            v_free := ARRAY(SELECT unnest(v_free) EXCEPT SELECT unnest(v_stay));
            v_found := ARRAY(SELECT unnest(v_free) EXCEPT SELECT unnest(v_ids) WHERE v_key.child = p_table);
            IF v_found <> '{}' THEN
                v_stay := v_stay || prodtest.blocked(v_key.child, v_found, p_plan, p_call, p_wait, v_above);
                v_free := ARRAY(SELECT unnest(v_free) EXCEPT SELECT unnest(v_stay));
            END IF;
            EXIT WHEN v_free = '{}' OR coalesce(v_stay, '{}') = '{}';
        END LOOP;
        v_blocked := v_blocked
            || prodtest.parents_of_others(v_key.parent_id, v_key.child_id, v_key.pairs, v_ids, v_free);
    END LOOP;
    RETURN v_blocked;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.parents_of_others(
    p_parent_id text, p_child_id text, p_pairs text, p_ids bigint[], p_children bigint[]
) RETURNS bigint[] LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- Which of the rows have children that are not among these. Behind OFFSET, lest PostgreSQL think that so few are left that
-- it had better read the whole table for them.
DECLARE
    v_parents bigint[];
BEGIN
    EXECUTE format('SELECT array_agg(DISTINCT l.parent) FROM (SELECT %s AS parent, %s AS child %s OFFSET 0) l
                    WHERE l.child <> ALL ($2)', p_parent_id, p_child_id, p_pairs)
    INTO v_parents USING p_ids, coalesce(p_children, '{}');
    RETURN v_parents;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.leads_nowhere_else(p_child regclass, p_key name) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- The condition that all foreign keys of a child c but this one are null or lead to rows that go as well: to the ids
    -- of users and appointments that are reached (as it was planned, or $4: now), to its own kind among $1, or to another child of the parent to which this
    -- key leads, which goes with that parent or keeps it. Any other key leads out of the plan.
    SELECT coalesce(string_agg(format('((%s) IS NULL OR %s)', k.columns, CASE
        WHEN k.parent_columns = 'p.id' AND f.confrelid IN ('public.users'::regclass, 'public.appointments'::regclass)
            THEN format('coalesce(%s IN (SELECT prodtest.reached($2, $3, %L, ARRAY(SELECT %s FROM %s c WHERE %s), $4)), false)',
                        k.columns, f.confrelid::regclass, k.columns, p_child, prodtest.among(p_child, 'c', '$1'))
        WHEN f.confrelid = p_child THEN format('coalesce((%s) IN (SELECT %s FROM %s p WHERE %s), false)', k.columns,
                                               k.parent_columns, p_child, prodtest.among(p_child, 'p', '$1'))
        ELSE coalesce((
            SELECT string_agg(format('EXISTS (SELECT FROM %s p WHERE (%s) = (%s) AND p.%I = c.%I OFFSET 0)',
                                     f.confrelid::regclass, k.parent_columns, k.columns, o.attname, m.attname), ' OR ')
            FROM pg_constraint mine JOIN pg_attribute m ON m.attrelid = mine.conrelid AND m.attnum = mine.conkey[1]
            JOIN pg_constraint other ON other.contype = 'f' AND other.conrelid = f.confrelid
                AND other.confrelid = mine.confrelid AND other.confkey = mine.confkey
            JOIN pg_attribute o ON o.attrelid = other.conrelid AND o.attnum = other.conkey[1]
            WHERE mine.contype = 'f' AND mine.conrelid = p_child AND mine.conname = p_key), 'false') END), ' AND '), 'true')
    FROM pg_constraint f CROSS JOIN LATERAL (
        SELECT string_agg(format('c.%I', a.attname), ', ' ORDER BY pair.child) AS columns,
               string_agg(format('p.%I', r.attname), ', ' ORDER BY pair.child) AS parent_columns
        FROM unnest(f.conkey, f.confkey) AS pair(child, parent)
        JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = pair.child
        JOIN pg_attribute r ON r.attrelid = f.confrelid AND r.attnum = pair.parent
    ) k WHERE f.contype = 'f' AND f.conrelid = p_child AND f.conname <> p_key
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
    FOR v_key IN SELECT * FROM prodtest.foreign_keys_to(p_table) WHERE follows LOOP
        -- Children in the same table go with this level.
        EXECUTE format('SELECT array_agg(l.child) FROM (SELECT %s AS child %s OFFSET 0) l %s', v_key.child_id, v_key.pairs,
                       CASE WHEN v_key.child = p_table THEN 'WHERE l.child <> ALL ($1)' END)
        INTO v_children USING p_ids;
        CONTINUE WHEN v_children IS NULL;
        PERFORM prodtest.archive_children(p_cleanup, v_key.child, v_children);
        EXECUTE format(
            'WITH gone AS (DELETE FROM %1$s c USING %2$s p WHERE %3$s AND %4$s AND %5$s
                          RETURNING to_jsonb(c) AS content, c.ctid::text AS place, pg_column_size(c) AS bytes),
                  kept AS (INSERT INTO prodtest.archived_row (cleanup_id, table_oid, row_id, content)
                           SELECT $3, %6$L, coalesce(%7$s, jsonb_hash_extended(jsonb_build_array(g.content, g.place), 0)
                                                           | (1::bigint << 63)), g.content FROM gone g RETURNING 1)
             SELECT count(*), sum(bytes), (SELECT count(*) FROM kept) FROM gone',
            v_key.child, p_table, v_key.same, prodtest.among(p_table, 'p', '$1'), prodtest.among(v_key.child, 'c', '$2'),
            v_key.child::oid::regclass, prodtest.number_in(v_key.child, 'g.content'))
        INTO v_gone, v_bytes, v_kept USING p_ids, v_children, p_cleanup;
        -- What somebody's trigger has moved meanwhile would go by CASCADE with its parent, past the archive.
        IF v_gone <> cardinality(v_children) THEN
            RAISE EXCEPTION 'rows of % moved while they were archived', prodtest.name_of(v_key.child) USING ERRCODE = 'PT008';
        END IF;
        PERFORM prodtest.note_removal(p_cleanup, prodtest.name_of(v_key.child), v_gone, v_kept, v_bytes);
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
