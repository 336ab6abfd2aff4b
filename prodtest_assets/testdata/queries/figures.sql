-- How much test data there is, in numbers.
-- {cutoff} is the parameter `cutoff`, or else the database's now() less the parameter `retention`.

-- name: cutoff
-- The absolute instant before which a test row is stale.
SELECT {cutoff} AS cutoff

-- name: figures
-- Everything that is counted in rows. Totals need no verdict; verdicts are counted over rows that are alike.
WITH {sources}, {known_alike}, {judged_known}, {judged_users},
hours AS (
    -- A row exactly one hour old is in hour 1; hours below 0 are in the future.
    -- What was created at no time that is known counts as in the future.
    SELECT CASE WHEN isfinite(bin) THEN (extract(epoch FROM now() - bin) / 3600)::int - 1 ELSE -1 END AS hour,
           count(*) AS total, count(*) FILTER (WHERE cancelled_at IS NOT NULL OR status = 'cancelled') AS cancelled,
           min(created_at) AS oldest, max(created_at) AS newest
    FROM (SELECT cancelled_at, status, CASE WHEN isfinite(created_at) THEN created_at END AS created_at,
                 CASE WHEN isfinite(created_at) THEN date_bin('1 hour', created_at - interval '1 microsecond', now()) END AS bin
          FROM public.appointments WHERE is_test_data) a
    GROUP BY bin
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
           coalesce(sum(alike) FILTER (WHERE is_test_data AND verdict = 'blocked' AND is_old), 0) AS stale_blocked,
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
    SELECT jsonb_agg(jsonb_build_object('hours_ago', h, 'hour', now() - make_interval(hours => h + 1),
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
-- How many rows have which verdict, per table, with some of their ids.
WITH {sources}, {judged_appointments:as_asked}, {judged_users}
SELECT 'appointments' AS table_name, verdict, count(*)::int AS count, (array_agg(id ORDER BY id))[1:10] AS sample
FROM judged GROUP BY verdict
UNION ALL
SELECT 'users', verdict, count(*)::int, (array_agg(id ORDER BY id))[1:10] FROM judged_user WHERE verdict <> 'in_use' GROUP BY verdict
ORDER BY 1, 2

-- name: snapshots
-- The last stored snapshots, newest first.
SELECT taken_at, figures FROM prodtest.snapshot ORDER BY taken_at DESC LIMIT %(limit)s

-- name: volume_history
-- The number of test rows in all stored snapshots, the oldest first; the most of each stretch where there are many.
SELECT max(s.taken_at) AS taken_at, max(s.total) AS total, max(s.stale) AS stale
FROM (SELECT taken_at, (figures ->> 'total')::int AS total,
             (figures #>> '{stale,eligible}')::int + (figures #>> '{stale,held}')::int
             + (figures #>> '{stale,suspect}')::int + coalesce((figures #>> '{stale,blocked}')::int, 0) AS stale,
             ntile(%(points)s) OVER (ORDER BY taken_at) AS stretch FROM prodtest.snapshot
      -- One that another version wrote in another form is left out.
      WHERE figures @? '$ ? (@.total.type() == "number" && @.stale.eligible.type() == "number"
                             && @.stale.held.type() == "number" && @.stale.suspect.type() == "number"
                             && (@.stale.blocked.type() == "number" || !exists(@.stale.blocked)))') s
GROUP BY s.stretch ORDER BY 1
