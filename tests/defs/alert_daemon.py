"""A process that ticks the alert sensors as a daemon does: `python -m tests.defs.alert_daemon DAGSTER_HOME TICKS`."""

import sys
import time

import dagster as dg

from prodtest_assets.defs.alert_sensors import check_tick, run_tick

_PAUSE_SECONDS = 0.2


def main(home: str, ticks: int) -> None:
    """Tick both sensors so many times; each process keeps cursors of its own, as two daemons by mistake do."""
    cursors: dict[str, str | None] = {}
    with dg.DagsterInstance.from_config(home) as instance:
        for _ in range(ticks):
            for name, tick in (("checks", check_tick), ("runs", run_tick)):
                with dg.build_sensor_context(instance=instance, cursor=cursors.get(name)) as context:
                    cursors[name] = tick(context).cursor
            sys.stdout.write("ticked\n")
            sys.stdout.flush()
            time.sleep(_PAUSE_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
