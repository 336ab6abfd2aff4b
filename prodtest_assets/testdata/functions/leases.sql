-- One cleanup per database: a row with an end, since session locks strand behind a transaction pooler.

CREATE OR REPLACE FUNCTION prodtest.take_lease(p_holder uuid, p_actor text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO prodtest.lease AS l (holder, actor, until)
    VALUES (p_holder, p_actor, clock_timestamp() + interval '30 seconds')
    ON CONFLICT (only_one) DO UPDATE SET holder = excluded.holder, actor = excluded.actor, until = excluded.until
    WHERE l.until < clock_timestamp() OR l.holder = excluded.holder;
    RETURN FOUND;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.hold_lease(p_holder uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Also when it has run out: while the holder is ours nobody has taken it.
    UPDATE prodtest.lease SET until = clock_timestamp() + interval '30 seconds' WHERE holder = p_holder;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the cleanup lease was lost' USING ERRCODE = 'PT006';
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.release_lease(p_holder uuid) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM prodtest.lease WHERE holder = p_holder
$$;
