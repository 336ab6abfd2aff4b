-- The rules that decide what a row is, written once. Queries read them to count and to plan, and the
-- functions that delete repeat them, restricted to the rows they hold locked.
--
-- Placeholders: {cutoff} the absolute instant before which a test row is stale, {run_id} the run that asks
-- (its own calls are in scope), {named} and {named_users} ids given by a person, {scopes} the verdicts that go,
-- {digits:X} the digits of number X in one spelling, {reserved_digits:X} whether such digits are reserved for tests,
-- {reserved:X} whether the number is; {made_row:L} and {made_user:L} whether ledger row L still means appointment a or user u;
-- {blocked_row} and {blocked_user} whether rows of other tables keep it, as the last plan found out (plans find out anew),
-- {foreseen_blocked} rows of which a dry run without a stored plan has found out the same;
-- {only_appointments} narrows the rows that are looked at, {spared} those that a person has asked to leave alone.

-- name: archive_table
-- Our archive, by which we know that schema prodtest stands; null also for a role that may not use the schema, for whom
-- to_regclass would raise an error.
(SELECT oid FROM pg_class WHERE relnamespace = to_regnamespace('prodtest') AND relname = 'archived_row'
 AND has_schema_privilege(relnamespace, 'USAGE'))

-- name: is_guarded
-- Whether the archive's constraint means the table that is called appointments now.
EXISTS (SELECT 1 FROM pg_constraint c JOIN pg_depend d ON d.classid = 'pg_constraint'::regclass AND d.objid = c.oid
        WHERE c.conrelid = {archive_table} AND c.conname = 'only_test_rows_are_archived'
          AND d.refclassid = 'pg_class'::regclass AND d.refobjid = to_regclass('public.appointments'))

-- name: sources
-- What our own schema knows: calls with the state of their run, exemptions, archived rows.
ledger AS (
    SELECT c.call_sid, c.run_id, c.user_id, c.user_created_at, c.appointment_id, c.appointment_created_at, c.opened_at,
           NOT c.marked_by_app AND c.adopted_at IS NULL AS may_be_adopted, c.adopted_at,
           c.caller_name, {digits:c.caller_number} AS caller_digits,
           c.outcome = 'open' AS is_open,
           CASE WHEN c.run_id = {run_id} THEN 'mine'
                WHEN r.outcome = 'open' AND r.heartbeat_at > clock_timestamp() - interval '30 seconds' THEN 'live'
                WHEN r.outcome IN ('open', 'abandoned') THEN 'dead'
                ELSE 'over' END AS run_state
    FROM prodtest.test_call c JOIN prodtest.test_run r ON r.id = c.run_id
),
exempt AS (
    -- The hold of an undo is one for all rows that it restored.
    SELECT h.run_id, coalesce(h.table_oid, r.table_oid) AS table_oid, coalesce(h.row_id, r.row_id) AS row_id
    FROM prodtest.hold h LEFT JOIN prodtest.restored_row r ON r.undo_id = h.undo_id
    WHERE h.released_at IS NULL AND h.until > clock_timestamp()
),
blocked AS NOT MATERIALIZED (SELECT table_oid, row_id FROM prodtest.blocked_row {foreseen_blocked}),
archived_booking AS NOT MATERIALIZED (
    SELECT cleanup_id, row_id, archived_at, event_removed_at, (content ->> 'user_id')::bigint AS user_id,
           owner_created_at, content ->> 'google_event_id' AS google_event_id
    FROM prodtest.archived_row WHERE table_oid = 'public.appointments'::regclass
)

-- name: sources_without_schema
-- The same names where schema prodtest does not stand: nothing is ledgered, exempt or archived.
ledger AS (
    SELECT NULL::text AS call_sid, NULL::uuid AS run_id, NULL::bigint AS user_id, NULL::timestamptz AS user_created_at,
           NULL::bigint AS appointment_id, NULL::timestamptz AS appointment_created_at,
           NULL::timestamptz AS opened_at, NULL::boolean AS may_be_adopted, NULL::text AS caller_name,
           NULL::text AS caller_digits, NULL::boolean AS is_open, NULL::text AS run_state WHERE false
),
exempt AS (SELECT NULL::uuid AS run_id, NULL::regclass AS table_oid, NULL::bigint AS row_id WHERE false),
blocked AS (SELECT NULL::regclass AS table_oid, NULL::bigint AS row_id WHERE false {foreseen_blocked}),
archived_booking AS (
    SELECT NULL::uuid AS cleanup_id, NULL::bigint AS row_id, NULL::timestamptz AS archived_at,
           NULL::timestamptz AS event_removed_at, NULL::bigint AS user_id, NULL::timestamptz AS owner_created_at, NULL::text AS google_event_id WHERE false
)

-- name: judged_appointments
-- Every marked row and every unmarked row that a call provably made, with one verdict each:
-- held, live, cancelled, blocked, named, call, suspect, stale, future, young.
{known}, {judged_known}

-- name: known
-- These rows, and how many rows each of their owners has. LATERAL keeps to the indexes: what this reads grows with the
-- test rows, never with the customers'. A call makes a row known that was never marked, but not one whose mark was lifted.
-- What was created nobody knows when counts as in the future.
known AS MATERIALIZED (
    SELECT a.id, a.ctid AS location, a.user_id, a.created_at, a.starts_at, a.status, a.cancelled_at, a.is_test_data,
           a.google_event_id, l.call_sid, l.run_id, l.run_state, coalesce(l.opened_at, {since:a.created_at}) AS aged_from,
           1 AS alike
    FROM public.appointments a LEFT JOIN ledger l ON {made_row:l}
    WHERE a.is_test_data {only_appointments}
    UNION ALL
    SELECT a.id, a.ctid AS location, a.user_id, a.created_at, a.starts_at, a.status, a.cancelled_at, a.is_test_data,
           a.google_event_id, l.call_sid, l.run_id, l.run_state, l.opened_at, 1
    FROM ledger l JOIN public.appointments a ON {made_row:l}
    WHERE NOT a.is_test_data AND l.may_be_adopted {only_appointments}
),
booked AS (
    SELECT k.user_id, k.proven, bookings.present, bookings.unmarked
    FROM (SELECT user_id, count(*) FILTER (WHERE NOT is_test_data) AS proven FROM known GROUP BY user_id) k
    CROSS JOIN LATERAL (SELECT count(*) AS present, count(*) FILTER (WHERE a.is_test_data IS NOT TRUE) AS unmarked
                        FROM public.appointments a WHERE a.user_id = k.user_id) bookings
)

-- name: known_alike
-- The same for counting. Marked rows of one user on the same side of the cutoff, of which nothing is known one by one,
-- have the same verdict: they stand as one row with their number.
{single},
known AS MATERIALIZED (
    SELECT NULL::bigint AS id, g.user_id, side.created_at, true AS is_test_data, NULL::text AS call_sid,
           NULL::uuid AS run_id, NULL::text AS run_state, side.created_at AS aged_from, side.alike
    FROM (SELECT a.user_id, min({since:a.created_at}) AS oldest, max({since:a.created_at}) AS newest, count(*)::int AS rows,
                 (count(*) FILTER (WHERE {since:a.created_at} < {cutoff}))::int AS old
          FROM public.appointments a WHERE a.is_test_data AND a.id NOT IN (SELECT s.id FROM single s) GROUP BY a.user_id) g
    CROSS JOIN LATERAL (VALUES (g.oldest, g.old), (g.newest, g.rows - g.old)) AS side(created_at, alike)
    WHERE side.alike > 0
    UNION ALL
    SELECT a.id, a.user_id, a.created_at, a.is_test_data, l.call_sid, l.run_id, l.run_state,
           coalesce(l.opened_at, {since:a.created_at}), 1
    FROM single s JOIN public.appointments a ON a.id = s.id LEFT JOIN ledger l ON {made_row:l}
    WHERE a.is_test_data OR NOT a.is_test_data AND l.may_be_adopted
),
{booked_alike}

-- name: single
-- Rows of which something may be known one by one.
single AS MATERIALIZED (
    SELECT l.appointment_id AS id FROM ledger l WHERE l.appointment_id IS NOT NULL
    UNION SELECT e.row_id FROM exempt e WHERE e.table_oid = 'public.appointments'::regclass
    UNION SELECT unnest({named})
    UNION SELECT b.row_id FROM blocked b WHERE b.table_oid = 'public.appointments'::regclass
)

-- name: booked_alike
-- How many rows each owner of known rows has, where all marked rows of these owners are known.
booked AS (
    -- All marked rows are known, so the others are the rest: the index of the owners answers without the table.
    SELECT user_id, sum(proven) AS proven, sum(present) AS present, sum(present) - sum(marked) AS unmarked
    FROM (SELECT k.user_id, 0 AS present, CASE WHEN k.is_test_data THEN k.alike ELSE 0 END AS marked,
                 (NOT k.is_test_data)::int AS proven FROM known k
          UNION ALL
          SELECT a.user_id, count(*)::int, 0, 0 FROM public.appointments a
          WHERE a.user_id = ANY (ARRAY(SELECT k.user_id FROM known k)) GROUP BY a.user_id) every
    GROUP BY user_id
)

-- name: judged_known
-- The verdict on each row of known.
owner AS MATERIALIZED (
    SELECT u.id, u.mobile, u.digits, u.created_at, coalesce({reserved_digits:u.digits}, false) AS has_reserved_number,
           (u.id, u.created_at) IN (SELECT l.user_id, l.user_created_at FROM ledger l WHERE l.user_created_at IS NOT NULL)
               IS TRUE AS is_ledgered,
           u.digits IN (SELECT l.caller_digits FROM ledger l) IS TRUE AS has_ledgered_number,
           b.present, b.unmarked, b.unmarked > b.proven AS has_customer_rows,
           EXISTS (SELECT 1 FROM ledger l WHERE l.run_state = 'live') AND (
               u.digits IN (SELECT l.caller_digits FROM ledger l WHERE l.run_state = 'live')
               OR lower(u.full_name) IN (SELECT lower(l.caller_name) FROM ledger l WHERE l.run_state = 'live')
           ) IS TRUE AS is_of_live_run
    FROM booked b
    CROSS JOIN LATERAL (SELECT id, full_name, mobile, created_at, {digits:mobile} AS digits FROM public.users
                        WHERE id = b.user_id OFFSET 0) u
),
judged AS MATERIALIZED (
    SELECT k.*, o.mobile, o.created_at AS owner_created_at, o.has_reserved_number,
           CASE WHEN k.run_id IN (SELECT e.run_id FROM exempt e WHERE e.run_id IS NOT NULL)
                  OR k.id IN (SELECT e.row_id FROM exempt e WHERE e.table_oid = 'public.appointments'::regclass)
                  OR k.user_id IN (SELECT e.row_id FROM exempt e WHERE e.table_oid = 'public.users'::regclass)
                    THEN 'held'
                WHEN k.run_state IS NOT DISTINCT FROM 'live' OR (k.run_state IS NULL AND o.is_of_live_run) THEN 'live'
                WHEN {spared} THEN 'cancelled'
                WHEN {blocked_row} AND (k.aged_from < {cutoff} OR k.run_state IN ('mine', 'dead')) THEN 'blocked'
                WHEN k.id = ANY ({named}) THEN 'named'
                WHEN k.run_state IN ('mine', 'dead') THEN 'call'
                WHEN k.aged_from < {cutoff}
                     AND (o.id IS NULL OR o.has_customer_rows
                          OR NOT (o.has_reserved_number OR o.is_ledgered OR o.has_ledgered_number))
                    THEN 'suspect'
                WHEN k.aged_from < {cutoff} THEN 'stale'
                WHEN k.call_sid IS NULL AND k.aged_from > clock_timestamp() THEN 'future'
                ELSE 'young' END AS verdict
    FROM known k LEFT JOIN owner o ON o.id = k.user_id
)

-- name: everybody
-- Who may be a test user beside the owners of known rows; where users are given, these are looked at instead.
SELECT l.user_id AS id FROM ledger l WHERE l.user_id IS NOT NULL
UNION SELECT u.id FROM public.users u WHERE {reserved:u.mobile}
UNION SELECT unnest({named_users})

-- name: judged_users
-- Every user who is or may be a test user, with the rows that would stay behind and one verdict:
-- in_use, suspect, held, open_call, live, blocked, named, call, stale, young. Needs judged_appointments.
judged_of_user AS MATERIALIZED (
    SELECT user_id, sum(alike) FILTER (WHERE verdict = ANY ({scopes})) AS going,
           count(*) FILTER (WHERE NOT is_test_data) AS proven
    FROM judged GROUP BY user_id
),
person AS MATERIALIZED (
    SELECT id, mobile, digits, created_at, has_reserved_number, present, unmarked FROM owner
    UNION ALL
    SELECT u.id, u.mobile, u.digits, u.created_at, coalesce({reserved_digits:u.digits}, false), bookings.present,
           bookings.unmarked
    FROM (SELECT id FROM ({everybody}) every EXCEPT SELECT id FROM owner) c
    CROSS JOIN LATERAL (SELECT id, mobile, created_at, {digits:mobile} AS digits FROM public.users
                        WHERE id = c.id OFFSET 0) u
    CROSS JOIN LATERAL (SELECT count(*) AS present, count(*) FILTER (WHERE a.is_test_data IS NOT TRUE) AS unmarked
                        FROM public.appointments a WHERE a.user_id = u.id) bookings
    -- Somebody who only bears an id that the ledger knows is nobody of ours.
    WHERE {reserved_digits:u.digits} OR u.id = ANY ({named_users})
       OR (u.id, u.created_at) IN (SELECT l.user_id, l.user_created_at FROM ledger l WHERE l.user_created_at IS NOT NULL)
),
calls AS MATERIALIZED (
    SELECT l.user_id, min(l.opened_at) AS first_opened_at, bool_or(l.run_state IN ('mine', 'dead')) AS in_reach,
           bool_or(l.run_state = 'live') AS is_live, bool_or(l.run_id IN (SELECT e.run_id FROM exempt e)) AS is_exempt
    FROM ledger l JOIN person u ON {made_user:l} GROUP BY l.user_id
),
tenant AS (
    SELECT p.*, p.present - coalesce(j.going, 0) AS staying, p.unmarked - coalesce(j.proven, 0) AS customers,
           c.user_id IS NOT NULL AS is_ledgered, c.first_opened_at, coalesce(c.in_reach, false) AS in_reach,
           coalesce(c.is_live, false) AS is_live, coalesce(c.is_exempt, false) AS is_exempt
    FROM person p
    LEFT JOIN judged_of_user j ON j.user_id = p.id
    LEFT JOIN calls c ON c.user_id = p.id
),
judged_user AS MATERIALIZED (
    SELECT t.*,
           CASE WHEN t.staying > 0 THEN 'in_use'
                WHEN t.is_exempt
                  OR t.id IN (SELECT e.row_id FROM exempt e WHERE e.table_oid = 'public.users'::regclass) THEN 'held'
                WHEN t.digits IN (SELECT l.caller_digits FROM ledger l WHERE l.is_open AND l.run_state <> 'dead')
                    THEN 'open_call'
                WHEN t.is_live THEN 'live'
                WHEN {blocked_user} THEN 'blocked'
                WHEN t.id = ANY ({named_users}) AND t.has_reserved_number THEN 'named'
                WHEN NOT t.is_ledgered AND NOT (t.has_reserved_number AND (t.present > 0 OR (
                         SELECT true FROM archived_booking b
                         WHERE b.user_id = t.id AND b.owner_created_at = t.created_at LIMIT 1) IS NOT NULL))
                    THEN 'suspect'
                WHEN t.in_reach THEN 'call'
                WHEN coalesce(t.first_opened_at, {since:t.created_at}) < {cutoff} THEN 'stale'
                ELSE 'young' END AS verdict
    FROM tenant t
)

-- name: people
-- Everybody whose rows have to be judged, with about how many rows these are.
people AS MATERIALIZED (
    SELECT every.id, sum(every.rows)::int AS rows FROM (
        SELECT a.user_id AS id, count(*) AS rows FROM public.appointments a WHERE a.is_test_data GROUP BY a.user_id
        UNION ALL
        SELECT a.user_id, 1 FROM ledger l JOIN public.appointments a ON a.id = l.appointment_id WHERE NOT a.is_test_data
        UNION ALL SELECT l.user_id, 1 FROM ledger l
        UNION ALL SELECT u.id, 1 FROM public.users u WHERE {reserved:u.mobile}
        UNION ALL SELECT unnest({named_users}), 1
    ) every WHERE every.id IS NOT NULL GROUP BY every.id
)

-- name: counted
-- What is counted of judged users, of those judged rows that are asked for, and of marked rows by the hour of their creation.
created AS (
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
hours AS (SELECT *, total - CASE WHEN {active_only} THEN cancelled ELSE 0 END AS counted FROM created),
totals AS (
    SELECT coalesce(sum(total), 0)::bigint AS total, coalesce(sum(total - cancelled), 0)::bigint AS active,
           coalesce(sum(cancelled), 0)::bigint AS cancelled, min(oldest) AS oldest, max(newest) AS newest,
           coalesce(sum(counted) FILTER (WHERE hour < 0), 0)::bigint AS future,
           coalesce(sum(counted) FILTER (WHERE hour = 0), 0)::bigint AS under_1,
           coalesce(sum(counted) FILTER (WHERE hour BETWEEN 1 AND 5), 0)::bigint AS under_6,
           coalesce(sum(counted) FILTER (WHERE hour BETWEEN 6 AND 11), 0)::bigint AS under_12,
           coalesce(sum(counted) FILTER (WHERE hour BETWEEN 12 AND 23), 0)::bigint AS under_24,
           coalesce(sum(counted) FILTER (WHERE hour BETWEEN 24 AND 47), 0)::bigint AS under_48,
           coalesce(sum(counted) FILTER (WHERE hour BETWEEN 48 AND 71), 0)::bigint AS under_72,
           coalesce(sum(counted) FILTER (WHERE hour >= 72), 0)::bigint AS over_72
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
          FROM asked_for) j
),
people AS (
    SELECT count(*) FILTER (WHERE verdict <> 'suspect' AND customers = 0) AS test_users,
           count(*) FILTER (WHERE present = 0 AND verdict IN ('call', 'stale')) AS orphaned,
           count(*) FILTER (WHERE verdict = 'suspect') AS suspects
    FROM judged_user
),
trend AS (
    SELECT jsonb_agg(jsonb_build_object('hours_ago', h, 'hour', now() - make_interval(hours => h + 1),
                                        'count', coalesce(hours.counted, 0)) ORDER BY h) AS trend
    FROM generate_series(0, 23) AS h LEFT JOIN hours ON hours.hour = h
),
events AS (
    SELECT count(*) AS pending_events FROM archived_booking
    WHERE google_event_id IS NOT NULL AND event_removed_at IS NULL
)
