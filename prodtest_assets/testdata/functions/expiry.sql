-- Expiry: archived rows, plans and the list of restored rows go when nobody may want them any more.

CREATE OR REPLACE FUNCTION prodtest.expire_archive(p_holder uuid, p_age interval, p_limit int) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- Remove up to p_limit archived rows of cleanups that ended more than p_age ago. A row whose calendar event is
-- pending stays until the event is gone: the archive is the only list of such events, and an event that nobody
-- knows of stands in the calendar for ever.
DECLARE
    v_gone int;
BEGIN
    PERFORM prodtest.hold_lease(p_holder);
    DELETE FROM prodtest.archived_row a USING (
        SELECT r.cleanup_id, r.table_oid, r.row_id
        FROM prodtest.cleanup_run c JOIN prodtest.archived_row r ON r.cleanup_id = c.id
        WHERE c.finished_at < clock_timestamp() - prodtest.kept_at_least(p_age)
          AND (r.content ->> 'google_event_id' IS NULL OR r.event_removed_at IS NOT NULL
               OR r.table_oid <> 'public.appointments'::regclass)
        LIMIT p_limit FOR UPDATE OF r SKIP LOCKED
    ) expired
    WHERE a.cleanup_id = expired.cleanup_id AND a.table_oid = expired.table_oid AND a.row_id = expired.row_id;
    GET DIAGNOSTICS v_gone = ROW_COUNT;
    RETURN v_gone;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.expire_records(p_holder uuid, p_age interval) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- The records of cleanups and undos stay; their lists of rows go, plans that no cleanup refers to any more, and what
-- was told three months ago.
BEGIN
    p_age := prodtest.kept_at_least(p_age);
    PERFORM prodtest.hold_lease(p_holder);
    DELETE FROM prodtest.plan p
    WHERE p.created_at < clock_timestamp() - p_age AND NOT EXISTS (
        SELECT 1 FROM prodtest.cleanup_run c
        WHERE c.plan_id = p.id AND (c.finished_at IS NULL OR c.finished_at >= clock_timestamp() - p_age
            OR EXISTS (SELECT 1 FROM prodtest.archived_row a WHERE a.cleanup_id = c.id)));
    DELETE FROM prodtest.restored_row r USING prodtest.hold h
    WHERE h.undo_id = r.undo_id AND coalesce(h.released_at, h.until) < clock_timestamp() - p_age;
    DELETE FROM prodtest.alert_message WHERE recorded_at < clock_timestamp() - greatest(p_age, interval '90 days');
END
$$;
