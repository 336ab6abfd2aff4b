"""`prodtest demo`: the whole thing on this machine, with a database and an application of its own."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import click

from prodtest_assets.cli import options
from prodtest_assets.cli.interruption import orderly_end
from prodtest_assets.cli.output import show_json
from prodtest_assets.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prodtest_assets.cli.demo.figures import DemoResult

# What the extra `sandbox` brings, by the names under which it is imported.
SANDBOX = ("starlette", "uvicorn", "multipart", "phonenumbers", "parsedatetime")


@click.command()
@click.option("--fresh", is_flag=True, help="Throw away what earlier demonstrations have left and start over.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME",
    shell_complete=lambda context, parameter, incomplete: faults_beginning(incomplete),
    help="Let the application misbehave: forget-mark, leave-orphans, wrong-number, wrong-time, double-book, "
    "drop-call, slow, server-error or broken-twiml. Repeatable.",
)
@click.option("--web", is_flag=True, help="Afterwards, show the run in Dagster's web UI until Ctrl-C.")
@click.option(
    "--web-port",
    type=click.IntRange(1, 65535),
    default=3000,
    show_default=True,
    metavar="PORT",
    help="Where that UI listens, on this machine alone.",
)
@options.as_json
def demo(fresh: bool, faults: tuple[str, ...], web: bool, web_port: int, as_json: bool) -> None:
    """Show everything on this machine: phone an application, test, snapshot, clean up, check.

    A private PostgreSQL and a reference booking application are started for it; your own databases and
    settings are not looked at. The exit code is 1 when a test or a check failed, and nothing stays running.
    """
    if web and as_json:
        raise click.UsageError("--json prints one document and ends; --web stays until Ctrl-C")
    require_extra(SANDBOX, "the demonstration")
    with orderly_end():
        result = _play(faults, fresh=fresh, is_quiet=as_json, web_port=web_port if web else None)
    if as_json:
        show_json(result.document())
    if not result.is_green:
        raise click.exceptions.Exit(1)


def faults_beginning(text: str) -> list[str]:
    """The names of faults that begin so, for a shell that completes one."""
    from prodtest_assets.sandbox.faults import FAULTS

    return [name for name in FAULTS if name.startswith(text)]


def _play(faults: Sequence[str], *, fresh: bool, is_quiet: bool, web_port: int | None) -> DemoResult:
    from prodtest_assets.cli.demo.figures import Figures
    from prodtest_assets.cli.demo.job import DemoJob
    from prodtest_assets.cli.demo.view import DemoView
    from prodtest_assets.cli.demo.web import require_web, serve
    from prodtest_assets.cli.demo.world import demo_folder, demo_world, forget_settings, only_demo

    if web_port:
        require_web(web_port)
    forget_settings()
    view = DemoView(is_quiet=is_quiet)
    # The job's process imports Dagster while the world is built: together they take as long as one.
    with (
        demo_folder() as folder,
        only_demo(folder),
        DemoJob(folder.log) as job,
        demo_world(folder, faults=faults, fresh=fresh) as world,
    ):
        view.world_is_up(world)
        figures = Figures(world)
        figures.take_before()
        view.before(figures)
        try:
            outcome = job.play(world.job_environment, view.told)
        except KeyboardInterrupt:
            figures.tidy_up(job.run_id)
            raise
        if not outcome.ended_by_itself:
            figures.tidy_up(job.run_id)
        result = figures.conclude(outcome)
        view.after(result, folder.log, web_port)
        if web_port:
            serve(world.job_environment, web_port, folder.log)
    return result


def require_extra(modules: Sequence[str], who: str) -> None:
    """Stop where the extra `sandbox` is not installed.

    Args:
        modules: what it brings, by the names under which it is imported.
        who: needs them, for people.

    Raises:
        ConfigurationError: one of them is missing.
    """
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigurationError(f"{who} needs {', '.join(missing)}: pip install 'prodtest-assets[sandbox,calendar]'")
