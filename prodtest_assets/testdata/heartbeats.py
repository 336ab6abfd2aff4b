"""Whether alerts can reach anybody: a sensor that does not run tells nobody what is red, a dead channel neither."""

from datetime import datetime

from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.guard import WritePermit


def beat(database: Database, permit: WritePermit, sensor: str) -> None:
    """Note that a sensor is alive."""
    database.call("sensor_beat", sensor)


def heartbeats(database: Database) -> dict[str, datetime]:
    """When each sensor was last alive, by the database's clock; empty without schema `prodtest`."""
    if not database.has_schema:
        return {}
    return {row["name"]: row["beat_at"] for row in database.rows("sensor_heartbeats")}


def undelivered_alerts(database: Database) -> int:
    """How many messages some channel has not taken for half an hour, although it is asked again and again."""
    return int(database.row("undelivered_alerts")["count"]) if database.has_schema else 0
