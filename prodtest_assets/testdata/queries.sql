-- Every statement that reads. What writes stands in functions/; what a row is, in predicates.sql.
-- {cutoff} is the parameter `cutoff`, or else the database's now() less the parameter `retention`.

-- name: connection_facts
-- Which database this is, and whether our schema stands in it for this role.
SELECT current_database() AS name, {archive_table} IS NOT NULL AS has_schema,
       current_setting('default_transaction_isolation') <> 'read committed' AS is_stricter

-- name: server_identity
-- What tells this server and this role from another.
SELECT pg_is_in_recovery() AS is_replica, (SELECT system_identifier FROM pg_control_system()) AS system_id,
       current_setting('server_version') AS version, current_setting('server_version_num')::int AS version_number,
       session_user AS role, clock_timestamp() AS clock

-- name: clock
-- The database's clock.
SELECT clock_timestamp() AS clock

-- name: booking_tables
-- What of the application's migration stands here, and what this role may do with it.
SELECT to_regclass('public.appointments') IS NOT NULL AND to_regclass('public.users') IS NOT NULL AS has_tables,
       EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('public.appointments')
               AND attname = 'is_test_data' AND NOT attisdropped) AS has_mark,
       to_regclass('public.ix_appointments_is_test_data') IS NOT NULL AS has_mark_index,
       to_regclass('public.alembic_version') IS NOT NULL AS has_version_table,
       has_table_privilege(to_regclass('public.appointments'), 'SELECT') AS may_read,
       has_database_privilege(current_database(), 'CREATE') AS may_create_schema,
       to_regclass('public.prodtest_stale_test_rows') IS NOT NULL AS has_stale_index,
       to_regclass('public.prodtest_reserved_users') IS NOT NULL AS has_reserved_index

-- name: application_revision
-- Where the application's own migrations stand.
SELECT version_num AS revision FROM public.alembic_version

-- name: readiness
-- Whether the mark is as it should be, what this role may do, and where the archive lies (null where it may not know).
SELECT session_user AS role, (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) AS is_superuser,
       mark.atttypid = 'boolean'::regtype AND mark.attnotnull AS mark_is_sound,
       EXISTS (SELECT 1 FROM pg_index WHERE indrelid = mark.attrelid AND indisvalid AND mark.attnum = ANY(indkey)) AS mark_is_indexed,
       has_table_privilege(mark.attrelid, 'SELECT') AND has_table_privilege('public.users', 'SELECT') AS may_read,
       has_table_privilege(mark.attrelid, 'DELETE') AND has_table_privilege(mark.attrelid, 'UPDATE')
       AND has_table_privilege('public.users', 'DELETE') AND has_table_privilege('public.users', 'UPDATE') AS may_delete,
       (SELECT bool_and(prosecdef AND has_schema_privilege(pronamespace, 'USAGE') AND has_function_privilege(oid, 'EXECUTE'))
        FROM pg_proc WHERE pronamespace = to_regnamespace('prodtest') AND proname = 'remove_batch') AS is_protected,
       pg_total_relation_size({archive_table}) AS archive_bytes,
       (SELECT coalesce(nullif(pg_tablespace_location(coalesce(nullif(archive.reltablespace, 0), dattablespace)), ''), data.setting)
        FROM pg_database LEFT JOIN pg_class archive ON archive.oid = {archive_table}
        WHERE datname = current_database()) AS archive_folder,
       data.setting AS data_directory
FROM pg_attribute mark LEFT JOIN pg_settings data ON data.name = 'data_directory'
WHERE mark.attrelid = to_regclass('public.appointments') AND mark.attname = 'is_test_data' AND NOT mark.attisdropped

-- name: figures
-- Everything that is counted in rows. Totals need no verdict; verdicts are counted over rows that are alike.
WITH {sources}, {known_alike}, {judged_known}, {judged_users},
hours AS (
    -- A row exactly one hour old is in hour 1; hours below 0 are in the future.
    SELECT (extract(epoch FROM now() - date_bin('1 hour', created_at - interval '1 microsecond', now())) / 3600)::int - 1 AS hour,
           count(*) AS total, count(*) FILTER (WHERE cancelled_at IS NOT NULL OR status = 'cancelled') AS cancelled,
           min(created_at) AS oldest, max(created_at) AS newest
    FROM public.appointments WHERE is_test_data
    GROUP BY date_bin('1 hour', created_at - interval '1 microsecond', now())
),
totals AS (
    SELECT coalesce(sum(total), 0)::bigint AS total, coalesce(sum(total - cancelled), 0)::bigint AS active,
           coalesce(sum(cancelled), 0)::bigint AS cancelled, min(oldest) AS oldest, max(newest) AS newest,
           coalesce(sum(total) FILTER (WHERE hour < 0), 0)::bigint AS future,
           coalesce(sum(total) FILTER (WHERE hour = 0), 0)::bigint AS under_1,
           coalesce(sum(total) FILTER (WHERE hour BETWEEN 1 AND 5), 0)::bigint AS under_6,
           coalesce(sum(total) FILTER (WHERE hour BETWEEN 6 AND 11), 0)::bigint AS under_12,
           coalesce(sum(total) FILTER (WHERE hour BETWEEN 12 AND 23), 0)::bigint AS under_24,
           coalesce(sum(total) FILTER (WHERE hour BETWEEN 24 AND 47), 0)::bigint AS under_48,
           coalesce(sum(total) FILTER (WHERE hour BETWEEN 48 AND 71), 0)::bigint AS under_72,
           coalesce(sum(total) FILTER (WHERE hour >= 72), 0)::bigint AS over_72
    FROM hours
),
remains AS (
    SELECT coalesce(sum(alike) FILTER (WHERE is_test_data AND is_eligible), 0) AS stale_eligible,
           coalesce(sum(alike) FILTER (WHERE is_test_data AND verdict = 'suspect'), 0) AS stale_suspect,
           coalesce(sum(alike) FILTER (WHERE is_test_data AND verdict = 'held' AND is_old), 0) AS stale_held,
           coalesce(sum(alike) FILTER (WHERE NOT is_test_data), 0) AS unmarked,
           coalesce(sum(alike) FILTER (WHERE run_state = 'mine'), 0) AS from_this_run,
           coalesce(sum(alike) FILTER (WHERE verdict = 'call'), 0) AS in_reach_of_a_call,
           coalesce(sum(alike) FILTER (WHERE is_eligible OR NOT is_test_data OR run_state = 'mine'), 0) AS residue
    FROM (SELECT *, aged_from < {cutoff} AS is_old, verdict IN ('stale', 'call') AND aged_from < {cutoff} AS is_eligible
          FROM judged) j
),
people AS (
    SELECT count(*) FILTER (WHERE verdict <> 'suspect' AND customers = 0) AS test_users,
           count(*) FILTER (WHERE present = 0 AND verdict IN ('call', 'stale')) AS orphaned,
           count(*) FILTER (WHERE verdict = 'suspect') AS suspects
    FROM judged_user
),
trend AS (
    SELECT jsonb_agg(jsonb_build_object('hours_ago', h, 'hour', date_trunc('hour', now() - make_interval(hours => h)),
                                        'count', coalesce(hours.total, 0)) ORDER BY h) AS trend
    FROM generate_series(0, 23) AS h LEFT JOIN hours ON hours.hour = h
),
events AS (
    SELECT count(*) AS pending_events FROM archived_booking
    WHERE google_event_id IS NOT NULL AND event_removed_at IS NULL
)
SELECT now() AS taken_at, {cutoff} AS cutoff, totals.*, remains.*, people.*, trend.*, events.*
FROM totals, remains, people, trend, events

-- name: storage
-- Bytes, as the server knows them: what the test rows themselves take, what their tables and indexes take.
SELECT rows.test_rows, rows.test_row_bytes, size.table_bytes, size.index_bytes, size.estimated_rows,
       CASE WHEN size.estimated_rows > 0 AND rows.test_rows > 0
            THEN (size.index_bytes * least(rows.test_rows / size.estimated_rows, 1))::bigint ELSE 0 END AS index_share_bytes,
       pg_total_relation_size({archive_table}) AS archive_bytes
FROM (SELECT count(*) AS test_rows, coalesce(sum(pg_column_size(a.*)), 0)::bigint AS test_row_bytes
      FROM public.appointments a WHERE a.is_test_data) rows,
     (SELECT pg_table_size(c.oid) AS table_bytes, pg_indexes_size(c.oid) AS index_bytes,
             greatest(c.reltuples, 0)::float AS estimated_rows
      FROM pg_class c WHERE c.oid = 'public.appointments'::regclass) size

-- name: application_tables
-- How many rows the application's tables hold, estimated (null if never analysed), the newest, and events of test rows.
SELECT (SELECT CASE WHEN reltuples >= 0 THEN reltuples::bigint END FROM pg_class
        WHERE oid = 'public.users'::regclass) AS users,
       (SELECT CASE WHEN reltuples >= 0 THEN reltuples::bigint END FROM pg_class
        WHERE oid = 'public.appointments'::regclass) AS appointments,
       (SELECT created_at FROM public.users ORDER BY id DESC LIMIT 1) AS newest_user,
       (SELECT created_at FROM public.appointments ORDER BY id DESC LIMIT 1) AS newest_appointment,
       (SELECT count(*) FROM public.appointments WHERE is_test_data AND google_event_id IS NOT NULL) AS test_events

-- name: judged_counts
-- How many rows have which verdict, per table.
WITH {sources}, {judged_appointments:as_asked}, {judged_users}
SELECT 'appointments' AS table_name, verdict, count(*)::int AS count FROM judged GROUP BY verdict
UNION ALL
SELECT 'users', verdict, count(*)::int FROM judged_user WHERE verdict <> 'in_use' GROUP BY verdict
ORDER BY 1, 2

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
-- Calls whose row the application did not mark: all that are still there, and those of this run in any case.
SELECT c.call_sid, c.persona, c.caller_number AS mobile, c.appointment_id AS id, c.opened_at, c.run_id, c.proof,
       a.id IS NOT NULL AND NOT a.is_test_data AS is_still_there, count(*) OVER ()::int AS total
FROM prodtest.test_call c LEFT JOIN public.appointments a ON a.id = c.appointment_id
WHERE NOT c.marked_by_app AND (c.run_id = %(run_id)s OR NOT a.is_test_data) ORDER BY c.opened_at LIMIT %(limit)s

-- name: stored_booking
-- What the database holds for one call.
SELECT a.id AS appointment_id, u.id AS user_id, u.full_name, u.mobile, u.created_at AS user_created_at, a.starts_at,
       a.duration_min, a.status, a.notes, a.google_event_id, a.is_test_data, a.created_at, c.marked_by_app, c.proof,
       clock_timestamp() AS clock
FROM prodtest.test_call c JOIN public.appointments a ON a.id = c.appointment_id JOIN public.users u ON u.id = a.user_id
WHERE c.call_sid = %(call_sid)s

-- name: call_state
-- What the ledger says of one call.
SELECT outcome, user_id, appointment_id, marked_by_app, proof, closed_at, caller_number, caller_name
FROM prodtest.test_call WHERE call_sid = %(call_sid)s

-- name: bookings_of_user
-- All appointments of one user.
SELECT id AS appointment_id, starts_at, duration_min, status, is_test_data, google_event_id, created_at
FROM public.appointments WHERE user_id = %(user_id)s ORDER BY id

-- name: users_with_number
-- Users who hold a reserved number, in whatever spelling.
SELECT u.id AS user_id, u.full_name, u.mobile, u.created_at FROM public.users u
WHERE {reserved:u.mobile} AND {digits:u.mobile} = %(digits)s ORDER BY u.id

-- name: run
-- One run of the booking flow.
SELECT id, target, started_at, heartbeat_at, finished_at, outcome, passed, failed, skipped
FROM prodtest.test_run WHERE id = %(run_id)s

-- name: calls_of_run
-- What the calls of one run came to.
SELECT call_sid, persona, caller_name, outcome, opened_at, closed_at, requested_start, proof, marked_by_app,
       appointment_id, user_id, transcript, comparison
FROM prodtest.test_call WHERE run_id = %(run_id)s ORDER BY opened_at

-- name: comparisons
-- What was said beside what was stored, for each call of one run whose row was found.
SELECT call_sid, persona, comparison FROM prodtest.test_call
WHERE run_id = %(run_id)s AND comparison IS NOT NULL ORDER BY opened_at

-- name: silent_runs
-- Open runs, other than this one, that have missed a heartbeat but are not yet taken for dead.
SELECT count(*)::int AS count FROM prodtest.test_run
WHERE outcome = 'open' AND id IS DISTINCT FROM %(run_id)s::uuid
  AND heartbeat_at BETWEEN clock_timestamp() - interval '30 seconds' AND clock_timestamp() - interval '8 seconds'

-- name: plan
-- One stored plan that is complete.
SELECT id, scope, cutoff, run_id, counts, in_reach, kept, effects, created_at, actor FROM prodtest.plan
WHERE id = %(plan_id)s AND is_complete

-- name: plan_batches
-- The batches of a plan, without the ids.
SELECT place, table_oid::regclass::text AS table_name, scope, cardinality(row_ids) AS rows
FROM prodtest.plan_batch WHERE plan_id = %(plan_id)s ORDER BY place

-- name: cleanup_run
-- One cleanup.
SELECT id, plan_id, started_at, finished_at, stop_reason, deleted, actor, transactions, proof
FROM prodtest.cleanup_run WHERE id = %(cleanup_id)s

-- name: latest_cleanup
-- The last cleanup of a plan that came to an end.
SELECT id, plan_id, started_at, finished_at, stop_reason, deleted, actor, proof FROM prodtest.cleanup_run
WHERE plan_id IS NOT NULL AND finished_at IS NOT NULL ORDER BY finished_at DESC LIMIT 1

-- name: archived_counts
-- How many rows a cleanup has put into the archive, per table.
SELECT (SELECT relname FROM pg_class WHERE oid = table_oid) AS table_name, count(*)::int AS count
FROM prodtest.archived_row WHERE cleanup_id = %(cleanup_id)s GROUP BY table_oid

-- name: archive_total
-- How many rows can be restored, per table.
SELECT (SELECT relname FROM pg_class WHERE oid = table_oid) AS table_name, count(*)::int AS count
FROM prodtest.archived_row GROUP BY table_oid

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
    UNION SELECT l.appointment_id FROM ledger l WHERE l.appointment_id IS NOT NULL
    UNION SELECT unnest(%(ids)s::bigint[]))
ORDER BY a.id

-- name: snapshots
-- The last stored snapshots, newest first.
SELECT taken_at, figures FROM prodtest.snapshot ORDER BY taken_at DESC LIMIT %(limit)s

-- name: customer_sample
-- Up to %(size)s customers' rows of each table, found by random keys, so that a large table costs no more.
SELECT 'appointments' AS table_name, a.id, md5(a::text) AS fingerprint, a.xmin::text AS xmin
FROM public.appointments a WHERE NOT a.is_test_data AND a.id IN (
    SELECT (b.low + random() * (b.high - b.low))::bigint
    FROM (SELECT min(id) AS low, max(id) AS high FROM public.appointments) b, generate_series(1, %(size)s))
UNION ALL
SELECT 'users', u.id, md5(u::text), u.xmin::text
FROM public.users u WHERE NOT {reserved:u.mobile} AND u.id IN (
    SELECT (b.low + random() * (b.high - b.low))::bigint
    FROM (SELECT min(id) AS low, max(id) AS high FROM public.users) b, generate_series(1, %(size)s))

-- name: rows_again
-- The same rows once more.
SELECT 'appointments' AS table_name, a.id, md5(a::text) AS fingerprint, a.xmin::text AS xmin
FROM public.appointments a WHERE a.id = ANY (%(appointments)s)
UNION ALL
SELECT 'users', u.id, md5(u::text), u.xmin::text FROM public.users u WHERE u.id = ANY (%(users)s)

-- name: customer_fingerprints
-- Every row that is a customer's, whole. It reads the whole tables: for the demo and the self-test only.
WITH {sources}
SELECT 'appointments' AS table_name, a.id, md5(a::text) AS fingerprint FROM public.appointments a
WHERE NOT a.is_test_data AND a.id NOT IN (SELECT l.appointment_id FROM ledger l WHERE l.appointment_id IS NOT NULL)
UNION ALL
SELECT 'users', u.id, md5(u::text) FROM public.users u
WHERE u.id NOT IN (SELECT l.user_id FROM ledger l WHERE l.user_id IS NOT NULL)
  AND (NOT {reserved:u.mobile} OR EXISTS (
      SELECT 1 FROM public.appointments a WHERE a.user_id = u.id AND NOT a.is_test_data))

-- name: installed_fingerprint
-- Which version of our functions stands here; null when none does.
SELECT obj_description(to_regnamespace('prodtest')::oid, 'pg_namespace') AS fingerprint

-- name: cutoff
-- The absolute instant before which a test row is stale.
SELECT {cutoff} AS cutoff

-- name: remove_batch
-- One batch of a cleanup, in the transaction of the caller.
SELECT table_name, planned, removed FROM prodtest.remove_batch(%(cleanup_id)s, %(place)s, %(wait)s)

-- name: begin
-- How long this transaction waits for a lock, and for anything; rows that are hidden from us raise an error.
SELECT set_config('lock_timeout', %(lock_timeout)s, true), set_config('statement_timeout', %(statement_timeout)s, true),
       set_config('row_security', 'off', true), set_config('work_mem', '64MB', true)

-- name: blocked_backends
-- How many other sessions wait for a lock in this database. What they wait for is hidden from an ordinary role in
-- pg_stat_activity, and not in pg_locks.
SELECT count(DISTINCT l.pid)::int AS count FROM pg_locks l JOIN pg_stat_activity s ON s.pid = l.pid
WHERE NOT l.granted AND s.datname = current_database() AND l.pid <> pg_backend_pid()

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

-- name: unknown_rows
-- What was asked for and is not in the archive of the cleanup.
SELECT asked.item FROM unnest(%(only)s::text[]) AS asked(item)
WHERE NOT EXISTS (SELECT 1 FROM prodtest.archived_row r WHERE r.cleanup_id = %(cleanup_id)s
                  AND prodtest.is_asked_for(ARRAY[asked.item], r.table_oid, r.row_id))

-- name: undo_foreseen
-- The next archived rows of one table with what would keep each out now. Nothing is locked.
SELECT id, obstacle, had_event
FROM prodtest.foresee_undo(%(cleanup_id)s, %(table_oid)s::oid::regclass, %(after)s, %(size)s, %(only)s::text[])

-- name: restore_batch
-- The next rows of one table come back, in the transaction of the caller.
SELECT id, obstacle, had_event
FROM prodtest.restore_batch(%(undo_id)s, %(table_oid)s::oid::regclass, %(after)s, %(size)s, %(only)s::text[])

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

-- name: test_rows
-- Test appointments, the oldest first, with the exact number there are. A ledgered row's age counts from the ledger's time.
WITH {sources}, {judged_appointments},
shown AS (
    SELECT j.id, j.created_at, now() - j.aged_from AS age, j.starts_at, j.status, j.verdict, j.mobile, j.run_id, j.aged_from,
           CASE WHEN j.call_sid IS NOT NULL THEN 'ledger' WHEN j.has_reserved_number THEN 'reserved number'
                ELSE 'unknown' END AS origin
    FROM judged j
    WHERE j.is_test_data AND (%(older_than)s::interval IS NULL OR j.aged_from < now() - %(older_than)s::interval)
      AND NOT (%(active_only)s AND (j.cancelled_at IS NOT NULL OR j.status = 'cancelled'))
)
SELECT *, count(*) OVER ()::int AS total FROM shown ORDER BY aged_from, id LIMIT %(limit)s

-- name: sensor_heartbeats
-- When each sensor was last alive.
SELECT name, beat_at FROM prodtest.heartbeat ORDER BY name

-- name: recent_runs
-- The last runs of the booking flow, newest first, with what their calls came to.
SELECT r.id, r.target, r.started_at, r.finished_at, r.outcome, r.passed, r.failed, r.skipped,
       count(c.call_sid)::int AS calls, (count(*) FILTER (WHERE c.outcome = 'booked'))::int AS booked
FROM (SELECT * FROM prodtest.test_run ORDER BY started_at DESC LIMIT %(limit)s) r
LEFT JOIN prodtest.test_call c ON c.run_id = r.id
GROUP BY r.id, r.target, r.started_at, r.finished_at, r.outcome, r.passed, r.failed, r.skipped ORDER BY r.started_at DESC

-- name: recent_calls
-- Calls of some runs that left no row or whose row was compared with what was said, newest first.
SELECT call_sid, run_id, persona, caller_number, caller_name, outcome, opened_at, comparison, transcript,
       count(*) OVER ()::int AS total
FROM prodtest.test_call
WHERE run_id = ANY (%(run_ids)s::uuid[]) AND outcome <> 'open' AND (outcome <> 'booked' OR comparison IS NOT NULL)
ORDER BY opened_at DESC LIMIT %(limit)s

-- name: recent_cleanups
-- The last cleanups and removals by tests, newest first, with the rows that can still come back.
SELECT c.id, c.plan_id IS NULL AS is_by_tests, c.started_at, c.finished_at, c.stop_reason, c.deleted, c.actor,
       (SELECT count(*) FROM prodtest.archived_row a WHERE a.cleanup_id = c.id)::int AS archived
FROM prodtest.cleanup_run c ORDER BY c.started_at DESC LIMIT %(limit)s

-- name: volume_history
-- The number of test rows in all stored snapshots, the oldest first; the most of each stretch where there are many.
SELECT max(s.taken_at) AS taken_at, max(s.total) AS total, max(s.stale) AS stale
FROM (SELECT taken_at, (figures ->> 'total')::int AS total,
             (figures #>> '{stale,eligible}')::int + (figures #>> '{stale,held}')::int
             + (figures #>> '{stale,suspect}')::int AS stale,
             ntile(%(points)s) OVER (ORDER BY taken_at) AS stretch FROM prodtest.snapshot) s
GROUP BY s.stretch ORDER BY 1

-- name: snapshot_before_removal
-- The last stored snapshot from before the last cleanup, or the last tests, that removed something.
SELECT s.figures FROM prodtest.snapshot s WHERE s.taken_at < (
    SELECT max(c.started_at) FROM prodtest.cleanup_run c WHERE c.deleted <> '{}')
ORDER BY s.taken_at DESC LIMIT 1

-- name: foreseen_effects
-- Which foreign keys lead to what would go, what each would do to its rows, and the statement that counts these; null
-- where this role may not read the table.
WITH {sources}, {judged_appointments:as_asked}, {judged_users},
going AS (
    SELECT 'public.appointments'::regclass AS parent, array_agg(id) AS ids FROM judged
    WHERE verdict = ANY (%(scopes)s::text[])
    UNION ALL
    SELECT 'public.users'::regclass, array_agg(id) FROM judged_user WHERE verdict = ANY (%(scopes)s::text[])
)
SELECT n.relname || CASE c.confdeltype WHEN 'c' THEN ' (goes by cascade)' WHEN 'n' THEN ' (would be set null)'
                    WHEN 'd' THEN ' (would be set to its default)' ELSE ' (keeps its parent)' END AS effect,
       CASE WHEN has_table_privilege(c.conrelid, 'SELECT') THEN
           format('SELECT count(*) AS rows FROM %%s c WHERE c.%%I = ANY (%%L::bigint[])', c.conrelid::regclass, a.attname, g.ids)
       END AS statement
FROM going g JOIN pg_constraint c ON c.contype = 'f' AND c.confrelid = g.parent AND c.conparentid = 0
JOIN pg_class n ON n.oid = c.conrelid JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
WHERE c.conrelid <> 'public.appointments'::regclass AND cardinality(c.conkey) = 1 AND g.ids IS NOT NULL ORDER BY 1

-- name: cleanup_due
-- How many rows may go, and how the last cleanups ended. Rows are judged only where the indexes say that some might go:
-- old test rows, rows of dead runs, test users without appointments. A tick of the sensor is mostly the first part.
WITH recent AS MATERIALIZED (
    SELECT id, stop_reason, finished_at FROM prodtest.cleanup_run
    WHERE plan_id IS NOT NULL AND finished_at IS NOT NULL ORDER BY finished_at DESC LIMIT 20
),
out_of_run AS NOT MATERIALIZED (
    SELECT c.user_id, c.appointment_id FROM prodtest.test_call c JOIN prodtest.test_run r ON r.id = c.run_id
    WHERE c.opened_at < {cutoff} OR r.outcome IN ('open', 'abandoned')
)
SELECT now() AS clock, last.id AS cleanup_id, last.stop_reason, last.finished_at,
       (SELECT count(*) FROM recent WHERE finished_at > coalesce(
            (SELECT max(finished_at) FROM recent WHERE stop_reason <> ALL (%(fruitless)s::text[])), '-infinity'))::int AS fruitless,
       CASE WHEN EXISTS (SELECT 1 FROM public.appointments a WHERE a.is_test_data AND a.created_at < {cutoff})
              OR EXISTS (SELECT 1 FROM out_of_run o JOIN public.appointments a ON a.id = o.appointment_id)
              OR EXISTS (SELECT 1 FROM out_of_run o JOIN public.users u ON u.id = o.user_id
                         WHERE NOT EXISTS (SELECT 1 FROM public.appointments a WHERE a.user_id = u.id))
              OR EXISTS (SELECT 1 FROM prodtest.archived_row r JOIN public.users u ON u.id = (r.content ->> 'user_id')::bigint
                         WHERE r.table_oid = 'public.appointments'::regclass AND u.created_at < {cutoff}
                           AND NOT EXISTS (SELECT 1 FROM public.appointments a WHERE a.user_id = u.id))
       THEN (WITH {sources}, {judged_appointments}, {judged_users}
             SELECT (SELECT count(*) FROM judged WHERE verdict = ANY (%(scopes)s::text[]))
                  + (SELECT count(*) FROM judged_user WHERE verdict = ANY (%(scopes)s::text[])))
       ELSE 0 END::int AS rows
FROM (SELECT 1) one LEFT JOIN (SELECT * FROM recent LIMIT 1) last ON true
