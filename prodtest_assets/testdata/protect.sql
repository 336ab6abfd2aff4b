-- What `prodtest protect` reads and runs. Names in braces are filled in, quoted, by protect.py.

-- name: facts
-- What stands here, and who asks.
SELECT current_database() AS database, current_user AS admin,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS is_superuser,
       EXISTS (SELECT 1 FROM pg_roles WHERE rolname = %(login)s) AS has_login,
       EXISTS (SELECT 1 FROM pg_roles WHERE rolname = %(owner)s) AS has_owner,
       EXISTS (SELECT 1 FROM pg_roles WHERE rolname = %(owner)s AND (rolcanlogin OR rolsuper)) AS owner_is_somebody,
       to_regclass('prodtest.protection') IS NOT NULL AS has_schema

-- name: protection
-- Who is protected, if anybody.
SELECT login_role, owner_role, former_owner, retention_floor, archive_floor FROM prodtest.protection

-- name: functions
-- Our functions but the two which say whether a number is reserved: an index of the application's runs those.
SELECT p.proname AS name, pg_get_userbyid(p.proowner) AS owner,
       format('%%I.%%I(%%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS signature
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = 'prodtest' AND p.proname NOT IN ('is_reserved_number', 'are_reserved_digits') ORDER BY p.oid

-- name: own_tables
-- Our tables; the functions have no business with what migrations and `protect` have put down.
SELECT format('%%I.%%I', n.nspname, c.relname) AS name, c.relname IN ('alembic_version', 'protection') AS is_fixed FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'prodtest' AND c.relkind = 'r' ORDER BY c.oid

-- name: child_tables
-- The application's tables whose rows refer to users, appointments, or what goes with them by cascade.
WITH RECURSIVE reach AS (
    SELECT unnest(ARRAY['public.appointments', 'public.users']::regclass[]) AS t
    UNION SELECT k.child FROM reach r CROSS JOIN LATERAL prodtest.foreign_keys_to(r.t) k WHERE k.on_delete = 'c'
)
SELECT n.nspname AS schema, format('%%I.%%I', n.nspname, c.relname) AS name,
       coalesce((prodtest.key_columns(c.oid))[1], min(k.child_column)) AS key, bool_or(k.follows) AS goes_along
FROM reach r CROSS JOIN LATERAL prodtest.foreign_keys_to(r.t) k
JOIN pg_class c ON c.oid = k.child JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.child NOT IN ('public.appointments'::regclass, 'public.users'::regclass)
GROUP BY c.oid, n.nspname, c.relname ORDER BY c.oid

-- name: parent_tables
-- What else the rows that may go refer to: undo looks whether it is still there.
WITH RECURSIVE reach AS (
    SELECT unnest(ARRAY['public.appointments', 'public.users']::regclass[]) AS t
    UNION SELECT k.child FROM reach r CROSS JOIN LATERAL prodtest.foreign_keys_to(r.t) k WHERE k.on_delete = 'c'
)
SELECT DISTINCT n.nspname AS schema, format('%%I.%%I', n.nspname, c.relname) AS name
FROM pg_constraint f JOIN pg_class c ON c.oid = f.confrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE f.contype = 'f' AND f.conrelid IN (SELECT t FROM reach) AND f.confrelid NOT IN (SELECT t FROM reach)
ORDER BY 2

-- name: sequences
-- What numbers those rows: undo brings no id back that is still to be given out.
WITH RECURSIVE reach AS (
    SELECT unnest(ARRAY['public.appointments', 'public.users']::regclass[]) AS t
    UNION SELECT k.child FROM reach r CROSS JOIN LATERAL prodtest.foreign_keys_to(r.t) k WHERE k.on_delete = 'c'
)
SELECT DISTINCT format('%%I.%%I', n.nspname, s.relname) AS name
FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_namespace n ON n.oid = s.relnamespace
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
  AND d.refobjid IN (SELECT t FROM reach) ORDER BY 1

-- name: read_tables
-- The application's tables that the commands read.
SELECT to_regclass(name)::text AS found, name
FROM unnest(ARRAY['public.users', 'public.appointments', 'public.alembic_version']) AS name
WHERE to_regclass(name) IS NOT NULL

-- name: granted_tables
-- Tables on which a role holds rights of its own.
SELECT DISTINCT format('%%I.%%I', n.nspname, c.relname) AS name
FROM pg_shdepend d JOIN pg_class c ON c.oid = d.objid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'a' AND d.refobjid = to_regrole(%(role)s)::oid
  AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1

-- name: is_needed
-- Whether a role may be dropped: made by us, unknown to every other database of this server, and owner of nothing
-- here but our functions.
SELECT shobj_description(to_regrole(%(role)s)::oid, 'pg_authid') IS NOT DISTINCT FROM %(comment)s AS is_ours,
       EXISTS (
           SELECT 1 FROM pg_shdepend d, pg_database b
           WHERE d.refobjid = to_regrole(%(role)s)::oid AND b.datname = current_database()
             AND NOT (d.dbid = b.oid
                      AND (d.deptype <> 'o' OR d.classid = 'pg_proc'::regclass AND d.objid IN (
                           SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'prodtest'::regnamespace))
                      OR d.dbid = 0 AND d.classid = 'pg_database'::regclass AND d.objid = b.oid)
       ) AS is_used_elsewhere

-- name: powers
-- What the login role may do beyond reading and the doors; nothing, or it is not protected.
SELECT format('%%s on %%s', p.privilege, t.name) AS power
FROM (SELECT format('%%I.%%I', n.nspname, c.relname) AS name, c.oid FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'r' AND n.nspname = 'prodtest'
         OR c.oid IN ('public.users'::regclass, 'public.appointments'::regclass)) t,
     unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p(privilege)
WHERE has_table_privilege(%(login)s, t.oid, p.privilege)
   OR p.privilege IN ('INSERT', 'UPDATE') AND has_any_column_privilege(%(login)s, t.oid, p.privilege)
UNION ALL
SELECT format('EXECUTE of %%s', f.oid::regprocedure) FROM pg_proc f
WHERE f.pronamespace = 'prodtest'::regnamespace AND has_function_privilege(%(login)s, f.oid, 'EXECUTE')
  AND f.proname <> ALL (%(doors)s)
UNION ALL
SELECT 'CREATE on schema prodtest' WHERE has_schema_privilege(%(login)s, 'prodtest', 'CREATE')
UNION ALL
SELECT 'membership in ' || r.rolname FROM pg_roles r
WHERE pg_has_role(%(login)s, r.oid, 'MEMBER') AND r.rolname <> %(login)s
  AND (r.rolsuper OR r.rolname = %(owner)s OR r.rolname IN ('pg_write_all_data', 'pg_execute_server_program',
                                                            'pg_write_server_files', 'pg_maintain'))
UNION ALL
SELECT 'attribute ' || a.name FROM pg_roles r,
     LATERAL (VALUES ('SUPERUSER', r.rolsuper), ('CREATEROLE', r.rolcreaterole), ('BYPASSRLS', r.rolbypassrls),
                     ('REPLICATION', r.rolreplication)) AS a(name, holds)
WHERE r.rolname = %(login)s AND a.holds

-- name: wait_briefly
-- The triggers need a lock on the application's tables: rather fail than let its statements queue behind us.
SET LOCAL lock_timeout = '5s'

-- name: create_owner
CREATE ROLE {owner} NOLOGIN

-- name: create_login
CREATE ROLE {login} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS

-- name: comment_owner
COMMENT ON ROLE {owner} IS {comment}

-- name: comment_login
COMMENT ON ROLE {login} IS {comment}

-- name: join_owner
GRANT {owner} TO CURRENT_USER

-- name: open_schema
GRANT USAGE, CREATE ON SCHEMA prodtest TO {owner}

-- name: close_schema
REVOKE CREATE ON SCHEMA prodtest FROM {owner}

-- name: own_function
ALTER FUNCTION {function} OWNER TO {owner};
ALTER FUNCTION {function} SECURITY DEFINER;
REVOKE ALL ON FUNCTION {function} FROM PUBLIC, {login}

-- name: open_door
GRANT EXECUTE ON FUNCTION {function} TO {login}

-- name: rights_of_owner
-- FOR UPDATE needs UPDATE on one column; nothing ever changes a key.
GRANT USAGE ON SCHEMA public TO {owner};
GRANT SELECT, INSERT, DELETE, UPDATE (is_test_data) ON public.appointments TO {owner};
GRANT SELECT, INSERT, DELETE, UPDATE (id) ON public.users TO {owner}

-- name: own_rights_of_owner
GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {owner}

-- name: look_at_own
GRANT SELECT ON {table} TO {owner}

-- name: rights_on_child
GRANT USAGE ON SCHEMA {schema} TO {owner};
GRANT SELECT, INSERT, DELETE, UPDATE ({key}) ON {table} TO {owner}

-- name: read_sequence
GRANT SELECT ON SEQUENCE {sequence} TO {owner}

-- name: look_at_other
GRANT USAGE ON SCHEMA {schema} TO {owner};
GRANT SELECT ON {table} TO {owner}

-- name: enter
GRANT CONNECT ON DATABASE {database} TO {login};
GRANT USAGE ON SCHEMA public, prodtest TO {login}

-- name: read
GRANT SELECT ON {table} TO {login}

-- name: tripwire
CREATE OR REPLACE TRIGGER prodtest_refuse_delete BEFORE DELETE ON public.appointments FOR EACH ROW
    WHEN (session_user = {login_name}) EXECUTE FUNCTION prodtest.refuse_delete();
CREATE OR REPLACE TRIGGER prodtest_refuse_delete BEFORE DELETE ON public.users FOR EACH ROW
    WHEN (session_user = {login_name}) EXECUTE FUNCTION prodtest.refuse_delete();
CREATE OR REPLACE TRIGGER prodtest_refuse_mark BEFORE UPDATE ON public.appointments FOR EACH ROW
    WHEN (session_user = {login_name} AND NEW.is_test_data AND NOT OLD.is_test_data)
    EXECUTE FUNCTION prodtest.refuse_mark();
CREATE OR REPLACE TRIGGER prodtest_refuse_truncate BEFORE TRUNCATE ON public.appointments
    WHEN (session_user = {login_name}) EXECUTE FUNCTION prodtest.refuse_truncate();
CREATE OR REPLACE TRIGGER prodtest_refuse_truncate BEFORE TRUNCATE ON public.users
    WHEN (session_user = {login_name}) EXECUTE FUNCTION prodtest.refuse_truncate()

-- name: remember
INSERT INTO prodtest.protection (login_role, owner_role, former_owner, retention_floor, archive_floor)
VALUES ({login_name}, {owner_name}, {former_name}, {retention_floor}, {archive_floor})
ON CONFLICT (only_one) DO UPDATE SET login_role = excluded.login_role, owner_role = excluded.owner_role,
    retention_floor = excluded.retention_floor, archive_floor = excluded.archive_floor

-- name: remove_tripwire
DROP TRIGGER IF EXISTS prodtest_refuse_delete ON public.appointments;
DROP TRIGGER IF EXISTS prodtest_refuse_delete ON public.users;
DROP TRIGGER IF EXISTS prodtest_refuse_mark ON public.appointments;
DROP TRIGGER IF EXISTS prodtest_refuse_truncate ON public.appointments;
DROP TRIGGER IF EXISTS prodtest_refuse_truncate ON public.users

-- name: return_function
REVOKE ALL ON FUNCTION {function} FROM {login};
GRANT EXECUTE ON FUNCTION {function} TO PUBLIC;
ALTER FUNCTION {function} SECURITY INVOKER;
ALTER FUNCTION {function} OWNER TO {former}

-- name: take_table_back
REVOKE ALL ON {table} FROM {role}

-- name: take_schemas_back
REVOKE ALL ON SCHEMA public, prodtest FROM {owner}, {login};
REVOKE ALL ON DATABASE {database} FROM {login}

-- name: take_schema_back
REVOKE ALL ON SCHEMA {schema} FROM {owner}

-- name: leave_owner
REVOKE {owner} FROM CURRENT_USER

-- name: forget
DELETE FROM prodtest.protection

-- name: drop_role
DROP ROLE {role}
