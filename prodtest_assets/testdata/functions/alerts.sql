-- Alerts: recorded before they are sent, each cause once, and heartbeats of the sensors.
-- Times come from the caller, since they are those of Dagster's events; p_now is null for this server's clock.

CREATE OR REPLACE FUNCTION prodtest.record_findings(p_target text, p_run text, p_findings jsonb, p_now timestamptz)
RETURNS jsonb LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- Take in what was found, in the order of its time. What begins to fail goes into one message, and what has recovered
-- into another; the same finding told again changes nothing. Returns the ids of these messages by their kind.
DECLARE
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_messages jsonb := '{}';
    v_cause prodtest.alert_cause;
    v_kind text;
    f record;
BEGIN
    -- Ordered by cause first, so that two daemons lock the same rows in the same order.
    FOR f IN SELECT * FROM jsonb_to_recordset(p_findings) AS x(cause text, at timestamptz, failed boolean, details jsonb)
             ORDER BY x.cause, x.at LOOP
        INSERT INTO prodtest.alert_cause (cause, judged_at) VALUES (f.cause, '-infinity') ON CONFLICT DO NOTHING;
        SELECT * INTO STRICT v_cause FROM prodtest.alert_cause c WHERE c.cause = f.cause FOR UPDATE;
        CONTINUE WHEN v_cause.judged_at >= f.at;
        UPDATE prodtest.alert_cause c SET judged_at = f.at, details = f.details,
            failing_since = CASE WHEN f.failed THEN coalesce(c.failing_since, f.at) END,
            told_at = CASE WHEN f.failed THEN coalesce(CASE WHEN c.failing_since IS NOT NULL THEN c.told_at END, v_now) END
        WHERE c.cause = f.cause;
        CONTINUE WHEN f.failed = (v_cause.failing_since IS NOT NULL);
        v_kind := CASE WHEN f.failed THEN 'failing' ELSE 'recovered' END;
        IF NOT v_messages ? v_kind THEN
            v_messages := v_messages || jsonb_build_object(v_kind, prodtest.open_message(p_target, v_kind, p_run, v_now));
        END IF;
        INSERT INTO prodtest.alert (message_id, cause, kind, failing_since, day, details)
        VALUES ((v_messages ->> v_kind)::uuid, f.cause, v_kind, coalesce(v_cause.failing_since, f.at),
                (f.at AT TIME ZONE 'UTC')::date, f.details);
    END LOOP;
    RETURN v_messages;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.open_message(p_target text, p_kind text, p_run text, p_now timestamptz)
RETURNS uuid LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO prodtest.alert_message (target, kind, run_id, recorded_at) VALUES (p_target, p_kind, p_run, p_now)
    RETURNING id
$$;

CREATE OR REPLACE FUNCTION prodtest.record_reminders(p_target text, p_now timestamptz) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- What still fails a day after it was last told is told again, all of it in one message. While a message about it waits
-- that no channel has taken, a second one helps nobody.
DECLARE
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_message uuid;
    v_count int := 0;
    v_cause prodtest.alert_cause;
BEGIN
    FOR v_cause IN SELECT * FROM prodtest.alert_cause c
                   WHERE c.failing_since IS NOT NULL AND c.told_at <= v_now - interval '1 day'
                     AND NOT EXISTS (SELECT 1 FROM prodtest.alert a JOIN prodtest.alert_message m ON m.id = a.message_id
                                     WHERE a.cause = c.cause AND m.sent_at IS NULL
                                       AND m.recorded_at > v_now - interval '7 days'
                                       AND NOT EXISTS (SELECT 1 FROM prodtest.alert_delivery d
                                                       WHERE d.message_id = m.id AND d.delivered_at IS NOT NULL))
                   ORDER BY c.cause FOR UPDATE LOOP
        v_message := coalesce(v_message, prodtest.open_message(p_target, 'reminder', NULL, v_now));
        INSERT INTO prodtest.alert (message_id, cause, kind, failing_since, day, details)
        VALUES (v_message, v_cause.cause, 'reminder', v_cause.failing_since, (v_now AT TIME ZONE 'UTC')::date,
                v_cause.details);
        UPDATE prodtest.alert_cause SET told_at = v_now WHERE cause = v_cause.cause;
        v_count := v_count + 1;
    END LOOP;
    RETURN v_count;
END
$$;

CREATE OR REPLACE FUNCTION prodtest.claim_message(p_channel text, p_now timestamptz) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- The oldest message that this channel has not received, for two minutes ours alone; null when there is none, when
-- somebody else is sending it, or when it is too early for the next attempt. Younger ones wait behind it. After five
-- refusals only those wait that are about the same cause, so that nothing recovers before it has failed, and one message
-- that a channel cannot take keeps no other back. What nobody took for a week is left: a reminder says what still fails.
DECLARE
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_message prodtest.alert_message;
    v_attempts int;
BEGIN
    WITH waiting AS MATERIALIZED (
        SELECT m.id, m.place, coalesce(d.attempts, 0) AS attempts,
               coalesce(greatest(d.claimed_until, d.next_try_at), '-infinity') <= v_now AS is_free
        FROM prodtest.alert_message m
        LEFT JOIN prodtest.alert_delivery d ON d.message_id = m.id AND d.channel = p_channel
        WHERE m.sent_at IS NULL AND m.recorded_at > v_now - interval '7 days' AND d.delivered_at IS NULL
    )
    SELECT m.* INTO v_message FROM waiting w JOIN prodtest.alert_message m ON m.id = w.id
    WHERE w.is_free AND NOT EXISTS (
        SELECT 1 FROM waiting older WHERE older.place < w.place AND (older.attempts < 5 OR EXISTS (
            SELECT 1 FROM prodtest.alert a JOIN prodtest.alert b ON b.cause = a.cause
            WHERE a.message_id = w.id AND b.message_id = older.id)))
    ORDER BY w.place LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    INSERT INTO prodtest.alert_delivery (message_id, channel) VALUES (v_message.id, p_channel) ON CONFLICT DO NOTHING;
    UPDATE prodtest.alert_delivery SET claimed_until = v_now + interval '2 minutes', attempts = attempts + 1
    WHERE message_id = v_message.id AND channel = p_channel AND delivered_at IS NULL
      AND claimed_until <= v_now AND next_try_at <= v_now
    RETURNING attempts INTO v_attempts;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    RETURN jsonb_build_object(
        'id', v_message.id, 'target', v_message.target, 'kind', v_message.kind, 'run_id', v_message.run_id,
        'recorded_at', v_message.recorded_at, 'attempts', v_attempts,
        'alerts', (SELECT jsonb_agg(jsonb_build_object('cause', a.cause, 'since', a.failing_since, 'details', a.details)
                                    ORDER BY a.failing_since, a.id)
                   FROM prodtest.alert a WHERE a.message_id = v_message.id));
END
$$;

CREATE OR REPLACE FUNCTION prodtest.note_delivered(
    p_message uuid, p_channel text, p_channels text[], p_now timestamptz
) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- The channel has taken it; the message is sent when each of p_channels has.
DECLARE
    v_now timestamptz := coalesce(p_now, clock_timestamp());
BEGIN
    INSERT INTO prodtest.alert_delivery AS d (message_id, channel, attempts, delivered_at)
    VALUES (p_message, p_channel, 1, v_now)
    ON CONFLICT (message_id, channel) DO UPDATE SET delivered_at = v_now, problem = NULL WHERE d.delivered_at IS NULL;
    PERFORM 1 FROM prodtest.alert_message WHERE id = p_message FOR UPDATE;
    UPDATE prodtest.alert_message SET sent_at = v_now
    WHERE id = p_message AND sent_at IS NULL AND NOT EXISTS (
        SELECT unnest(p_channels)
        EXCEPT SELECT d.channel FROM prodtest.alert_delivery d WHERE d.message_id = p_message AND d.delivered_at IS NOT NULL);
END
$$;

CREATE OR REPLACE FUNCTION prodtest.note_refused(p_message uuid, p_channel text, p_problem text, p_now timestamptz)
RETURNS timestamptz LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    -- The channel did not take it: again in half a minute, then in twice the time, at most in five minutes.
    UPDATE prodtest.alert_delivery SET problem = left(p_problem, 500), claimed_until = '-infinity',
        next_try_at = coalesce(p_now, clock_timestamp())
            + least(interval '30 seconds' * 2 ^ least(attempts - 1, 10), interval '5 minutes')
    WHERE message_id = p_message AND channel = p_channel AND delivered_at IS NULL
    RETURNING next_try_at
$$;

CREATE OR REPLACE FUNCTION prodtest.sensor_beat(p_name text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO prodtest.heartbeat (name, beat_at) VALUES (left(p_name, 200), clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET beat_at = excluded.beat_at
$$;
