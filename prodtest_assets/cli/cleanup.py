"""`prodtest cleanup`: shows what may go; with `--no-dry-run` it goes."""

import sys
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import click

from prodtest_assets.calendar_events import remove_events
from prodtest_assets.cli import options
from prodtest_assets.cli.access import booking_database, database_url, reserved_numbers, retention, settings_for
from prodtest_assets.cli.access import write_rules as write_rules_of
from prodtest_assets.cli.cleanup_view import exit_code, show_plan, show_report
from prodtest_assets.cli.interruption import orderly_end
from prodtest_assets.cli.output import per_table
from prodtest_assets.cli.progress import removal_progress
from prodtest_assets.errors import CheckFailed, RefusedForSafety
from prodtest_assets.settings import Settings
from prodtest_assets.testdata.cleanup.due import refuse_while_unexplained, unexplained
from prodtest_assets.testdata.cleanup.execute import cleanup_now, execute_plan, trigger_refusal
from prodtest_assets.testdata.cleanup.models import CleanupPlan, CleanupReport, Policy, Scope
from prodtest_assets.testdata.cleanup.plan import load_plan, plan_cleanup
from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.guard import WritePermit, authorize_writes


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for.

    Attributes:
        plan_id: a stored plan to execute or to show, instead of a new one.
        ids: appointments named by a person; then nothing else is in scope.
        user_ids: the same for users.
        show_sql: print each statement before it is asked.
    """

    policy: Policy
    plan_id: UUID | None
    ids: tuple[int, ...]
    user_ids: tuple[int, ...]
    show_sql: bool

    @property
    def scope(self) -> Scope:
        """Named rows, or everything stale."""
        return Scope.NAMED if self.ids or self.user_ids else Scope.STALE


@click.command()
@options.db_url
@click.option("--dry-run/--no-dry-run", default=True, show_default=True, help="Show what would go, or remove it.")
@options.older_than
@click.option(
    "--max-delete",
    "--limit",
    "max_delete",
    type=options.ROWS,
    metavar="N",
    help="Remove the N oldest rows and leave the rest. Without it, PRODTEST_MAX_DELETE is the limit above which "
    "nothing is removed.",
)
@click.option(
    "--batch-size",
    type=options.BATCH,
    metavar="N",
    default=Policy().batch_size,
    show_default=True,
    help="Rows in one transaction.",
)
@options.max_runtime
@click.option("--plan", "plan_id", type=click.UUID, metavar="ID", help="The plan that a dry run has stored.")
@click.option("--id", "ids", type=options.ROW_ID, multiple=True, metavar="N", help="Only this test appointment.")
@click.option("--user-id", "user_ids", type=options.ROW_ID, multiple=True, metavar="N", help="Only this test user.")
@options.allow_database
@options.allow_trigger
@click.option(
    "--include-cancelled/--active-only",
    default=True,
    show_default=True,
    help="Cancelled test rows go like all others, or this cleanup leaves them and their users.",
)
@options.show_sql
@click.option("--yes", is_flag=True, help="Do not ask before rows are removed (asked on a terminal only).")
@options.as_json
def cleanup(
    db_url: str | None,
    dry_run: bool,
    older_than: float | None,
    max_delete: int | None,
    batch_size: int,
    max_runtime: float,
    plan_id: UUID | None,
    ids: tuple[int, ...],
    user_ids: tuple[int, ...],
    allow_database: str | None,
    allow_trigger: tuple[str, ...],
    include_cancelled: bool,
    show_sql: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Remove stale and orphaned test rows: archived first, never a customer's.

    Without --no-dry-run it only shows, per table, what would go and what would stay for which reason.
    """
    if plan_id and (ids or user_ids or older_than is not None or max_delete is not None or not include_cancelled):
        raise click.UsageError(
            "--plan says already which rows go: leave out --id, --user-id, --older-than, --max-delete and --active-only"
        )
    settings = settings_for(db_url=db_url, allow_database=allow_database)
    policy = Policy(
        retention=retention(settings, older_than),
        max_delete=settings.max_delete if max_delete is None else max_delete,
        accept_partial=max_delete is not None,
        batch_size=batch_size,
        max_runtime=timedelta(seconds=max_runtime),
        allow_triggers=allow_trigger,
        keep_archive=timedelta(days=settings.archive_days),
        active_only=not include_cancelled,
    )
    request = Request(policy, plan_id, ids, user_ids, show_sql)
    if dry_run:
        _dry_run(settings, request, as_json=as_json)
    else:
        _live(settings, request, ask=not yes and _is_on_terminal(), as_json=as_json)


def _dry_run(settings: Settings, request: Request, *, as_json: bool) -> None:
    with booking_database(settings, show_sql=request.show_sql) as database:
        if request.plan_id:
            plan, why_not_stored = load_plan(database, request.plan_id), None
        else:
            permit, why_not_stored = _permit_to_store(database, settings)
            plan = _new_plan(database, request, permit)
        forbidden = unexplained(database) or (
            trigger_refusal(database, plan.id, request.policy) if plan.total else None
        )
        slow = [f"{key['table_name']} ({key['name']})" for key in database.rows("unindexed_keys")]
        show_plan(plan, request.policy, database.name, why_not_stored, forbidden, slow, as_json=as_json)


def _permit_to_store(database: Database, settings: Settings) -> tuple[WritePermit | None, str | None]:
    """The permission to store a plan, or why there is none; a dry run works in both cases."""
    try:
        permit = authorize_writes(database, write_rules_of(settings))
    except RefusedForSafety as refusal:
        return None, str(refusal)
    if not database.has_schema:
        return None, "schema prodtest does not stand here yet, or this role may not use it: run prodtest migrate"
    return permit, None


def _new_plan(database: Database, request: Request, permit: WritePermit | None) -> CleanupPlan:
    return plan_cleanup(
        database,
        request.policy,
        scope=request.scope,
        named=request.ids,
        named_users=request.user_ids,
        permit=permit,
    )


def _live(settings: Settings, request: Request, *, ask: bool, as_json: bool) -> None:
    from prodtest_assets.schema import ensure_schema

    with booking_database(settings) as database:
        permit = authorize_writes(database, write_rules_of(settings))
    ensure_schema(database_url(settings), reserved_numbers(settings))
    with orderly_end(), booking_database(settings, show_sql=request.show_sql) as database:
        refuse_while_unexplained(database)
        plan_id = _confirmed_plan(database, permit, request) if ask else request.plan_id
        report = _execute(database, permit, request, plan_id)
        events = remove_events(database, settings)
        show_report(report, request.policy, database.name, events, as_json=as_json)
    if code := exit_code(report):
        raise click.exceptions.Exit(code)


def _confirmed_plan(database: Database, permit: WritePermit, request: Request) -> UUID | None:
    """The plan that the person at the terminal has agreed to."""
    plan = load_plan(database, request.plan_id) if request.plan_id else _new_plan(database, request, permit)
    if plan.total and not click.confirm(f"Remove {per_table(plan.rows)} from {database.name}?", err=True):
        # Rows that may go are left, which is no success.
        raise CheckFailed("nothing was removed")
    return plan.id


def _execute(database: Database, permit: WritePermit, request: Request, plan_id: UUID | None) -> CleanupReport:
    with removal_progress() as on_progress:
        if plan_id:
            return execute_plan(database, permit, plan_id, request.policy, on_progress=on_progress)
        return cleanup_now(
            database,
            permit,
            request.policy,
            scope=request.scope,
            named=request.ids,
            named_users=request.user_ids,
            on_progress=on_progress,
        )


def _is_on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()
