-- Holds: rows and runs that no cleanup may take until a date, and why.

CREATE OR REPLACE FUNCTION prodtest.add_hold(
    p_run uuid, p_table regclass, p_row bigint, p_until timestamptz, p_reason text, p_actor text
) RETURNS bigint LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO prodtest.hold (run_id, table_oid, row_id, until, reason, actor)
    VALUES (p_run, p_table, p_row, p_until, p_reason, p_actor) RETURNING id
$$;

CREATE OR REPLACE FUNCTION prodtest.release_hold(p_hold bigint, p_actor text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE prodtest.hold SET released_at = clock_timestamp(), released_by = p_actor
    WHERE id = p_hold AND released_at IS NULL AND until > clock_timestamp();
    RETURN FOUND;
END
$$;
