"""What the tests of the alert sensors share: a daemon that ticks, and checks that turn red at will."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from prodtest_assets.defs.alert_sensors import check_tick, run_tick
from tests.mailbox import WebReceiver

TICKS = {"checks": check_tick, "runs": run_tick}


class Daemon:
    """Ticks as Dagster's daemon does: what a tick returns as its cursor, the next one gets.

    Attributes:
        definitions: what its code location declares; None where nobody says.
    """

    def __init__(self, instance: dg.DagsterInstance, definitions: dg.Definitions | None = None) -> None:
        self.instance, self.definitions = instance, definitions
        self.cursors: dict[str, str | None] = {}

    def tick(self, which: str = "checks", *, later: timedelta = timedelta()) -> str:
        """One tick, at a later time than now; what it says."""
        now = datetime.now(UTC) + later if later else None
        with dg.build_sensor_context(
            instance=self.instance, cursor=self.cursors.get(which), definitions=self.definitions
        ) as context:
            result = TICKS[which](context, now)
        self.cursors[which] = result.cursor
        return str(result.skip_reason.skip_message if result.skip_reason else "")


class Deployment:
    """Two checks, one of them blocking, a crash at will, and jobs that run them."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.red: set[str] = set()
        self.yellow: set[str] = set()
        self.unmeasured: set[str] = set()
        self.crashing: set[str] = set()
        self.last_words = "fell over at +12125550123"

    def run(self, *names: str, **tags: str) -> dg.ExecuteInProcessResult:
        """Run checks; `upstream` and `downstream` are assets with a check each."""
        job = self.definitions(*names).resolve_job_def("watch")
        return job.execute_in_process(instance=self.instance, raise_on_error=False, tags=tags)

    def result(self, name: str) -> dg.AssetCheckResult:
        if name in self.crashing:
            raise ValueError(f"{name} {self.last_words}")
        if name in self.unmeasured:
            return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, metadata={"measured": False})
        severity = dg.AssetCheckSeverity.WARN if name in self.yellow else dg.AssetCheckSeverity.ERROR
        return dg.AssetCheckResult(
            passed=name not in self.red | self.yellow,
            severity=severity,
            description=f"3 rows of {name}",
            metadata={
                "sample": dg.MetadataValue.md("| id | mobile |\n| --- | --- |\n| 1 | +1212***0123 |"),
                "repair": dg.MetadataValue.md("`prodtest cleanup --no-dry-run`"),
            },
        )

    def definitions(self, *names: str) -> dg.Definitions:
        @dg.asset
        def upstream() -> None:
            if "upstream" in self.crashing:
                raise ValueError("no upstream")

        @dg.asset(deps=[upstream])
        def downstream() -> None: ...

        checks = [self._check(name, upstream if name == "blocking" else downstream) for name in names]
        selection = dg.AssetSelection.all() if "blocking" in names else dg.AssetSelection.checks(*checks)
        if "upstream" in self.crashing:
            selection = dg.AssetSelection.all()
        return dg.Definitions(
            assets=[upstream, downstream],
            asset_checks=checks,
            jobs=[dg.define_asset_job("watch", selection=selection)],
            executor=dg.in_process_executor,
        )

    def _check(self, name: str, asset: dg.AssetsDefinition) -> dg.AssetChecksDefinition:
        @dg.asset_check(asset=asset, name=name, blocking=name == "blocking")
        def check() -> dg.AssetCheckResult:
            return self.result(name)

        return check


def told(web: WebReceiver) -> list[str]:
    """The titles of all messages, without the name of the database, which differs from test to test."""
    return [title.split(": ", 1)[1] for title in web.titles]
