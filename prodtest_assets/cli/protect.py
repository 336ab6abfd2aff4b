"""`prodtest protect`: leaves a role that may clean up and do nothing else; `--remove` takes it back."""

from datetime import timedelta

import click

from prodtest_assets.cli import options
from prodtest_assets.cli.access import booking_database, settings_for, write_rules
from prodtest_assets.cli.output import say, show, show_json
from prodtest_assets.settings import Settings
from prodtest_assets.testdata import protect as rules
from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.guard import authorize_writes

# As PostgreSQL cuts names: https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
_LONGEST_NAME = 63


def _is_a_role(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not 0 < len(value.encode()) <= _LONGEST_NAME or "\0" in value or value.startswith("pg_"):
        raise click.BadParameter(f"{value!r} is not a name for a role", context, parameter)
    return value


@click.command()
@options.db_url
@click.option("--print", "only_print", is_flag=True, help="Print the SQL instead of running it.")
@click.option("--remove", is_flag=True, help="Take everything back that protect has done.")
@click.option("--role", metavar="NAME", default=rules.LOGIN_ROLE, show_default=True, callback=_is_a_role,
              help="The role that may log in, read and clean up.")  # fmt: skip
@click.option("--owner", metavar="NAME", default=rules.OWNER_ROLE, show_default=True, callback=_is_a_role,
              help="The role that owns the functions; nobody can log in as it.")  # fmt: skip
@click.option("--retention-floor", type=click.FloatRange(0, 24 * 366), metavar="HOURS",
              help="Younger rows are never stale. Default: what stands, or TEST_DATA_RETENTION_HOURS.")  # fmt: skip
@options.allow_database
@options.as_json
def protect(
    db_url: str | None,
    only_print: bool,
    remove: bool,
    role: str,
    owner: str,
    retention_floor: float | None,
    allow_database: str | None,
    as_json: bool,
) -> None:
    """Leave a role that may read and clean up, and nothing else, whatever is sent to the server.

    Run it as a role that owns the tables and may create roles. It gives the functions of schema prodtest an owner
    whom nobody can log in as, and puts a tripwire on users and appointments. Set the role's password yourself:
    prodtest never knows it.
    """
    settings = settings_for(db_url=db_url, allow_database=allow_database)
    with booking_database(settings) as database:
        wanted = _wanted(database, settings, role, owner, retention_floor)
        if only_print:
            _show_sql(database, None if remove else wanted, as_json=as_json)
            return
        permit = authorize_writes(database, write_rules(settings))
        done = rules.unprotect(database, permit) if remove else rules.protect(database, permit, wanted)
        _show_outcome(rules.current_protection(database), done, database.name, as_json=as_json)


def _wanted(
    database: Database, settings: Settings, role: str, owner: str, floor_hours: float | None
) -> rules.Protection:
    stands = rules.current_protection(database)
    if floor_hours is not None:
        floor = timedelta(hours=floor_hours)
    else:
        floor = stands.retention_floor if stands else timedelta(hours=settings.retention_hours)
    archive = stands.archive_floor if stands else timedelta(days=settings.archive_days)
    return rules.Protection(role, owner, floor, archive)


def _show_sql(database: Database, wanted: rules.Protection | None, *, as_json: bool) -> None:
    """Print what would be run; None stands for taking the protection back."""
    statements = rules.statements_to_protect(database, wanted) if wanted else rules.statements_to_remove(database)
    if as_json:
        show_json({"statements": statements})
        return
    show("BEGIN;")
    for statement in statements:
        show(f"{statement};")
    show("COMMIT;")
    if wanted:
        show(f"-- Then, yourself: ALTER ROLE {wanted.login} PASSWORD '...';")


def _show_outcome(stands: rules.Protection | None, done: list[str], name: str, *, as_json: bool) -> None:
    if as_json:
        show_json(
            {
                "protected": stands is not None,
                "role": stands and stands.login,
                "owner": stands and stands.owner,
                "retention_floor_hours": stands and stands.retention_floor.total_seconds() / 3600,
                "archive_floor_days": stands and stands.archive_floor.total_seconds() / 86400,
                "statements": done,
            }
        )
    elif stands is None:
        show(f"{name} is not protected{' any more' if done else ': there was nothing to take back'}")
    else:
        hours = stands.retention_floor.total_seconds() / 3600
        show(f"{name} is protected: {stands.login} may read and clean up, and nothing else")
        show(f"  rows younger than {hours:g} h are never stale; customers' rows are behind a tripwire")
        say(f"give {stands.login} a password (ALTER ROLE ... PASSWORD), then put it into PRODUCTION_DB_URL")
