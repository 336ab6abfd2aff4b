-- How much test data there is, in numbers.
-- {cutoff} is the parameter `cutoff`, or else the database's now() less the parameter `retention`.

-- name: cutoff
-- The absolute instant before which a test row is stale.
SELECT {cutoff} AS cutoff

-- name: figures
-- Everything that is counted in rows. Totals need no verdict; verdicts are counted over rows that are alike.
WITH {sources}, {known_alike}, {judged_known}, {judged_users}, asked_for AS (SELECT * FROM judged), {counted}
SELECT now() AS taken_at, {cutoff} AS cutoff, totals.*, remains.*, people.*, trend.*, events.*
FROM totals, remains, people, trend, events

-- name: figures_of_active
-- The same without cancelled rows, which are told apart one by one; that takes longer.
WITH {sources}, {judged_appointments}, {judged_users},
asked_for AS (SELECT * FROM judged WHERE (cancelled_at IS NOT NULL OR status = 'cancelled') IS NOT TRUE), {counted}
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
