-- Plans, cleanups and the proof that customers were left alone.

-- name: plan
-- One stored plan that is complete.
SELECT id, scope, cutoff, run_id, row_limit, counts, in_reach, kept, effects, along, sample, created_at, actor FROM prodtest.plan
WHERE id = %(plan_id)s AND is_complete

-- name: plan_blocked
-- Some of the rows that a plan left out because rows of other tables keep them, with the reasons.
SELECT prodtest.name_of(table_oid) AS table_name, row_id AS id, reason FROM prodtest.blocked_row
WHERE plan_id = %(plan_id)s ORDER BY reason = 'one of its appointments stays', table_oid, row_id LIMIT %(limit)s

-- name: plan_adopts
-- Some of the rows of a plan that a call provably made and the application did not mark, with the number of them.
SELECT c.appointment_id AS id, count(*) OVER ()::int AS total
FROM prodtest.test_call c JOIN public.appointments a ON a.id = c.appointment_id
WHERE NOT a.is_test_data AND EXISTS (
    SELECT 1 FROM prodtest.plan_batch b WHERE b.plan_id = %(plan_id)s
    AND b.table_oid = 'public.appointments'::regclass AND c.appointment_id = ANY (b.row_ids))
ORDER BY 1 LIMIT %(limit)s

-- name: plan_batches
-- The batches of a plan, without the ids.
SELECT place, table_oid::regclass::text AS table_name, scope, cardinality(row_ids) AS rows
FROM prodtest.plan_batch WHERE plan_id = %(plan_id)s ORDER BY place

-- name: cleanup_run
-- One cleanup.
SELECT id, plan_id, started_at, finished_at, stop_reason, deleted, removed_bytes, actor, proof,
       ARRAY(SELECT t.id FROM prodtest.cleanup_transaction t WHERE t.cleanup_id = c.id) AS transactions
FROM prodtest.cleanup_run c WHERE id = %(cleanup_id)s

-- name: adopted_count
-- How many rows a cleanup marked before it removed them.
SELECT count(*)::int AS count FROM prodtest.archived_row WHERE cleanup_id = %(cleanup_id)s AND adopted

-- name: latest_cleanup
-- The last cleanup of a plan that came to an end.
SELECT id, plan_id, started_at, finished_at, stop_reason, deleted, actor, proof FROM prodtest.cleanup_run
WHERE plan_id IS NOT NULL AND finished_at IS NOT NULL ORDER BY finished_at DESC LIMIT 1

-- name: broken_promises
-- Cleanups that changed a customer's row, or removed one without archiving it, the newest first; until somebody says in
-- the proof itself that it is understood.
SELECT id, finished_at, stop_reason, proof FROM prodtest.cleanup_run
WHERE ((proof ->> 'changed_by_us')::int > 0 OR (proof ->> 'unarchived')::int > 0) AND proof ->> 'acknowledged' IS NULL
ORDER BY started_at DESC

-- name: recent_cleanups
-- The last cleanups and removals by tests, newest first, with the rows that can still come back.
SELECT c.id, c.plan_id IS NULL AS is_by_tests, c.started_at, c.finished_at, c.stop_reason, c.deleted, c.actor,
       c.removed_bytes, (c.storage ->> 'returned_bytes')::bigint AS returned_bytes,
       (SELECT count(*) FROM prodtest.archived_row a WHERE a.cleanup_id = c.id)::int AS archived
FROM prodtest.cleanup_run c ORDER BY c.started_at DESC LIMIT %(limit)s

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

-- name: cleanup_past
-- How old the oldest row was that the last cleanups left although it could go, the last one last (null where none was
-- left), and since when only dry runs have found something to do.
SELECT clock_timestamp() AS clock,
       (SELECT array_agg(r.age ORDER BY r.finished_at) FROM (
            SELECT finished_at, finished_at - oldest_left AS age FROM prodtest.cleanup_run
            WHERE plan_id IS NOT NULL AND finished_at IS NOT NULL ORDER BY finished_at DESC LIMIT %(runs)s) r) AS backlog,
       (SELECT min(p.created_at) FROM prodtest.plan p
        WHERE p.is_complete AND p.scope = 'stale' AND p.in_reach > 0 AND p.created_at > coalesce(
            (SELECT max(c.started_at) FROM prodtest.cleanup_run c
             WHERE c.plan_id IS NOT NULL AND c.stop_reason NOT IN ('locked', 'refused')), '-infinity')
          AND NOT EXISTS (SELECT 1 FROM prodtest.cleanup_run c WHERE c.plan_id = p.id)) AS only_dry_since

-- name: foreseen_effects
-- Which foreign keys lead to what would go, what each would do to its rows, whether these keep what they refer to (unless
-- they have gone with an appointment), and the statement that counts them; null where this role may not read the table.
WITH {sources}, {judged_appointments:as_asked}, {judged_users},
going AS (
    SELECT 'public.appointments'::regclass AS parent, array_agg(id) AS ids FROM judged
    WHERE verdict = ANY (%(scopes)s::text[] || 'blocked'::text)
    UNION ALL
    SELECT 'public.users'::regclass, array_agg(id) FROM judged_user WHERE verdict = ANY (%(scopes)s::text[] || 'blocked'::text)
)
SELECT format('%%s (%%s)', concat(nullif(s.nspname, 'public') || '.', n.relname), CASE
           WHEN c.confdeltype = 'n' THEN 'would be set null' WHEN c.confdeltype = 'd' THEN 'would be set to its default'
           WHEN c.confdeltype <> 'c' THEN 'keeps its parent'
           WHEN cardinality(c.conkey) > 1 OR n.oid = 'public.users'::regclass
                OR (n.relkind <> 'r' OR n.relhassubclass) AND NOT EXISTS (
                    SELECT 1 FROM pg_index i JOIN pg_attribute k ON k.attrelid = i.indrelid AND k.attnum = i.indkey[0]
                    WHERE i.indrelid = n.oid AND i.indisprimary AND i.indnkeyatts = 1
                      AND k.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype))
           THEN format('keeps its parent: %%s cannot be followed', c.conname) ELSE 'goes by cascade' END) AS effect,
       p.relname AS parent, format('%%s refers to it and does not go along (%%s)', n.relname, c.conname) AS reason,
       c.confdeltype <> 'c' AND NOT EXISTS (
           SELECT 1 FROM pg_constraint o WHERE o.contype = 'f' AND o.conrelid = c.conrelid AND o.confdeltype = 'c'
           AND o.confrelid = 'public.appointments'::regclass AND o.oid <> c.oid) AS keeps,
       CASE WHEN has_table_privilege(c.conrelid, 'SELECT') THEN
           format('SELECT count(*) AS rows, array_agg(DISTINCT p.id) AS parents FROM %%s c JOIN %%s p ON %%s WHERE p.id = ANY (%%L::bigint[])', c.conrelid::regclass,
                  g.parent, pairs.same, g.ids)
       END AS statement
FROM going g JOIN pg_constraint c ON c.contype = 'f' AND c.confrelid = g.parent AND c.conparentid = 0
JOIN pg_class n ON n.oid = c.conrelid JOIN pg_namespace s ON s.oid = n.relnamespace
JOIN pg_class p ON p.oid = c.confrelid
CROSS JOIN LATERAL (
    SELECT string_agg(format('p.%%I = c.%%I', r.attname, a.attname), ' AND ') AS same
    FROM unnest(c.conkey, c.confkey) AS pair(child, parent)
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = pair.child
    JOIN pg_attribute r ON r.attrelid = c.confrelid AND r.attnum = pair.parent
) pairs
WHERE c.conrelid <> 'public.appointments'::regclass AND g.ids IS NOT NULL ORDER BY 1

-- name: triggers_on_delete
-- Triggers and rules that would run when a row is deleted, on every table that a cleanup may reach; asked without functions
-- of ours, which may not stand here.
WITH RECURSIVE reach AS (
    SELECT unnest(ARRAY['public.appointments', 'public.users']::regclass[])::oid AS t
    UNION SELECT c.conrelid FROM reach r JOIN pg_constraint c
    ON c.confrelid = r.t AND c.contype = 'f' AND c.confdeltype = 'c' AND c.conparentid = 0
)
SELECT found.name FROM (
    SELECT g.tgname::text AS name FROM pg_trigger g JOIN reach r ON r.t = g.tgrelid
    JOIN pg_proc f ON f.oid = g.tgfoid JOIN pg_namespace n ON n.oid = f.pronamespace
    WHERE NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgtype & 8 <> 0 AND n.nspname <> 'prodtest'
    UNION
    SELECT w.rulename::text FROM pg_rewrite w JOIN reach r ON r.t = w.ev_class WHERE w.ev_type = '4'
) found WHERE found.name <> ALL (%(allowed)s::text[]) ORDER BY 1

-- name: remove_batch
-- Some rows of one batch of a cleanup, in the transaction of the caller, and how far the server's transactions were before.
SELECT table_name, planned, removed, pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS transactions
FROM prodtest.remove_batch(%(cleanup_id)s, %(place)s, %(wait)s, %(first)s, %(rows)s)

-- name: blocked_backends
-- How many other sessions wait for a lock in this database, and how far the server's transactions are. What they wait for
-- is hidden from an ordinary role in pg_stat_activity, and not in pg_locks.
SELECT count(DISTINCT s.pid)::int AS count, pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS transactions
FROM (SELECT pid FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid() OFFSET 0) l
CROSS JOIN LATERAL pg_stat_get_activity(l.pid) s
WHERE s.datid = (SELECT oid FROM pg_database WHERE datname = current_database())

-- name: customer_sample
-- Up to %(size)s customers' rows of each table: at random points between the least and the greatest key, the next one that
-- is a customer's, so that neither gaps between the keys nor a large table make a difference.
SELECT 'appointments' AS table_name, a.id, md5(a::text) AS fingerprint, a.xmin::text AS xmin
FROM public.appointments a WHERE a.id IN (
    SELECT next.id FROM (
        SELECT b.low + (random() * (b.high::float8 - b.low))::bigint AS point
        FROM (SELECT min(id) AS low, max(id) AS high FROM public.appointments) b, generate_series(1, %(size)s) OFFSET 0
    ) drawn CROSS JOIN LATERAL (
        SELECT a.id FROM (SELECT id, user_id, created_at, is_test_data FROM public.appointments
                          WHERE id >= drawn.point ORDER BY id LIMIT 20) a
        WHERE a.is_test_data IS NOT TRUE AND NOT EXISTS (SELECT 1 FROM prodtest.test_call c WHERE {made_row:c}) LIMIT 1
    ) next)
UNION ALL
SELECT 'users', u.id, md5(u::text), u.xmin::text
FROM public.users u WHERE u.id IN (
    SELECT next.id FROM (
        SELECT b.low + (random() * (b.high::float8 - b.low))::bigint AS point
        FROM (SELECT min(id) AS low, max(id) AS high FROM public.users) b, generate_series(1, %(size)s) OFFSET 0
    ) drawn CROSS JOIN LATERAL (
        SELECT u.id FROM (SELECT id, mobile, created_at FROM public.users
                          WHERE id >= drawn.point ORDER BY id LIMIT 20) u
        WHERE {reserved:u.mobile} IS NOT TRUE AND NOT EXISTS (SELECT 1 FROM prodtest.test_call c WHERE {made_user:c}) LIMIT 1
    ) next)

-- name: has_customers
-- Whether there is any row that the sample might have met.
SELECT EXISTS (SELECT 1 FROM public.appointments a WHERE a.is_test_data IS NOT TRUE
               AND NOT EXISTS (SELECT 1 FROM prodtest.test_call c WHERE {made_row:c}))
    OR EXISTS (SELECT 1 FROM public.users u WHERE {reserved:u.mobile} IS NOT TRUE
               AND NOT EXISTS (SELECT 1 FROM prodtest.test_call c WHERE {made_user:c})) AS has_customers

-- name: archived_among
-- Which of these rows one cleanup has archived, as it found them, and whether the mark was its own.
SELECT 'appointments' AS table_name, row_id AS id, adopted,
       md5(jsonb_populate_record(NULL::public.appointments, content)::text) AS fingerprint
FROM prodtest.archived_row
WHERE cleanup_id = %(cleanup_id)s AND table_oid = 'public.appointments'::regclass AND row_id = ANY (%(appointments)s)
UNION ALL
SELECT 'users', row_id, false, md5(jsonb_populate_record(NULL::public.users, content)::text) FROM prodtest.archived_row
WHERE cleanup_id = %(cleanup_id)s AND table_oid = 'public.users'::regclass AND row_id = ANY (%(users)s)

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
WHERE a.is_test_data IS NOT TRUE AND NOT EXISTS (SELECT 1 FROM ledger l WHERE {made_row:l})
UNION ALL
SELECT 'users', u.id, md5(u::text) FROM public.users u
WHERE NOT EXISTS (SELECT 1 FROM ledger l WHERE {made_user:l})
  AND ({reserved:u.mobile} IS NOT TRUE OR EXISTS (
      SELECT 1 FROM public.appointments a WHERE a.user_id = u.id AND a.is_test_data IS NOT TRUE))

-- name: snapshot_before_removal
-- The last stored snapshot from before the last cleanup, or the last tests, that removed something.
SELECT s.figures FROM prodtest.snapshot s WHERE s.taken_at < (
    SELECT max(c.started_at) FROM prodtest.cleanup_run c WHERE c.deleted <> '{}')
ORDER BY s.taken_at DESC LIMIT 1

-- name: table_sizes
-- Every table that a cleanup may remove rows from: its bytes, what its dead rows take about (null where the server keeps
-- no statistics), and whether they are more than autovacuum puts up with.
WITH RECURSIVE reach AS (
    SELECT unnest(ARRAY['public.appointments', 'public.users']::regclass[])::oid AS t
    UNION SELECT c.conrelid FROM reach r JOIN pg_constraint c
    ON c.confrelid = r.t AND c.contype = 'f' AND c.confdeltype = 'c' AND c.conparentid = 0
)
SELECT format('%%I.%%I', n.nspname, c.relname) AS name, pg_relation_size(c.oid) AS bytes,
       CASE WHEN current_setting('track_counts')::boolean THEN
           (pg_relation_size(c.oid) * s.n_dead_tup / greatest(s.n_live_tup + s.n_dead_tup, 1))::bigint END AS dead_bytes,
       current_setting('track_counts')::boolean AND s.n_dead_tup > current_setting('autovacuum_vacuum_threshold')::float
           + current_setting('autovacuum_vacuum_scale_factor')::float * greatest(c.reltuples, 0) AS vacuum_is_due
FROM reach r JOIN pg_class c ON c.oid = r.t JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_stat_all_tables s ON s.relid = c.oid ORDER BY 1

-- name: statistics_flush
-- The call that makes this session's share of the statistics known at once; none before PostgreSQL 15.
SELECT format('SELECT %%s()', p.oid::regproc) AS statement FROM pg_proc p
WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = 'pg_stat_force_next_flush'
