-- What has been told, and what waits.

-- name: due_for_reminder
-- The causes that fail and were last told a day ago or longer.
SELECT cause, details FROM prodtest.alert_cause
WHERE failing_since IS NOT NULL AND told_at <= %(now)s::timestamptz - interval '1 day' ORDER BY cause

-- name: undelivered_alerts
-- How many messages some channel has not taken for half an hour, although it is still asked. A channel that nobody asks
-- any more is out of the settings, or its sensor is silent, which is seen elsewhere.
SELECT count(DISTINCT m.id)::int AS count
FROM prodtest.alert_message m JOIN prodtest.alert_delivery d ON d.message_id = m.id
WHERE m.sent_at IS NULL AND m.recorded_at BETWEEN clock_timestamp() - interval '7 days' AND clock_timestamp() - interval '30 minutes'
  AND d.delivered_at IS NULL AND d.problem IS NOT NULL AND d.next_try_at > clock_timestamp() - interval '30 minutes'

-- name: cause_judged_at
-- When the ledger last learned anything about one cause.
SELECT judged_at FROM prodtest.alert_cause WHERE cause = %(cause)s
