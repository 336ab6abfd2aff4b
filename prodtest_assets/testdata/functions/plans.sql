-- Plans: which rows may go, stored in batches of ids, oldest rows first. Without parallel workers: the processors are the
-- application's.

CREATE OR REPLACE FUNCTION prodtest.open_plan(
    p_plan uuid, p_scope text, p_cutoff timestamptz, p_run uuid, p_named bigint[], p_named_users bigint[],
    p_limit int, p_batch_size int, p_actor text, p_active_only boolean DEFAULT false
) RETURNS int LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET row_security = off SET work_mem = '64MB'
SET max_parallel_workers_per_gather = 0 AS $$
-- Begin a plan of p_limit rows at most: store whose rows have to be judged, and say in how many parts. A part holds
-- all rows of its users, so that its transaction is short however many rows there are.
DECLARE
    v_named_users bigint[] := p_named_users;
    v_parts int;
BEGIN
    PERFORM prodtest.require_floor(p_scope, p_cutoff);
    -- Nobody goes on with a plan that was not completed within the hour: its process was killed.
    DELETE FROM prodtest.plan WHERE NOT is_complete AND created_at < clock_timestamp() - interval '1 hour';
    INSERT INTO prodtest.plan (id, scope, cutoff, run_id, named, named_users, row_limit, batch_size, actor, active_only)
    VALUES (p_plan, p_scope, p_cutoff, p_run, p_named, p_named_users, p_limit, p_batch_size, p_actor, p_active_only);
    WITH {sources}, {people}
    INSERT INTO prodtest.plan_part (plan_id, place, user_ids)
    SELECT p_plan, row_number() OVER (ORDER BY part), array_agg(id)
    FROM (SELECT id, sum(rows) OVER (ORDER BY id) / (10::bigint * p_batch_size) AS part FROM people) placed GROUP BY part;
    GET DIAGNOSTICS v_parts = ROW_COUNT;
    RETURN v_parts;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.fill_plan(p_plan uuid, p_place int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET row_security = off SET work_mem = '64MB'
SET max_parallel_workers_per_gather = 0 AS $$
-- Judge one part of a plan: store which of its rows may go, in batches of ids, and how many have which verdict.
DECLARE
    v_plan prodtest.plan;
    v_people bigint[];
    v_last int;
BEGIN
    SELECT p.* INTO v_plan FROM prodtest.plan p WHERE p.id = p_plan AND NOT p.is_complete;
    SELECT t.user_ids INTO v_people FROM prodtest.plan_part t
    WHERE t.plan_id = v_plan.id AND t.place = p_place AND t.verdicts IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no part % of plan % is to be judged', p_place, p_plan USING ERRCODE = 'PT009';
    END IF;
    SELECT coalesce(max(b.place), 0) INTO v_last FROM prodtest.plan_batch b WHERE b.plan_id = p_plan;
    WITH found AS MATERIALIZED (
        -- The rows of one user come side by side and stay so: every batch looks at all rows of its users.
        SELECT j.table_oid, j.verdict, array_agg(j.id) AS ids,
               CASE WHEN v_plan.row_limit IS NOT NULL THEN array_agg(j.aged_from) END AS aged_from
        FROM (SELECT g.table_oid, g.verdict, unnest(g.ids) AS id, unnest(g.aged_from) AS aged_from FROM prodtest.judge(
            v_plan.scope, v_plan.cutoff, v_plan.run_id, v_plan.named, v_plan.named_users, v_people, v_plan.active_only) g) j
        GROUP BY j.table_oid, j.verdict
    ),
    stored AS (
        INSERT INTO prodtest.plan_batch (plan_id, place, table_oid, scope, row_ids, aged_from)
        SELECT p_plan, v_last + row_number() OVER (ORDER BY f.table_oid = 'public.users'::regclass, f.verdict, n.first),
               f.table_oid, f.verdict, f.ids[n.first : n.first + v_plan.batch_size - 1],
               f.aged_from[n.first : n.first + v_plan.batch_size - 1]
        FROM found f CROSS JOIN LATERAL generate_series(1, cardinality(f.ids), v_plan.batch_size) AS n(first)
        WHERE f.verdict = ANY (prodtest.verdicts_of(v_plan.scope))
    )
    UPDATE prodtest.plan_part SET verdicts = (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'table', prodtest.name_of(f.table_oid), 'verdict', f.verdict, 'rows', cardinality(f.ids),
            'sample', f.ids[1:10])), '[]') FROM found f)
    WHERE plan_id = p_plan AND place = p_place;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.close_plan(p_plan uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET work_mem = '64MB'
SET max_parallel_workers_per_gather = 0 AS $$
-- Complete a plan whose parts are all judged; only now it may be executed.
DECLARE
    v_plan prodtest.plan;
    v_kept jsonb;
    v_blocked record;
BEGIN
    SELECT p.* INTO v_plan FROM prodtest.plan p WHERE p.id = p_plan AND NOT p.is_complete FOR UPDATE;
    IF NOT FOUND OR EXISTS (SELECT 1 FROM prodtest.plan_part t WHERE t.plan_id = p_plan AND t.verdicts IS NULL) THEN
        RAISE EXCEPTION 'plan % is complete already, or a part of it is not judged', p_plan USING ERRCODE = 'PT009';
    END IF;
    SELECT coalesce(sum(n) FILTER (WHERE goes), 0), coalesce(jsonb_object_agg(name, reasons) FILTER (WHERE NOT goes), '{}')
    INTO v_plan.in_reach, v_kept FROM (
        SELECT name, goes, sum(n) AS n, jsonb_object_agg(verdict, n) AS reasons FROM (
            SELECT v.table AS name, v.verdict, v.verdict = ANY (prodtest.verdicts_of(v_plan.scope)) AS goes, sum(v.rows) AS n
            FROM prodtest.plan_part t
            CROSS JOIN LATERAL jsonb_to_recordset(t.verdicts) AS v("table" text, verdict text, rows int)
            WHERE t.plan_id = p_plan GROUP BY 1, 2) one GROUP BY name, goes) both_ways;
    FOR v_blocked IN SELECT key AS name, value::int AS rows FROM jsonb_each_text(prodtest.leave_out_blocked(p_plan)) LOOP
        v_plan.in_reach := v_plan.in_reach - v_blocked.rows;
        v_kept := jsonb_set(v_kept, ARRAY[v_blocked.name],
                            coalesce(v_kept -> v_blocked.name, '{}') || jsonb_build_object('blocked', v_blocked.rows));
    END LOOP;
    IF v_plan.in_reach > v_plan.row_limit THEN
        PERFORM prodtest.keep_oldest(p_plan, v_plan.row_limit, v_plan.batch_size);
    END IF;
    UPDATE prodtest.plan SET
        counts = (SELECT coalesce(jsonb_object_agg(c.name, c.n), '{}') FROM (
            SELECT prodtest.name_of(b.table_oid) AS name, sum(cardinality(b.row_ids)) AS n
            FROM prodtest.plan_batch b WHERE b.plan_id = p_plan GROUP BY b.table_oid) c),
        in_reach = v_plan.in_reach, kept = v_kept, effects = prodtest.effects(p_plan),
        along = prodtest.along(p_plan), sample = prodtest.sample_of(p_plan), is_complete = true
    WHERE id = p_plan;
    DELETE FROM prodtest.plan_part WHERE plan_id = p_plan;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.sample_of(p_plan uuid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Some ids of each verdict, per table: enough for a person to look at.
    SELECT coalesce(jsonb_object_agg(t.name, t.reasons), '{}') FROM (
        SELECT o.name, jsonb_object_agg(o.verdict, o.ids) AS reasons FROM (
            SELECT v.table AS name, v.verdict, (array_agg(i.id ORDER BY i.id))[1:10] AS ids FROM prodtest.plan_part p
            CROSS JOIN LATERAL jsonb_to_recordset(p.verdicts) AS v("table" text, verdict text, sample bigint[])
            CROSS JOIN LATERAL unnest(v.sample) AS i(id)
            WHERE p.plan_id = p_plan GROUP BY 1, 2) o GROUP BY o.name) t
$$;

CREATE OR REPLACE FUNCTION prodtest.keep_oldest(p_plan uuid, p_limit int, p_batch_size int) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    -- Leave only the oldest rows in a plan, appointments before users, and batch them anew.
    WITH planned AS (
        DELETE FROM prodtest.plan_batch WHERE plan_id = p_plan RETURNING place, table_oid, scope, row_ids, aged_from
    ),
    ranked AS (
        SELECT p.place, p.table_oid, p.table_oid = 'public.users'::regclass AS is_parent, p.scope, r.id,
               row_number() OVER (ORDER BY p.table_oid = 'public.users'::regclass, r.aged_from, r.id) AS rank,
               max(p.place) OVER () AS last
        FROM planned p CROSS JOIN LATERAL unnest(p.row_ids, p.aged_from) AS r(id, aged_from)
    ),
    batched AS (
        SELECT *, (row_number() OVER (PARTITION BY table_oid, scope ORDER BY place, id) - 1) / p_batch_size AS batch
        FROM ranked WHERE rank <= p_limit
    )
    INSERT INTO prodtest.plan_batch (plan_id, place, table_oid, scope, row_ids)
    SELECT p_plan, last + row_number() OVER (ORDER BY is_parent, scope, batch), table_oid, scope, array_agg(id)
    FROM batched GROUP BY last, is_parent, table_oid, scope, batch
$$;

CREATE OR REPLACE FUNCTION prodtest.name_of(p_table regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Without the schema where that is public.
    SELECT concat(nullif(n.nspname, 'public') || '.', c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = p_table
$$;

CREATE OR REPLACE FUNCTION prodtest.judge(
    p_scope text, p_cutoff timestamptz, p_run uuid, p_named bigint[], p_named_users bigint[], p_people bigint[],
    p_active_only boolean
) RETURNS TABLE (table_oid regclass, ids bigint[], verdict text, aged_from timestamptz[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET row_security = off SET work_mem = '64MB'
SET max_parallel_workers_per_gather = 0
SET plan_cache_mode = force_generic_plan AS $$
-- The verdict on every known row of these users, and on the users themselves. Marked rows of one user on the same side of
-- the cutoff, and of now, have the same verdict unless more is known of them one by one: they are judged together.
#variable_conflict use_column
DECLARE
    v_scopes text[] := prodtest.verdicts_of(p_scope);
    v_named bigint[] := p_named;
    v_named_users bigint[] := p_named_users;
    v_ids bigint[] := p_people;
    v_active_only boolean := p_active_only;
BEGIN
    RETURN QUERY WITH {sources}, {single},
    marked AS NOT MATERIALIZED (
        SELECT a.id, a.user_id, {since:a.created_at} AS since, a.cancelled_at IS NOT NULL OR a.status = 'cancelled' AS is_cancelled
        FROM public.appointments a
        WHERE a.is_test_data AND a.user_id = ANY (v_ids) AND a.id NOT IN (SELECT s.id FROM single s)
    ),
    known AS MATERIALIZED (
        SELECT NULL::bigint AS id, array_agg(m.id) AS ids, m.user_id, true AS is_test_data, NULL::timestamptz AS cancelled_at,
               CASE WHEN v_active_only AND m.is_cancelled THEN 'cancelled' END AS status, NULL::text AS call_sid,
               NULL::uuid AS run_id, NULL::text AS run_state, min(m.since) AS aged_from, array_agg(m.since) AS each_from,
               count(*)::int AS alike
        FROM marked m
        GROUP BY m.user_id, m.since < p_cutoff, m.since > clock_timestamp(), v_active_only AND m.is_cancelled
        UNION ALL
        SELECT a.id, ARRAY[a.id], a.user_id, a.is_test_data, a.cancelled_at, a.status, l.call_sid, l.run_id, l.run_state,
               f.aged_from, ARRAY[f.aged_from], 1
        FROM single s JOIN public.appointments a ON a.id = s.id LEFT JOIN ledger l ON {made_row:l}
        CROSS JOIN LATERAL (SELECT coalesce(l.opened_at, {since:a.created_at}) AS aged_from) f
        WHERE (a.is_test_data OR NOT a.is_test_data AND l.may_be_adopted) AND a.user_id IN (SELECT unnest(v_ids))
    ),
    {booked_alike}, {judged_known:as_asked}, {judged_users:by_id}
    -- In the order of their users, whose rows often lie side by side.
    (SELECT 'public.appointments'::regclass, j.ids, j.verdict, j.each_from FROM judged j ORDER BY j.user_id)
    UNION ALL
    SELECT 'public.users'::regclass, ARRAY[u.id], u.verdict, ARRAY[coalesce(u.first_opened_at, u.created_at)]
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
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET row_security = off SET work_mem = '64MB'
SET max_parallel_workers_per_gather = 0 AS $$
-- Rows within reach now that the plan does not hold, per table; empty when nothing was added. A plan that left rows
-- out for want of room knows only how many they were. Users all of whose rows are planned need no second judgement.
DECLARE
    v_plan prodtest.plan;
    p_run uuid;
    v_named_users bigint[];
    v_people bigint[];
    v_verdicts text[];
    v_added jsonb;
    v_rows bigint;
BEGIN
    SELECT p.* INTO STRICT v_plan FROM prodtest.plan p WHERE p.id = p_plan AND p.is_complete;
    v_verdicts := prodtest.verdicts_of(v_plan.scope);
    p_run := v_plan.run_id;
    v_named_users := v_plan.named_users;
    WITH {sources}, {people},
    planned AS MATERIALIZED (
        SELECT b.table_oid, unnest(b.row_ids) AS id FROM prodtest.plan_batch b WHERE b.plan_id = p_plan
    )
    SELECT array_agg(o.id) INTO v_people FROM (
        SELECT p.id FROM people p
        WHERE NOT EXISTS (SELECT 1 FROM planned n WHERE n.table_oid = 'public.users'::regclass AND n.id = p.id)
        UNION
        SELECT a.user_id FROM public.appointments a
        WHERE a.is_test_data AND NOT EXISTS (
            SELECT 1 FROM planned n WHERE n.table_oid = 'public.appointments'::regclass AND n.id = a.id)
        UNION
        SELECT a.user_id FROM ledger l JOIN public.appointments a ON a.id = l.appointment_id WHERE NOT a.is_test_data
    ) o;
    WITH added AS (
        SELECT r.table_oid, i.id
        FROM prodtest.judge(
            v_plan.scope, v_plan.cutoff, v_plan.run_id, v_plan.named, v_plan.named_users, v_people, v_plan.active_only) r
        CROSS JOIN LATERAL unnest(r.ids) AS i(id)
        WHERE r.verdict = ANY (v_verdicts)
          AND NOT EXISTS (SELECT 1 FROM prodtest.blocked_row b WHERE b.table_oid = r.table_oid AND b.row_id = i.id)
        EXCEPT
        SELECT b.table_oid, unnest(b.row_ids) FROM prodtest.plan_batch b WHERE b.plan_id = p_plan
    ),
    counted AS (SELECT prodtest.name_of(a.table_oid) AS name, count(*) AS n FROM added a GROUP BY a.table_oid)
    SELECT coalesce(jsonb_object_agg(c.name, c.n), '{}'), sum(c.n) INTO v_added, v_rows FROM counted c;
    IF v_rows > v_plan.in_reach - (SELECT coalesce(sum(n::bigint), 0) FROM jsonb_each_text(v_plan.counts) c(t, n)) THEN
        RETURN v_added;
    END IF;
    -- Rows that would go along have to be in the plan as well.
    RETURN (SELECT coalesce(jsonb_object_agg(n.key, n.more), '{}') FROM (
        SELECT a.key, a.value::bigint - coalesce((v_plan.along ->> a.key)::bigint, 0) AS more
        FROM jsonb_each_text(prodtest.along(p_plan)) a) n WHERE n.more > 0);
END
$$;

CREATE OR REPLACE FUNCTION prodtest.reachable(p_plan uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET row_security = off SET work_mem = '64MB'
SET max_parallel_workers_per_gather = 0 AS $$
-- How many rows a plan's question reaches now, and since when the oldest of them counts its age.
DECLARE
    v_plan prodtest.plan;
    p_run uuid;
    v_named_users bigint[];
    v_people bigint[];
    v_verdicts text[];
BEGIN
    SELECT p.* INTO STRICT v_plan FROM prodtest.plan p WHERE p.id = p_plan;
    v_verdicts := prodtest.verdicts_of(v_plan.scope);
    p_run := v_plan.run_id;
    v_named_users := v_plan.named_users;
    WITH {sources}, {people} SELECT array_agg(p.id) INTO v_people FROM people p;
    RETURN (SELECT jsonb_build_object('rows', count(*), 'oldest', min(i.aged_from)) FROM prodtest.judge(
        v_plan.scope, v_plan.cutoff, v_plan.run_id, v_plan.named, v_plan.named_users, v_people, v_plan.active_only) j
        CROSS JOIN LATERAL unnest(j.ids, j.aged_from) AS i(id, aged_from)
        WHERE j.verdict = ANY (v_verdicts)
          AND NOT EXISTS (SELECT 1 FROM prodtest.blocked_row b WHERE b.table_oid = j.table_oid AND b.row_id = i.id));
END
$$;
