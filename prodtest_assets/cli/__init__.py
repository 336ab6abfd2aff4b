"""The command `prodtest`: thin doors to what the other rooms do. Each command has a file of its own."""

import gc
import sys

# Imports make many objects and hardly any garbage: looking for it less often starts a command a tenth sooner.
_ALLOCATIONS_BETWEEN_COLLECTIONS = 50_000


def main(door: str | None = None) -> None:
    """Run the command line of this process, and end it with the documented exit code.

    Args:
        door: the file name of a tool that offers only some of the commands, as `doors.py` lists them.
    """
    gc.set_threshold(_ALLOCATIONS_BETWEEN_COLLECTIONS)
    try:
        # Inside, so that Ctrl-C during the imports ends in one line as well.
        from prodtest_assets.cli.entry import prodtest, run

        group = prodtest
        if door:
            from prodtest_assets.cli.doors import DOORS

            group = DOORS[door]
        code = run(sys.argv[1:], group)
    except KeyboardInterrupt:
        sys.stderr.write("prodtest: interrupted\n")
        code = 130
    sys.exit(code)
