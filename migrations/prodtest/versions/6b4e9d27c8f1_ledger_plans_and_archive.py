"""The ledger of calls, plans, cleanups and their archive

Revision ID: 6b4e9d27c8f1
Revises:
"""

from alembic import op

revision = "6b4e9d27c8f1"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE prodtest.test_run (
    id uuid PRIMARY KEY,
    target text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    heartbeat_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    outcome text NOT NULL DEFAULT 'open' CHECK (outcome IN ('open', 'passed', 'failed', 'abandoned')),
    passed int NOT NULL DEFAULT 0,
    failed int NOT NULL DEFAULT 0,
    skipped int NOT NULL DEFAULT 0
);
CREATE INDEX test_run_open ON prodtest.test_run (heartbeat_at) WHERE outcome = 'open';

CREATE TABLE prodtest.test_call (
    call_sid text PRIMARY KEY,
    run_id uuid NOT NULL REFERENCES prodtest.test_run,
    persona text NOT NULL,
    caller_number text NOT NULL,
    caller_name text NOT NULL,
    requested_start timestamptz NOT NULL,
    opened_at timestamptz NOT NULL,
    user_id_mark bigint NOT NULL,
    appointment_id_mark bigint NOT NULL,
    closed_at timestamptz,
    outcome text NOT NULL DEFAULT 'open' CHECK (outcome IN ('open', 'booked', 'refused', 'failed', 'abandoned')),
    transcript jsonb,
    comparison jsonb,
    -- Ids begin anew when a table is emptied or loaded again: a row is the call's only when its time agrees too.
    user_id bigint,
    user_created_at timestamptz,
    appointment_id bigint,
    appointment_created_at timestamptz,
    proof text,
    marked_by_app boolean,
    adopted_at timestamptz,
    UNIQUE (appointment_id, appointment_created_at)
);
CREATE UNIQUE INDEX test_call_one_open_call_per_number ON prodtest.test_call (caller_number) WHERE outcome = 'open';
CREATE INDEX test_call_run ON prodtest.test_call (run_id, opened_at);
CREATE INDEX test_call_user ON prodtest.test_call (user_id);
CREATE INDEX test_call_number ON prodtest.test_call (caller_number);

CREATE TABLE prodtest.free_name (
    run_id uuid NOT NULL,
    name text NOT NULL,
    user_id_mark bigint NOT NULL,
    PRIMARY KEY (run_id, name)
);

CREATE TABLE prodtest.snapshot (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    figures jsonb NOT NULL
);
CREATE INDEX snapshot_taken_at ON prodtest.snapshot (taken_at);

CREATE TABLE prodtest.plan (
    id uuid PRIMARY KEY,
    scope text NOT NULL CHECK (scope IN ('stale', 'call', 'named')),
    cutoff timestamptz NOT NULL,
    run_id uuid,
    named bigint[] NOT NULL DEFAULT '{}',
    named_users bigint[] NOT NULL DEFAULT '{}',
    active_only boolean NOT NULL DEFAULT false,
    counts jsonb NOT NULL DEFAULT '{}',
    in_reach int NOT NULL DEFAULT 0,
    kept jsonb NOT NULL DEFAULT '{}',
    effects jsonb NOT NULL DEFAULT '{}',
    -- Rows of other tables that go along, per table.
    along jsonb NOT NULL DEFAULT '{}',
    -- Some ids of each verdict, per table.
    sample jsonb NOT NULL DEFAULT '{}',
    row_limit int,
    batch_size int NOT NULL CHECK (batch_size > 0),
    -- A plan is stored in parts; one that was left half-way is never executed.
    is_complete boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL
);
-- Whose rows are judged together. The parts go when the plan is complete.
CREATE TABLE prodtest.plan_part (
    plan_id uuid NOT NULL REFERENCES prodtest.plan ON DELETE CASCADE,
    place int NOT NULL,
    user_ids bigint[] NOT NULL,
    verdicts jsonb,
    PRIMARY KEY (plan_id, place)
);
CREATE TABLE prodtest.plan_batch (
    plan_id uuid NOT NULL REFERENCES prodtest.plan ON DELETE CASCADE,
    place int NOT NULL,
    table_oid regclass NOT NULL,
    scope text NOT NULL,
    row_ids bigint[] NOT NULL,
    -- Only where a limit may leave out the younger ones.
    aged_from timestamptz[],
    PRIMARY KEY (plan_id, place)
);
-- What rows of other tables keep from going, as the last plan with it found out.
CREATE TABLE prodtest.blocked_row (
    table_oid regclass NOT NULL,
    row_id bigint NOT NULL,
    -- Not a foreign key: this outlives the plan.
    plan_id uuid NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (table_oid, row_id)
);

CREATE TABLE prodtest.cleanup_run (
    id uuid PRIMARY KEY,
    -- Not a foreign key: the record of a cleanup outlives its plan.
    plan_id uuid,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    stop_reason text CHECK (stop_reason IN
        ('drained', 'max_delete', 'max_runtime', 'held', 'locked', 'refused', 'failed')),
    deleted jsonb NOT NULL DEFAULT '{}',
    actor text NOT NULL,
    -- What the removed rows took themselves, as pg_column_size counts it.
    removed_bytes bigint NOT NULL DEFAULT 0,
    proof jsonb,
    storage jsonb,
    -- From when the oldest row counts its age that could go and stayed; null when none did.
    oldest_left timestamptz
);
-- Not an array of the cleanup: a large one would be written anew with each of thousands of steps.
CREATE TABLE prodtest.cleanup_transaction (
    cleanup_id uuid NOT NULL,
    id text NOT NULL,
    PRIMARY KEY (cleanup_id, id)
);

CREATE TABLE prodtest.archived_row (
    -- Not a foreign key: its check would cost more than the archiving of the row itself.
    cleanup_id uuid NOT NULL,
    table_oid regclass NOT NULL,
    row_id bigint NOT NULL,
    content jsonb NOT NULL,
    archived_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    adopted boolean NOT NULL DEFAULT false,
    event_removed_at timestamptz,
    -- Of an appointment: whose it was, so that it comes back under the same user only.
    owner_mobile text,
    owner_created_at timestamptz,
    PRIMARY KEY (cleanup_id, table_oid, row_id)
    -- What names the application's tables comes with the functions, since it falls with those tables.
);
CREATE INDEX archived_row_event ON prodtest.archived_row (archived_at)
    WHERE content ->> 'google_event_id' IS NOT NULL AND event_removed_at IS NULL;

CREATE TABLE prodtest.lease (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    holder uuid NOT NULL,
    actor text NOT NULL,
    until timestamptz NOT NULL
);

CREATE TABLE prodtest.undo_run (
    id uuid PRIMARY KEY,
    cleanup_id uuid NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    restored jsonb NOT NULL DEFAULT '{}',
    skipped jsonb NOT NULL DEFAULT '{}',
    actor text NOT NULL
);
CREATE INDEX undo_run_cleanup ON prodtest.undo_run (cleanup_id);
CREATE TABLE prodtest.restored_row (
    undo_id uuid NOT NULL REFERENCES prodtest.undo_run,
    table_oid regclass NOT NULL,
    row_id bigint NOT NULL,
    -- The row's xmin: while it is still that, nobody has touched the row since.
    version text NOT NULL,
    restored_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (undo_id, table_oid, row_id)
);
CREATE INDEX restored_row_row ON prodtest.restored_row (table_oid, row_id);

CREATE TABLE prodtest.hold (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id uuid,
    table_oid regclass,
    row_id bigint,
    undo_id uuid REFERENCES prodtest.undo_run,
    until timestamptz NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    released_at timestamptz,
    released_by text,
    CHECK (num_nonnulls(run_id, row_id, undo_id) = 1),
    CHECK ((row_id IS NULL) = (table_oid IS NULL))
);

CREATE TABLE prodtest.alert_cause (
    cause text PRIMARY KEY,
    -- The time of the event that last had a say; what is older than that comes too late.
    judged_at timestamptz NOT NULL,
    failing_since timestamptz,
    told_at timestamptz,
    details jsonb NOT NULL DEFAULT '{}'
);
CREATE TABLE prodtest.alert_message (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    place bigint GENERATED ALWAYS AS IDENTITY,
    target text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('failing', 'reminder', 'recovered')),
    run_id text,
    recorded_at timestamptz NOT NULL,
    sent_at timestamptz
);
CREATE INDEX alert_message_unsent ON prodtest.alert_message (place) WHERE sent_at IS NULL;
CREATE TABLE prodtest.alert (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id uuid NOT NULL REFERENCES prodtest.alert_message ON DELETE CASCADE,
    cause text NOT NULL,
    kind text NOT NULL,
    failing_since timestamptz NOT NULL,
    day date NOT NULL,
    details jsonb NOT NULL,
    UNIQUE (cause, failing_since, kind, day)
);
CREATE INDEX alert_message_id ON prodtest.alert (message_id);
CREATE TABLE prodtest.alert_delivery (
    message_id uuid NOT NULL REFERENCES prodtest.alert_message ON DELETE CASCADE,
    channel text NOT NULL,
    attempts int NOT NULL DEFAULT 0,
    claimed_until timestamptz NOT NULL DEFAULT '-infinity',
    next_try_at timestamptz NOT NULL DEFAULT '-infinity',
    problem text,
    delivered_at timestamptz,
    PRIMARY KEY (message_id, channel)
);

CREATE TABLE prodtest.heartbeat (
    name text PRIMARY KEY,
    beat_at timestamptz NOT NULL
);
"""


def upgrade() -> None:
    """Create the tables; the schema itself and the functions are the environment's work."""
    op.execute(_TABLES)


def downgrade() -> None:
    """Remove everything of ours but the version table. The application's tables are not touched."""
    op.execute("""
        DO $$
        DECLARE
            ours text;
        BEGIN
            FOR ours IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'prodtest'::regnamespace LOOP
                EXECUTE 'DROP FUNCTION ' || ours || ' CASCADE';
            END LOOP;
        END
        $$;
        DROP TABLE prodtest.heartbeat, prodtest.alert_delivery, prodtest.alert, prodtest.alert_message,
            prodtest.alert_cause, prodtest.hold, prodtest.restored_row, prodtest.undo_run, prodtest.lease,
            prodtest.archived_row, prodtest.cleanup_transaction, prodtest.cleanup_run, prodtest.blocked_row,
            prodtest.plan_batch, prodtest.plan_part, prodtest.plan,
            prodtest.snapshot, prodtest.free_name, prodtest.test_call, prodtest.test_run;
        COMMENT ON SCHEMA prodtest IS NULL;
    """)
