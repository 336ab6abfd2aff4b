"""The command `prodtest`: thin doors to what the other rooms do. Each command has a file of its own."""

import sys


def main() -> None:
    """Run the command line of this process, and end it with the documented exit code."""
    try:
        # Inside, so that Ctrl-C during the imports ends in one line as well.
        from prodtest_assets.cli.entry import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        sys.stderr.write("prodtest: interrupted\n")
        code = 130
    sys.exit(code)
