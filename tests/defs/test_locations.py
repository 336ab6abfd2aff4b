"""Several targets share one Dagster, and each alert sensor tells of its own runs alone."""

import dagster as dg

from prodtest_assets.defs.environment import target_tags
from tests.booking_world import BookingWorld
from tests.defs.alerting import Daemon, Deployment, told
from tests.defs.conftest import SetSettings
from tests.mailbox import WebReceiver


def test_a_run_that_names_another_target_is_that_one_s_business(
    deployment: Deployment,
    postgres_instance: dg.DagsterInstance,
    web: WebReceiver,
    world: BookingWorld,
    settings_of: SetSettings,
) -> None:
    daemons = {name: Daemon(postgres_instance) for name in ("berlin", "vienna")}
    deployment.red = {"vienna_check", "berlin_check"}
    for name in daemons:
        settings_of(PRODTEST_TARGET=name)
        deployment.run(f"{name}_check", **target_tags())
    settings_of(PRODTEST_TARGET="berlin")
    for which in ("checks", "runs"):
        daemons["berlin"].tick(which)

    assert told(web) == ["berlin_check fails"]
