-- What keeps an archived row from coming back, in words. A dry run asks the same questions as an undo.

CREATE OR REPLACE FUNCTION prodtest.row_name(p_table regclass, p_row text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT concat_ws(' ', regexp_replace(prodtest.name_of(p_table), 's$', ''), p_row)
$$;

CREATE OR REPLACE FUNCTION prodtest.shown(p_row prodtest.archived_row, p_column name) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- The value in a column, to be repeated to a person. Null where it is a text: that may be somebody's number or name.
    SELECT p_row.content ->> p_column FROM pg_attribute a
    WHERE a.attrelid = p_row.table_oid AND a.attname = p_column
      AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype, 'uuid'::regtype)
$$;

CREATE OR REPLACE FUNCTION prodtest.obstacle(
    p_row prodtest.archived_row, p_only text[], p_foresee boolean, p_depth int
) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
-- Null when nothing is in the way. With p_foresee nothing is locked, and a parent that would come back counts.
DECLARE
    v_key name[] := prodtest.key_columns(p_row.table_oid);
    v_number bigint;
    v_found boolean;
BEGIN
    IF prodtest.name_of(p_row.table_oid) IS NULL THEN
        RETURN 'its table is gone';
    END IF;
    EXECUTE format('SELECT %s', prodtest.number_in(p_row.table_oid, '$1')) INTO v_number USING p_row.content;
    IF v_number <> p_row.row_id OR v_number IS NULL AND (v_key <> '{}' OR p_row.row_id >= 0) THEN
        RETURN 'its table has another key now';
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM %1$s c, jsonb_populate_record(NULL::%1$s, $1) r WHERE %2$s)',
                   p_row.table_oid, prodtest.is_it_or_like_it(p_row, v_key)) INTO v_found USING p_row.content;
    IF v_found THEN
        RETURN CASE WHEN v_key = '{}' THEN 'a row like it is there' WHEN p_row.row_id >= 0 THEN 'a row with its id is there'
                    ELSE format('a row with its key is there (%s)', prodtest.key_in_words(p_row, v_key)) END;
    END IF;
    RETURN coalesce(
        prodtest.column_obstacle(p_row), prodtest.unique_obstacle(p_row),
        prodtest.parents_obstacle(p_row, p_only, p_foresee, p_depth));
EXCEPTION
    WHEN data_exception THEN
        RETURN format('its values do not fit the types of its table any more (%s)', SQLSTATE);
    WHEN lock_not_available THEN
        RETURN 'another transaction holds its key or its parent: undo once more';
END
$$;

CREATE OR REPLACE FUNCTION prodtest.is_it_or_like_it(p_row prodtest.archived_row, p_key name[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- The condition that row c is the archived row r, by its key. Without a key it is one of the same content and parents
    -- that no undo has restored, since such a table may hold several.
    SELECT concat_ws(' AND ', string_agg(format('c.%1$I = r.%1$I', k.name), ' AND '), CASE WHEN p_key = '{}' THEN
        'to_jsonb(c) = to_jsonb(r) AND NOT EXISTS (SELECT 1 FROM prodtest.restored_row o
         WHERE o.table_oid = c.tableoid AND o.version = c.xmin::text)' END)
    FROM (SELECT unnest(p_key) AS name
          UNION SELECT p.child_column FROM prodtest.parent_keys(p_row.table_oid) p
          WHERE p_key = '{}' AND p_row.content ->> p.child_column IS NOT NULL) k
$$;

CREATE OR REPLACE FUNCTION prodtest.key_in_words(p_row prodtest.archived_row, p_key name[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(concat_ws(' ', k.name, prodtest.shown(p_row, k.name)), ', ' ORDER BY k.place)
    FROM unnest(p_key) WITH ORDINALITY AS k(name, place)
$$;

CREATE OR REPLACE FUNCTION prodtest.column_obstacle(p_row prodtest.archived_row) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_column name;
    v_sequence text;
BEGIN
    SELECT a.attname INTO v_column FROM pg_attribute a
    WHERE a.attrelid = p_row.table_oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull
      AND a.attgenerated = '' AND p_row.content ->> a.attname IS NULL
      AND (p_row.content ? a.attname OR NOT a.atthasdef AND a.attidentity = '')
    ORDER BY a.attnum LIMIT 1;
    IF FOUND THEN
        RETURN format('column %s of its table must not be null now, and the archive has no value for it', v_column);
    END IF;
    -- An id that the sequence has yet to reach would be given to a booking of tomorrow.
    SELECT s.name INTO v_sequence FROM unnest(prodtest.key_columns(p_row.table_oid)) AS k(name)
    CROSS JOIN LATERAL pg_get_serial_sequence(p_row.table_oid::text, k.name) AS s(name)
    WHERE CASE WHEN has_sequence_privilege(s.name, 'USAGE, SELECT') THEN
        (p_row.content ->> k.name)::numeric > coalesce(pg_sequence_last_value(s.name::regclass), 0) END LIMIT 1;
    IF FOUND THEN
        RETURN format('its id is ahead of sequence %s, which would give it out again', v_sequence);
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.unique_obstacle(p_row prodtest.archived_row) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
-- A row that holds what only one may hold. Indexes on expressions or with a condition are left to the INSERT.
DECLARE
    v_key name := prodtest.key_of(p_row.table_oid);
    v_index record;
    v_holder text;
BEGIN
    FOR v_index IN
        SELECT string_agg(format('c.%1$I = r.%1$I', a.attname), ' AND ') AS same,
               string_agg(a.attname, ' and ' ORDER BY k.place) AS columns
        FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(number, place)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
        WHERE i.indrelid = p_row.table_oid AND i.indisunique AND NOT i.indisprimary AND i.indexprs IS NULL
          AND i.indpred IS NULL AND k.place <= i.indnkeyatts
        GROUP BY i.indexrelid
    LOOP
        EXECUTE format('SELECT %s FROM %s c, jsonb_populate_record(NULL::%2$s, $1) r WHERE %s LIMIT 1',
                       CASE WHEN v_key IS NULL THEN quote_literal('another row')
                            ELSE format('prodtest.row_name(%L, c.%I::text)', p_row.table_oid, v_key) END,
                       p_row.table_oid, v_index.same) INTO v_holder USING p_row.content;
        IF v_holder IS NOT NULL THEN
            RETURN format('%s has its %s now', v_holder, v_index.columns);
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.parent_keys(p_table regclass)
RETURNS TABLE (child_column name, parent regclass, parent_column name, lock text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- The foreign keys of a table, with the clause that keeps a parent as it is until we are done. A protected
    -- database leaves us no lock on what was never ours to remove; there the foreign key takes its own.
    SELECT a.attname, c.confrelid::regclass, r.attname,
           CASE WHEN has_any_column_privilege(c.confrelid, 'UPDATE') THEN 'FOR SHARE OF p' ELSE '' END
    FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
    JOIN pg_attribute r ON r.attrelid = c.confrelid AND r.attnum = c.confkey[1]
    WHERE c.contype = 'f' AND c.conrelid = p_table AND c.conparentid = 0 AND cardinality(c.conkey) = 1
    ORDER BY c.conname
$$;

CREATE OR REPLACE FUNCTION prodtest.parents_obstacle(
    p_row prodtest.archived_row, p_only text[], p_foresee boolean, p_depth int
) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
-- A row comes back only under the parents it had: the same user, or a row that an undo restored and nobody touched.
DECLARE
    v_key record;
    v_parent jsonb;
    v_version text;
    v_number bigint;
    v_obstacle text;
BEGIN
    FOR v_key IN SELECT * FROM prodtest.parent_keys(p_row.table_oid) LOOP
        CONTINUE WHEN p_row.content ->> v_key.child_column IS NULL;
        EXECUTE format('SELECT to_jsonb(p), p.xmin::text, %s FROM %s p, jsonb_populate_record(NULL::%s, $1) r
                        WHERE p.%I = r.%I %s',
                       prodtest.number_in(v_key.parent, 'to_jsonb(p)'), v_key.parent, p_row.table_oid, v_key.parent_column,
                       v_key.child_column, CASE WHEN NOT p_foresee THEN v_key.lock END)
        INTO v_parent, v_version, v_number USING p_row.content;
        IF v_parent IS NULL THEN
            v_obstacle := prodtest.missing_parent(
                p_row, v_key.parent, v_key.parent_column, v_key.child_column, p_only, p_foresee, p_depth);
        ELSIF NOT prodtest.is_same_parent(p_row, v_key.parent, v_parent, v_version, v_number) THEN
            v_obstacle := format('%s is not known to be the one it belonged to',
                                 prodtest.row_name(v_key.parent, prodtest.shown(p_row, v_key.child_column)));
        END IF;
        IF v_obstacle IS NOT NULL THEN
            RETURN v_obstacle;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.is_same_parent(
    p_row prodtest.archived_row, p_parent regclass, p_content jsonb, p_version text, p_number bigint
) RETURNS boolean LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        -- An appointment remembers whose it was, also when its user was never archived.
        WHEN p_row.table_oid = 'public.appointments'::regclass AND p_parent = 'public.users'::regclass THEN
            p_content ->> 'mobile' IS NOT DISTINCT FROM p_row.owner_mobile
            AND (p_content ->> 'created_at')::timestamptz IS NOT DISTINCT FROM p_row.owner_created_at
        -- What else users and appointments refer to is the application's and was never ours to remove.
        WHEN p_row.table_oid IN ('public.appointments'::regclass, 'public.users'::regclass) THEN true
        -- A child was archived only when all its parents went with it.
        ELSE EXISTS (SELECT 1 FROM prodtest.restored_row r WHERE r.table_oid = p_parent AND r.version = p_version
                     AND r.row_id = p_number)
    END
$$;

CREATE OR REPLACE FUNCTION prodtest.missing_parent(
    p_row prodtest.archived_row, p_parent regclass, p_column name, p_child_column name, p_only text[], p_foresee boolean,
    p_depth int
) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_archived prodtest.archived_row;
    v_value jsonb := p_row.content -> p_child_column;
    v_number bigint;
    v_name text := prodtest.row_name(p_parent, prodtest.shown(p_row, p_child_column));
BEGIN
    IF prodtest.key_columns(p_parent) = ARRAY[p_column] THEN
        EXECUTE format('SELECT %s', prodtest.number_in(p_parent, '$1')) INTO v_number
        USING jsonb_build_object(p_column, v_value);
    ELSE
        v_number := (SELECT a.row_id FROM prodtest.archived_row a WHERE a.cleanup_id = p_row.cleanup_id
                     AND a.table_oid = p_parent AND a.content -> p_column = v_value);
    END IF;
    SELECT a.* INTO v_archived FROM prodtest.archived_row a
    WHERE a.cleanup_id = p_row.cleanup_id AND a.table_oid = p_parent AND a.row_id = v_number;
    IF NOT FOUND THEN
        SELECT a.* INTO v_archived FROM prodtest.cleanup_run c JOIN prodtest.archived_row a ON a.cleanup_id = c.id
        WHERE a.table_oid = p_parent AND a.row_id = v_number ORDER BY a.archived_at DESC LIMIT 1;
    END IF;
    IF NOT FOUND THEN
        RETURN format('its %s is gone', v_name);
    END IF;
    IF v_archived.cleanup_id <> p_row.cleanup_id THEN
        RETURN format('its %s is in the archive of cleanup %s', v_name, v_archived.cleanup_id);
    END IF;
    IF p_foresee AND p_depth < 20 AND prodtest.is_asked_for(p_only, v_archived.table_oid, v_archived.row_id)
       AND prodtest.obstacle(v_archived, p_only, true, p_depth + 1) IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN format('its %s stays in the archive', v_name);
END
$$;
