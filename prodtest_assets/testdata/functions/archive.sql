-- What ties the archive to the application's tables. It falls with them where somebody drops a table or its schema to load
-- it again, and is then made anew with the functions.

DO $$
BEGIN
    IF NOT {is_guarded} THEN
        ALTER TABLE prodtest.archived_row ADD CONSTRAINT only_test_rows_are_archived
            CHECK (table_oid <> 'public.appointments'::regclass OR content ->> 'is_test_data' IS NOT DISTINCT FROM 'true');
    END IF;
END
$$;

CREATE INDEX IF NOT EXISTS archived_row_owner ON prodtest.archived_row (((content ->> 'user_id')::bigint))
    WHERE table_oid = 'public.appointments'::regclass;

CREATE OR REPLACE FUNCTION prodtest.require_guard() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- Without the constraint nothing keeps a customer's row out of the archive, and with it on the table.
BEGIN
    IF NOT {is_guarded} THEN
        RAISE EXCEPTION 'public.appointments is not the table that schema prodtest was made for: run `prodtest migrate`'
            USING ERRCODE = 'PT010';
    END IF;
END
$$;
