-- Rows that a person keeps from cleanup.

-- name: hold_target
-- Whether that which a hold is for is there, and else which cleanup has it in its archive.
SELECT CASE %(kind)s WHEN 'run' THEN EXISTS (SELECT 1 FROM prodtest.test_run WHERE id = %(run_id)s::uuid)
                     WHEN 'appointment' THEN EXISTS (SELECT 1 FROM public.appointments WHERE id = %(row_id)s::bigint)
                     ELSE EXISTS (SELECT 1 FROM public.users WHERE id = %(row_id)s::bigint) END AS is_there,
       (SELECT a.cleanup_id FROM prodtest.cleanup_run c JOIN prodtest.archived_row a ON a.cleanup_id = c.id
        WHERE a.row_id = %(row_id)s::bigint AND a.table_oid = CASE %(kind)s
            WHEN 'appointment' THEN 'public.appointments'::regclass WHEN 'user' THEN 'public.users'::regclass END
        LIMIT 1) AS archived_by,
       clock_timestamp() AS clock

-- name: holds
-- Holds with the rows they exempt and the instant at which the first of these may go, by this hold and by its age.
WITH {sources},
shown AS (
    SELECT h.*, h.released_at IS NULL AND h.until > clock_timestamp() AS is_active FROM prodtest.hold h
    WHERE %(ended)s OR h.released_at IS NULL AND h.until > clock_timestamp()
),
target AS (
    SELECT h.id AS hold_id, 'public.appointments'::regclass AS table_oid, l.appointment_id AS row_id
    FROM shown h JOIN ledger l ON l.run_id = h.run_id
    UNION SELECT h.id, 'public.users'::regclass, l.user_id FROM shown h JOIN ledger l ON l.run_id = h.run_id
    UNION SELECT h.id, h.table_oid, h.row_id FROM shown h WHERE h.row_id IS NOT NULL
    UNION SELECT h.id, r.table_oid, r.row_id FROM shown h JOIN prodtest.restored_row r ON r.undo_id = h.undo_id
),
present AS (
    SELECT t.hold_id, coalesce(l.opened_at, a.created_at) AS aged_from, l.run_state IS NOT DISTINCT FROM 'dead' AS is_dead
    FROM target t JOIN public.appointments a ON a.id = t.row_id LEFT JOIN ledger l ON l.appointment_id = a.id
    WHERE t.table_oid = 'public.appointments'::regclass
    UNION ALL
    SELECT t.hold_id, coalesce(c.opened_at, u.created_at), coalesce(c.is_dead, false)
    FROM target t JOIN public.users u ON u.id = t.row_id CROSS JOIN LATERAL (
        SELECT min(l.opened_at) AS opened_at, bool_or(l.run_state = 'dead') AS is_dead FROM ledger l WHERE l.user_id = u.id
    ) c
    WHERE t.table_oid = 'public.users'::regclass
)
SELECT h.id, h.run_id, prodtest.name_of(h.table_oid) AS table_name, h.row_id, u.cleanup_id AS undone_cleanup, h.until,
       h.reason, h.actor, h.created_at, h.released_at, h.released_by, h.is_active, p.rows, p.eligible_at
FROM shown h LEFT JOIN prodtest.undo_run u ON u.id = h.undo_id
CROSS JOIN LATERAL (
    SELECT count(*)::int AS rows, min(CASE WHEN NOT h.is_active THEN NULL WHEN is_dead THEN h.until
                                           ELSE greatest(h.until, aged_from + %(retention)s::interval) END) AS eligible_at
    FROM present WHERE hold_id = h.id
) p
ORDER BY h.is_active DESC, h.until, h.id LIMIT %(limit)s
