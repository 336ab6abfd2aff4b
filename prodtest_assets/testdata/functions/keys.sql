-- Keys: what a row is known by. In a transaction that has it locked by its id, a whole number or the place it lies at; in the
-- archive by a number that its key gives. docs/adr/0012-children-without-a-whole-number.md

CREATE OR REPLACE FUNCTION prodtest.key_of(p_table regclass) RETURNS name
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- The primary key when it is one integer column.
    SELECT k.attname FROM pg_index i JOIN pg_attribute k ON k.attrelid = i.indrelid AND k.attnum = i.indkey[0]
    WHERE i.indrelid = p_table AND i.indisprimary AND i.indnkeyatts = 1
      AND k.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
$$;

CREATE OR REPLACE FUNCTION prodtest.key_columns(p_table regclass) RETURNS name[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- The primary key, else the shortest unique one whose columns are never null. Empty where rows may be alike.
    SELECT coalesce((
        SELECT k.columns FROM pg_index i CROSS JOIN LATERAL (
            SELECT array_agg(a.attname ORDER BY n.place) AS columns, bool_and(a.attnotnull) AS is_known
            FROM unnest(i.indkey) WITH ORDINALITY AS n(number, place)
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = n.number
            WHERE n.place <= i.indnkeyatts) k
        WHERE i.indrelid = p_table AND i.indisunique AND i.indisvalid AND i.indexprs IS NULL AND i.indpred IS NULL
          AND k.is_known
        ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid LIMIT 1), '{}')
$$;

CREATE OR REPLACE FUNCTION prodtest.id_in(p_table regclass, p_alias text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- The expression of a row's id: its integer key, else the place it lies at as a number. Null where that is not unique,
    -- which is in a table that consists of several.
    SELECT CASE WHEN p_table IN ('public.users'::regclass, 'public.appointments'::regclass) THEN p_alias || '.id'
                WHEN prodtest.key_of(p_table) IS NOT NULL THEN format('%s.%I', p_alias, prodtest.key_of(p_table))
                WHEN c.relkind = 'r' AND NOT c.relhassubclass THEN format(
                    '(((%1$s.ctid::text::point)[0]::bigint << 16) + (%1$s.ctid::text::point)[1]::bigint)', p_alias) END
    FROM pg_class c WHERE c.oid = p_table
$$;

CREATE OR REPLACE FUNCTION prodtest.among(p_table regclass, p_alias text, p_ids text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- The condition that a row is one of those with these ids, in a form that finds them without reading the table.
    SELECT CASE WHEN prodtest.id_in(p_table, p_alias) LIKE '%.ctid::%' THEN format(
                    '%s.ctid = ANY (ARRAY(SELECT format(''(%%s,%%s)'', i >> 16, i & 65535)::tid FROM unnest(%s) AS i))',
                    p_alias, p_ids)
                ELSE format('%s = ANY (%s)', prodtest.id_in(p_table, p_alias), p_ids) END
$$;

CREATE OR REPLACE FUNCTION prodtest.number_in(p_table regclass, p_content text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- The expression of the number under which the archive keeps a row with this content: its integer key, else a
    -- negative number that any other key gives. Null where rows may be alike.
    SELECT CASE WHEN prodtest.key_of(p_table) IS NOT NULL
                THEN format('(%s ->> %L)::bigint', p_content, prodtest.key_of(p_table))
                ELSE coalesce((
                    SELECT format('jsonb_hash_extended(jsonb_build_array(%s), 0) | (1::bigint << 63)',
                                  string_agg(format('%s -> %L', p_content, k.name), ', ' ORDER BY k.place))
                    FROM unnest(prodtest.key_columns(p_table)) WITH ORDINALITY AS k(name, place) HAVING count(*) > 0),
                    'NULL::bigint') END
$$;
