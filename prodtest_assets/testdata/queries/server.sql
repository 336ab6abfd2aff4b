-- What is asked of the server before anything else, and about it.

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
-- What of the application's tables stands here, which columns that statements read are missing, and what this role may do.
SELECT ARRAY(SELECT t.name || '.' || c.name FROM (VALUES
           ('users', '{id,full_name,mobile,created_at}'::text[]),
           ('appointments', '{id,user_id,starts_at,duration_min,status,notes,cancelled_at,google_event_id,is_test_data,created_at}')
       ) AS t(name, columns) CROSS JOIN LATERAL unnest(t.columns) AS c(name)
       WHERE NOT EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('public.' || t.name)
                         AND attname = c.name AND NOT attisdropped)) AS missing_columns,
       to_regclass('public.appointments') IS NOT NULL AND to_regclass('public.users') IS NOT NULL AS has_tables,
       to_regclass('public.ix_appointments_is_test_data') IS NOT NULL AS has_mark_index,
       to_regclass('public.alembic_version') IS NOT NULL AS has_version_table,
       has_table_privilege(to_regclass('public.appointments'), 'SELECT') AS may_read,
       has_database_privilege(current_database(), 'CREATE') AS may_create_schema,
       ours.valid = 2 AS has_indexes, ours.found > ours.valid AS has_broken_index
FROM (SELECT count(*) AS found, count(*) FILTER (WHERE indisvalid) AS valid FROM pg_index
      WHERE indexrelid IN (to_regclass('public.prodtest_stale_test_rows'), to_regclass('public.prodtest_reserved_users'))) ours

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

-- name: unindexed_keys
-- Foreign keys to what a cleanup removes for which no index begins with their columns, so that each removed row makes the
-- server read the whole table, and the statement that adds one.
WITH RECURSIVE reach AS (
    SELECT unnest(ARRAY['public.appointments', 'public.users']::regclass[])::oid AS t
    UNION SELECT c.conrelid FROM reach r JOIN pg_constraint c
    ON c.confrelid = r.t AND c.contype = 'f' AND c.confdeltype = 'c' AND c.conparentid = 0
)
SELECT f.conname AS name, concat(nullif(n.nspname, 'public') || '.', t.relname) AS table_name,
       format('CREATE INDEX %%sON %%I.%%I (%%s);', CASE WHEN t.relkind = 'r' THEN 'CONCURRENTLY ' END, n.nspname, t.relname,
              k.columns) AS statement
FROM reach r JOIN pg_constraint f ON f.contype = 'f' AND f.confrelid = r.t AND f.conparentid = 0
JOIN pg_class t ON t.oid = f.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
CROSS JOIN LATERAL (
    SELECT string_agg(format('%%I', a.attname), ', ' ORDER BY c.place) AS columns
    FROM unnest(f.conkey) WITH ORDINALITY AS c(number, place)
    JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = c.number) k
WHERE NOT EXISTS (
    SELECT 1 FROM pg_index i WHERE i.indrelid = f.conrelid AND i.indisvalid
    AND f.conkey <@ (i.indkey::int2[])[0 : cardinality(f.conkey) - 1]
    AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) = format('(%%s IS NOT NULL)', k.columns)))
ORDER BY 2, 1

-- name: installed_fingerprint
-- Which version of our functions stands here; null when none does, or none for the tables that are here now, which a role
-- that may not use the schema cannot know.
SELECT CASE WHEN {is_guarded} OR NOT has_schema_privilege(to_regnamespace('prodtest'), 'USAGE')
       THEN obj_description(to_regnamespace('prodtest')::oid, 'pg_namespace') END AS fingerprint

-- name: sensor_heartbeats
-- When each sensor was last alive.
SELECT name, beat_at FROM prodtest.heartbeat ORDER BY name

-- name: begin
-- How long this transaction waits for a lock, and for anything; rows that are hidden from us raise an error.
SELECT set_config('lock_timeout', %(lock_timeout)s, true), set_config('statement_timeout', %(statement_timeout)s, true),
       set_config('row_security', 'off', true), set_config('work_mem', '64MB', true)
