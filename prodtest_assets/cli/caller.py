"""`prodtest caller`: check a call script, and try one call while listening in."""

from datetime import UTC, datetime
from pathlib import Path

import click

from prodtest_assets.caller.presets import PRESETS
from prodtest_assets.caller.script import CallScript, suggestion
from prodtest_assets.caller.script_file import load_script
from prodtest_assets.caller.spoken import Facts
from prodtest_assets.caller.understanding import Understanding
from prodtest_assets.cli import options
from prodtest_assets.cli.interruption import orderly_end
from prodtest_assets.cli.output import counted, show, show_json

_FILE = click.Path(path_type=Path)
_SOMEBODY = Facts("Jane Doe", "+12025550123", datetime(2030, 6, 3, 14, 30, tzinfo=UTC), 30)


@click.group()
def caller() -> None:
    """The simulated caller: check its script, or let it call while you listen in."""


@caller.command()
@click.argument("file", type=_FILE)
@click.option("--prompt", metavar="TEXT", help="Say what the caller would answer to this prompt.")
@click.option("--keys", is_flag=True, help="With --prompt: the application takes keys instead of words.")
@options.as_json
def check(file: Path, prompt: str | None, keys: bool, as_json: bool) -> None:
    """Check a call script, and say what a caller would answer.

    A wrong line is named, and the exit code is 2. With --prompt it is 1 when nobody knows an answer.
    """
    script = load_script(file)
    answer = None if prompt is None else _answer(script, prompt, keys=keys)
    if as_json:
        show_json({"file": str(file), "answers": len(script.rules), "prompt": prompt, "answer": answer})
    elif prompt is None:
        show(f"{file}: {counted(len(script.rules), 'answer')}, nothing wrong")
    else:
        show(answer if answer is not None else _missing(prompt, keys=keys))
    if prompt is not None and answer is None:
        raise click.exceptions.Exit(1)


@caller.command("try")
@click.argument("url")
@click.option("--script", type=_FILE, metavar="FILE", help="The call script. Default: PRODTEST_CALL_SCRIPT.")
@click.option("--persona", type=click.Choice(list(PRESETS)), help="Who calls. Default: as the script says.")
@click.option("--voice-path", metavar="PATH", help="Where a call starts. Default: PRODTEST_VOICE_PATH.")
@click.option("--fallback-url", metavar="URL", help="Asked when an answer is none, as the account's fallback URL.")
@click.option("--status-callback", metavar="PATH", help="Told of the call's progress, as a status callback.")
@click.option("--real-time", is_flag=True, help="Wait through pauses and silences as long as on the telephone.")
@options.db_url
@options.allow_database
@options.as_json
def try_(
    url: str,
    script: Path | None,
    persona: str | None,
    voice_path: str | None,
    fallback_url: str | None,
    status_callback: str | None,
    real_time: bool,
    db_url: str | None,
    allow_database: str | None,
    as_json: bool,
) -> None:
    """Place one call to the application at URL, print it as it happens, and compare what was stored.

    What the call left is removed again. The exit code is 1 when it was not stored as it was said.
    """
    from prodtest_assets.cli.caller_session import CallPlan, try_call
    from prodtest_assets.settings import load_settings

    settings = load_settings(
        test_url=url, db_url=db_url, allow_database=allow_database, call_script=script, voice_path=voice_path
    )
    plan = CallPlan(settings, persona, fallback_url, status_callback, real_time=real_time)
    with orderly_end():
        result = try_call(plan, listen=None if as_json else show)
    if as_json:
        show_json(result.document())
    else:
        for line in result.lines():
            show(line)
    if not result.is_fine:
        raise click.exceptions.Exit(1)


def _answer(script: CallScript, prompt: str, *, keys: bool) -> str | None:
    reply = Understanding(_SOMEBODY, script=script).reply(prompt, speech=not keys, keypad=keys)
    if reply is None:
        return None
    if reply.hangs_up:
        return "(hangs up)"
    return reply.speech or (f"(keypad) {reply.keys}" if reply.keys else "(says nothing)")


def _missing(prompt: str, *, keys: bool) -> str:
    return f"nobody knows an answer; this line would: {suggestion(prompt, speech=not keys)}"
