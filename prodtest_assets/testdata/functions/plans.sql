-- Plans: which rows may go, stored in batches of ids, oldest rows first.

CREATE OR REPLACE FUNCTION prodtest.make_plan(
    p_plan uuid, p_scope text, p_cutoff timestamptz, p_run uuid, p_named bigint[], p_named_users bigint[],
    p_limit int, p_batch_size int, p_actor text
) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET row_security = off SET work_mem = '64MB' AS $$
-- Store which rows may go, in batches of ids, and how many stay for which reason; p_limit rows at most, oldest first.
BEGIN
    PERFORM prodtest.require_floor(p_scope, p_cutoff);
    INSERT INTO prodtest.plan (id, scope, cutoff, run_id, named, named_users, actor)
    VALUES (p_plan, p_scope, p_cutoff, p_run, p_named, p_named_users, p_actor);
    WITH judged AS MATERIALIZED (
        SELECT j.*, j.table_oid = 'public.users'::regclass AS is_parent, j.verdict = ANY (prodtest.verdicts_of(p_scope)) AS goes
        FROM prodtest.judge(p_scope, p_cutoff, p_run, p_named, p_named_users) j
    ),
    ranked AS (
        SELECT *, CASE WHEN p_limit IS NOT NULL THEN row_number() OVER (ORDER BY is_parent, aged_from, id) END AS place
        FROM judged WHERE goes
    ),
    batched AS (
        -- The rows of one user side by side: every batch looks at all rows of its users.
        SELECT *, (row_number() OVER (PARTITION BY table_oid, verdict ORDER BY owner, id) - 1) / p_batch_size AS batch
        FROM ranked WHERE p_limit IS NULL OR place <= p_limit
    ),
    stored AS (
        INSERT INTO prodtest.plan_batch (plan_id, place, table_oid, scope, row_ids)
        SELECT p_plan, row_number() OVER (ORDER BY is_parent, verdict, batch), table_oid, verdict, array_agg(id)
        FROM batched GROUP BY is_parent, table_oid, verdict, batch
        RETURNING table_oid, cardinality(row_ids) AS rows
    )
    UPDATE prodtest.plan SET
        counts = (SELECT coalesce(jsonb_object_agg(c.name, c.n), '{}') FROM (
            SELECT prodtest.name_of(t.table_oid) AS name, sum(t.rows) AS n FROM stored t GROUP BY t.table_oid) c),
        in_reach = (SELECT count(*) FROM ranked),
        kept = (SELECT coalesce(jsonb_object_agg(k.name, k.reasons), '{}') FROM (
            SELECT prodtest.name_of(r.table_oid) AS name, jsonb_object_agg(r.verdict, r.n) AS reasons FROM (
                SELECT j.table_oid, j.verdict, count(*) AS n FROM judged j WHERE NOT j.goes GROUP BY 1, 2) r
            GROUP BY r.table_oid) k)
    WHERE id = p_plan;
    UPDATE prodtest.plan SET effects = prodtest.effects(p_plan) WHERE id = p_plan;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.name_of(p_table regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT relname::text FROM pg_class WHERE oid = p_table
$$;

CREATE OR REPLACE FUNCTION prodtest.judge(
    p_scope text, p_cutoff timestamptz, p_run uuid, p_named bigint[], p_named_users bigint[]
) RETURNS TABLE (table_oid regclass, id bigint, owner bigint, verdict text, aged_from timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET row_security = off SET work_mem = '64MB' AS $$
#variable_conflict use_column
DECLARE
    v_scopes text[] := prodtest.verdicts_of(p_scope);
    v_named bigint[] := p_named;
    v_named_users bigint[] := p_named_users;
BEGIN
    RETURN QUERY WITH {sources}, {judged_appointments}, {judged_users}
    SELECT 'public.appointments'::regclass, j.id, j.user_id, j.verdict, j.aged_from FROM judged j
    UNION ALL
    SELECT 'public.users'::regclass, u.id, u.id, u.verdict, coalesce(u.first_opened_at, u.created_at)
    FROM judged_user u WHERE u.verdict <> 'in_use';
END
$$;

CREATE OR REPLACE FUNCTION prodtest.verdicts_of(p_scope text) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Every cleanup also takes what calls of this run or of a dead run left.
    SELECT CASE p_scope WHEN 'stale' THEN ARRAY['stale', 'call'] WHEN 'call' THEN ARRAY['call']
                        WHEN 'named' THEN ARRAY['named'] END
$$;

CREATE OR REPLACE FUNCTION prodtest.drift(p_plan uuid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Rows within reach now that the plan does not hold, per table; empty when nothing was added. A plan that
    -- left rows out for want of room knows only how many they were.
    WITH plan AS (SELECT p.* FROM prodtest.plan p WHERE p.id = p_plan),
    planned AS (SELECT b.table_oid, unnest(b.row_ids) AS id FROM prodtest.plan_batch b WHERE b.plan_id = p_plan),
    added AS (
        SELECT prodtest.name_of(r.table_oid) AS name, count(*) AS n
        FROM plan p CROSS JOIN LATERAL prodtest.judge(p.scope, p.cutoff, p.run_id, p.named, p.named_users) r
        LEFT JOIN planned ON planned.table_oid = r.table_oid AND planned.id = r.id
        WHERE r.verdict = ANY (prodtest.verdicts_of(p.scope)) AND planned.id IS NULL GROUP BY r.table_oid
    )
    SELECT coalesce(jsonb_object_agg(a.name, a.n), '{}') FROM added a
    WHERE (SELECT sum(n) FROM added) > (SELECT p.in_reach FROM plan p) - (SELECT count(*) FROM planned)
$$;
