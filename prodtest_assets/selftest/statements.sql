-- What the self-test does as the application, as a person at psql, or as an attacker. All of it happens in the scratch
-- database, which is made for it and dropped after it.

-- name: abilities
-- Whether this role may make a database, and roles.
SELECT current_user AS role, rolsuper AS is_superuser, rolsuper OR rolcreatedb AS may_create_database,
       rolsuper OR rolcreaterole AS may_create_roles,
       current_setting('server_version') AS version
FROM pg_roles WHERE rolname = current_user

-- name: create_database
CREATE DATABASE {name} TEMPLATE template0

-- name: drop_database
DROP DATABASE IF EXISTS {name} WITH (FORCE)

-- name: drop_role
DROP ROLE IF EXISTS {name}

-- name: databases_like
-- Scratch databases of this role.
SELECT d.datname AS name FROM pg_database d
WHERE d.datname LIKE %(pattern)s AND pg_has_role(d.datdba, 'MEMBER') ORDER BY d.datname

-- name: add_customers
-- Customers with two appointments each. Every tenth holds a number that is reserved for tests: people type such numbers,
-- and staging copies are anonymised with them.
WITH people AS (
    INSERT INTO public.users (full_name, mobile, created_at)
    SELECT 'Customer ' || n, CASE WHEN n %% 10 = 0 THEN '+1289' || '55501' || lpad((n / 10)::text, 2, '0')
                                 ELSE '+49151' || lpad(n::text, 8, '0') END, now() - interval '90 days'
    FROM generate_series(1, %(count)s) n RETURNING id
)
INSERT INTO public.appointments (user_id, starts_at, created_at, notes)
SELECT p.id, now() + make_interval(days => d), now() - interval '60 days', 'theirs'
FROM people p, generate_series(1, 2) d

-- name: customer
-- One customer with an ordinary number, and one of their appointments.
SELECT u.id AS user_id, min(a.id) AS appointment_id FROM public.users u JOIN public.appointments a ON a.user_id = u.id
WHERE u.full_name = 'Customer 1' GROUP BY u.id

-- name: checksum
-- One number over every customer's row, in both tables.
SELECT md5(string_agg(row, '' ORDER BY row)) AS checksum, count(*)::int AS rows FROM (
    SELECT 'u' || md5(u::text) AS row FROM public.users u WHERE u.full_name LIKE 'Customer %'
    UNION ALL
    SELECT 'a' || md5(a::text) FROM public.appointments a JOIN public.users u ON u.id = a.user_id
    WHERE u.full_name LIKE 'Customer %' AND NOT a.is_test_data
) every

-- name: sweep
-- Between two promises: nothing is left but the customers.
DROP TRIGGER IF EXISTS meddles ON public.appointments;
DROP TABLE IF EXISTS public.reminders;
DELETE FROM public.users WHERE full_name NOT LIKE 'Customer %';
DELETE FROM public.appointments WHERE is_test_data;
TRUNCATE prodtest.test_run, prodtest.test_call, prodtest.plan, prodtest.plan_batch, prodtest.cleanup_run,
    prodtest.archived_row, prodtest.lease, prodtest.hold CASCADE

-- name: add_user
INSERT INTO public.users (full_name, mobile, created_at) VALUES (%(name)s, %(mobile)s, now() - %(age)s::interval)
RETURNING id

-- name: add_appointment
INSERT INTO public.appointments (user_id, starts_at, is_test_data, created_at)
VALUES (%(user)s, now() + make_interval(days => %(day)s), %(marked)s, now() - %(age)s::interval) RETURNING id

-- name: user_of
SELECT user_id FROM public.appointments WHERE id = %(row)s

-- name: content
SELECT to_jsonb(a) AS appointment, to_jsonb(u) AS owner FROM public.appointments a JOIN public.users u ON u.id = a.user_id
WHERE a.id = %(row)s

-- name: places
-- In how many places each appointment is: the table, the archive. One statement, so that nothing moves meanwhile.
SELECT i.id, (SELECT count(*)::int FROM public.appointments a WHERE a.id = i.id) AS present,
       (SELECT count(*)::int FROM prodtest.archived_row r
        WHERE r.table_oid = 'public.appointments'::regclass AND r.row_id = i.id) AS archived
FROM unnest(%(rows)s::bigint[]) AS i(id)

-- name: user_places
SELECT (SELECT count(*)::int FROM public.users u WHERE u.id = %(row)s) AS present,
       (SELECT count(*)::int FROM prodtest.archived_row r
        WHERE r.table_oid = 'public.users'::regclass AND r.row_id = %(row)s) AS archived

-- name: waiting
-- Whether a session of this database waits for a lock.
SELECT count(*)::int AS count FROM pg_locks l JOIN pg_stat_activity s ON s.pid = l.pid
WHERE NOT l.granted AND s.datname = current_database()

-- name: sessions
-- Our sessions on this database.
SELECT count(*)::int AS count FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'prodtest'

-- name: lift_mark
UPDATE public.appointments SET is_test_data = false WHERE id = %(row)s

-- name: lock_row
SELECT 1 FROM public.appointments WHERE id = %(row)s FOR UPDATE

-- name: silence_run
-- As if the process that led the run had died some time ago.
UPDATE prodtest.test_run SET heartbeat_at = now() - interval '5 minutes' WHERE id = %(run_id)s

-- name: let_lease_end
UPDATE prodtest.lease SET until = now() - interval '1 second'

-- name: end_hold
UPDATE prodtest.hold SET until = now() - interval '1 second'

-- name: add_trigger
CREATE OR REPLACE FUNCTION public.meddle() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN UPDATE public.appointments SET notes = ''moved''; RETURN OLD; END';
CREATE TRIGGER meddles BEFORE DELETE ON public.appointments FOR EACH ROW EXECUTE FUNCTION public.meddle()

-- name: add_children_set_null
CREATE TABLE public.reminders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                               of bigint REFERENCES public.appointments ON DELETE SET NULL)

-- name: add_children_cascade
CREATE TABLE public.reminders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                               of bigint REFERENCES public.appointments ON DELETE CASCADE)

-- name: add_reminder
INSERT INTO public.reminders (of) VALUES (%(row)s) RETURNING id

-- name: reminders
SELECT id, of FROM public.reminders ORDER BY id

-- name: archived_reminders
SELECT row_id AS id FROM prodtest.archived_row WHERE table_oid = 'public.reminders'::regclass ORDER BY 1

-- name: become
SET SESSION AUTHORIZATION {role}

-- name: set_password
ALTER ROLE {role} PASSWORD {password}

-- name: grant_too_much
GRANT DELETE, TRUNCATE, UPDATE ON public.users, public.appointments TO {role}

-- name: take_too_much_back
REVOKE DELETE, TRUNCATE, UPDATE ON public.users, public.appointments FROM {role}

-- name: delete_appointments
DELETE FROM public.appointments WHERE user_id IN (SELECT id FROM public.users WHERE full_name LIKE 'Customer %')

-- name: delete_users
DELETE FROM public.users WHERE full_name LIKE 'Customer %'

-- name: truncate_appointments
TRUNCATE public.appointments

-- name: truncate_users
TRUNCATE public.users CASCADE

-- name: mark_customers
UPDATE public.appointments SET is_test_data = true

-- name: forge_removal
SELECT prodtest.archive_appointments(gen_random_uuid(), NULL, NULL, ARRAY(SELECT id FROM public.appointments),
                                     'stale', 'infinity', NULL, true)

-- name: forge_adoption
SELECT prodtest.adopt(ARRAY(SELECT id FROM public.appointments))

-- name: forge_proof
UPDATE prodtest.test_call SET appointment_id = 1

-- name: forge_plan
SELECT prodtest.open_plan(gen_random_uuid(), 'stale', 'infinity', NULL, '{}', '{}', NULL, 100, 'forged')

-- name: shadow
-- Names of ours in a place that the attacker's search path puts first.
CREATE TEMP TABLE appointments AS SELECT id, user_id, true AS is_test_data FROM public.appointments;
CREATE FUNCTION pg_temp.lower(text) RETURNS text LANGUAGE sql AS 'SELECT ''x''::text';
CREATE FUNCTION pg_temp.are_reserved_digits(text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
SET search_path = pg_temp, pg_catalog
