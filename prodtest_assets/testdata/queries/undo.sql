-- What stands in the archive, and its way back.

-- name: archived_counts
-- How many rows a cleanup has put into the archive, per table.
SELECT prodtest.name_of(table_oid) AS table_name, count(*)::int AS count
FROM prodtest.archived_row WHERE cleanup_id = %(cleanup_id)s GROUP BY table_oid

-- name: archive_total
-- How many rows can be restored, per table.
SELECT prodtest.name_of(table_oid) AS table_name, count(*)::int AS count
FROM prodtest.archived_row GROUP BY table_oid

-- name: undoable_cleanups
-- Cleanups of which the archive still holds rows, newest first.
SELECT c.id, c.started_at, c.finished_at, c.stop_reason, c.actor, c.deleted, coalesce(p.scope, 'call') AS scope,
       a.archived, a.total, a.pending_events, c.finished_at + %(age)s::interval AS expires_at
FROM prodtest.cleanup_run c LEFT JOIN prodtest.plan p ON p.id = c.plan_id
CROSS JOIN LATERAL (
    SELECT jsonb_object_agg(coalesce(prodtest.name_of(t.table_oid), 'tables that are gone'), t.n) AS archived,
           sum(t.n)::bigint AS total, sum(t.pending)::bigint AS pending_events
    FROM (SELECT r.table_oid, count(*) AS n,
                 count(*) FILTER (WHERE r.content ->> 'google_event_id' IS NOT NULL AND r.event_removed_at IS NULL
                                  AND r.table_oid = 'public.appointments'::regclass) AS pending
          FROM prodtest.archived_row r WHERE r.cleanup_id = c.id GROUP BY r.table_oid) t
) a
WHERE a.total > 0 ORDER BY c.started_at DESC LIMIT %(limit)s

-- name: undo_state
-- One cleanup as its undo sees it: whether a run is still adding to it, and who has undone it before.
SELECT c.id, EXISTS (SELECT 1 FROM prodtest.test_run r WHERE r.id = c.id AND r.outcome = 'open'
                     AND r.heartbeat_at > clock_timestamp() - interval '30 seconds') AS is_at_work,
       u.actor AS undone_by, u.started_at AS undone_at
FROM prodtest.cleanup_run c LEFT JOIN LATERAL (
    SELECT actor, started_at FROM prodtest.undo_run WHERE cleanup_id = c.id AND restored <> '{}'
    ORDER BY started_at DESC LIMIT 1
) u ON true
WHERE c.id = %(cleanup_id)s

-- name: restore_order
-- The tables of a cleanup's archive, parents first, with the columns that they no longer have.
SELECT o.table_oid::oid::bigint AS table_oid, o.name, o.rows, o.refers_to_itself, lost.columns AS lost_columns
FROM prodtest.restore_order(%(cleanup_id)s) o
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(k.key ORDER BY k.key), '{}') AS columns
    FROM (SELECT r.content FROM prodtest.archived_row r
          WHERE r.cleanup_id = %(cleanup_id)s AND r.table_oid = o.table_oid LIMIT 1) one
    CROSS JOIN LATERAL jsonb_object_keys(one.content) AS k(key)
    WHERE k.key NOT IN (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = o.table_oid AND NOT a.attisdropped)
) lost

-- name: undo_foreseen
-- The next archived rows of one table with what would keep each out now. Nothing is locked.
SELECT id, obstacle, had_event
FROM prodtest.foresee_undo(%(cleanup_id)s, %(table_oid)s::oid::regclass, %(after)s, %(size)s, %(only)s::text[])

-- name: restore_batch
-- The next rows of one table come back, in the transaction of the caller.
SELECT id, obstacle, had_event
FROM prodtest.restore_batch(%(undo_id)s, %(table_oid)s::oid::regclass, %(after)s, %(size)s, %(only)s::text[])
