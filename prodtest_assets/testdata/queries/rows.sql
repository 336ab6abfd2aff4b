-- Which rows there are, with the verdict on each.

-- name: judged_rows
-- Rows with one of the given verdicts, oldest first, with the exact number there are.
WITH {sources}, {judged_appointments}
SELECT j.id, j.verdict, j.created_at, j.starts_at, j.is_test_data, j.mobile, j.run_id, j.google_event_id,
       count(*) OVER ()::int AS total
FROM judged j WHERE j.verdict = ANY (%(verdicts)s::text[])
   -- What a dead run left long ago is stale as well, although its call alone would do.
   OR j.verdict = 'call' AND j.aged_from < {cutoff} AND 'stale' = ANY (%(verdicts)s::text[])
ORDER BY j.aged_from, j.id LIMIT %(limit)s

-- name: orphaned_users
-- Test users without any appointment who may go, with the exact number there are.
WITH {sources}, {judged_appointments}, {judged_users}
SELECT u.id, u.verdict, u.created_at, u.mobile, count(*) OVER ()::int AS total
FROM judged_user u WHERE u.present = 0 AND u.verdict IN ('call', 'stale') ORDER BY u.id LIMIT %(limit)s

-- name: unmarked_rows
-- Calls whose row the application did not mark: all that are still there, and in any case those of this run, or of the
-- last one that came to an end where this run placed no call.
WITH judged_run AS (
    (SELECT 1 AS place, c.run_id AS id, NULL::timestamptz AS finished_at FROM prodtest.test_call c
     WHERE c.run_id = %(run_id)s LIMIT 1)
    UNION ALL
    (SELECT 2, r.id, r.finished_at FROM prodtest.test_run r
     WHERE r.finished_at IS NOT NULL AND EXISTS (SELECT 1 FROM prodtest.test_call c WHERE c.run_id = r.id)
     ORDER BY r.finished_at DESC LIMIT 1)
    ORDER BY place LIMIT 1
)
SELECT c.call_sid, c.persona, c.caller_number AS mobile, c.appointment_id AS id, c.opened_at, c.run_id, c.proof,
       a.id IS NOT NULL AND NOT a.is_test_data AS is_still_there, count(*) OVER ()::int AS total
FROM prodtest.test_call c LEFT JOIN public.appointments a ON {made_row:c}
WHERE NOT c.marked_by_app
  AND (c.run_id = (SELECT id FROM judged_run) OR NOT a.is_test_data AND c.adopted_at IS NULL)
ORDER BY c.opened_at LIMIT %(limit)s

-- name: test_rows
-- Test appointments, the oldest first, with the exact number there are. A ledgered row's age counts from the ledger's time.
WITH {sources}, {judged_appointments},
shown AS (
    SELECT j.id, j.created_at, CASE WHEN isfinite(j.aged_from) THEN now() - j.aged_from END AS age, j.starts_at, j.status, j.verdict, j.mobile, j.run_id, j.aged_from,
           CASE WHEN j.call_sid IS NOT NULL THEN 'ledger' WHEN j.has_reserved_number THEN 'reserved number'
                ELSE 'unknown' END AS origin
    FROM judged j
    WHERE j.is_test_data AND (%(older_than)s::interval IS NULL OR j.aged_from < now() - %(older_than)s::interval)
      AND NOT (%(active_only)s AND (j.cancelled_at IS NOT NULL OR j.status = 'cancelled'))
)
SELECT *, count(*) OVER ()::int AS total FROM shown ORDER BY aged_from, id LIMIT %(limit)s

-- name: unknown_rows
-- What was asked for and is not in the archive of the cleanup.
SELECT asked.item FROM unnest(%(only)s::text[]) AS asked(item)
WHERE NOT EXISTS (SELECT 1 FROM prodtest.archived_row r WHERE r.cleanup_id = %(cleanup_id)s
                  AND prodtest.is_asked_for(ARRAY[asked.item], r.table_oid, r.row_id))

-- name: pending_events
-- Calendar events whose appointment is archived and which nobody has seen gone, oldest first, with the number of rows.
SELECT cleanup_id, row_id, content ->> 'google_event_id' AS event_id, archived_at, count(*) OVER ()::int AS total
FROM prodtest.archived_row
WHERE table_oid = 'public.appointments'::regclass AND content ->> 'google_event_id' IS NOT NULL
  AND event_removed_at IS NULL
ORDER BY archived_at LIMIT %(limit)s

-- name: mirrored_rows
-- Test rows with the calendar event that mirrors them: marked ones, those a call made, and those an event names.
WITH {sources}
SELECT a.id, a.google_event_id AS event_id, a.starts_at, a.duration_min,
       a.cancelled_at IS NOT NULL OR a.status = 'cancelled' AS is_cancelled
FROM public.appointments a WHERE a.id IN (
    (SELECT id FROM public.appointments WHERE is_test_data AND google_event_id IS NOT NULL
     ORDER BY created_at DESC LIMIT %(limit)s)
    UNION SELECT a.id FROM ledger l CROSS JOIN LATERAL (SELECT a.id FROM public.appointments a WHERE {made_row:l} OFFSET 0) a
    UNION SELECT unnest(%(ids)s::bigint[]))
ORDER BY a.id
