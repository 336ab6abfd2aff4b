-- What the ledger knows of runs and calls, and what the tables hold for them.

-- name: stored_booking
-- What the database holds for one call.
SELECT a.id AS appointment_id, u.id AS user_id, u.full_name, u.mobile, u.created_at AS user_created_at, a.starts_at,
       a.duration_min, a.status, a.notes, a.google_event_id, a.is_test_data, a.created_at, c.marked_by_app, c.proof,
       clock_timestamp() AS clock
FROM prodtest.test_call c JOIN public.appointments a ON a.id = c.appointment_id JOIN public.users u ON u.id = a.user_id
WHERE c.call_sid = %(call_sid)s

-- name: call_state
-- What the ledger says of one call.
SELECT outcome, user_id, appointment_id, marked_by_app, proof, closed_at, caller_number, caller_name
FROM prodtest.test_call WHERE call_sid = %(call_sid)s

-- name: bookings_of_user
-- All appointments of one user.
SELECT id AS appointment_id, starts_at, duration_min, status, is_test_data, google_event_id, created_at
FROM public.appointments WHERE user_id = %(user_id)s ORDER BY id

-- name: users_with_number
-- Users who hold a reserved number, in whatever spelling.
SELECT u.id AS user_id, u.full_name, u.mobile, u.created_at FROM public.users u
WHERE {reserved:u.mobile} AND {digits:u.mobile} = %(digits)s ORDER BY u.id

-- name: run
-- One run of the booking flow.
-- Tests are read from the whole row, since a schema that nobody has migrated yet does not know them.
SELECT r.id, r.target, r.started_at, r.heartbeat_at, r.finished_at, r.outcome, r.passed, r.failed, r.skipped,
       to_jsonb(r) -> 'tests' AS tests
FROM prodtest.test_run r WHERE r.id = %(run_id)s

-- name: calls_of_run
-- What the calls of one run came to.
SELECT call_sid, persona, caller_name, outcome, opened_at, closed_at, requested_start, proof, marked_by_app,
       appointment_id, user_id, transcript, comparison
FROM prodtest.test_call WHERE run_id = %(run_id)s ORDER BY opened_at

-- name: callers_of_runs
-- The names that the callers of some runs gave.
SELECT DISTINCT caller_name FROM prodtest.test_call WHERE run_id = ANY (%(run_ids)s::uuid[])

-- name: comparisons
-- What was said beside what was stored, for each call of one run whose row was found.
SELECT call_sid, persona, comparison FROM prodtest.test_call
WHERE run_id = %(run_id)s AND comparison IS NOT NULL ORDER BY opened_at

-- name: silent_runs
-- Open runs, other than this one, that have missed a heartbeat but are not yet taken for dead.
SELECT count(*)::int AS count FROM prodtest.test_run
WHERE outcome = 'open' AND id IS DISTINCT FROM %(run_id)s::uuid
  AND heartbeat_at BETWEEN clock_timestamp() - interval '30 seconds' AND clock_timestamp() - interval '8 seconds'

-- name: recent_runs
-- The last runs of the booking flow, newest first, with what their calls came to.
SELECT r.id, r.target, r.started_at, r.finished_at, r.outcome, r.passed, r.failed, r.skipped, to_jsonb(r) -> 'tests' AS tests,
       c.calls, c.booked
FROM (SELECT * FROM prodtest.test_run ORDER BY started_at DESC LIMIT %(limit)s) r,
     LATERAL (SELECT count(*)::int AS calls, (count(*) FILTER (WHERE outcome = 'booked'))::int AS booked
              FROM prodtest.test_call WHERE run_id = r.id) c
ORDER BY r.started_at DESC

-- name: recent_calls
-- Calls of some runs that left no row or whose row was compared with what was said, newest first. Those of the first run
-- are not limited.
SELECT call_sid, run_id, persona, caller_number, caller_name, outcome, opened_at, comparison, transcript,
       count(*) OVER ()::int AS total
FROM prodtest.test_call
WHERE run_id = ANY (%(run_ids)s::uuid[]) AND outcome <> 'open' AND (outcome <> 'booked' OR comparison IS NOT NULL)
ORDER BY run_id = (%(run_ids)s::uuid[])[1] DESC, opened_at DESC
LIMIT greatest(%(limit)s, (SELECT count(*) FROM prodtest.test_call WHERE run_id = (%(run_ids)s::uuid[])[1]))
