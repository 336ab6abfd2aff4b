-- Undo: archived rows come back with their ids. Every INSERT into the application's tables stands here.

CREATE OR REPLACE FUNCTION prodtest.open_undo(p_undo uuid, p_cleanup uuid, p_actor text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- The hold comes first: whatever an undo restores before it is killed is exempt from the moment it is there.
BEGIN
    PERFORM prodtest.hold_lease(p_undo);
    INSERT INTO prodtest.undo_run (id, cleanup_id, actor) VALUES (p_undo, p_cleanup, p_actor);
    INSERT INTO prodtest.hold (undo_id, until, reason, actor)
    VALUES (p_undo, clock_timestamp() + interval '7 days', 'restored by undo', p_actor);
END
$$;

CREATE OR REPLACE FUNCTION prodtest.finish_undo(p_undo uuid, p_skipped jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_restored jsonb;
BEGIN
    UPDATE prodtest.undo_run SET finished_at = clock_timestamp(), skipped = p_skipped WHERE id = p_undo
    RETURNING restored INTO v_restored;
    IF v_restored = '{}' THEN
        DELETE FROM prodtest.hold WHERE undo_id = p_undo;
    END IF;
    RETURN v_restored;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.restore_order(p_cleanup uuid)
RETURNS TABLE (table_oid regclass, name text, rows bigint, refers_to_itself boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- The tables that the cleanup's archive holds rows of, parents before children.
    WITH RECURSIVE reach AS (
        SELECT 'public.users'::regclass AS t, 0 AS level
        UNION SELECT k.child, r.level + 1 FROM reach r CROSS JOIN LATERAL prodtest.foreign_keys_to(r.t) k
        WHERE k.child <> r.t AND r.level < 20
    )
    SELECT a.table_oid, coalesce(prodtest.name_of(a.table_oid), 'a table that is gone'), a.rows,
           EXISTS (SELECT 1 FROM prodtest.foreign_keys_to(a.table_oid) k WHERE k.child = a.table_oid)
    FROM (SELECT r.table_oid, count(*) AS rows FROM prodtest.archived_row r WHERE r.cleanup_id = p_cleanup
          GROUP BY r.table_oid) a
    LEFT JOIN (SELECT r.t, max(r.level) AS level FROM reach r GROUP BY r.t) l ON l.t = a.table_oid
    ORDER BY l.level NULLS LAST, a.table_oid
$$;

CREATE OR REPLACE FUNCTION prodtest.is_asked_for(p_only text[], p_table regclass, p_row bigint) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT cardinality(p_only) = 0 OR prodtest.name_of(p_table) = ANY (p_only)
        OR format('%s:%s', prodtest.name_of(p_table), p_row) = ANY (p_only)
$$;

CREATE OR REPLACE FUNCTION prodtest.triggers_on_restore(p_cleanup uuid, p_allowed text[]) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Triggers and rules that would run when an archived row is inserted.
    SELECT coalesce(array_agg(found.name ORDER BY found.name), '{}') FROM (
        SELECT g.tgname::text AS name FROM pg_trigger g JOIN prodtest.restore_order(p_cleanup) o ON o.table_oid = g.tgrelid
        WHERE NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgtype & 4 <> 0
        UNION
        SELECT w.rulename::text FROM pg_rewrite w JOIN prodtest.restore_order(p_cleanup) o ON o.table_oid = w.ev_class
        WHERE w.ev_type = '3'
    ) found WHERE found.name <> ALL (p_allowed)
$$;

CREATE OR REPLACE FUNCTION prodtest.restore_batch(
    p_undo uuid, p_table regclass, p_after bigint, p_size int, p_only text[]
) RETURNS TABLE (id bigint, obstacle text, had_event boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
-- Bring back the next rows of one table, in the caller's transaction, and say of each what kept it out, if anything.
#variable_conflict use_column
DECLARE
    v_rows prodtest.archived_row[];
    v_row prodtest.archived_row;
    v_at_once boolean;
    v_restored int := 0;
BEGIN
    PERFORM prodtest.hold_lease(p_undo);
    SET CONSTRAINTS ALL IMMEDIATE;
    SELECT array_agg(l.a ORDER BY l.row_id) INTO v_rows FROM (
        SELECT a, a.row_id FROM prodtest.archived_row a JOIN prodtest.undo_run u ON u.cleanup_id = a.cleanup_id
        WHERE u.id = p_undo AND a.table_oid = p_table AND a.row_id > p_after
          AND prodtest.is_asked_for(p_only, a.table_oid, a.row_id)
        ORDER BY a.row_id LIMIT p_size FOR UPDATE OF a
    ) l;
    v_at_once := prodtest.restore_at_once(p_undo, p_table, v_rows);
    FOREACH v_row IN ARRAY coalesce(v_rows, '{}') LOOP
        id := v_row.row_id;
        had_event := v_row.event_removed_at IS NOT NULL;
        obstacle := CASE WHEN v_at_once THEN NULL ELSE prodtest.restore_row(p_undo, v_row) END;
        v_restored := v_restored + (obstacle IS NULL)::int;
        RETURN NEXT;
    END LOOP;
    IF v_restored > 0 THEN
        UPDATE prodtest.undo_run u SET restored = jsonb_set(
            u.restored, ARRAY[prodtest.name_of(p_table)],
            to_jsonb(coalesce((u.restored ->> prodtest.name_of(p_table))::int, 0) + v_restored))
        WHERE u.id = p_undo;
        UPDATE prodtest.hold h SET until = clock_timestamp() + interval '7 days' WHERE h.undo_id = p_undo;
        -- An adopted row is back without its mark; when the hold ends it may be adopted once more.
        UPDATE prodtest.test_call c SET adopted_at = NULL FROM unnest(v_rows) w JOIN prodtest.restored_row r
        ON r.undo_id = p_undo AND r.table_oid = w.table_oid AND r.row_id = w.row_id
        WHERE w.adopted AND c.appointment_id = w.row_id;
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.foresee_undo(
    p_cleanup uuid, p_table regclass, p_after bigint, p_size int, p_only text[]
) RETURNS TABLE (id bigint, obstacle text, had_event boolean)
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    -- The next archived rows of one table with what would keep each out now. Nothing is locked.
    SELECT a.row_id, prodtest.obstacle(a, p_only, true, 0), a.event_removed_at IS NOT NULL
    FROM prodtest.archived_row a
    WHERE a.cleanup_id = p_cleanup AND a.table_oid = p_table AND a.row_id > p_after
      AND prodtest.is_asked_for(p_only, a.table_oid, a.row_id)
    ORDER BY a.row_id LIMIT p_size
$$;

CREATE OR REPLACE FUNCTION prodtest.restore_at_once(p_undo uuid, p_table regclass, p_rows prodtest.archived_row[])
RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- Insert a batch in one statement. False when anything at all is in the way: then nothing has happened, and the
-- rows are tried one by one. What has to be asked beforehand is what the server would let pass.
DECLARE
    v_has_id boolean := prodtest.key_of(p_table) IS NOT NULL;
    v_number int := cardinality(p_rows);
    v_columns text;
    v_values text;
    v_alike boolean;
    v_restored int;
BEGIN
    -- Ids come in their order, so that a sequence which has reached the last of them has reached all.
    IF v_number IS NULL OR prodtest.key_columns(p_table) = '{}' OR EXISTS (
           SELECT 1 FROM unnest(CASE WHEN v_has_id THEN p_rows[v_number:] ELSE p_rows END) w
           WHERE prodtest.column_obstacle(w) IS NOT NULL)
       OR NOT prodtest.have_their_parents(p_table, p_rows) THEN
        RETURN false;
    END IF;
    SELECT string_agg(quote_ident(c.name), ', ' ORDER BY c.name), string_agg(format('r.%I', c.name), ', ' ORDER BY c.name),
           bool_and(c.rows = v_number)
    INTO v_columns, v_values, v_alike FROM (
        SELECT a.attname AS name, count(*) AS rows FROM pg_attribute a CROSS JOIN unnest(p_rows) w
        WHERE a.attrelid = p_table AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND w.content ? a.attname
        GROUP BY a.attname
    ) c;
    IF NOT v_alike THEN
        RETURN false;
    END IF;
    EXECUTE format(
        'WITH came AS (
             INSERT INTO %1$s AS t (%2$s) OVERRIDING SYSTEM VALUE
             SELECT %3$s FROM unnest($1) w CROSS JOIN LATERAL
                 jsonb_populate_record(NULL::%1$s, w.content || CASE WHEN w.adopted THEN $2 ELSE $3 END) r
             RETURNING %4$s AS id, t.xmin::text AS version),
         noted AS (INSERT INTO prodtest.restored_row (undo_id, table_oid, row_id, version)
                   SELECT $4, $5, came.id, came.version FROM came),
         taken AS (DELETE FROM prodtest.archived_row d USING came
                   WHERE d.cleanup_id = $6 AND d.table_oid = $5 AND d.row_id = came.id RETURNING 1)
         SELECT count(*) FROM taken', p_table, v_columns, v_values, prodtest.number_in(p_table, 'to_jsonb(t)'))
    INTO v_restored USING p_rows, '{"is_test_data": false}'::jsonb, '{}'::jsonb, p_undo, p_table, p_rows[1].cleanup_id;
    IF v_restored <> v_number THEN
        RAISE EXCEPTION 'a trigger or rule kept a row out' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN true;
EXCEPTION WHEN lock_not_available OR integrity_constraint_violation OR data_exception OR datatype_mismatch THEN
    RETURN false;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.have_their_parents(p_table regclass, p_rows prodtest.archived_row[]) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
DECLARE
    v_key record;
    v_found int;
BEGIN
    FOR v_key IN SELECT * FROM prodtest.parent_keys(p_table) LOOP
        EXECUTE format(
            'SELECT count(*) FROM (
                 SELECT 1 FROM unnest($1) w CROSS JOIN LATERAL jsonb_populate_record(NULL::%1$s, w.content) r
                 JOIN %2$s p ON p.%3$I = r.%4$I
                 WHERE prodtest.is_same_parent(w, $2, to_jsonb(p), p.xmin::text, %6$s) %5$s) l',
            p_table, v_key.parent, v_key.parent_column, v_key.child_column, v_key.lock,
            prodtest.number_in(v_key.parent, 'to_jsonb(p)'))
        INTO v_found USING p_rows, v_key.parent;
        IF v_found <> (SELECT count(*) FROM unnest(p_rows) w WHERE w.content ->> v_key.child_column IS NOT NULL) THEN
            RETURN false;
        END IF;
    END LOOP;
    RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.restore_row(p_undo uuid, p_row prodtest.archived_row) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- Insert one row and take it out of the archive, or return what is in the way. A row that is there is never changed.
DECLARE
    v_obstacle text := prodtest.obstacle(p_row, '{}', false, 0);
    -- The archive takes marked rows only; an adopted one was unmarked when it was found.
    v_content jsonb := p_row.content || CASE WHEN p_row.adopted THEN '{"is_test_data": false}' ELSE '{}' END::jsonb;
    v_columns text;
    v_version text;
    v_place text;
BEGIN
    IF v_obstacle IS NOT NULL THEN
        RETURN v_obstacle;
    END IF;
    -- Columns that the table has got since keep their defaults; what the server generates it generates again.
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) INTO v_columns FROM pg_attribute a
    WHERE a.attrelid = p_row.table_oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
      AND v_content ? a.attname;
    EXECUTE format('INSERT INTO %1$s AS t (%2$s) OVERRIDING SYSTEM VALUE
                    SELECT %2$s FROM jsonb_populate_record(NULL::%1$s, $1) RETURNING t.xmin::text',
                   p_row.table_oid, v_columns) INTO v_version USING v_content;
    IF v_version IS NULL THEN
        RETURN 'a trigger or rule of its table kept it out';
    END IF;
    DELETE FROM prodtest.archived_row
    WHERE cleanup_id = p_row.cleanup_id AND table_oid = p_row.table_oid AND row_id = p_row.row_id;
    INSERT INTO prodtest.restored_row (undo_id, table_oid, row_id, version)
    VALUES (p_undo, p_row.table_oid, p_row.row_id, v_version);
    RETURN NULL;
EXCEPTION
    -- What obstacle() cannot foresee. The server's own message may hold values, so it is not repeated.
    WHEN lock_not_available THEN
        RETURN 'another transaction holds its key or its parent: undo once more';
    WHEN integrity_constraint_violation OR data_exception OR datatype_mismatch THEN
        GET STACKED DIAGNOSTICS v_place = CONSTRAINT_NAME, v_columns = COLUMN_NAME;
        RETURN format('it does not fit its table any more (%s)',
                      coalesce(nullif(v_place, ''), nullif(v_columns, ''), SQLSTATE));
END
$$;
